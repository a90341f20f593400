"""Parquet as the wire and stored form: what a file will cost is known before any of it is decoded.

`inspect` reads the footer alone, bounded, and walks the page headers; `read_groups` then decodes in bounded memory.
Source: Apache Parquet format 2.x, `parquet.thrift` and "File format".
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq

from exchange.batch.limit import Limits, bounded, foreign
from exchange.batch.page import Chunk, walk_pages
from exchange.batch.source import Source, pieces
from exchange.batch.thrift import count_structs
from exchange.contract.model import Contract
from exchange.contract.physical import conform
from exchange.errors import MalformedError

_BATCH: Final = 1 << 19
_BUFFER: Final = 1 << 20
_MAGIC: Final = b"PAR1"
_ENCRYPTED: Final = b"PARE"
_TAIL: Final = 8
_MAX_FOOTER: Final = 16 << 20
_MAX_STRUCTS: Final = 250_000
_SMALL_ROWS: Final = 1000
# A file that is not compressed cannot unfold to more than its size for each value.
_HARMLESS: Final = 64 << 20


@dataclass(frozen=True, slots=True)
class Footer:
    """What a file declares about itself, held against its pages."""

    metadata: pq.FileMetaData
    dictionaries: tuple[str, ...]

    @property
    def rows(self) -> int:
        """Number of rows."""
        return int(self.metadata.num_rows)


def inspect(source: Source, limit: Limits) -> Footer:
    """Check a file's footer and page headers against the limits; nothing is decoded.

    Raises MalformedError (not Parquet, contradictions, encryption) and LimitExceededError (rows, columns, nesting,
    row groups, sizes, encodings whose decoded size nothing declares).
    """
    with pieces(source) as file:
        tail = bytes(file.read_at(max(0, file.size - _TAIL), _TAIL))
        if tail[4:] == _ENCRYPTED:
            raise MalformedError("the Parquet file is encrypted")
        if file.size < _TAIL + len(_MAGIC) or tail[4:] != _MAGIC or bytes(file.read_at(0, 4)) != _MAGIC:
            raise MalformedError("not a Parquet file: PAR1 is expected at its start and end")
        length = int.from_bytes(tail[:4], "little")
        bounded("bytes of the Parquet footer", length, _MAX_FOOTER)
        start = file.size - _TAIL - length
        if start < len(_MAGIC):
            raise MalformedError("the Parquet footer is longer than the file")
        if length > _BUFFER >> 4:
            count_structs(file.read_at(start, length), _MAX_STRUCTS)
        with foreign("the Parquet footer"):
            metadata = pq.read_metadata(pa.BufferReader(_framed(file.read_at(start, length), tail)))
            footer, chunks = _declared(metadata, start, limit)
        if not _is_harmless(metadata, file.size):
            for chunk in chunks:
                walk_pages(file.read_at, chunk)
        return footer


def _framed(footer: bytes | memoryview, tail: bytes) -> bytes:
    return _MAGIC + bytes(footer) + tail


def _declared(metadata: pq.FileMetaData, end: int, limit: Limits) -> tuple[Footer, list[Chunk]]:
    """Hold the footer's numbers against the limits and against one another."""
    bounded("rows", metadata.num_rows, limit.batch_rows)
    bounded("columns", metadata.num_columns, limit.columns)
    bounded("row groups", metadata.num_row_groups, limit.row_groups)
    schema = metadata.schema
    for at in range(metadata.num_columns):
        bounded("levels of nesting", schema.column(at).path.count(".") + 1, limit.nesting)
    chunks: list[Chunk] = []
    dictionaries: dict[str, None] = {}
    rows = total = 0
    for number in range(metadata.num_row_groups):
        group = metadata.row_group(number)
        rows += group.num_rows
        inflated = 0
        for at in range(metadata.num_columns):
            column = group.column(at)
            chunks.append(_chunk(column, group.num_rows, end))
            inflated += column.total_uncompressed_size
            if column.has_dictionary_page:
                dictionaries[column.path_in_schema] = None
        bounded(f"uncompressed bytes of row group {number}", inflated, limit.row_group_bytes)
        total += inflated
    bounded("uncompressed bytes", total, limit.uncompressed_bytes)
    if rows != metadata.num_rows or rows < 0:
        raise MalformedError(f"the row groups hold {rows} rows, the Parquet footer says {metadata.num_rows}")
    return Footer(metadata, tuple(dictionaries)), chunks


def _chunk(column: pq.ColumnChunkMetaData, rows: int, end: int) -> Chunk:
    name = column.path_in_schema[:80]
    start = column.data_page_offset
    if column.has_dictionary_page and 0 < column.dictionary_page_offset < start:
        start = column.dictionary_page_offset
    stored, inflated, values = column.total_compressed_size, column.total_uncompressed_size, column.num_values
    if column.file_path or min(start, stored, inflated, values, rows) < 0 or start + stored > end:
        raise MalformedError(f"column {name}: its pages are not within the file")
    if "." not in name and values != rows:
        raise MalformedError(f"column {name} has {values} values in {rows} rows")
    return Chunk(name, start, stored, inflated, values)


def _is_harmless(metadata: pq.FileMetaData, size: int) -> bool:
    """Whether even pages that lie cannot unfold to much; this spares a small batch the walk."""
    rows, columns, groups = metadata.num_rows, metadata.num_columns, metadata.num_row_groups
    if rows * size * columns > _HARMLESS:
        return False
    return all(
        metadata.row_group(group).column(at).compression == "UNCOMPRESSED"
        for group in range(groups)
        for at in range(columns)
    )


def read_groups(
    source: Source, contract: Contract, limit: Limits, footer: Footer | None = None
) -> Iterator[pa.RecordBatch]:
    """The rows as batches of at most 2^19, in bounded memory; strings with dictionaries stay dictionaries.

    `footer` is what `inspect` gave for the same bytes; without it they are inspected first.
    Raises MalformedError and SchemaMismatchError.
    """
    footer = footer or inspect(source, limit)
    with foreign("the Parquet file"):
        file = pq.ParquetFile(
            source if isinstance(source, Path) else pa.BufferReader(source),
            metadata=footer.metadata,
            read_dictionary=_read_as_dictionary(footer),
            buffer_size=_BUFFER if isinstance(source, Path) else 0,
        )
        conform(file.schema_arrow, contract)
        batches = file.iter_batches(_BATCH, use_threads=footer.rows > _SMALL_ROWS)
    with file:
        while (batch := _next(batches)) is not None:
            yield batch


def _read_as_dictionary(footer: Footer) -> list[str]:
    """Strings that repeat: decoding them in full could take any amount of memory, and always takes time."""
    if footer.rows <= 1:
        return []
    schema = footer.metadata.schema
    strings = {
        schema.column(at).path
        for at in range(footer.metadata.num_columns)
        if schema.column(at).physical_type == "BYTE_ARRAY"
    }
    return [name for name in footer.dictionaries if name in strings]


def _next(batches: Iterator[pa.RecordBatch]) -> pa.RecordBatch | None:
    with foreign("the Parquet file"):
        return next(batches, None)
