"""Walk the page headers of a Parquet column chunk, so that what decoding will cost is known before it begins.

The footer's sizes are the publisher's word; each page header repeats them, and the decoder believes the page header.
parquet-format, `parquet.thrift`: PageHeader, DataPageHeader, DictionaryPageHeader, DataPageHeaderV2.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from exchange.batch.thrift import Bytes, Struct, read_struct
from exchange.errors import LimitExceededError, MalformedError

# PageHeader: type, uncompressed_page_size, compressed_page_size; then the header of each type.
_TYPE, _INFLATED, _STORED = 1, 2, 3
_BY_TYPE: Final = {0: 5, 2: 7, 3: 8}
_DICTIONARY: Final = 2
# Within those: num_values, and encoding, which stands elsewhere in version 2.
_VALUES: Final = 1
_ENCODING: Final = {0: 2, 2: 2, 3: 4}
# Each value repeats a prefix of the one before, so a page may unfold to any size, and nothing in it says to which.
_DELTA_BYTE_ARRAY: Final = 7
_PEEK: Final = 256
_MAX_HEADER: Final = 1 << 20

ReadAt = Callable[[int, int], Bytes]
"""(offset, size) → at most so many bytes."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """A column chunk as the footer declares it: where, how large, how large inflated, how many values."""

    name: str
    offset: int
    stored: int
    inflated: int
    values: int


def walk_pages(read_at: ReadAt, chunk: Chunk) -> None:
    """Check that the pages are what the footer declares; raises MalformedError, LimitExceededError.

    Sums of page sizes stay within the chunk's, of values within its values, and no page uses an encoding whose
    decoded size is not declared.
    """
    position, end = chunk.offset, chunk.offset + chunk.stored
    inflated = values = 0
    while position < end and values < chunk.values:
        header, size = _header(read_at, position, end, chunk.name)
        stored = _number(header, _STORED, chunk.name)
        inflated += _number(header, _INFLATED, chunk.name) + size
        position += size + stored
        if position > end or inflated > chunk.inflated:
            raise LimitExceededError(f"column {chunk.name}: pages are larger than the footer declares")
        values += _values(header, chunk)
    if values != chunk.values:
        raise MalformedError(f"column {chunk.name}: pages hold {values} values, the footer {chunk.values}")


def _header(read_at: ReadAt, position: int, end: int, name: str) -> tuple[Struct, int]:
    size = _PEEK
    while True:
        data = read_at(position, min(size, end - position))
        try:
            return read_struct(data, 0)
        except IndexError:
            if size >= min(_MAX_HEADER, end - position):
                raise MalformedError(f"column {name}: a page header has no end") from None
        size *= 16


def _values(header: Struct, chunk: Chunk) -> int:
    kind = _number(header, _TYPE, chunk.name)
    if kind not in _BY_TYPE:
        return 0
    inner = header.get(_BY_TYPE[kind])
    if not isinstance(inner, dict):
        raise MalformedError(f"column {chunk.name}: a page header lacks its details")
    values = _number(inner, _VALUES, chunk.name)
    if kind == _DICTIONARY:
        if values > chunk.values:
            raise LimitExceededError(f"column {chunk.name}: its dictionary has more values than the column")
        return 0
    if inner.get(_ENCODING[kind]) == _DELTA_BYTE_ARRAY:
        raise LimitExceededError(
            f"column {chunk.name}: encoding DELTA_BYTE_ARRAY does not declare its decoded size; "
            "use PLAIN or a dictionary"
        )
    return values


def _number(struct: Struct, field: int, name: str) -> int:
    number = struct.get(field)
    if not isinstance(number, int) or number < 0:
        raise MalformedError(f"column {name}: a page header lacks a size or has a negative one")
    return number
