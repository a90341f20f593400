"""Columns that the hub keeps and cannot read: a contract's `restricted` columns, sealed on the publisher's side.

A sealed column is of type `binary`. Every cell stands for itself, so that whoever gets some of the rows, in whatever
order and from whatever batches, can open just these:

    first 8 bytes of the batch key's id ‖ row number (8 bytes) ‖ ciphertext (16, 32, 64, … bytes) ‖ tag (16 bytes)

The cipher is AES-256-CCM with the row number as nonce. The key is derived for each column from the batch key, the
dataset, the column's name and type; the associated data are the row's values in the columns that the batch key is
bound to, the contract's primary key. A cell therefore opens only in its own column, beside its own primary key, and
not at all when a bit of it is changed. A batch key seals each row number once, and a batch has a key of its own, so no
nonce comes twice. NULL is sealed like a value and does not show, nor does a text's exact length; that a column is
sealed, how many rows there are, and the rough length of long texts do. Equal values look different.

*What Query must deliver*: the cells as they are and, in every answer that holds a sealed column, the columns of the
primary key in full precision. Nothing else: batch and row number stand in the cell. The hub checks type (`binary`),
primary key, references, periods and everything about the other columns; whether a sealed value is there and in range
the publisher checks before sealing. A sealed column can be neither filtered by, nor part of a key.

*What a hostile hub could do, and what shows it*

- read a cell: it lacks the key.
- change, cut or invent a cell, put NULL in its place: the cell does not open.
- swap the cells of two rows or columns, or take one of another dataset: it does not open, for primary key, column or
  dataset differ.
- put the cell of an older batch beside the same primary key: with several sealed columns it shows, for the cells of a
  row must agree on batch and row number. Otherwise the key's id is not the one in the manifest of the row's batch, and
  the signed trailer of the answer contradicts the objects.
- change the other columns of a row: as without seals, the signed trailer contradicts objects that the publisher signed.
- hand out a key wrapped for another reader or agreement: it does not open, for HPKE is bound to both.

Readers of one batch share its key and could forge cells for each other, though not the publisher's signature over the
batch: where that matters, fetch the object, check its digest against the manifest, and open from there. Whoever has had
a key keeps what it opens; ending an agreement ends only the wrapping of further keys.

Sources: NIST SP 800-38C, RFC 3610 (CCM), RFC 5869 (HKDF), RFC 9180 (HPKE); PIPL art. 28, 51.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import numpy as np
import pyarrow as pa
from pyarrow import types as kinds

from exchange.errors import (
    InvalidInputError,
    MalformedError,
    NotFoundError,
    SchemaMismatchError,
    SignatureInvalidError,
)
from exchange.trust.seal.batch import BatchKey
from exchange.trust.seal.cell import BLOCK, Bytes, Ints, Packed
from exchange.trust.seal.value import MAX_VALUE, Values, bound_data, unpadded

_ROWS: Final = 1 << 15  # as many at a time, so that what is worked on stays in the processor's cache
_AROUND: Final = 2  # blocks of a cell that are not ciphertext
_MAX_BLOCKS: Final = 2 * MAX_VALUE // BLOCK


def seal_columns(table: pa.Table, columns: Sequence[str], key: BatchKey) -> pa.Table:
    """The table with these columns sealed, all others as they were. All sealed columns of a row go in one call.

    Raises SchemaMismatchError for a column that is missing, InvalidInputError for a type that cannot be sealed, a bound
    column, or a key that was not made here; LimitExceededError for a value above 1 MiB.
    """
    _check(table, columns, key.bound)
    if not columns:
        return table
    number = key.take(table.num_rows)
    sealed: dict[str, list[pa.Array]] = {name: [] for name in columns}
    for start in range(0, table.num_rows, _ROWS):
        part = table.slice(start, _ROWS)
        associated = bound_data(part.select(list(key.bound)))
        numbers = np.arange(number + start, number + start + part.num_rows)
        for name in columns:
            sealed[name].append(_sealed(_whole(part[name]), name, numbers, associated, key))
    for name, chunks in sealed.items():
        at = table.schema.get_field_index(name)
        table = table.set_column(at, pa.field(name, pa.binary()), pa.chunked_array(chunks, pa.binary()))
    return table


def open_columns(
    table: pa.Table, columns: Sequence[str], types: Mapping[str, pa.DataType], keys: Iterable[BatchKey]
) -> pa.Table:
    """The table with these columns opened and of the contract's `types`; rows may be of several batches.

    Raises NotFoundError where a cell's key is not among `keys`, MalformedError for what is no cell, and
    SignatureInvalidError for a cell that was changed, or stands in a row or column that is not its own. Either all
    cells open or nothing is returned.
    """
    known = {key.short: key for key in keys}
    for name in columns:
        if name not in types:
            raise InvalidInputError(f"the type of column {name} is not given")
    _check(table, columns, ())
    try:
        table.validate(full=True)
    except pa.ArrowInvalid as error:
        raise MalformedError(f"not a table: {str(error)[:120]}") from None
    opened: dict[str, list[pa.Array]] = {name: [] for name in columns}
    for start in range(0, table.num_rows if columns else 0, _ROWS):
        for name, array in _opened(table.slice(start, _ROWS), columns, types, known, start).items():
            opened[name].append(array)
    for name, chunks in opened.items():
        at = table.schema.get_field_index(name)
        table = table.set_column(at, pa.field(name, types[name]), pa.chunked_array(chunks, types[name]))
    return table


def _check(table: pa.Table, columns: Sequence[str], bound: Sequence[str]) -> None:
    for name in (*columns, *bound):
        if table.column_names.count(name) != 1:
            raise SchemaMismatchError(f"column {name} is missing or there twice")
    if set(columns) & set(bound) or len(set(columns)) != len(columns):
        raise InvalidInputError("a column is sealed once, and never one that cells are bound to")


def _sealed(array: pa.Array, name: str, numbers: Ints, associated: Packed, key: BatchKey) -> pa.Array:
    packed = Values(array).padded()
    body, tags = key.cells(name, array.type).seal(numbers, packed.counts, packed.blocks, associated)
    sizes = packed.counts + _AROUND
    ends = np.cumsum(sizes)
    cells = np.empty((int(ends[-1]), BLOCK), np.uint8)
    first, last, inside = _places(sizes)
    cells[first, :8] = np.frombuffer(key.short, np.uint8)
    cells[first, 8:] = numbers.astype(">u8").view(np.uint8).reshape(-1, 8)
    cells[last] = tags
    cells[inside] = body
    offsets = np.concatenate([[0], ends * BLOCK]).astype(np.int64)
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(cells.reshape(-1))]
    return pa.Array.from_buffers(pa.large_binary(), len(sizes), buffers).cast(pa.binary())


class _Column:
    """Cells of one column, taken apart."""

    def __init__(self, array: pa.Array, name: str) -> None:
        if not (kinds.is_binary(array.type) or kinds.is_large_binary(array.type)):
            raise SchemaMismatchError(f"column {name} is {array.type}; sealed ones are binary")
        values = Values(array)
        if not values.valid.all():
            raise SignatureInvalidError(f"column {name}: a sealed cell is gone; NULL is sealed like a value")
        self.counts: Ints = values.lengths // BLOCK - _AROUND
        odd = (values.lengths % BLOCK != 0) | (self.counts < 1) | (self.counts > _MAX_BLOCKS)
        if odd.any() or (self.counts & (self.counts - 1)).any():
            raise MalformedError(f"column {name}: a cell is cut short, or is none")
        start = int(values.starts[0])
        blocks = values.data[start : start + int(values.lengths.sum())].reshape(-1, BLOCK)
        first, last, inside = _places(self.counts + _AROUND)
        self.heads: Bytes = blocks[first]
        self.tags: Bytes = blocks[last]
        self.body: Bytes = blocks[inside]


def _opened(
    part: pa.Table,
    columns: Sequence[str],
    types: Mapping[str, pa.DataType],
    known: Mapping[bytes, BatchKey],
    start: int,
) -> dict[str, pa.Array]:
    """One part, batch by batch, in the order in which it came."""
    taken = {name: _Column(_whole(part[name]), name) for name in columns}
    heads = [column.heads for column in taken.values()]
    if any((head != heads[0]).any() for head in heads):
        raise SignatureInvalidError("the sealed cells of a row are not of one batch and row")
    ids, groups = np.unique(heads[0][:, :8].copy().view(">u8").reshape(-1), return_inverse=True)
    if len(ids) == 1:
        return _of_one_key(part, taken, types, known, np.arange(part.num_rows) + start)
    order = np.argsort(groups, kind="stable")
    pieces: dict[str, list[pa.Array]] = {name: [] for name in columns}
    for group in range(len(ids)):
        rows = np.flatnonzero(groups == group)
        some = part.take(pa.array(rows))
        found = {name: _Column(_whole(some[name]), name) for name in columns}
        for name, array in _of_one_key(some, found, types, known, rows + start).items():
            pieces[name].append(array)
    back = pa.array(np.argsort(order, kind="stable"))
    return {name: pa.concat_arrays(arrays).take(back) for name, arrays in pieces.items()}


def _of_one_key(
    part: pa.Table,
    taken: Mapping[str, _Column],
    types: Mapping[str, pa.DataType],
    known: Mapping[bytes, BatchKey],
    rows: Ints,
) -> dict[str, pa.Array]:
    heads = next(iter(taken.values())).heads
    short = heads[0, :8].tobytes()
    key = known.get(short)
    if key is None:
        raise NotFoundError(f"there is no key for row {rows[0]}, sealed under seal-1:{short.hex()}…")
    _check(part, (), key.bound)
    associated = bound_data(part.select(list(key.bound)))
    numbers = heads[:, 8:].copy().view(">u8").reshape(-1).astype(np.int64)
    opened = {}
    for name, column in taken.items():
        cells = key.cells(name, types[name])
        plain, right = cells.open(numbers, column.counts, column.body, column.tags, associated)
        if not right.all():
            wrong = rows[~right]
            raise SignatureInvalidError(
                f"column {name}: {len(wrong)} cells do not open, the first in row {wrong[0]}: changed, "
                "or of another row, column, type or key"
            )
        opened[name] = unpadded(plain, column.counts, types[name])
    return opened


def _places(sizes: Ints) -> tuple[Ints, Ints, np.ndarray]:
    """Of cells of so many blocks: their first, their last, and where the others are."""
    last = np.cumsum(sizes) - 1
    first = last - sizes + 1
    inside = np.ones(int(sizes.sum()), np.bool_)
    inside[first] = False
    inside[last] = False
    return first, last, inside


def _whole(column: pa.ChunkedArray) -> pa.Array:
    """A column in one piece, its dictionary taken out."""
    array = pa.concat_arrays(column.chunks) if column.num_chunks != 1 else column.chunk(0)
    return array.dictionary_decode() if isinstance(array, pa.DictionaryArray) else array
