"""Rows as a stream of bytes, in one of four encodings, a batch at a time.

The same rows in the same batches give the same bytes: a reader that comes back after a break goes on at an offset.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from enum import StrEnum
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyarrow import csv, types

STREAM_TYPE: Final = "application/vnd.hechuan.stream+json"
"""Payload type of the statement that ends a stream."""
_ROWS: Final = 1 << 16
_ROW_GROUP: Final = 1 << 17
_CONTROL: Final = "[\\x00-\\x1f]"


class Encoding(StrEnum):
    """Encodings of an answer; the names stand in signed statements."""

    PARQUET = "parquet"
    ARROW_STREAM = "arrow_stream"
    CSV = "csv"
    NDJSON = "ndjson"


def encode_stream(
    batches: Iterable[pa.RecordBatch], schema: pa.Schema, encoding: Encoding
) -> Iterator[bytes]:
    """Encode batches of `schema`, which has no dictionaries; memory is that of a batch, of a row group for Parquet.

    CSV: RFC 4180, a header, NULL as an empty cell. NDJSON: one object per line, NULL as null, as are NaN and the
    infinities; instants as RFC 3339. Arrow (buffers compressed with Zstandard) and Parquet: the
    schema's own types.
    """
    return _ENCODERS[encoding](_even(batches, schema), schema)


def _even(batches: Iterable[pa.RecordBatch], schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    """The same rows, _ROWS at a time, so that the bytes do not depend on how they came."""
    pending: list[pa.RecordBatch] = []
    rows = 0
    for batch in batches:
        pending.append(batch)
        rows += batch.num_rows
        while rows >= _ROWS:
            table = pa.Table.from_batches(pending, schema)
            yield _compact(table.slice(0, _ROWS))
            pending, rows = table.slice(_ROWS).to_batches(), rows - _ROWS
    if rows:
        yield _compact(pa.Table.from_batches(pending, schema))


def _compact(table: pa.Table) -> pa.RecordBatch:
    # A slice keeps what lies around it, and its bytes would tell; two chunks are always copied into one.
    arrays = [
        _blanked(pa.concat_arrays([*column.chunks, pa.array([], column.type)])) for column in table.columns
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=table.schema)


def _blanked(array: pa.Array) -> pa.Array:
    """The same values, with zeros where it is NULL: whatever a reader has left there would tell."""
    if not array.null_count or not types.is_primitive(array.type):
        return array
    filled = array.fill_null(pa.scalar(False if types.is_boolean(array.type) else 0, array.type))
    return pa.Array.from_buffers(
        array.type, len(array), [pc.is_valid(array).buffers()[1], filled.buffers()[1]]
    )


class _Sink:
    """A file that hands over what was written to it."""

    closed = False

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._position = 0

    def write(self, data: Any) -> int:
        part = bytes(data)
        self._parts.append(part)
        self._position += len(part)
        return len(part)

    def tell(self) -> int:
        return self._position

    def readable(self) -> bool:
        return False

    def writable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return False

    def flush(self) -> None:
        """Nothing is held back."""

    def close(self) -> None:
        self.closed = True

    def take(self) -> Iterator[bytes]:
        """What has been written since the last time."""
        data, self._parts = b"".join(self._parts), []
        if data:
            yield data


def _arrow(batches: Iterable[pa.RecordBatch], schema: pa.Schema) -> Iterator[bytes]:
    sink = _Sink()
    # Zstandard costs less than the hashing, encryption and copying of the bytes that it saves.
    options = pa.ipc.IpcWriteOptions(compression="zstd")
    with pa.ipc.new_stream(pa.PythonFile(sink, "w"), schema, options=options) as writer:
        yield from sink.take()
        for batch in batches:
            writer.write_batch(batch)
            yield from sink.take()
    yield from sink.take()


def _parquet(batches: Iterable[pa.RecordBatch], schema: pa.Schema) -> Iterator[bytes]:
    sink = _Sink()
    with pq.ParquetWriter(
        pa.PythonFile(sink, "w"), schema, compression="zstd", compression_level=1
    ) as writer:
        pending: list[pa.RecordBatch] = []
        rows = 0
        for batch in batches:
            pending.append(batch)
            rows += batch.num_rows
            if rows >= _ROW_GROUP:
                writer.write_table(pa.Table.from_batches(pending, schema), row_group_size=rows)
                pending, rows = [], 0
                yield from sink.take()
        if rows:
            writer.write_table(pa.Table.from_batches(pending, schema), row_group_size=rows)
    yield from sink.take()


def _csv(batches: Iterable[pa.RecordBatch], schema: pa.Schema) -> Iterator[bytes]:
    sink = _Sink()
    kinds = [pa.string() if types.is_binary(field.type) else field.type for field in schema]
    readable = pa.schema(list(zip(schema.names, kinds, strict=True)))
    with csv.CSVWriter(pa.PythonFile(sink, "w"), readable) as writer:
        for batch in batches:
            arrays = [_hex(array) if types.is_binary(array.type) else array for array in batch.columns]
            writer.write_batch(pa.RecordBatch.from_arrays(arrays, schema=readable))
            yield from sink.take()
    yield from sink.take()


def _ndjson(batches: Iterable[pa.RecordBatch], schema: pa.Schema) -> Iterator[bytes]:
    names = [
        ("," if at else "{") + json.dumps(name, ensure_ascii=False) + ":"
        for at, name in enumerate(schema.names)
    ]
    for batch in batches:
        for start in range(0, batch.num_rows, _ROWS):
            part = batch.slice(start, _ROWS)
            pieces: list[Any] = []
            for name, array in zip(names, part.columns, strict=True):
                pieces += [pa.scalar(name), _json(array)]
            lines = pc.binary_join_element_wise(*pieces, pa.scalar("}\n"), "")
            # The values of a string array lie one after the other: they are the text.
            yield (
                pc.binary_join(pa.ListArray.from_arrays([0, len(lines)], lines), "")[0]
                .as_buffer()
                .to_pybytes()
            )


def _json(array: pa.Array) -> pa.StringArray:
    """Each value as JSON text."""
    if types.is_binary(array.type):
        array = _hex(array)
    kind = array.type
    if types.is_string(kind):
        return _quoted(array).fill_null("null")
    if types.is_floating(kind):
        array = pc.if_else(pc.is_finite(array), array, pa.scalar(None, kind))
    text = array.cast(pa.string())
    if types.is_timestamp(kind):
        text = pc.replace_substring(text, " ", "T")
    if types.is_temporal(kind):
        text = pc.binary_join_element_wise('"', text, '"', "")
    return text.fill_null("null")


def _hex(array: pa.BinaryArray) -> pa.StringArray:
    """Sealed cells as lower-case hex, the whole column at once."""
    offsets = np.frombuffer(array.buffers()[1], np.int32)[array.offset : array.offset + len(array) + 1]
    data = array.buffers()[2]
    digits = b"" if data is None else memoryview(data)[offsets[0] : offsets[-1]].hex().encode()
    doubled = pa.array((offsets - offsets[0]) * 2, pa.int32())
    text = pa.StringArray.from_buffers(len(array), doubled.buffers()[1], pa.py_buffer(digits))
    return pc.if_else(array.is_valid(), text, pa.scalar(None, pa.string()))


def _quoted(text: pa.StringArray) -> pa.StringArray:
    text = pc.replace_substring(pc.replace_substring(text, "\\", "\\\\"), '"', '\\"')
    if pc.any(pc.match_substring_regex(text, _CONTROL)).as_py():
        for code in range(0x20):
            text = pc.replace_substring(text, chr(code), f"\\u{code:04x}")
    return pc.binary_join_element_wise('"', text, '"', "")


_ENCODERS: Final = {
    Encoding.PARQUET: _parquet,
    Encoding.ARROW_STREAM: _arrow,
    Encoding.CSV: _csv,
    Encoding.NDJSON: _ndjson,
}
