"""A Parquet footer read by ourselves, as far as its promises about size go.

Arrow's accessors to a column chunk end the process where a codec or type is none that it knows; a hub reads what
strangers send, so the numbers come from here and Arrow sees the file only once they hold.
Source: parquet-format, `parquet.thrift`: FileMetaData, RowGroup, ColumnChunk, ColumnMetaData, SchemaElement.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from exchange.batch.limit import Limits, bounded
from exchange.batch.page import Chunk
from exchange.batch.thrift import Bytes, Struct, read_struct
from exchange.errors import MalformedError

# FileMetaData
_SCHEMA, _ROWS, _GROUPS = 2, 3, 4
# SchemaElement
_KIND, _NAME, _CHILDREN = 1, 4, 5
# RowGroup
_COLUMNS, _GROUP_ROWS = 1, 3
# ColumnChunk
_FILE_PATH, _META, _CRYPTO, _SEALED = 1, 3, 8, 9
# ColumnMetaData
_TYPE, _PATH, _CODEC, _VALUES, _INFLATED, _STORED, _DATA, _DICTIONARY = 1, 3, 4, 5, 6, 7, 9, 11
_KINDS: Final = range(8)
# UNCOMPRESSED SNAPPY GZIP LZO BROTLI LZ4 ZSTD LZ4_RAW; nothing reads LZO any more
_CODECS: Final = frozenset({0, 1, 2, 4, 5, 6, 7})
_BYTE_ARRAY: Final = 6


@dataclass(frozen=True, slots=True)
class Declared:
    """What a footer says. `plain`: no chunk is compressed. `repeated`: strings that have a dictionary, by name."""

    rows: int
    columns: int
    groups: int
    chunks: tuple[Chunk, ...]
    plain: bool
    repeated: tuple[str, ...]


def read_footer(data: Bytes, end: int, limit: Limits) -> Declared:
    """Read a footer and hold its numbers against the limits and one another; `end`: where it begins in the file.

    Raises MalformedError and LimitExceededError.
    """
    try:
        file, _ = read_struct(data, 0)
    except IndexError:
        raise MalformedError("the Parquet footer ends in the middle of a value") from None
    rows, groups = _number(file, _ROWS), list(_structs(file, _GROUPS))
    paths = list(_leaves(list(_structs(file, _SCHEMA)), limit))
    bounded("rows", rows, limit.batch_rows)
    bounded("columns", len(paths), limit.columns)
    bounded("row groups", len(groups), limit.row_groups)
    reader = _Groups(paths, end, limit)
    counted = sum(reader.read(number, group) for number, group in enumerate(groups))
    if counted != rows:
        raise MalformedError(f"the row groups hold {counted} rows, the Parquet footer says {rows}")
    bounded("uncompressed bytes", reader.inflated, limit.uncompressed_bytes)
    return Declared(
        rows,
        len(paths),
        len(groups),
        tuple(reader.chunks),
        reader.plain,
        tuple(dict.fromkeys(reader.repeated)),
    )


class _Groups:
    """Row groups, one after the other."""

    def __init__(self, paths: list[bytes], end: int, limit: Limits) -> None:
        self._paths = paths
        self._end = end
        self._limit = limit
        self.chunks: list[Chunk] = []
        self.inflated = 0
        self.plain = True
        self.repeated: list[str] = []

    def read(self, number: int, group: Struct) -> int:
        """Take one row group; how many rows it has."""
        rows, columns = _number(group, _GROUP_ROWS), list(_structs(group, _COLUMNS))
        if len(columns) != len(self._paths):
            raise MalformedError(
                f"row group {number} has {len(columns)} columns, the schema {len(self._paths)}"
            )
        inflated = 0
        for path, column in zip(self._paths, columns, strict=True):
            inflated += self._column(path, column, rows)
        bounded(f"uncompressed bytes of row group {number}", inflated, self._limit.row_group_bytes)
        self.inflated += inflated
        return rows

    def _column(self, path: bytes, column: Struct, rows: int) -> int:
        name = path.decode("utf-8", "replace")[:80]
        meta = column.get(_META)
        if _CRYPTO in column or _SEALED in column or not isinstance(meta, dict):
            raise MalformedError(f"column {name} is encrypted")
        parts = meta.get(_PATH)
        if (
            not isinstance(parts, list)
            or b".".join(part for part in parts if isinstance(part, bytes)) != path
        ):
            raise MalformedError(f"column {name}: its place in the schema and in the row group differ")
        codec, kind = _number(meta, _CODEC), _number(meta, _TYPE)
        if codec not in _CODECS or kind not in _KINDS:
            raise MalformedError(f"column {name} has a type or compression that Parquet does not know")
        self.plain = self.plain and codec == 0
        start, stored, inflated = _number(meta, _DATA), _number(meta, _STORED), _number(meta, _INFLATED)
        values, dictionary = _number(meta, _VALUES), meta.get(_DICTIONARY)
        if isinstance(dictionary, int) and dictionary > 0:
            start = min(start, dictionary)
            if kind == _BYTE_ARRAY:
                self.repeated.append(path.decode("utf-8", "replace"))
        if column.get(_FILE_PATH) or start + stored > self._end:
            raise MalformedError(f"column {name}: its pages are not within the file")
        if b"." not in path and values != rows:
            raise MalformedError(f"column {name} has {values} values in {rows} rows")
        self.chunks.append(Chunk(name, start, stored, inflated, values))
        return inflated


def _leaves(schema: list[Struct], limit: Limits) -> Iterator[bytes]:
    """Paths of the columns, from the schema's flattened tree."""
    if not schema:
        raise MalformedError("the Parquet footer has no schema")
    position, stack = 1, [(b"", _children(schema[0]))]
    while stack:
        path, left = stack.pop()
        if not left:
            continue
        if position >= len(schema):
            raise MalformedError("the Parquet schema ends before its tree does")
        stack.append((path, left - 1))
        element, position = schema[position], position + 1
        name = element.get(_NAME)
        if not isinstance(name, bytes):
            raise MalformedError("a column of the Parquet schema has no name")
        inner = path + b"." + name if path else name
        bounded("levels of nesting", len(stack), limit.nesting)
        if _children(element):
            stack.append((inner, _children(element)))
        elif _KIND in element:
            yield inner
        else:
            raise MalformedError("a column of the Parquet schema has no type")
    if position != len(schema):
        raise MalformedError("the Parquet schema has more than its tree")


def _children(element: Struct) -> int:
    return _number(element, _CHILDREN) if _CHILDREN in element else 0


def _structs(struct: Struct, field: int) -> Iterator[Struct]:
    items = struct.get(field, [])
    if not isinstance(items, list) and items != 0:
        raise MalformedError("the Parquet footer has a list of the wrong kind")
    for item in items if isinstance(items, list) else []:
        if not isinstance(item, dict):
            raise MalformedError("the Parquet footer has a list of the wrong kind")
        yield item


def _number(struct: Struct, field: int) -> int:
    number = struct.get(field)
    if not isinstance(number, int) or number < 0:
        raise MalformedError("the Parquet footer lacks a number or has a negative one")
    return number
