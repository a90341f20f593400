"""Working days, whatever the calendar: holidays, make-up days, years that it does not know, midnight in Shanghai."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from exchange.trust.workday import (
    SHANGHAI,
    Holidays,
    add_working_days,
    deadline_instant,
    is_working_day,
    received_on,
    working_days_between,
)

# the built-in calendar knows some of these years and not the others
DAYS = st.dates(date(2018, 1, 1), date(2060, 12, 31))
COUNTS = st.integers(1, 60)
INSTANTS = st.datetimes(datetime(2018, 1, 2), datetime(2060, 12, 30), timezones=st.just(UTC))


@st.composite
def calendars(draw: st.DrawFn) -> Holidays:
    """A calendar of one's own around 2027: single days off, make-up days, perhaps the whole year known."""
    days = st.dates(date(2027, 1, 1), date(2027, 12, 31))
    off = draw(st.frozensets(days, max_size=40))
    made_up = draw(st.frozensets(days, max_size=20)) - off
    return Holidays(
        off, made_up, draw(st.sampled_from((frozenset(), frozenset({2027}), frozenset({2027, 2028}))))
    )


@given(DAYS, COUNTS, calendars())
def test_a_deadline_is_so_many_working_days_away_and_one_itself(
    start: date, days: int, own: Holidays
) -> None:
    last = add_working_days(start, days, own).day
    assert last > start
    assert is_working_day(last, own)[0]
    assert working_days_between(start, last, own) == days
    assert working_days_between(start, last - timedelta(days=1), own) == days - 1


@given(DAYS, COUNTS, COUNTS, calendars())
def test_days_add_up(start: date, first: int, second: int, own: Holidays) -> None:
    whole = add_working_days(start, first + second, own).day
    assert add_working_days(add_working_days(start, first, own).day, second, own).day == whole


@given(DAYS, DAYS, COUNTS, calendars())
def test_who_begins_later_ends_no_earlier(one: date, other: date, days: int, own: Holidays) -> None:
    early, late = sorted((one, other))
    assert add_working_days(early, days, own).day <= add_working_days(late, days, own).day


@given(st.dates(date(2027, 1, 1), date(2027, 12, 31)), calendars())
def test_ones_own_calendar_has_the_last_word(day: date, own: Holidays) -> None:
    working, known = is_working_day(day, own)
    if day in own.holidays:
        assert (working, known) == (False, True)
    elif day in own.working_days:
        assert (working, known) == (True, True)
    elif 2027 in own.years:
        assert working == (day.weekday() < 5)


@given(st.dates(date(2040, 1, 1), date(2060, 12, 31)), COUNTS)
def test_a_year_that_nobody_knows_is_never_certain(start: date, days: int) -> None:
    found = add_working_days(start, days)
    assert not found.certain
    assert found.day.weekday() < 5
    assert (found.day.month, found.day.day) not in {(1, 1), (5, 1), (5, 2), (10, 1), (10, 2), (10, 3)}


@given(INSTANTS, COUNTS)
def test_the_hour_within_a_day_of_shanghai_means_nothing(instant: datetime, days: int) -> None:
    midnight = instant.astimezone(SHANGHAI).replace(hour=0, minute=0, second=0, microsecond=0)
    deadline = add_working_days(received_on(instant), days)
    for same in (midnight, midnight + timedelta(days=1) - timedelta(microseconds=1)):
        assert add_working_days(received_on(same.astimezone(UTC)), days) == deadline
    before = add_working_days(received_on(midnight - timedelta(microseconds=1)), days)
    assert before.day <= deadline.day


@given(DAYS)
def test_a_day_ends_at_midnight_in_shanghai(day: date) -> None:
    end = deadline_instant(day)
    assert received_on(end - timedelta(microseconds=1)) == day
    assert received_on(end) == day + timedelta(days=1)
    assert end.astimezone(SHANGHAI).hour == 0
