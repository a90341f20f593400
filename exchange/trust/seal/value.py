"""Values of a column as byte strings and back, whole columns at a time.

A sealed value is its length (four bytes, little-endian; all ones for NULL), the value as Arrow keeps it in memory, and
zeros up to 16, 32, 64, 128, … bytes. So neither NULL nor the exact length of a text shows.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import types

from exchange.errors import InvalidInputError, LimitExceededError, MalformedError
from exchange.trust.seal.cell import BLOCK, MAX_ASSOCIATED, Bools, Bytes, Ints, Packed, associated_data

MAX_VALUE: Final = 1 << 20
_NULL: Final = 0xFFFFFFFF
_PREFIX: Final = 4


class Values:
    """Byte strings: value i is `data[starts[i] : starts[i] + lengths[i]]`, of no length where not `valid`."""

    def __init__(self, array: pa.Array) -> None:
        """Raises InvalidInputError for a type that cannot be sealed or bound."""
        width = width_of(array.type)
        self.valid: Bools = array.is_valid().to_numpy(zero_copy_only=False)
        if width is None:
            array = array.cast(pa.large_binary())
            offsets = _view(array, 1, np.dtype(np.int64), len(array) + 1)
            self.starts: Ints = offsets[:-1]
            self.lengths: Ints = np.where(self.valid, np.diff(offsets), 0)
            data = array.buffers()[2]
            self.data: Bytes = np.zeros(0, np.uint8) if data is None else np.frombuffer(data, np.uint8)
        else:
            if types.is_boolean(array.type):
                array = array.cast(pa.uint8())
            self.data = _view(array, 1, np.dtype((np.void, width)), len(array)).view(np.uint8)
            self.starts = np.arange(len(array)) * width
            self.lengths = np.where(self.valid, width, 0)

    def padded(self) -> Packed:
        """Laid out for sealing; raises LimitExceededError for a value above 1 MiB."""
        longest = int(self.lengths.max(initial=0))
        if longest > MAX_VALUE:
            raise LimitExceededError(f"a sealed value has at most {MAX_VALUE} bytes, not {longest}")
        needed = -(-(self.lengths + _PREFIX) // BLOCK)
        counts = (2 ** np.ceil(np.log2(needed))).astype(np.int64)
        packed = Packed(self.data, self.starts, self.lengths, _PREFIX, counts)
        prefix = np.where(self.valid, self.lengths, _NULL).astype("<u4")
        packed.blocks[packed.first, :_PREFIX] = prefix.view(np.uint8).reshape(-1, _PREFIX)
        return packed


def unpadded(blocks: Bytes, counts: Ints, kind: pa.DataType) -> pa.Array:
    """The array whose sealed values these are; raises MalformedError for what no publisher of ours would seal."""
    first = (np.cumsum(counts) - counts) * BLOCK
    flat = blocks.reshape(-1)
    prefix = blocks[first // BLOCK, :_PREFIX].copy().view("<u4").reshape(-1)
    valid = prefix != _NULL
    lengths = np.where(valid, prefix, 0).astype(np.int64)
    width = width_of(kind)
    if width is None:
        wrong = lengths + _PREFIX > counts * BLOCK
    else:
        wrong = valid & (lengths != width)
        lengths = np.full(len(counts), width, np.int64)
    if wrong.any():
        raise MalformedError(f"a sealed value is not of type {kind}")
    ends = np.cumsum(lengths)
    inside = np.arange(int(lengths.sum())) - np.repeat(ends - lengths, lengths)
    data = flat[np.repeat(first + _PREFIX, lengths) + inside]
    mask = pa.py_buffer(np.packbits(valid, bitorder="little").tobytes())
    if width is not None:
        return _fixed(data, mask, len(counts), kind)
    offsets = pa.py_buffer(np.concatenate([[0], ends]).astype(np.int64).tobytes())
    wide = pa.large_string() if types.is_string(kind) or types.is_large_string(kind) else pa.large_binary()
    array = pa.Array.from_buffers(wide, len(counts), [mask, offsets, pa.py_buffer(data.tobytes())])
    try:
        array.validate(full=True)
    except pa.ArrowInvalid:
        raise MalformedError("a sealed text is not UTF-8") from None
    return array.cast(kind)


def bound_data(table: pa.Table) -> Packed:
    """Every row's values, one after the other, each with its length (all ones for NULL), as associated data.

    Whole numbers and dates count as 64-bit, floats as doubles, instants in microseconds, so a column may be stored
    narrower or as a dictionary in between. Raises InvalidInputError, LimitExceededError.
    """
    parts: list[pa.Array] = []
    for column in table.columns:
        values = Values(widened(column))
        prefix = np.where(values.valid, values.lengths, _NULL).astype("<u4")
        parts.append(
            pa.FixedSizeBinaryArray.from_buffers(pa.binary(4), len(prefix), [None, pa.py_buffer(prefix)])
        )
        parts.append(_strings(values))
    nothing = pa.scalar(b"", pa.large_binary())
    joined = Values(pc.binary_join_element_wise(*[part.cast(pa.large_binary()) for part in parts], nothing))
    longest = int(joined.lengths.max(initial=0))
    if longest > MAX_ASSOCIATED:
        raise LimitExceededError(f"the key of a sealed row has at most {MAX_ASSOCIATED} bytes, not {longest}")
    return associated_data(joined.data, joined.starts, joined.lengths)


def widened(array: pa.Array | pa.ChunkedArray) -> pa.Array:
    """A column in the one form in which its values are bound."""
    if isinstance(array, pa.ChunkedArray):
        array = pa.concat_arrays(array.chunks) if array.num_chunks else pa.array([], array.type)
    if isinstance(array, pa.DictionaryArray):
        array = array.dictionary_decode()
    try:
        if types.is_timestamp(array.type):
            return array.cast(pa.timestamp("us", array.type.tz)).cast(pa.int64())
        if types.is_date(array.type):
            return array.cast(pa.date32()).cast(pa.int32()).cast(pa.int64())
        if types.is_integer(array.type):
            return array.cast(pa.int64())
        return array.cast(pa.float64()) if types.is_floating(array.type) else array
    except pa.ArrowInvalid as error:
        raise InvalidInputError(f"a value cannot be bound to: {str(error)[:120]}") from None


def width_of(kind: pa.DataType) -> int | None:
    """Bytes of a value, None for texts; raises InvalidInputError for a type that cannot be sealed."""
    if types.is_boolean(kind):
        return 1
    if types.is_integer(kind) or types.is_floating(kind) or types.is_date(kind) or types.is_timestamp(kind):
        return int(kind.bit_width // 8)
    if (
        types.is_string(kind)
        or types.is_large_string(kind)
        or types.is_binary(kind)
        or types.is_large_binary(kind)
    ):
        return None
    raise InvalidInputError(f"values of type {kind} cannot be sealed")


def _strings(values: Values) -> pa.Array:
    """The same values next to each other, NULL as the empty string."""
    ends = np.cumsum(values.lengths)
    inside = np.arange(int(values.lengths.sum())) - np.repeat(ends - values.lengths, values.lengths)
    data = values.data[np.repeat(values.starts, values.lengths) + inside]
    offsets = pa.py_buffer(np.concatenate([[0], ends]).astype(np.int64))
    return pa.Array.from_buffers(pa.large_binary(), len(ends), [None, offsets, pa.py_buffer(data.tobytes())])


def _fixed(data: Bytes, mask: pa.Buffer, rows: int, kind: pa.DataType) -> pa.Array:
    stored = pa.uint8() if types.is_boolean(kind) else kind
    array = pa.Array.from_buffers(stored, rows, [mask, pa.py_buffer(data.tobytes())])
    return array.cast(kind) if types.is_boolean(kind) else array


def _view(array: pa.Array, at: int, kind: np.dtype[np.generic], count: int) -> np.ndarray:
    buffer = array.buffers()[at]
    if buffer is None or count == 0 or len(array) == 0:
        return np.zeros(count, kind)
    return np.frombuffer(buffer, kind, count, array.offset * kind.itemsize)
