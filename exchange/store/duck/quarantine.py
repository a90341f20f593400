"""Rejected rows with their reasons, and whether a later batch has put them right.

A later batch puts a row right by accepting, or retracting, a row of the same key. Where the key itself was in doubt (a
column of it was empty or in violation) no row of that key may ever come: then a later batch that names this one does.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pyarrow as pa

from exchange.ports import Plan
from exchange.store.duck import sql
from exchange.store.duck.session import Session
from exchange.store.duck.stand import REJECTS, without_rejected


def quarantined(session: Session, plan: Plan, schema: pa.Schema, corrected: bool) -> Iterator[pa.RecordBatch]:
    """One row per violation, by batch, row and place in the report; without `corrected`, only what is still open."""
    bad = [at for at, part in enumerate(plan.parts) if part.report and part.record.rejected]
    if not bad:
        return
    records = [part.record for part in plan.parts]
    indexes = pa.array([record.index for record in records], pa.int64())
    ids = pa.array([record.id for record in records], pa.string())
    open_only = "" if corrected else "WHERE NOT corrected"
    query = f"SELECT * EXCLUDE place FROM ({_violations(plan, bad)}) {open_only} ORDER BY part, row, place"
    for batch in session.batches(query):
        part, *columns = batch.columns
        arrays = [indexes.take(part), ids.take(part), *columns]
        yield pa.RecordBatch.from_arrays(
            [array.cast(field.type) for array, field in zip(arrays, schema, strict=True)], schema=schema
        )


def _violations(plan: Plan, bad: Sequence[int]) -> str:
    """Query for what the reports of the parts `bad` (places in the plan) list, each with its row's values."""
    contract = plan.contract
    numbers = f"list_extract({list(bad)}, CAST(file_index AS BIGINT) + 1)"
    reports = sql.reports(report for at in bad if (report := plan.parts[at].report) is not None)
    columns = ", ".join(sql.column(column.name, contract) for column in contract.columns)
    named = {name for part in plan.parts for name in part.record.corrects}
    answered = [at for at in bad if plan.parts[at].record.id in named]
    doubts = " OR ".join(
        f"{sql.column(name, contract)} IS NULL"
        f" OR bool_or(found.\"column\" = '{name}') OVER (PARTITION BY found.part, found.row)"
        for name in contract.primary_key
    )
    return f"""
        WITH found AS (
            SELECT {numbers} AS part, "row", rule, "column", "value", file_row_number AS place
            FROM {reports} WHERE {REJECTS}
        ),
        held AS (
            SELECT {numbers} AS part, file_row_number AS "row", {columns}
            FROM {sql.data((plan.parts[at].path for at in bad), contract)}
        ),
        righted AS ({_righted(plan, bad[0] + 1)})
        SELECT part, "row", found.rule, found."column", found."value",
               righted.part IS NOT NULL
               OR ({doubts}) AND list_contains(CAST({answered} AS BIGINT[]), part) AS corrected,
               {columns}, found.place
        FROM found JOIN held USING (part, "row") LEFT JOIN righted USING (part, "row")
    """


def _righted(plan: Plan, first: int) -> str:
    """Query for (part, row) of rejected rows whose key a part after theirs accepts or retracts; `first` to look at."""
    later = plan.parts[first:]
    if not later:
        return 'SELECT part, "row" FROM found WHERE FALSE'
    keys = ", ".join(sql.column(name, plan.contract) for name in plan.contract.primary_key)
    return f"""
        SELECT DISTINCT wrong.part, wrong."row"
        FROM (SELECT * FROM held SEMI JOIN found USING (part, "row")) wrong
        JOIN (
            SELECT * FROM (
                SELECT {keys}, CAST(file_index AS BIGINT) + {first} AS file, file_row_number AS row
                FROM {sql.data((part.path for part in later), plan.contract)}
            ) later {without_rejected(later, first)}
        ) later USING ({keys})
        WHERE wrong.part < later.file
    """
