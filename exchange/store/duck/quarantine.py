"""Rejected rows with their reasons, and whether a later batch has put them right.

A later batch puts a row right by accepting, or retracting, a row of the same key. Where the key itself was in doubt (a
column of it was empty or in violation) no row of that key may ever come: then a later batch that names this one does.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from exchange.ports import Part, Plan
from exchange.store.duck import sql
from exchange.store.duck.session import Session
from exchange.store.duck.stand import REJECTS, without_rejected


def quarantined(
    session: Session, plan: Plan, schema: pa.Schema, corrected: bool, batch: str | None
) -> Iterator[pa.RecordBatch]:
    """One row per violation, by batch, row and place in the report; without `corrected`, only what is still open."""
    bad = [part for part in plan.parts if part.report and part.record.rejected]
    bad = [part for part in bad if batch is None or part.record.id == batch]
    if not bad:
        return
    indexes = pa.array([part.record.index for part in bad], pa.int64())
    ids = pa.array([part.record.id for part in bad], pa.string())
    open_only = "" if corrected else "WHERE NOT corrected"
    few = "" if plan.limit is None else f"LIMIT {plan.limit}"
    # what is asked for lies in the first rows, and nothing has to be known of the others
    first = plan.limit if corrected and len(bad) == 1 else None
    violations = _violations(plan, bad, first)
    query = f"SELECT * EXCLUDE place FROM ({violations}) {open_only} ORDER BY at_part, at_row, place {few}"
    for found in session.batches(query):
        part, *columns = found.columns
        arrays = [part, ids.take(pc.index_in(part, indexes)), *columns]
        yield pa.RecordBatch.from_arrays(
            [array.cast(field.type) for array, field in zip(arrays, schema, strict=True)], schema=schema
        )


def _violations(plan: Plan, bad: Sequence[Part], first: int | None) -> str:
    """Query for what the reports of the parts `bad` list, each with its row's values; all of it, or of rows enough
    for the `first` violations of a single part.
    """
    contract, reports, rows = plan.contract, sql.reports(bad), sql.data(bad, plan.contract)
    until = (
        ""
        if first is None
        else f"""
        AND "row" <= (
            SELECT max("row") FROM (SELECT "row" FROM {reports} WHERE {REJECTS} ORDER BY "row" LIMIT {first})
        )"""
    )
    columns = ", ".join(sql.column(column.name, contract) for column in contract.columns)
    named = {name for part in plan.parts for name in part.record.corrects}
    answered = [part.record.index for part in bad if part.record.id in named]
    doubts = " OR ".join(
        f"{sql.column(name, contract)} IS NULL"
        f" OR bool_or(found.\"column\" = '{name}') OVER (PARTITION BY at_part, at_row)"
        for name in contract.primary_key
    )
    return f"""
        WITH found AS (
            SELECT at_part, "row" AS at_row, rule, "column", "value", at_row AS place
            FROM {reports} WHERE {REJECTS} {until}
        ),
        held AS (SELECT at_part, at_row, {columns} FROM {rows} SEMI JOIN found USING (at_part, at_row)),
        righted AS ({_righted(plan, bad[0])})
        SELECT at_part, at_row, found.rule, found."column", found."value",
               righted.at_part IS NOT NULL
               OR ({doubts}) AND list_contains(CAST({answered} AS BIGINT[]), at_part) AS corrected,
               {columns}, found.place
        FROM found JOIN held USING (at_part, at_row) LEFT JOIN righted USING (at_part, at_row)
    """


def _righted(plan: Plan, first: Part) -> str:
    """Query for (batch, row) of rejected rows whose key a later part, beginning after `first`, accepts or retracts."""
    later = [part for part in plan.parts if part.record.index > first.record.index]
    if not later:
        return "SELECT at_part, at_row FROM found WHERE FALSE"
    keys = ", ".join(sql.column(name, plan.contract) for name in plan.contract.primary_key)
    return f"""
        SELECT DISTINCT wrong.at_part, wrong.at_row
        FROM held wrong
        JOIN (
            SELECT * FROM (
                SELECT {keys}, at_part, at_row FROM {sql.data(later, plan.contract)}
            ) later {without_rejected(later)}
        ) later USING ({keys})
        WHERE wrong.at_part < later.at_part
    """
