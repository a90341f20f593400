"""A month, a quarter or a year of Asia/Shanghai, and the periods that it is compared with."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final, Self

from exchange.errors import MalformedError
from exchange.report.words import Words
from exchange.trust.workday import deadline_instant

_FORM: Final = re.compile(r"(\d{4})(?:-(?:(0[1-9]|1[0-2])|Q([1-4])))?")
_YEARS: Final = range(1980, 2200)


@dataclass(frozen=True, slots=True)
class Period:
    """From `first` on, so many whole months."""

    first: date
    months: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read 2026-03, 2026-Q1 or 2026; raises MalformedError."""
        found = _FORM.fullmatch(text)
        if found is None or int(found[1]) not in _YEARS:
            raise MalformedError(f"时段 {text[:40]!r} 应如 2026-03、2026-Q1、2026 / a period is like those")
        year, month, quarter = int(found[1]), found[2], found[3]
        if quarter:
            return cls(date(year, 3 * int(quarter) - 2, 1), 3)
        return cls(date(year, int(month), 1), 1) if month else cls(date(year, 1, 1), 12)

    def __str__(self) -> str:
        if self.months == 12:
            return f"{self.first.year}"
        if self.months == 3:
            return f"{self.first.year}-Q{(self.first.month + 2) // 3}"
        return f"{self.first:%Y-%m}"

    @property
    def last(self) -> date:
        """The last day."""
        return self._moved(self.months).first - timedelta(days=1)

    @property
    def start(self) -> datetime:
        """0:00 of the first day, UTC."""
        return deadline_instant(self.first - timedelta(days=1))

    @property
    def end(self) -> datetime:
        """24:00 of the last day, UTC: the first instant that is too late."""
        return deadline_instant(self.last)

    @property
    def previous(self) -> Period:
        """The one before, of the same length."""
        return self._moved(-self.months)

    @property
    def year_ago(self) -> Period:
        """The same one a year before."""
        return self._moved(-12)

    @property
    def following(self) -> Period:
        """The next one, of the same length."""
        return self._moved(self.months)

    @property
    def last_year(self) -> Period:
        """The whole calendar year before the one it begins in."""
        return Period(date(self.first.year - 1, 1, 1), 12)

    def each_month(self) -> list[Period]:
        """Its months, one by one."""
        return [Period(self._moved(at).first, 1) for at in range(self.months)]

    def holds(self, day: date) -> bool:
        """Whether a day lies in it."""
        return self.first <= day <= self.last

    @property
    def words(self) -> Words:
        """As people say it."""
        year, month = self.first.year, self.first.month
        if self.months == 12:
            return Words(f"{year}年", f"{year}")
        if self.months == 3:
            quarter = (month + 2) // 3
            return Words(f"{year}年第{'一二三四'[quarter - 1]}季度", f"Q{quarter} {year}")
        return Words(f"{year}年{month}月", f"{self.first:%B} {year}")

    @classmethod
    def over_on(cls, day: date) -> dict[str, Self]:
        """The month before that of a day, and the quarter and the year that ended with it."""
        month = cls(day.replace(day=1), 1).previous
        found = {"month": cls(month.first, 1)}
        if month.first.month % 3 == 0:
            found["quarter"] = cls(date(month.first.year, month.first.month - 2, 1), 3)
        if month.first.month == 12:
            found["year"] = cls(date(month.first.year, 1, 1), 12)
        return found

    def _moved(self, months: int) -> Period:
        at = self.first.year * 12 + self.first.month - 1 + months
        return Period(date(at // 12, at % 12 + 1, 1), self.months)
