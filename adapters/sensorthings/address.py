"""What a request asks for: path and query options of SensorThings, as far as this read-only service has them.

Source: OGC 18-088, SensorThings API part 1, 1.1. Of $filter there are comparisons of phenomenonTime with an instant,
joined by `and`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from urllib.parse import parse_qsl, unquote, urlsplit

from adapters.settings import limit
from exchange.errors import InvalidInputError, NotFoundError

VERSION: Final = "v1.1"
_TOP: Final = 100
_STEP: Final = re.compile(r"^(?P<name>[A-Za-z]+)(?:\('(?P<id>[^']{1,120})'\))?$")
_TERM: Final = re.compile(r"^phenomenonTime\s+(?P<sign>ge|gt|le|lt|eq)\s+'?(?P<at>[0-9TZ:.+-]{10,35})'?$")
_NAMES: Final = frozenset({"Things", "Locations", "Datastreams", "Observations", "ObservedProperties"})


@dataclass(frozen=True, slots=True)
class Address:
    """`steps` are pairs of collection and id ("" for all); the rest are the query options."""

    steps: tuple[tuple[str, str], ...]
    top: int = _TOP
    skip: int = 0
    count: bool = False
    newest: bool = False
    since: datetime | None = None
    until: datetime | None = None


def parse(target: str) -> Address:
    """Read a request's target; raises NotFoundError (no such path), InvalidInputError (an option that is not had)."""
    parts = urlsplit(target)
    words = [unquote(word) for word in parts.path.split("/") if word]
    if not words or words[0] != VERSION:
        raise NotFoundError(f"the service is at /{VERSION}")
    steps: list[tuple[str, str]] = []
    for word in words[1:]:
        found = _STEP.match(word)
        if found is None or found["name"] not in _NAMES:
            raise NotFoundError(f"no resource {word[:80]}")
        steps.append((found["name"], found["id"] or ""))
    return _with_options(tuple(steps), dict(parse_qsl(parts.query, keep_blank_values=True)))


def _with_options(steps: tuple[tuple[str, str], ...], options: dict[str, str]) -> Address:
    top, skip = _number(options.pop("$top", str(_TOP))), _number(options.pop("$skip", "0"))
    count = options.pop("$count", "false") == "true"
    order = options.pop("$orderby", "phenomenonTime asc").split()
    if order[0] != "phenomenonTime" or order[1:] not in ([], ["asc"], ["desc"]):
        raise InvalidInputError("$orderby is had for phenomenonTime alone")
    since = until = None
    for term in filter(None, re.split(r"\s+and\s+", options.pop("$filter", "").strip())):
        since, until = _bound(term, since, until)
    if options:
        raise InvalidInputError(f"not had here: {', '.join(sorted(options))[:100]}")
    return Address(steps, min(top, limit().served_page), skip, count, order[1:] == ["desc"], since, until)


def _bound(
    term: str, since: datetime | None, until: datetime | None
) -> tuple[datetime | None, datetime | None]:
    found = _TERM.match(term.strip("() "))
    try:
        moment = datetime.fromisoformat(found["at"].replace("Z", "+00:00")) if found else None
    except ValueError:
        moment = None
    if found is None or moment is None or moment.tzinfo is None:
        raise InvalidInputError("$filter is had as `phenomenonTime ge <instant with offset> and …`")
    sign = found["sign"]
    return (moment if sign in ("ge", "gt", "eq") else since), (
        moment if sign in ("le", "lt", "eq") else until
    )


def _number(text: str) -> int:
    if not text.isdecimal() or len(text) > 9:
        raise InvalidInputError("$top and $skip are whole numbers")
    return int(text)
