"""Working days in China: the State Council's notices, make-up days (调休) included, and deadlines counted by them.

Which days are off is announced year by year (国务院办公厅关于…年部分节假日安排的通知, usually in November). Those known
to `chinesecalendar` are used; a calendar of one's own, where the settings name one, goes before it. Beyond both, Monday
to Friday count, less the fixed dates of 全国年节及纪念日放假办法 (2024) art. 2; what rests on that is not `certain`:
festivals of the lunar calendar and make-up days are missing there. Neither are the last days of December certain before
the next year's notice, which has moved working days into them.

Counting follows 民法典 art. 201 and 203: the day on which something is received does not count, and the last day ends
at 24:00, Asia/Shanghai (UTC+8 throughout).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone
from functools import lru_cache
from pathlib import Path
from typing import Final, Self, TypeVar

import chinese_calendar
import yaml

from exchange.errors import InvalidInputError, LimitExceededError, MalformedError
from exchange.trust.secret import read_public

_T = TypeVar("_T", int, date)

MAX_DAYS: Final = 1000
SHANGHAI: Final = timezone(timedelta(hours=8))
_FIRST: Final = date(2000, 1, 1)
_LAST: Final = date(2200, 12, 31)
_FIXED: Final = frozenset({(1, 1), (5, 1), (5, 2), (10, 1), (10, 2), (10, 3)})
_YEAR_END: Final = (12, 26)
_MEMBERS: Final = frozenset({"source", "years", "holidays", "working_days"})


@dataclass(frozen=True, slots=True)
class Deadline:
    """The last day; `certain` is False where a day was counted that no official calendar covers."""

    day: date
    certain: bool

    @property
    def instant(self) -> datetime:
        """The first instant that is too late, in UTC."""
        return deadline_instant(self.day)


@dataclass(frozen=True, slots=True)
class Holidays:
    """A calendar of one's own: single days off and on, and the years that it knows in full."""

    holidays: frozenset[date] = frozenset()
    working_days: frozenset[date] = frozenset()
    years: frozenset[int] = frozenset()

    def __post_init__(self) -> None:
        both = self.holidays & self.working_days
        if both:
            raise InvalidInputError(f"{min(both)} is both a holiday and a working day")

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Read YAML with the lists `years`, `holidays`, `working_days`, and `source`, a text for people.

        Raises MalformedError, InvalidInputError.
        """
        try:
            document = yaml.safe_load(data)
        except (yaml.YAMLError, ValueError, RecursionError):
            raise MalformedError("a calendar is YAML, in UTF-8, with days such as 2027-02-06") from None
        if not isinstance(document, dict) or not document.keys() <= _MEMBERS:
            raise MalformedError(f"a calendar has the members {', '.join(sorted(_MEMBERS))} and no others")
        years = _listed(document, "years", int)
        if not all(_FIRST.year <= year <= _LAST.year for year in years):
            raise InvalidInputError(f"a calendar's years lie between {_FIRST.year} and {_LAST.year}")
        return cls(_listed(document, "holidays", date), _listed(document, "working_days", date), years)

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a file; raises as `parse`, NotFoundError, LimitExceededError for more than 64 KiB."""
        return cls.parse(read_public(path))


_NONE: Final = Holidays()


def add_working_days(start: date, days: int, holidays: Holidays | None = None) -> Deadline:
    """The last of `days` working days (1 to 1000) after `start`, which itself does not count, working day or not.

    Raises InvalidInputError, LimitExceededError. 民法典 art. 201.
    """
    if days < 1:
        raise InvalidInputError(f"a deadline is at least one working day away, not {days}")
    if days > MAX_DAYS:
        raise LimitExceededError(f"a deadline is at most {MAX_DAYS} working days away, not {days}")
    if isinstance(start, datetime):
        raise InvalidInputError("a deadline starts on a day; see received_on for the day of an instant")
    certain = True
    day, left = start, days
    while left:
        day = _next(day)
        working, known = is_working_day(day, holidays)
        certain = certain and known
        left -= working
    return Deadline(day, certain)


def is_working_day(day: date, holidays: Holidays | None = None) -> tuple[bool, bool]:
    """Whether people work that day, and whether an official calendar says so."""
    own = holidays or _NONE
    if day in own.working_days or day in own.holidays:
        return day in own.working_days, True
    if day.year in own.years:
        return day.weekday() < 5, _settled(day, own)
    published = _published(day)
    if published is None:
        return day.weekday() < 5 and (day.month, day.day) not in _FIXED, False
    return published, _settled(day, own)


def working_days_between(start: date, end: date, holidays: Holidays | None = None) -> int:
    """How many working days come after `start`, up to and with `end`; 0 where `end` is not later."""
    day, found = start, 0
    while day < end:
        day = _next(day)
        found += is_working_day(day, holidays)[0]
    return found


def received_on(moment: datetime) -> date:
    """The day, in Asia/Shanghai, of an aware instant."""
    if moment.tzinfo is None:
        raise InvalidInputError("an instant carries its offset from UTC")
    return moment.astimezone(SHANGHAI).date()


def deadline_instant(day: date) -> datetime:
    """24:00 of a day in Asia/Shanghai, as UTC: the first instant that is too late. 民法典 art. 203."""
    return datetime.combine(_next(day), datetime.min.time(), SHANGHAI).astimezone(UTC)


def _next(day: date) -> date:
    if not _FIRST <= day <= _LAST:
        raise InvalidInputError(f"days lie between {_FIRST} and {_LAST}, {day} does not")
    return day + timedelta(days=1)


def _settled(day: date, own: Holidays) -> bool:
    if (day.month, day.day) < _YEAR_END:
        return True
    return day.year + 1 in own.years or _published(date(day.year + 1, 1, 1)) is not None


@lru_cache(maxsize=4096)
def _published(day: date) -> bool | None:
    try:
        return bool(chinese_calendar.is_workday(day))
    except NotImplementedError:  # no notice for that year
        return None


def _listed(document: Mapping[str, object], name: str, kind: type[_T]) -> frozenset[_T]:
    values = document.get(name, [])
    if not isinstance(values, list) or not all(type(value) is kind for value in values):
        raise MalformedError(f"{name} of a calendar is a list of values of type {kind.__name__}")
    return frozenset(values)
