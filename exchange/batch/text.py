"""What thin clients send (CSV, NDJSON, Arrow IPC) turned into the Parquet that is stored."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa

from exchange.batch.arrow import read_arrow
from exchange.batch.csv import read_csv
from exchange.batch.encode import Writer
from exchange.batch.limit import Limits, bounded
from exchange.batch.manifest import MediaType
from exchange.batch.ndjson import read_ndjson
from exchange.batch.source import Source
from exchange.contract.finding import MAX_LISTED, VIOLATIONS
from exchange.contract.model import Contract
from exchange.contract.text import from_text, nullable_schema
from exchange.errors import ContractRefusedError, InvalidInputError

_READERS = {MediaType.CSV: read_csv, MediaType.NDJSON: read_ndjson}


@dataclass(frozen=True, slots=True)
class Encoded:
    """How many rows were written, and which values could not be read as their column's type."""

    rows: int
    violations: pa.Table


def encode_text(
    source: Source, media_type: MediaType, contract: Contract, limit: Limits, target: Path
) -> Encoded:
    """Write a source as Parquet to `target`, in bounded memory; unreadable values become NULL and a violation.

    The violations have the schema VIOLATIONS, rows counted from 0. Raises MalformedError, SchemaMismatchError,
    LimitExceededError, ContractRefusedError (more unreadable values than can be listed).
    """
    found: list[pa.Table] = []
    listed = 0
    writer = Writer(target, nullable_schema(contract))
    try:
        for batch, violations in _read(source, media_type, contract, limit):
            writer.write(batch)
            bounded("rows", writer.rows, limit.batch_rows)
            listed += violations.num_rows
            if listed > MAX_LISTED:
                raise ContractRefusedError(
                    f"无法读取的值超过 {MAX_LISTED:,} 个 / more than {MAX_LISTED:,} values cannot be read"
                )
            if violations.num_rows:
                found.append(violations)
    finally:
        writer.close()
    return Encoded(writer.rows, pa.concat_tables([VIOLATIONS.empty_table(), *found]))


def _read(
    source: Source, media_type: MediaType, contract: Contract, limit: Limits
) -> Iterator[tuple[pa.RecordBatch, pa.Table]]:
    if media_type is MediaType.ARROW_STREAM:
        for batch in read_arrow(source, contract, limit):
            yield batch, VIOLATIONS.empty_table()
        return
    if media_type not in _READERS:
        raise InvalidInputError(f"{media_type} is not text")
    start = 0
    with _opened(source) as file:
        for batch in _READERS[media_type](file, contract, limit):
            yield from_text(batch, contract, start)
            start += batch.num_rows


def _opened(source: Source) -> BinaryIO:
    return source.open("rb") if isinstance(source, Path) else io.BytesIO(source)
