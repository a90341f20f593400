"""Reading members of signed JSON."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, TypeVar

from exchange.batch.manifest import format_instant, parse_instant
from exchange.errors import LimitExceededError, MalformedError
from exchange.ids import AgencyId

_E = TypeVar("_E", bound=StrEnum)
_MAX_PARTIES: Final = 16


def text_of(members: Mapping[str, Any], name: str, most: int = 200) -> str:
    """A member that must be a string of at most so many characters; raises MalformedError, LimitExceededError."""
    value = members[name]
    if not isinstance(value, str):
        raise MalformedError(f"member {name} is not a string")
    if len(value) > most:
        raise LimitExceededError(f"member {name} has at most {most} characters")
    return value


def count_of(members: Mapping[str, Any], name: str) -> int:
    """A member that must be a whole number, not negative; raises MalformedError."""
    value = members[name]
    if type(value) is not int or value < 0:
        raise MalformedError(f"member {name} is not a whole number")
    return value


def choice_of(kind: type[_E], members: Mapping[str, Any], name: str) -> _E:
    """A member that must be one of an enumeration's values; raises MalformedError."""
    try:
        return kind(text_of(members, name))
    except ValueError:
        raise MalformedError(f"member {name} is not one of {', '.join(kind)}") from None


def instant_or_none(members: Mapping[str, Any], name: str) -> datetime | None:
    """An instant, or null; raises MalformedError."""
    return None if members[name] is None else parse_instant(text_of(members, name))


def told(instant: datetime | None) -> str | None:
    """Undo `instant_or_none`."""
    return None if instant is None else format_instant(instant)


def parties_of(members: Mapping[str, Any], name: str) -> tuple[AgencyId, ...]:
    """A list of agencies in ascending order without repetition; raises MalformedError, LimitExceededError."""
    value = members[name]
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise MalformedError(f"member {name} is not a list of strings")
    if len(value) > _MAX_PARTIES:
        raise LimitExceededError(f"member {name} names at most {_MAX_PARTIES} agencies")
    found = tuple(AgencyId.parse(item) for item in value)
    if list(found) != sorted(set(found)):
        raise MalformedError(f"member {name} is not in ascending order, or repeats itself")
    return found
