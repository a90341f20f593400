"""Deadlines over the holidays of 2025 (国办发明电〔2024〕12号), of 2026 (国办发明电〔2025〕7号), and beyond."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path

import pytest

from exchange.errors import HechuanError, InvalidInputError, LimitExceededError, MalformedError, NotFoundError
from exchange.trust.workday import (
    Deadline,
    Holidays,
    add_working_days,
    deadline_instant,
    is_working_day,
    received_on,
)

# day after which one counts, working days, last day
COUNTED = [
    ("2025-01-24", 1, "2025-01-26"),  # Friday; Sunday is worked for Spring Festival, 28 January to 4 February
    ("2025-01-26", 1, "2025-01-27"),
    ("2025-01-27", 1, "2025-02-05"),
    ("2025-01-27", 4, "2025-02-08"),  # a Saturday that is worked
    ("2025-01-30", 3, "2025-02-07"),  # received on a holiday
    ("2025-04-25", 3, "2025-04-29"),  # Sunday 27 April is worked
    ("2025-09-26", 1, "2025-09-28"),  # Sunday, worked for National Day and Mid-Autumn, 1 to 8 October
    ("2025-09-28", 3, "2025-10-09"),
    ("2025-09-30", 3, "2025-10-11"),  # 9, 10 and Saturday 11 October
    ("2025-12-31", 1, "2026-01-04"),  # Thursday to Saturday off, Sunday worked
    ("2026-02-13", 1, "2026-02-14"),  # Saturday, worked for Spring Festival, 15 to 23 February
    ("2026-02-14", 1, "2026-02-24"),
    ("2026-02-13", 6, "2026-02-28"),  # 14, 24 to 27, and Saturday 28
    ("2026-04-03", 1, "2026-04-07"),
    ("2026-04-30", 4, "2026-05-09"),  # 6, 7, 8 and Saturday 9 May
    ("2026-06-18", 1, "2026-06-22"),
    ("2026-09-18", 1, "2026-09-20"),  # Sunday
    ("2026-09-24", 1, "2026-09-28"),
    ("2026-09-30", 3, "2026-10-10"),  # 8, 9 and Saturday 10 October
    ("2026-03-02", 5, "2026-03-09"),
]


@pytest.mark.parametrize(("start", "days", "last"), COUNTED)
def test_published_years(start: str, days: int, last: str) -> None:
    found = add_working_days(date.fromisoformat(start), days)
    assert found == Deadline(date.fromisoformat(last), True)


def test_a_year_without_notice_is_counted_by_weekdays_and_fixed_dates() -> None:
    assert add_working_days(date(2050, 9, 30), 1) == Deadline(date(2050, 10, 4), False)
    assert add_working_days(date(2050, 12, 31), 1) == Deadline(date(2051, 1, 2), False)
    assert add_working_days(date(2050, 4, 29), 1) == Deadline(
        date(2050, 5, 3), False
    )  # 1 and 2 May fall on a weekend


def test_one_uncertain_day_makes_the_deadline_uncertain() -> None:
    year = next(year for year in range(2026, 2060) if not is_working_day(date(year + 1, 6, 1))[1])
    assert add_working_days(date(year, 12, 10), 5).certain
    assert not add_working_days(date(year, 12, 25), 1).certain  # the next notice may move days into December
    assert not add_working_days(date(year, 12, 10), 40).certain
    if year > 2026:
        assert add_working_days(date(year - 1, 12, 25), 10).certain


OWN = """
source: 测试用安排
years: [2050]
holidays: [2050-10-01, 2050-10-02, 2050-10-03, 2050-10-04, 2026-03-03]
working_days: [2050-10-08]
"""


def test_an_own_calendar_goes_first(tmp_path: Path) -> None:
    path = tmp_path / "calendar.yaml"
    path.write_text(OWN, encoding="utf-8")
    own = Holidays.load(path)
    assert add_working_days(date(2050, 9, 30), 4, own) == Deadline(date(2050, 10, 8), True)  # a Saturday
    assert add_working_days(date(2026, 3, 2), 1, own) == Deadline(date(2026, 3, 4), True)
    assert add_working_days(date(2026, 2, 13), 1, own) == Deadline(date(2026, 2, 14), True)
    assert not add_working_days(date(2051, 3, 1), 1, own).certain
    with pytest.raises(NotFoundError):
        Holidays.load(tmp_path / "none.yaml")


@pytest.mark.parametrize(
    "text",
    [
        "[",
        "- 1",
        "years: 2026",
        "years: [x]",
        "holidays: [2026-13-01]",
        "holidays: [1]",
        "days: []",
        "years: [1]",
        "holidays: [2026-01-01]\nworking_days: [2026-01-01]",
        "\x00",
        "holidays: [2026-01-01T00:00:00Z]",
        "[" * 5000,
        "years: [true]",
        "? [a, b]\n: 1",
        "1: 2",
    ],
)
def test_what_is_no_calendar(text: str) -> None:
    with pytest.raises((MalformedError, InvalidInputError)):
        Holidays.parse(text.encode())


def test_a_deadline_ends_at_midnight_in_shanghai() -> None:
    assert deadline_instant(date(2026, 2, 28)) == datetime(2026, 2, 28, 16, tzinfo=UTC)
    assert Deadline(date(2025, 12, 31), True).instant == datetime(2025, 12, 31, 16, tzinfo=UTC)
    last = Deadline(date(2026, 2, 28), True).instant - timedelta(microseconds=1)
    assert (received_on(last), received_on(last + timedelta(microseconds=1))) == (
        date(2026, 2, 28),
        date(2026, 3, 1),
    )
    assert received_on(datetime(2026, 1, 1, 1, tzinfo=timezone(timedelta(hours=9)))) == date(2026, 1, 1)


@pytest.mark.parametrize(
    ("start", "days", "error"),
    [
        (date(2026, 1, 5), 0, InvalidInputError),
        (date(2026, 1, 5), -1, InvalidInputError),
        (date(2026, 1, 5), 1001, LimitExceededError),
        (date.max, 1, InvalidInputError),
        (date.min, 1, InvalidInputError),
        (datetime(2026, 1, 5, tzinfo=UTC), 1, InvalidInputError),
    ],
)
def test_refused(start: date, days: int, error: type[HechuanError]) -> None:
    with pytest.raises(error):
        add_working_days(start, days)
    with pytest.raises(InvalidInputError):
        received_on(datetime(2026, 1, 1))
