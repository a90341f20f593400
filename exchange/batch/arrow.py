"""Arrow IPC streams read as a contract's types, with what they cost known before it is spent.

Messages are looked at first: compressed buffers are refused, for a message may claim that a few bytes unfold to any
size, and so are more rows than the limit. Source: Arrow columnar format 1.5, "IPC Streaming Format", `Message.fbs`.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import types

from exchange.batch.limit import Limits, bounded, foreign
from exchange.batch.source import Source
from exchange.contract.model import Contract
from exchange.contract.physical import arrange, conform, validate
from exchange.contract.text import nullable_schema
from exchange.errors import LimitExceededError

_SLICE: Final = 1 << 16
# Message: version, header_type, header; DictionaryBatch: id, data; RecordBatch: length, nodes, buffers, compression.
_HEADER_TYPE, _HEADER = 1, 2
_DICTIONARY_BATCH, _RECORD_BATCH = 2, 3
_DATA, _LENGTH, _COMPRESSION = 1, 0, 3


def read_arrow(source: Source, contract: Contract, limit: Limits) -> Iterator[pa.RecordBatch]:
    """Batches in the contract's columns and types, every column nullable, strings written out.

    Raises MalformedError, SchemaMismatchError and LimitExceededError.
    """
    with foreign("the Arrow stream"), _opened(source) as file:
        _check_messages(file, limit)
    with foreign("the Arrow stream"), _opened(source) as file, pa.ipc.open_stream(file) as stream:
        bounded("columns", len(stream.schema), limit.columns)
        conform(stream.schema, contract)
        for batch in stream:
            validate(batch)
            for start in range(0, batch.num_rows, _SLICE):
                yield _written_out(batch.slice(start, _SLICE), contract, limit)


def _opened(source: Source) -> pa.NativeFile:
    return pa.memory_map(str(source)) if isinstance(source, Path) else pa.BufferReader(source)


def _written_out(batch: pa.RecordBatch, contract: Contract, limit: Limits) -> pa.RecordBatch:
    bounded("bytes of text in 65,536 rows", sum(map(_text_bytes, batch.columns)), limit.row_group_bytes)
    return arrange(batch, contract).cast(nullable_schema(contract))


def _text_bytes(array: pa.Array) -> int:
    """What a column of strings takes written out, where its values may share their bytes."""
    lengths: pa.Array | None = None
    if types.is_dictionary(array.type):
        if not isinstance(array.dictionary, pa.StringArray | pa.LargeStringArray):
            return 0
        lengths = pc.binary_length(array.dictionary).take(array.indices)
    elif types.is_string_view(array.type):
        views = np.frombuffer(array.buffers()[1], np.int32).reshape(-1, 4)
        lengths = pa.array(views[array.offset : array.offset + len(array), 0])
    return 0 if lengths is None else int(pc.sum(lengths.cast(pa.int64())).as_py() or 0)


def _check_messages(file: pa.NativeFile, limit: Limits) -> None:
    rows = 0
    for message in pa.ipc.MessageReader.open_stream(file):
        rows += _rows(message.metadata)
        bounded("rows", rows, limit.batch_rows)


def _rows(metadata: pa.Buffer) -> int:
    """Rows of a record batch message; 0 for other messages. Raises LimitExceededError for compressed buffers."""
    try:
        root = _Table(bytes(metadata), None)
        kind = root.byte(_HEADER_TYPE)
        table = root.table(_HEADER)
        if kind == _DICTIONARY_BATCH and table is not None:
            table = table.table(_DATA)
        if kind not in (_DICTIONARY_BATCH, _RECORD_BATCH) or table is None:
            return 0
        compressed, length = table.table(_COMPRESSION) is not None, table.long(_LENGTH)
    except (struct.error, IndexError) as error:
        raise ValueError("a message's metadata contradicts itself") from error
    if compressed:
        raise LimitExceededError(
            "the Arrow stream has compressed buffers, whose unfolded size nothing bounds; write it uncompressed"
        )
    return length if kind == _RECORD_BATCH else 0


class _Table:
    """A table of a FlatBuffer (flatbuffers.dev, "Internals"): fields found through its vtable."""

    def __init__(self, data: bytes, at: int | None) -> None:
        self._data = data
        self._at = struct.unpack_from("<I", data, 0)[0] if at is None else at
        self._vtable = self._at - struct.unpack_from("<i", data, self._at)[0]
        if self._vtable < 0:
            raise IndexError("vtable")
        self._fields = (struct.unpack_from("<H", data, self._vtable)[0] - 4) // 2

    def _place(self, field: int) -> int | None:
        if field >= self._fields:
            return None
        offset = struct.unpack_from("<H", self._data, self._vtable + 4 + 2 * field)[0]
        return self._at + offset if offset else None

    def byte(self, field: int) -> int:
        place = self._place(field)
        return 0 if place is None else self._data[place]

    def long(self, field: int) -> int:
        place = self._place(field)
        return 0 if place is None else int(struct.unpack_from("<q", self._data, place)[0])

    def table(self, field: int) -> _Table | None:
        place = self._place(field)
        if place is None:
            return None
        return _Table(self._data, place + struct.unpack_from("<I", self._data, place)[0])
