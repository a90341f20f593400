"""Rows that stand, and the history they came from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa

from exchange.batch.manifest import Kind
from exchange.errors import StorageError
from exchange.ports import Plan
from exchange.store.duck.period import may_match, overlap
from exchange.store.duck.rows import Positions, RowSet, part_of
from exchange.store.duck.session import Session
from exchange.store.duck.statement import Statement, joins


def standing_schema(plan: Plan) -> pa.Schema:
    """The plan's columns; with history also where each row comes from."""
    fields = [pa.field(name, plan.contract.column(name).arrow_type) for name in plan.columns]
    if plan.history:
        fields += [
            pa.field("_index", pa.int64(), nullable=False),
            pa.field("_kind", pa.string(), nullable=False),
            pa.field("_recorded_at", pa.timestamp("us", tz="UTC"), nullable=False),
        ]
    return pa.schema(fields)


def read_standing(session: Session, plan: Plan) -> Iterator[pa.RecordBatch]:
    """Rows in the order of the ledger and of their files, without regard to plan.limit.

    Conditions hold per row as in SQL: no comparison is true of NULL, so `ne` does not find it. Numbers are compared
    as the column keeps them (f32 as f32); NaN, where a contract lets it in, equals itself and exceeds all else.
    """
    shown = [
        number
        for number, part in enumerate(plan.parts)
        if part.record.accepted
        and (plan.history or part.record.kind is not Kind.RETRACTION)
        and may_match(plan.contract, part.record, plan.conditions)
    ]
    if not shown:
        return
    gone = rejected_rows(session, plan, shown) if plan.history else _gone(session, plan, shown)
    schema, origin = standing_schema(plan), _Origin(plan)
    statement = Statement(plan.contract, plan.parts)
    text = statement.rows(shown, plan.columns, plan.conditions)
    if joins(plan.conditions):
        text = f"SELECT * FROM ({text}) ORDER BY pos"
    last = -1
    for batch in session.stream(text, statement):
        positions = batch.column(batch.num_columns - 1).to_numpy()
        last = in_order(positions, last)
        if gone:
            keep = ~gone.holds(positions)
            batch, positions = batch.filter(pa.array(keep)), positions[keep]
        if len(positions):
            extra = origin.columns(positions) if plan.history else []
            yield as_declared([*batch.columns[:-1], *extra], schema)


def rejected_rows(session: Session, plan: Plan, parts: Sequence[int]) -> RowSet:
    """Rows of these parts that their reports reject."""
    found = RowSet([part.record.rows for part in plan.parts])
    bad = with_rejected(plan, parts)
    if bad:
        statement = Statement(plan.contract, plan.parts)
        for positions in session.positions(f"SELECT pos FROM ({statement.violations(bad)})", statement):
            found.add(positions)
    return found


def with_rejected(plan: Plan, parts: Sequence[int]) -> list[int]:
    """Those of the parts that have rejected rows; raises StorageError where the report on them is not there."""
    bad = [number for number in parts if plan.parts[number].record.rejected]
    for number in bad:
        if plan.parts[number].report is None:
            raise StorageError(f"batch {plan.parts[number].record.id} has rejected rows but no report")
    return bad


def _gone(session: Session, plan: Plan, shown: Sequence[int]) -> RowSet:
    """Rows that do not stand: rejected, or their key occurs in a later part's accepted rows."""
    contract, records = plan.contract, [part.record for part in plan.parts]
    # Conditions on the key hold for all rows of a key or for none, so they may come first; others may not.
    on_key = [condition for condition in plan.conditions if condition.column in contract.primary_key]
    rivals = [
        number
        for number, record in enumerate(records)
        if record.accepted and may_match(contract, record, on_key)
    ]
    both = overlap(contract, records, rivals)
    wanted = set(shown)
    earlier = [number for number in both.earlier if number in wanted]
    rejected = rejected_rows(session, plan, sorted({*shown, *both.later} if earlier else wanted))
    if not earlier:
        return rejected
    if rejected:
        session.set_rejected(rejected)
    gone = rejected.copy()
    later = [number for number in both.later if number > earlier[0]]
    statement = Statement(contract, plan.parts)
    together = sorted({*earlier, *later})
    if 2 * sum(records[n].rows for n in later) <= sum(records[n].rows for n in together):
        newest = statement.accepted(later, on_key, bool(rejected))
        if len(later) > 1:
            newest = f"SELECT {statement.keys}, max(pos) AS pos FROM ({newest}) GROUP BY {statement.keys}"
        old = statement.rows(earlier, contract.primary_key, on_key)
        text = f"SELECT o.pos FROM ({old}) o JOIN ({newest}) n USING ({statement.keys}) WHERE o.pos < n.pos"
        for positions in session.positions(text, statement):
            gone.add(positions)
        return gone
    # With most rows on the later side, one pass over all of them is cheaper than a join of two.
    for number in together:
        gone.add_part(number)
    for positions in session.positions(_newest(statement, together, plan, bool(rejected)), statement):
        gone.remove(positions)
    return gone


def _newest(statement: Statement, parts: Sequence[int], plan: Plan, rejected: bool) -> str:
    """The last position of each key; every position whose key has a NULL, as that equals no other."""
    on_key = [condition for condition in plan.conditions if condition.column in plan.contract.primary_key]
    rows = statement.accepted(parts, on_key, rejected)
    holes = " OR ".join(f"{statement.name(name)} IS NULL" for name in plan.contract.primary_key)
    apart = f"CASE WHEN {holes} THEN pos END"
    return f"SELECT max(pos) FROM ({rows}) GROUP BY {statement.keys}, {apart}"


def in_order(positions: Positions, last: int) -> int:
    """The last of these positions. A resumed stream relies on the order of rows, so a break in it is an error."""
    if len(positions) and (positions[0] <= last or np.any(np.diff(positions) <= 0)):
        raise StorageError("rows were read out of order")
    return int(positions[-1]) if len(positions) else last


def as_declared(columns: Sequence[pa.Array], schema: pa.Schema) -> pa.RecordBatch:
    """A batch of exactly this schema."""
    arrays = [column.cast(field.type) for column, field in zip(columns, schema, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


class _Origin:
    """What history says about a row's batch."""

    def __init__(self, plan: Plan) -> None:
        records = [part.record for part in plan.parts]
        instants = pa.timestamp("us", tz="UTC")
        self._facts = [
            pa.array([record.index for record in records], pa.int64()),
            pa.array([record.kind.value for record in records], pa.string()),
            pa.array([record.recorded_at for record in records], instants),
        ]

    def columns(self, positions: Positions) -> list[pa.Array]:
        part = pa.array(part_of(positions))
        return [fact.take(part) for fact in self._facts]
