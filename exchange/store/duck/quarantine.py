"""Rejected rows with their reasons, and whether a later batch has put them right.

A rejected row counts as corrected when a later part holds an accepted row with its primary key, when a later
retraction names that key, or when a later batch's manifest says that it corrects the row's batch (`corrects`): the
publisher has then answered for the whole batch, also for rows without a usable key.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from exchange.ports import Plan
from exchange.store.duck.period import may_match
from exchange.store.duck.rows import Positions, RowSet, part_of, row_of
from exchange.store.duck.session import Session
from exchange.store.duck.standing import as_declared, rejected_rows, with_rejected
from exchange.store.duck.statement import Statement


def quarantine_schema(plan: Plan) -> pa.Schema:
    """Where a row comes from and what is wrong with it, then the contract's columns."""
    return pa.schema(
        [
            pa.field("_index", pa.int64(), nullable=False),
            pa.field("_batch", pa.string(), nullable=False),
            pa.field("_row", pa.int64(), nullable=False),
            pa.field("_rule", pa.string(), nullable=False),
            pa.field("_column", pa.string(), nullable=False),
            pa.field("_value", pa.string()),
            pa.field("_corrected", pa.bool_(), nullable=False),
            *(pa.field(column.name, column.arrow_type) for column in plan.contract.columns),
        ]
    )


def read_quarantined(session: Session, plan: Plan, corrected: bool) -> Iterator[pa.RecordBatch]:
    """One row per violation, by ledger, row and place in the report, without regard to plan.limit.

    plan.conditions hold for the rejected row's values; plan.columns and plan.history are not looked at.
    """
    bad = [
        number
        for number in with_rejected(plan, range(len(plan.parts)))
        if may_match(plan.contract, plan.parts[number].record, plan.conditions)
    ]
    if not bad:
        return
    repair = _Repair(session, plan, bad)
    schema, columns = quarantine_schema(plan), [column.name for column in plan.contract.columns]
    indexes = pa.array([part.record.index for part in plan.parts], pa.int64())
    batches = pa.array([part.record.id for part in plan.parts], pa.string())
    statement = Statement(plan.contract, plan.parts)
    text = (
        f"SELECT v.pos, r_rule, r_column, r_value, {statement.names(columns)}"
        f" FROM ({statement.violations(bad)}) v JOIN ({statement.rows(bad, columns, plan.conditions)}) r"
        " ON v.pos = r.pos ORDER BY v.pos, v.seq"
    )
    for batch in session.stream(text, statement):
        positions = batch.column(0).to_numpy()
        done = repair.covers(positions)
        if not corrected:
            batch, positions, done = batch.filter(pa.array(~done)), positions[~done], done[~done]
        if len(positions):
            part = pa.array(part_of(positions))
            origin = [indexes.take(part), batches.take(part), pa.array(row_of(positions))]
            values = batch.columns[1:]
            yield as_declared([*origin, *values[:3], pa.array(done), *values[3:]], schema)


class _Repair:
    """Which rejected rows of the parts `bad` were put right later."""

    def __init__(self, session: Session, plan: Plan, bad: Sequence[int]) -> None:
        self._answered = np.array(_answered(plan), np.int64)
        self._by_key = _by_key(session, plan, bad)

    def covers(self, positions: Positions) -> npt.NDArray[np.bool_]:
        """Which of these positions are corrected."""
        return np.isin(part_of(positions), self._answered) | self._by_key.holds(positions)


def _answered(plan: Plan) -> list[int]:
    """Parts that a later part's manifest says it corrects."""
    claimed: set[str] = set()
    found = []
    for number in reversed(range(len(plan.parts))):
        record = plan.parts[number].record
        if record.id in claimed:
            found.append(number)
        claimed.update(record.corrects)
    return found


def _by_key(session: Session, plan: Plan, bad: Sequence[int]) -> RowSet:
    """Rejected rows whose key an accepted row of a later part has."""
    found = RowSet([part.record.rows for part in plan.parts])
    later = [number for number in range(bad[0] + 1, len(plan.parts)) if plan.parts[number].record.accepted]
    rejected = rejected_rows(session, plan, sorted({*bad, *later}))
    if not later or not rejected:
        return found
    session.set_rejected(rejected)
    key = plan.contract.primary_key
    statement = Statement(plan.contract, plan.parts)
    wrong = f"SELECT * FROM ({statement.rows(bad, key)}) SEMI JOIN rejected USING (pos)"
    right = statement.accepted(later, (), True)
    text = f"SELECT DISTINCT w.pos FROM ({wrong}) w JOIN ({right}) r USING ({statement.keys}) WHERE w.pos < r.pos"
    for positions in session.positions(text, statement):
        found.add(positions)
    return found
