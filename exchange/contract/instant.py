"""Instants and dates as whole numbers since 1970, the way Arrow keeps them."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Final

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def parse_instant(text: str) -> datetime:
    """ISO 8601 with an offset or Z, as UTC; raises ValueError, also where the offset is missing."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("an instant carries its offset from UTC, such as Z or +08:00")
    try:
        return moment.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("outside the years 1 to 9999") from error


def microseconds(moment: datetime) -> int:
    """Microseconds since 1970-01-01T00:00Z of an aware instant, exactly."""
    gap = moment - _EPOCH
    return (gap.days * 86_400 + gap.seconds) * 1_000_000 + gap.microseconds


def days(day: date) -> int:
    """Days since 1970-01-01."""
    return day.toordinal() - _EPOCH.toordinal()


FIRST_INSTANT: Final = microseconds(datetime.min.replace(tzinfo=UTC))
LAST_INSTANT: Final = microseconds(datetime.max.replace(tzinfo=UTC))
FIRST_DAY: Final = days(date.min)
LAST_DAY: Final = days(date.max)


def instant_of(value: int) -> datetime:
    """The UTC instant of microseconds between FIRST_INSTANT and LAST_INSTANT."""
    days_since, rest = divmod(value, 86_400_000_000)
    seconds, fraction = divmod(rest, 1_000_000)
    day = datetime.fromordinal(_EPOCH.toordinal() + days_since).replace(tzinfo=UTC)
    return day.replace(
        hour=seconds // 3600, minute=seconds % 3600 // 60, second=seconds % 60, microsecond=fraction
    )
