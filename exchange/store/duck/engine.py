"""DuckDB over stored Parquet, as a TableEngine.

Which rows do not count is found first, as one bitmap per batch: rejected rows from the reports, superseded ones by a
join of keys between batches whose periods touch. What is left is a plain scan in ledger order with the conditions
pushed into it, as quick as DuckDB itself, and the bitmaps are applied to what comes out. Conditions on any column can
be pushed that way, for what counts has been settled without them.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from exchange.batch.manifest import Kind
from exchange.contract.model import Contract
from exchange.ports import Part, Plan
from exchange.store.duck import segment, sql
from exchange.store.duck.overlap import may_match
from exchange.store.duck.quarantine import quarantined
from exchange.store.duck.session import Session, opened
from exchange.store.duck.stand import Dropped, Kept, dropped_rows, rejected_rows

_PART: Final = "at_part"
_ROW: Final = "at_row"
_INDEX: Final = pa.field("_index", pa.int64(), nullable=False)
_KIND: Final = pa.field("_kind", pa.string(), nullable=False)
_RECORDED_AT: Final = pa.field("_recorded_at", pa.timestamp("us", tz="UTC"), nullable=False)
_FINDINGS: Final = (
    _INDEX,
    pa.field("_batch", pa.string(), nullable=False),
    pa.field("_row", pa.int64(), nullable=False),
    pa.field("_rule", pa.string(), nullable=False),
    pa.field("_column", pa.string(), nullable=False),
    pa.field("_value", pa.string()),
    pa.field("_corrected", pa.bool_(), nullable=False),
)


class DuckTableEngine:
    """TableEngine on one in-process DuckDB; calls from several threads have a cursor each."""

    def __init__(self, temp_directory: Path, memory_limit: str = "1GB") -> None:
        self._temp = temp_directory
        self._database = duckdb.connect(
            config={
                "temp_directory": str(temp_directory),
                "memory_limit": memory_limit,
                "autoinstall_known_extensions": "false",
                "autoload_known_extensions": "false",
                "python_enable_replacements": "false",
            }
        )

    def close(self) -> None:
        """End the database and remove what it spilled."""
        self._database.close()
        shutil.rmtree(self._temp, ignore_errors=True)

    def schema(self, plan: Plan) -> pa.Schema:
        """The plan's columns; any may be NULL, required or not: it may be younger than a batch under it."""
        fields = [_field(plan.contract, column) for column in plan.columns]
        return pa.schema([*fields, _INDEX, _KIND, _RECORDED_AT] if plan.history else fields)

    def quarantine_schema(self, plan: Plan) -> pa.Schema:
        """What was found, then the contract's columns, each of which may be NULL."""
        return pa.schema(
            [*_FINDINGS, *(_field(plan.contract, column.name) for column in plan.contract.columns)]
        )

    def standing(self, plan: Plan) -> Iterator[pa.RecordBatch]:
        """See TableEngine; raises StorageError where a stored file cannot be read."""
        with self._session() as session:
            chosen = [part for part in plan.parts if may_match(part, plan.conditions, plan.contract)]
            if plan.history:
                dropped = rejected_rows(session, chosen)
            else:
                dropped = dropped_rows(session, plan.parts, chosen, plan.conditions, plan.contract)
                chosen = [part for part in chosen if part.record.kind is not Kind.RETRACTION]
            yield from _limited(_scan(session, plan, chosen, dropped, self.schema(plan)), plan.limit)

    def quarantined(self, plan: Plan, corrected: bool, batch: str | None = None) -> Iterator[pa.RecordBatch]:
        """See TableEngine, and `quarantine` for what counts as corrected."""
        with self._session() as session:
            yield from quarantined(session, plan, self.quarantine_schema(plan), corrected, batch)

    def packed(self, contract: Contract, parts: Sequence[Part]) -> Iterator[pa.RecordBatch]:
        """See TableEngine."""
        with self._session() as session:
            yield from segment.packed(session, contract, parts)

    def packed_reports(self, parts: Sequence[Part]) -> Iterator[pa.RecordBatch]:
        """See TableEngine."""
        with self._session() as session:
            yield from segment.packed_reports(session, parts)

    def differing(self, contract: Contract, parts: Sequence[Part], packed: Sequence[Part]) -> int:
        """See TableEngine."""
        with self._session() as session:
            return segment.differing(session, contract, parts, packed)

    @contextmanager
    def _session(self) -> Iterator[Session]:
        with closing(self._database.cursor()) as cursor, opened(cursor) as session:
            yield session


def _field(contract: Contract, column: str) -> pa.Field:
    return pa.field(column, contract.column(column).arrow_type)


def _scan(
    session: Session, plan: Plan, parts: Sequence[Part], dropped: Dropped, schema: pa.Schema
) -> Iterator[pa.RecordBatch]:
    if not parts:
        return
    values: list[object] = []
    scattered = sql.scatters(plan.conditions)
    marked = plan.history or scattered or any(part.packed or part.record.index in dropped for part in parts)
    columns = [f"{sql.column(name, plan.contract)} AS o{at}" for at, name in enumerate(plan.columns)]
    if marked:
        columns += [_PART, _ROW]
    where = sql.where(plan.conditions, plan.contract, values)
    where = sql.filtered(where, plan.row_filter, plan.contract, values)
    source = sql.data(parts, plan.contract, only=False)
    query = f"SELECT {', '.join(columns)} FROM {source} {where}"
    if scattered:
        query += f" ORDER BY {_PART}, {_ROW}"
    if plan.limit is not None and not marked:
        query += f" LIMIT {plan.limit}"
    kept = Kept(parts, dropped) if marked else None
    for batch in session.batches(query, values):
        rows = batch if kept is None else _of(batch, kept)
        if rows.num_rows:
            yield _shaped(rows, parts, plan, schema)


def _of(batch: pa.RecordBatch, kept: Kept) -> pa.RecordBatch:
    """The batch without the rows that do not count, or are of batches that nobody asked for."""
    keep = kept.mask(batch.column(_PART).to_numpy(), batch.column(_ROW).to_numpy())
    return batch if keep.all() else batch.filter(pa.array(keep))


def _shaped(batch: pa.RecordBatch, parts: Sequence[Part], plan: Plan, schema: pa.Schema) -> pa.RecordBatch:
    columns: list[Any] = [batch.column(at) for at in range(len(plan.columns))]
    if plan.history:
        records = [part.record for part in parts]
        at = pc.index_in(batch.column(_PART), pa.array([record.index for record in records], pa.int64()))
        for field, values in (
            (_INDEX, [record.index for record in records]),
            (_KIND, [record.kind.value for record in records]),
            (_RECORDED_AT, [record.recorded_at for record in records]),
        ):
            columns.append(pc.take(pa.array(values, field.type), at))
    arrays = [array.cast(field.type) for array, field in zip(columns, schema, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _limited(batches: Iterator[pa.RecordBatch], limit: int | None) -> Iterator[pa.RecordBatch]:
    left = limit
    for batch in batches:
        if left is None:
            yield batch
            continue
        if left <= 0:
            return
        yield batch.slice(0, left)
        left -= batch.num_rows
