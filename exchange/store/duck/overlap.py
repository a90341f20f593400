"""Which batches can hold the same key, and which cannot match a condition, told by the index alone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time

from exchange.contract.model import Contract
from exchange.ports import Condition, Part


@dataclass(frozen=True, slots=True)
class Contest:
    """Batches, in ledger order, that may hold the same keys within a closed interval of the time column.

    None: at any time.
    """

    parts: tuple[Part, ...]
    interval: tuple[datetime, datetime] | None

    def within(self, contract: Contract) -> tuple[Condition, ...]:
        """The interval as conditions."""
        if self.interval is None:
            return ()
        assert contract.time_column is not None
        values: list[date] = list(self.interval)
        if contract.column(contract.time_column).logical_type == "date":
            values = [moment.date() for moment in self.interval]
        return tuple(
            Condition(contract.time_column, operator, (value,))
            for operator, value in zip(("ge", "le"), values, strict=True)
        )


def contests(parts: Sequence[Part], contract: Contract) -> list[Contest]:
    """Where batches overlap, by one sweep over their periods.

    Where the time column is no part of the key, every batch may hold any key; and so it is where the period of a batch
    that counts is not known, such as one under an earlier version without a time column.
    """
    unknown = any(part.record.accepted and part.record.period_from is None for part in parts)
    if unknown or not _is_timed(contract):
        return [Contest(tuple(parts), None)] if len(parts) > 1 else []
    found: list[tuple[list[Part], datetime, datetime]] = []
    alive: list[tuple[Part, datetime]] = []
    until: datetime | None = None
    for part, start, end in sorted(_timed(parts), key=lambda item: (item[1], item[0].record.index)):
        if until is not None and start <= until:
            last = min(end, until)
            if found and start <= found[-1][2]:
                members, first, before = found[-1]
                members.append(part)
                found[-1] = (members, first, max(before, last))
            else:
                alive = [(other, ends) for other, ends in alive if ends >= start]
                found.append(([*(other for other, _ in alive), part], start, last))
        alive.append((part, end))
        until = end if until is None else max(until, end)
    return [Contest(_in_order(members), (first, last)) for members, first, last in found]


def may_match(part: Part, conditions: Sequence[Condition], contract: Contract) -> bool:
    """False where the part's period rules its rows out."""
    return all(may_hold(conditions, contract, start, end) for _, start, end in _timed([part]))


def may_hold(conditions: Sequence[Condition], contract: Contract, start: datetime, end: datetime) -> bool:
    """Whether some instant of a closed interval meets the conditions on the time column."""
    return all(
        _holds(item, start, end) for item in conditions if item.column == contract.time_column and item.values
    )


def _is_timed(contract: Contract) -> bool:
    return contract.time_column is not None and contract.time_column in contract.primary_key


def _timed(parts: Iterable[Part]) -> Iterable[tuple[Part, datetime, datetime]]:
    for part in parts:
        start, end = part.record.period_from, part.record.period_until
        if start is not None and end is not None:
            yield part, start, end


def _in_order(parts: Iterable[Part]) -> tuple[Part, ...]:
    return tuple(sorted(parts, key=lambda part: part.record.index))


def _holds(item: Condition, start: datetime, end: datetime) -> bool:
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
