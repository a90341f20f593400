"""What segments hold: rows and reports of batches with where they are from, as any query reads them.

A segment is written by the very scan that reads it in place of the batches, so that a value means the same in both.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pyarrow as pa

from exchange.contract.model import Contract
from exchange.ports import Part
from exchange.store.duck import sql
from exchange.store.duck.session import Session


def packed(session: Session, contract: Contract, parts: Sequence[Part]) -> Iterator[pa.RecordBatch]:
    """See TableEngine."""
    fields = [pa.field(item.name, item.arrow_type) for item in contract.columns]
    columns = ", ".join(sql.column(item.name, contract) for item in contract.columns)
    yield from _placed(session, columns, sql.data(parts, contract), fields)


def packed_reports(session: Session, parts: Sequence[Part]) -> Iterator[pa.RecordBatch]:
    """See TableEngine."""
    reported = [part for part in parts if part.report is not None]
    if reported:
        fields = [pa.field(name, pa.int64() if name == "row" else pa.string()) for name in sql.REPORT]
        yield from _placed(session, _quoted(list(sql.REPORT)), sql.reports(reported), fields)


def differing(session: Session, contract: Contract, parts: Sequence[Part], packed: Sequence[Part]) -> int:
    """See TableEngine."""
    columns = [sql.column(item.name, contract) for item in contract.columns]
    found = _differing(session, columns, sql.data(parts, contract), sql.data(packed, contract))
    left, right = ([part for part in each if part.report is not None] for each in (parts, packed))
    if not left and not right:
        return found
    if len(left) != len(right):
        return found + abs(len(left) - len(right))
    names = [f'"{name}"' for name in sql.REPORT]
    return found + _differing(session, names, sql.reports(left), sql.reports(right))


def _placed(
    session: Session, columns: str, source: str, fields: Sequence[pa.Field]
) -> Iterator[pa.RecordBatch]:
    schema = pa.schema([*(pa.field(name, pa.int64()) for name in sql.PROVENANCE), *fields])
    query = f"SELECT at_part, at_row, {columns} FROM {source} ORDER BY at_part, at_row"
    for batch in session.batches(query):
        arrays = [array.cast(field.type) for array, field in zip(batch.columns, schema, strict=True)]
        yield pa.RecordBatch.from_arrays(arrays, schema=schema)


def _differing(session: Session, columns: Sequence[str], left: str, right: str) -> int:
    differs = " OR ".join(f"one.{name} IS DISTINCT FROM other.{name}" for name in columns)
    query = f"""
        SELECT count(*) FROM {left} one FULL JOIN {right} other
        ON one.at_part = other.at_part AND one.at_row = other.at_row
        WHERE one.at_part IS NULL OR other.at_part IS NULL OR {differs}
    """
    return sum(int(batch.column(0)[0].as_py()) for batch in session.batches(query))


def _quoted(names: Sequence[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)
