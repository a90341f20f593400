"""Parquet as the wire and stored form: what a file will cost is known before any of it is decoded.

`inspect` reads the footer alone, bounded, and walks the page headers; `read_groups` then decodes in bounded memory.
Source: Apache Parquet format 2.x, `parquet.thrift` and "File format".
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq

from exchange.batch.footer import Declared, read_footer
from exchange.batch.limit import Limits, bounded, foreign
from exchange.batch.page import walk_pages
from exchange.batch.source import Source, pieces
from exchange.batch.thrift import count_structs
from exchange.contract.model import Contract
from exchange.contract.physical import conform
from exchange.errors import MalformedError

_BATCH: Final = 1 << 17
_BUFFER: Final = 1 << 20
_MAGIC: Final = b"PAR1"
_ENCRYPTED: Final = b"PARE"
_TAIL: Final = 8
_MAX_FOOTER: Final = 16 << 20
_SMALL_FOOTER: Final = 8 << 10
_LARGE_FOOTER: Final = 64 << 10
_MAX_STRUCTS: Final = 250_000
_SMALL_ROWS: Final = 1000
# A file that is not compressed cannot unfold to more than its size for each value.
_HARMLESS: Final = 64 << 20


@dataclass(frozen=True, slots=True)
class Footer:
    """What a file declares about itself, held against its pages."""

    declared: Declared
    metadata: pq.FileMetaData

    @property
    def rows(self) -> int:
        """Number of rows."""
        return self.declared.rows


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
        read = _read if length > _SMALL_FOOTER else _read_or_recall
        footer = read(bytes(file.read_at(start, length)), start, limit)  # type: ignore[arg-type]  # frozen
        if not _is_harmless(footer.declared, file.size):
            for chunk in footer.declared.chunks:
                walk_pages(file.read_at, chunk)
        return footer


def _read(data: bytes, start: int, limit: Limits) -> Footer:
    """A footer, held against the limits; `start` is where it begins in the file."""
    if len(data) > _LARGE_FOOTER:
        count_structs(data, _MAX_STRUCTS)
    declared = read_footer(data, start, limit)
    with foreign("the Parquet footer"):
        tail = len(data).to_bytes(4, "little") + _MAGIC
        metadata = pq.read_metadata(pa.BufferReader(_MAGIC + data + tail))
        if (metadata.num_rows, metadata.num_columns) != (declared.rows, declared.columns):
            raise MalformedError("the Parquet footer can be read in two ways")
        return Footer(declared, metadata)


# Telemetry comes a row at a time, and rows of one shape have one footer.
_read_or_recall = lru_cache(256)(_read)


def _is_harmless(declared: Declared, size: int) -> bool:
    """Whether even pages that lie cannot unfold to much; this spares a small batch the walk."""
    return declared.plain and declared.rows * size * declared.columns <= _HARMLESS


def read_groups(
    source: Source, contract: Contract, limit: Limits, footer: Footer | None = None
) -> Iterator[pa.RecordBatch]:
    """The rows as batches of at most 2^17, in bounded memory; strings with dictionaries stay dictionaries.

    `footer` is what `inspect` gave for the same bytes; without it they are inspected first.
    Raises MalformedError and SchemaMismatchError.
    """
    footer = footer or inspect(source, limit)
    with foreign("the Parquet file"):
        file = pq.ParquetFile(
            source if isinstance(source, Path) else pa.BufferReader(source),
            metadata=footer.metadata,
            # in full they could take any amount of memory, and always take time
            read_dictionary=footer.declared.repeated if footer.rows > 1 else (),
            buffer_size=_BUFFER if isinstance(source, Path) else 0,
        )
        conform(file.schema_arrow, contract)
        batches = file.iter_batches(_BATCH, use_threads=footer.rows > _SMALL_ROWS)
    with file:
        while (batch := _next(batches)) is not None:
            yield batch


def read_small(source: bytes, footer: Footer) -> Sequence[pa.RecordBatch]:
    """All rows of a small file that `inspect` has passed; nothing is said about its columns.

    Raises MalformedError.
    """
    with foreign("the Parquet file"):
        file = pq.ParquetFile(pa.BufferReader(source), metadata=footer.metadata)
        return file.read(use_threads=False).to_batches()  # type: ignore[no-any-return]


def _next(batches: Iterator[pa.RecordBatch]) -> pa.RecordBatch | None:
    with foreign("the Parquet file"):
        return next(batches, None)
