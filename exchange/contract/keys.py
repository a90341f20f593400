"""Duplicate keys within a batch, exactly, in bounded memory.

Every row of a duplicated key is a violation: nothing inside a batch says which of them counts. Rows with a NULL
in the key are no duplicates; `required` reports them.

Up to KEPT_ROWS the key columns are kept. Beyond, each row leaves a 64-bit hash (8 bytes a row); hashes that occur
twice name candidates, which a second pass over the rows compares exactly. The hash only narrows: its quality
costs time, never correctness, and its seed is drawn per process so that collisions cannot be prepared.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from exchange.contract.frame import Bools, Codes, Frame, Memory, Numbers, Series, Text, frame_of
from exchange.contract.kernels import null_rows
from exchange.contract.model import Rule

Hashes = npt.NDArray[np.uint64]
Reread = Callable[[], Iterable[pa.RecordBatch]]

KEPT_ROWS: Final = 100_000
_SLICE: Final = 1_000_000
_MAX_WORDS: Final = 32
_BLOCK: Final = 1 << 14
_SEED: Final = np.uint64(secrets.randbits(64))
_ODD: Final = np.uint64(secrets.randbits(64) | 1)
_STEP: Final = np.uint64(0x9E3779B97F4A7C15)
_SHIFT: Final = np.uint64(29)
_LOW: Final = np.uint64((1 << 20) - 1)
_MASKS: Final = np.array([(1 << 8 * count) - 1 for count in range(9)], np.uint64)


@dataclass(frozen=True, slots=True)
class Duplicates:
    """Rows whose key occurs more than once, ascending, with the key columns of those rows."""

    rows: npt.NDArray[np.int64]
    keys: pa.Table
    complete: bool


class KeyIndex:
    """The keys of one batch under one rule, fed in the order of the rows."""

    def __init__(self, rule: Rule) -> None:
        self.rule = rule
        self._names = list(rule.columns)
        self._rows = 0
        self._kept: list[pa.RecordBatch] | None = []
        self._hashes: list[Hashes] = []

    def feed(self, batch: pa.RecordBatch, frame: Frame) -> None:
        """Take the next rows."""
        self._rows += batch.num_rows
        if self._kept is not None:
            self._kept.append(batch.select(self._names))
            if self._rows <= KEPT_ROWS:
                return
            for kept in self._kept[:-1]:
                self._hash(frame_of(kept, frame.memory))
            self._kept = None
        self._hash(frame)

    def duplicates(self, reread: Reread | None, enough: int) -> Duplicates | None:
        """What occurs twice; None if nothing does. Stops itemising once more than `enough` rows are found.

        `reread` yields the rows fed, again; raises ValueError if it is needed and missing.
        """
        if self._rows < 2:
            return None
        kept = self._kept
        if kept is not None:
            memory = Memory()
            for batch in kept:
                self._hash(frame_of(batch, memory))
        repeated, counts = _repeated(self._sorted())
        if not len(repeated):
            return None
        source = reread if kept is None else lambda: kept
        if source is None:
            raise ValueError(f"more than {KEPT_ROWS} rows were fed: finish() needs a way to read them again")
        return self._itemise(repeated, counts, source, enough)

    def _itemise(self, repeated: Hashes, counts: Any, source: Reread, enough: int) -> Duplicates | None:
        found: list[pa.Table] = []
        total = 0
        slices = _slices(repeated, counts)
        for wanted in slices:
            found.extend(_same(part, self._names) for part in self._candidates(source, wanted))
            total = sum(part.num_rows for part in found)
            if total > enough:
                break
        if not total:
            return None
        table = pa.concat_tables(found).sort_by("row")
        rows = table.column("row").to_numpy()
        return Duplicates(rows, table.drop_columns("row"), wanted is slices[-1])

    def _candidates(self, source: Reread, wanted: Hashes) -> Iterator[pa.Table]:
        memory = Memory()
        marked: Bools = np.zeros(int(_LOW) + 1, np.bool_)
        marked[wanted & _LOW] = True
        start = 0
        parts: list[pa.Table] = []
        for batch in source():
            hashes, valid = hash_rows(frame_of(batch.select(self._names), memory), self._names)
            # the low bits rule nearly all rows out before any is searched for
            maybe = np.flatnonzero(marked.take(hashes & _LOW))
            few = hashes[maybe]
            hit = wanted.take(np.searchsorted(wanted, few), mode="clip") == few
            at = maybe[hit if valid is None else hit & valid[maybe]]
            if len(at):
                chosen = batch.select(self._names).take(pa.array(at))
                parts.append(_plain(chosen).append_column("row", pa.array(at + start, pa.int64())))
            start += batch.num_rows
        if parts:
            yield pa.concat_tables(parts)

    def _hash(self, frame: Frame) -> None:
        hashes, valid = hash_rows(frame, self._names)
        self._hashes.append(hashes if valid is None else hashes[valid])

    def _sorted(self) -> Hashes:
        everything = np.empty(sum(map(len, self._hashes)), np.uint64)
        end = len(everything)
        while self._hashes:  # from the back, freeing as it goes: never twice in memory
            part = self._hashes.pop()
            everything[end - len(part) : end] = part
            end -= len(part)
        everything.sort()
        return everything


def _repeated(hashes: Hashes) -> tuple[Hashes, npt.NDArray[np.int64]]:
    twin = np.flatnonzero(hashes[1:] == hashes[:-1])
    if not len(twin):
        return hashes[:0], np.zeros(0, np.int64)
    values, extra = np.unique(hashes[twin], return_counts=True)
    return values, extra.astype(np.int64) + 1


def _slices(values: Hashes, counts: npt.NDArray[np.int64]) -> list[Hashes]:
    slice_of = (np.cumsum(counts) - counts) // _SLICE
    return np.split(values, np.flatnonzero(np.diff(slice_of)) + 1)


def _plain(batch: pa.RecordBatch) -> pa.Table:
    arrays = [
        array.dictionary_decode() if isinstance(array, pa.DictionaryArray) else array
        for array in batch.columns
    ]
    return pa.table(arrays, names=batch.schema.names)


def _same(table: pa.Table, names: list[str]) -> pa.Table:
    groups = table.group_by(names, use_threads=False).aggregate([("row", "count"), ("row", "list")])
    groups = groups.filter(pc.greater(groups.column("row_count"), 1))
    lists = groups.column("row_list").combine_chunks()
    parents = pc.list_parent_indices(lists)
    return groups.select(names).take(parents).append_column("row", pc.list_flatten(lists))


def hash_rows(frame: Frame, names: list[str]) -> tuple[Hashes, Bools | None]:
    """A 64-bit hash of the named columns per row, and which rows have no NULL among them (None: all)."""
    coded = tuple(name for name in names if isinstance(frame.columns[name], Codes))
    product = frame.product(coded) if len(coded) > 1 else None
    hashes = np.full(frame.rows, _SEED)
    valid: Bools | None = None
    if product is not None:
        key = None if product.key is None else ("hash", product.key)
        table = frame.memory.recall(key, lambda: _combined(product.frame, coded))
        _mix(hashes, table.take(product.index))
    for name in names:
        series = frame.columns[name]
        if product is None or name not in coded:
            _mix(hashes, _series_hash(series, frame.memory))
        nulls = null_rows(series)
        if nulls is not None:
            valid = ~nulls if valid is None else valid & ~nulls
    return hashes, valid


def _combined(frame: Frame, names: tuple[str, ...]) -> Hashes:
    hashes = np.full(frame.rows, _SEED)
    for name in names:
        _mix(hashes, _series_hash(frame.columns[name], frame.memory))
    return hashes


def _series_hash(series: Series, memory: Memory) -> Hashes:
    if isinstance(series, Text):
        return hash_strings(series.array)
    if isinstance(series, Codes):
        key = None if series.key is None else ("hash", series.key)
        table = memory.recall(key, lambda: np.append(hash_strings(series.vocabulary), _SEED))
        return table.take(series.codes)
    return _number_hash(series)


def _number_hash(series: Numbers) -> Hashes:
    data = series.data.astype(np.int64) if series.data.dtype.itemsize != 8 else series.data
    return data.view(np.uint64)


def _mix(hashes: Hashes, values: Hashes) -> None:
    hashes ^= values
    hashes *= _ODD
    hashes ^= hashes >> _SHIFT
    hashes *= _STEP


def hash_strings(array: pa.StringArray) -> Hashes:
    """A 64-bit hash per string from its length and its first 256 bytes, eight at a time; NULL hashes as empty."""
    count = len(array)
    _, offsets_buffer, data = array.buffers()
    if not count or offsets_buffer is None:
        return np.zeros(count, np.uint64)
    offsets = np.frombuffer(offsets_buffer, np.int32, count + 1, array.offset * 4)
    text = np.frombuffer(data, np.uint8) if data is not None else np.zeros(0, np.uint8)
    blocks = range(0, count, _BLOCK)
    return np.concatenate([_hash_block(offsets[start : start + _BLOCK + 1], text) for start in blocks])


def _hash_block(edges: npt.NDArray[np.int32], text: npt.NDArray[np.uint8]) -> Hashes:
    first, last = int(edges[0]), int(edges[-1])
    starts = edges[:-1] - np.int32(first)
    lengths = np.diff(edges)
    hashes = lengths.astype(np.uint64)
    hashes += _SEED
    padded = np.zeros((last - first) // 8 * 8 + 24, np.uint8)
    padded[: last - first] = text[first:last]
    words = padded.view(np.dtype("<u8"))
    shortest, longest = int(lengths.min()), min(int(lengths.max()), 8 * _MAX_WORDS)
    for begin in range(0, longest, 8):
        if shortest >= begin + 8:
            _mix(hashes, _words_at(words, starts + np.int32(begin)))
            continue
        inside = np.flatnonzero(lengths > begin)
        value = _words_at(words, starts[inside] + np.int32(begin))
        value &= _MASKS.take(lengths[inside] - begin, mode="clip")
        part = hashes[inside]
        _mix(part, value)
        hashes[inside] = part
    return hashes


def _words_at(words: Hashes, at: npt.NDArray[np.int32]) -> Hashes:
    """Eight bytes from each byte position, wherever it lies within a word."""
    word = at >> 3
    low = ((at & 7) << 3).astype(np.uint64)
    high = (np.uint64(64) - low) & np.uint64(63)
    upper = words.take(word + 1) << high
    upper[low == 0] = 0
    upper |= words.take(word) >> low
    return upper
