"""Which batches can hold the same key, and which cannot match a condition, told by the index alone."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, time

from exchange.contract.model import Contract
from exchange.ports import Condition, Part


def groups(parts: Sequence[Part], contract: Contract) -> list[list[Part]]:
    """Parts in ledger order, put together where their periods touch; parts of different groups share no key.

    That holds where the time column is part of the key; elsewhere all parts are one group. A part without a period
    has no row whose key is complete, so nothing in it counts.
    """
    if contract.time_column is None or contract.time_column not in contract.primary_key:
        return [list(parts)] if parts else []
    found: list[list[Part]] = []
    until: datetime | None = None
    for part in sorted(parts, key=_start):
        start, end = part.record.period_from, part.record.period_until
        if start is None or end is None:
            found.insert(0, [part])
        elif until is not None and start <= until:
            found[-1].append(part)
            until = max(until, end)
        else:
            found.append([part])
            until = end
    return [sorted(group, key=lambda part: part.record.index) for group in found]


def _start(part: Part) -> datetime:
    return part.record.period_from or datetime.min.replace(tzinfo=UTC)


def may_match(part: Part, conditions: Sequence[Condition], contract: Contract) -> bool:
    """False where the part's period rules its rows out."""
    start, end = part.record.period_from, part.record.period_until
    if start is None or end is None:
        return True
    return all(
        _may_hold(item, start, end)
        for item in conditions
        if item.column == contract.time_column and item.values
    )


def _may_hold(item: Condition, start: datetime, end: datetime) -> bool:
    values = [_instant(value) for value in item.values]
    match item.operator:
        case "eq" | "in":
            return any(start <= value <= end for value in values)
        case "lt":
            return start < values[0]
        case "le":
            return start <= values[0]
        case "gt":
            return end > values[0]
        case "ge":
            return end >= values[0]
    return True


def _instant(value: object) -> datetime:
    if isinstance(value, datetime):
        return value
    assert isinstance(value, date)
    return datetime.combine(value, time.min, UTC)
