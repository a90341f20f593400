"""The report's own document: everything that was worked out, in canonical JSON, whose digest both sides sign.

Members: absent, as_of, by, changes, corrects, figures, period, pinned, scope, sources, v. The other forms are made from
the same figures; which digests they have stands in the draft that is signed. PROTOCOL.md, section Reports.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import InvalidOperation
from functools import cached_property
from typing import Any, Final, Self

from exchange.batch.manifest import format_instant, parse_instant
from exchange.errors import HechuanError, LimitExceededError, MalformedError
from exchange.ids import AgencyId, digest_of
from exchange.report.figure import Figure, Figures
from exchange.report.period import Period
from exchange.report.scope import Scope
from exchange.report.source import Source
from exchange.trust.canonical import canonical, parse_canonical

MAX_BYTES: Final = 64 << 20
_MEMBERS: Final = frozenset(
    {"absent", "as_of", "by", "changes", "corrects", "figures", "period", "pinned", "scope", "sources", "v"}
)


@dataclass(frozen=True, slots=True)
class Change:
    """A figure of the report that is corrected: what it was there and what it is now; None: there is none."""

    figure: str
    before: str | None
    after: str | None

    def to_json(self) -> dict[str, Any]:
        """The JSON value."""
        return {"after": self.after, "before": self.before, "figure": self.figure}


@dataclass(frozen=True)
class Report:
    """`corrects`: id of the signed report that this erratum is about, "" for a report of its own."""

    scope: Scope
    period: Period
    as_of: datetime
    by: AgencyId
    figures: Figures
    sources: tuple[Source, ...]
    pinned: tuple[tuple[str, str, int], ...]
    absent: tuple[tuple[str, str], ...]
    corrects: str = ""
    changes: tuple[Change, ...] = ()

    def source(self, key: str) -> Source:
        """One source by its key; raises MalformedError."""
        found = next((each for each in self.sources if each.key == key), None)
        if found is None:
            raise MalformedError(f"the report names no source {key[:80]}")
        return found

    def to_bytes(self) -> bytes:
        """The canonical document."""
        return self._bytes

    @cached_property
    def _bytes(self) -> bytes:
        return canonical(
            {
                "absent": [list(each) for each in self.absent],
                "as_of": format_instant(self.as_of),
                "by": str(self.by),
                "changes": [each.to_json() for each in self.changes],
                "corrects": self.corrects,
                "figures": [figure.to_json() for figure in self.figures],
                "period": str(self.period),
                "pinned": [list(each) for each in self.pinned],
                "scope": dict(self.scope.document),
                "sources": [each.to_json() for each in self.sources],
                "v": 1,
            }
        )

    @property
    def digest(self) -> str:
        """SHA-256 of the document."""
        return digest_of(self.to_bytes())

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Read a document; raises MalformedError, LimitExceededError."""
        if len(data) > MAX_BYTES:
            raise LimitExceededError(f"报告过大 / a report has at most {MAX_BYTES} bytes")
        value = parse_canonical(data)
        if not isinstance(value, dict) or value.keys() != _MEMBERS or value["v"] != 1:
            raise MalformedError("不是联合报告 / not a joint report, or not of v 1")
        try:
            return cls._read(value)
        except HechuanError:
            raise
        except (AttributeError, KeyError, TypeError, ValueError, InvalidOperation) as error:
            raise MalformedError(f"联合报告无法读取 / the report cannot be read: {error!r}") from None

    @classmethod
    def _read(cls, value: Mapping[str, Any]) -> Self:
        return cls(
            Scope.of(value["scope"]),
            Period.parse(value["period"]),
            parse_instant(value["as_of"]),
            AgencyId.parse(value["by"]),
            Figures(map(Figure.from_json, _list(value, "figures"))),
            tuple(map(Source.from_json, _list(value, "sources"))),
            tuple((str(name), str(hub), int(size)) for name, hub, size in _list(value, "pinned")),
            tuple((str(name), str(code)) for name, code in _list(value, "absent")),
            str(value["corrects"]),
            tuple(Change(each["figure"], each["before"], each["after"]) for each in _list(value, "changes")),
        )


def _list(value: Mapping[str, Any], name: str) -> list[Any]:
    found = value[name]
    if not isinstance(found, list):
        raise MalformedError(f"member {name} is not a list")
    return found


def changes(before: Figures, after: Figures) -> tuple[Change, ...]:
    """Figures that are not what they were, in their order; those that came and went included."""
    names = dict.fromkeys([*(figure.id for figure in before), *(figure.id for figure in after)])
    found = []
    for name in names:
        was, now = (held[name].value if name in held else None for held in (before, after))
        if was != now:
            found.append(Change(name, was, now))
    return tuple(found)
