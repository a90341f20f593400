"""What the parts' periods alone say: which parts cannot match, and which may hold the same keys."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time

from exchange.contract.instant import microseconds
from exchange.contract.model import Contract
from exchange.ports import BatchRecord, Condition

Interval = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Overlap:
    """Parts that some later part may supersede, and parts that may supersede an earlier one; ascending."""

    earlier: tuple[int, ...]
    later: tuple[int, ...]


def may_match(contract: Contract, record: BatchRecord, conditions: Iterable[Condition]) -> bool:
    """False only where no row of the batch can meet all conditions."""
    period = _interval(record)
    return period is None or all(
        _meets(period, condition) for condition in conditions if condition.column == contract.time_column
    )


def overlap(contract: Contract, records: Sequence[BatchRecord], parts: Sequence[int]) -> Overlap:
    """Which of the `parts` (places in `records`, ascending) may share primary keys.

    Where the time column is part of the key, equal keys lie in both periods; otherwise, or where a period is
    unknown, any two parts may share keys.
    """
    periods = [_interval(records[part]) for part in parts]
    known = [period for period in periods if period is not None]
    if contract.time_column not in contract.primary_key or len(known) < len(periods):
        return Overlap(tuple(parts[:-1]), tuple(parts[1:]))
    later = [part for part, hit in zip(parts, _touching(known), strict=True) if hit]
    backwards = [part for part, hit in zip(reversed(parts), _touching(known[::-1]), strict=True) if hit]
    return Overlap(tuple(reversed(backwards)), tuple(later))


def _touching(periods: Iterable[Interval]) -> Iterable[bool]:
    """For each closed interval, whether one before it in the sequence has an instant in common with it."""
    starts: list[int] = []
    ends: list[int] = []
    for start, end in periods:
        # Those that begin by `end`, less those that are over before `start`.
        yield bisect_right(starts, end) > bisect_left(ends, start)
        insort(starts, start)
        insort(ends, end)


def _interval(record: BatchRecord) -> Interval | None:
    if record.period_from is None or record.period_until is None:
        return None
    return microseconds(record.period_from), microseconds(record.period_until)


def _meets(period: Interval, condition: Condition) -> bool:
    first, last = period
    values = [_instant(value) for value in condition.values]
    match condition.operator:
        case "eq" | "in":
            return any(first <= value <= last for value in values)
        case "lt":
            return first < values[0]
        case "le":
            return first <= values[0]
        case "gt":
            return last > values[0]
        case "ge":
            return last >= values[0]
    return True


def _instant(value: object) -> int:
    """Microseconds since 1970 of an aware datetime, or of a date's midnight in UTC."""
    if isinstance(value, datetime):
        return microseconds(value)
    assert isinstance(value, date)
    return microseconds(datetime.combine(value, time.min, UTC))
