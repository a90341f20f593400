"""Rejected rows with their reasons, and whether a later batch has put them right.

A later batch puts a row right by accepting, or retracting, a row of the same key. Where the key itself was in doubt (a
column of it was empty or in violation) no row of that key may ever come: then a later batch that names this one does.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pyarrow as pa

from exchange.contract.model import Contract
from exchange.ports import Part, Plan
from exchange.store.duck import sql
from exchange.store.duck.overlap import later_parts
from exchange.store.duck.session import Session
from exchange.store.duck.stand import REJECTS, without_rejected


def quarantined(session: Session, plan: Plan, schema: pa.Schema, corrected: bool) -> Iterator[pa.RecordBatch]:
    """One row per violation, by batch, row and rule; without `corrected`, only what is still open."""
    for part in plan.parts:
        if part.report is None:
            continue
        later = later_parts(part, plan.parts, plan.contract)
        named = any(part.record.id in other.record.corrects for other in plan.parts)
        query = _violations(session, part, later, named, plan.contract)
        condition = "" if corrected else "WHERE NOT _corrected"
        for batch in session.batches(f"SELECT * EXCLUDE ordinal FROM ({query}) {condition} ORDER BY ordinal"):
            arrays = [
                pa.array([part.record.index] * batch.num_rows, pa.int64()),
                pa.array([part.record.id] * batch.num_rows, pa.string()),
                *batch.columns,
            ]
            yield pa.RecordBatch.from_arrays(
                [array.cast(field.type) for array, field in zip(arrays, schema, strict=True)], schema=schema
            )


def _violations(session: Session, part: Part, later: Sequence[Part], named: bool, contract: Contract) -> str:
    assert part.report is not None
    source = sql.files([part.path])
    present = session.columns(source)
    columns = [
        f"{sql.typed(column.name, contract, present, 'held.')} AS {sql.name(column.name)}"
        for column in contract.columns
    ]
    keys = [sql.typed(column, contract, present, "held.") for column in contract.primary_key]
    in_doubt = " OR ".join(
        f'{key} IS NULL OR bool_or(found."column" = {sql.text_literal(column)}) OVER (PARTITION BY found."row")'
        for key, column in zip(keys, contract.primary_key, strict=True)
    )
    return f"""
        SELECT found."row" AS _row, found.rule AS _rule, found."column" AS _column, found."value" AS _value,
               coalesce({_is_held(session, keys, later, contract)}, FALSE) OR ({in_doubt}) AND {named} AS _corrected,
               {", ".join(columns)}, found.file_row_number AS ordinal
        FROM (SELECT *, file_row_number FROM {sql.files([part.report])} WHERE {REJECTS}) found
        JOIN (SELECT *, file_row_number FROM {source}) held ON found."row" = held.file_row_number
    """


def _is_held(session: Session, keys: Sequence[str], later: Sequence[Part], contract: Contract) -> str:
    """Whether a later batch accepts, or retracts, a row of the same key."""
    if not later:
        return "FALSE"
    source = sql.files(part.path for part in later)
    present = session.columns(source)
    others = [
        f"{sql.typed(column, contract, present)} AS k{at}" for at, column in enumerate(contract.primary_key)
    ]
    same = ", ".join(f"k{at}" for at in range(len(keys)))
    return f"""
        ({", ".join(keys)}) IN (
            SELECT ({same}) FROM (
                SELECT {", ".join(others)}, file_index AS file, file_row_number AS row FROM {source}
            ) later {without_rejected(later)}
        )
    """
