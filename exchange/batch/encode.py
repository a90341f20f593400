"""Arrow written as Parquet: row groups of one size, the same bytes for the same rows."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import types

from exchange.batch.limit import foreign
from exchange.contract.model import Contract
from exchange.contract.physical import conform
from exchange.errors import InvalidInputError

ROW_GROUP: Final = 1 << 17
SMALL_ROWS: Final = 1000


class Writer:
    """Writes row groups of ROW_GROUP rows, whatever the sizes of the batches that come in.

    The same batches and the same software give the same bytes. A `small` file has plain pages without dictionaries
    and statistics: reading back a row of it is three times as quick.
    """

    def __init__(self, target: Path | io.BytesIO, schema: pa.Schema, small: bool = False) -> None:
        self.rows = 0
        self._schema = schema
        self._pending: list[pa.RecordBatch] = []
        self._waiting = 0
        self._writer = pq.ParquetWriter(
            target,
            schema,
            compression="none" if small else "zstd",
            compression_level=None if small else 1,
            use_dictionary=[field.name for field in schema if types.is_string(field.type) and not small],
            write_statistics=not small,
            store_schema=False,
        )

    def write(self, batch: pa.RecordBatch) -> None:
        """Take a batch of the schema."""
        self._pending.append(batch)
        self._waiting += batch.num_rows
        self.rows += batch.num_rows
        if self._waiting >= ROW_GROUP:
            self._flush(self._waiting - self._waiting % ROW_GROUP)

    def close(self) -> None:
        """Write what is left, and the footer."""
        if self._waiting or not self.rows:
            self._flush(self._waiting)
        self._writer.close()

    def _flush(self, rows: int) -> None:
        table = pa.Table.from_batches(self._pending, schema=self._schema)
        self._writer.write_table(table.slice(0, rows), row_group_size=ROW_GROUP)
        rest = table.slice(rows)
        self._pending, self._waiting = rest.to_batches(), rest.num_rows


def encode(table: pa.Table, contract: Contract, keys_only: bool = False) -> bytes:
    """A table as Parquet under a contract, as `Writer` writes it; `keys_only` for retractions.

    Columns that may be empty and that the table lacks are left out: they are NULL to every reader.
    Nothing is checked here but names and lossless types: what breaks a rule is the hub's to find.
    Raises SchemaMismatchError, InvalidInputError (a key column is missing).
    """
    keys = contract.primary_key
    if keys_only and not set(keys) <= set(table.column_names):
        raise InvalidInputError(f"a retraction names rows by {', '.join(keys)}")
    if not keys_only:
        conform(table.schema, contract)
    wanted = set(keys) if keys_only else set(table.column_names)
    columns = [column for column in contract.columns if column.name in wanted]
    arrays = [_plain(table, column.name, column.arrow_type) for column in columns]
    schema = pa.schema([pa.field(column.name, column.arrow_type) for column in columns])
    sink = io.BytesIO()
    writer = Writer(sink, schema, small=table.num_rows <= SMALL_ROWS)
    for batch in pa.Table.from_arrays(arrays, schema=schema).to_batches():
        writer.write(batch)
    writer.close()
    return sink.getvalue()


def _plain(table: pa.Table, name: str, target: pa.DataType) -> pa.ChunkedArray:
    with foreign(f"column {name}"):
        return table.column(name).cast(target)
