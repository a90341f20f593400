"""A record batch laid out for checking: numbers as NumPy arrays, repetitive strings as codes into a vocabulary.

A rule over strings then looks at each distinct string once, and its answer is spread over the rows by code.
Vocabularies of a few short strings carry a key, by which answers are remembered from batch to batch.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.integer[Any]]

_T = TypeVar("_T")

# so few rows are compared as quickly as words would be looked up
_FEW: Final = 64
_SAMPLE: Final = 4096
_MAX_PRODUCT: Final = 1 << 16
_MAX_KEY_VALUES: Final = 64
_MAX_KEY_BYTES: Final = 4096
_MAX_MEMORIES: Final = 20_000
_NO_WORDS: Final = pa.nulls(0, pa.string())


@dataclass(slots=True)
class Numbers:
    """Numbers, booleans, dates or instants; what stands at rows that are not `valid` means nothing."""

    data: npt.NDArray[Any]
    valid: Bools | None


@dataclass(slots=True)
class Text:
    """Strings, mostly distinct."""

    array: pa.StringArray


@dataclass(slots=True)
class Codes:
    """Strings as positions in `vocabulary`; NULL is the position after the last."""

    codes: Ints
    vocabulary: pa.StringArray
    key: Hashable | None
    has_null: bool


Series = Numbers | Text | Codes


@dataclass(frozen=True, slots=True)
class Words:
    """What a column of small batches has held so far, and the code of each."""

    codes: Mapping[str | None, int]
    vocabulary: pa.StringArray
    key: Hashable

    @classmethod
    def of(cls, words: Iterable[str]) -> Words:
        """In the order given, each once; NULL has the code after the last."""
        key = tuple(dict.fromkeys(words))
        codes: dict[str | None, int] = {word: code for code, word in enumerate(key)}
        return cls(codes | {None: len(key)}, pa.array(key, pa.string()), key)


class Memory:
    """Answers kept from batch to batch; forgets everything when full."""

    def __init__(self) -> None:
        self._known: dict[Hashable, Any] = {}
        self._words: dict[str, Words] = {}

    def coded(self, name: str, array: pa.StringArray) -> Codes | None:
        """A few strings of a column as codes into all that it has held; None where those are too many.

        Small batches differ in which words they hold, and share what they may hold: so answers are found again.
        """
        known, given = self._words.get(name) or Words.of(()), array.to_pylist()
        if not known.codes.keys() >= set(given):
            known = Words.of((*known.vocabulary.to_pylist(), *(word for word in given if word is not None)))
            if len(known.vocabulary) > _MAX_KEY_VALUES or known.vocabulary.nbytes > _MAX_KEY_BYTES:
                return None
            self._words[name] = known
        codes = np.array([known.codes[word] for word in given], np.int32)
        return Codes(codes, known.vocabulary, known.key, array.null_count > 0)

    def recall(self, key: Hashable | None, make: Callable[[], _T]) -> _T:
        """The answer kept under `key`, or a new one; never kept under None."""
        if key is None:
            return make()
        found: _T | None = self._known.get(key)
        if found is None:
            found = make()
            if len(self._known) >= _MAX_MEMORIES:
                self._known.clear()
            self._known[key] = found
        return found


@dataclass(slots=True)
class Product:
    """Every combination of some vocabularies, and where among them each row of the batch lies."""

    parts: Mapping[str, Codes]
    memory: Memory
    key: Hashable | None
    index: Ints
    _frame: Frame | None = None

    @property
    def frame(self) -> Frame:
        """The combinations as rows; made when first asked for, and for most batches the answers are remembered."""
        if self._frame is None:
            self._frame = _combinations(self.parts, self.memory)
        return self._frame


@dataclass(slots=True)
class Frame:
    """One batch. `columns` holds every column of the contract."""

    rows: int
    columns: Mapping[str, Series]
    memory: Memory
    _products: dict[tuple[str, ...], Product | None] = field(default_factory=dict)

    def product(self, names: tuple[str, ...]) -> Product | None:
        """The product of these columns' vocabularies; None if one has none, or they combine to too many."""
        if names not in self._products:
            self._products[names] = _product(self, names)
        return self._products[names]


def frame_of(batch: pa.RecordBatch, memory: Memory) -> Frame:
    """Lay a batch out; its columns are numbers, booleans, dates, instants, strings or dictionaries of strings.

    Sealed columns (binary) are left out: no rule can look at them.
    """
    columns = {
        name: _few_words(name, array, memory) or series_of(array)
        for name, array in zip(batch.schema.names, batch.columns, strict=True)
        if not pa.types.is_binary(array.type)
    }
    return Frame(batch.num_rows, columns, memory)


def _few_words(name: str, array: pa.Array, memory: Memory) -> Codes | None:
    if isinstance(array, pa.StringArray) and array.null_count < len(array) <= _FEW:
        return memory.coded(name, array)
    return None


def series_of(array: pa.Array) -> Series:
    """Lay one column out."""
    if isinstance(array, pa.StringArray) and array.null_count == len(array):
        return Codes(np.zeros(len(array), np.int32), _NO_WORDS, (), len(array) > 0)
    if isinstance(array, pa.DictionaryArray):
        if len(array.dictionary) <= len(array) + _MAX_KEY_VALUES:
            return _codes(array)
        array = array.dictionary_decode()
    if isinstance(array, pa.StringArray):
        return _codes(array.dictionary_encode()) if _repeats(array) else Text(array)
    return _numbers(array)


def _repeats(array: pa.StringArray) -> bool:
    if len(array) <= _SAMPLE:
        return len(array) > _FEW
    middle = (len(array) - _SAMPLE) // 2
    return len(array.slice(middle, _SAMPLE).unique()) <= _SAMPLE // 2


def _codes(array: pa.DictionaryArray) -> Codes:
    vocabulary = array.dictionary
    indices = array.indices
    if indices.null_count:
        indices = indices.fill_null(len(vocabulary))
    key = None
    if len(vocabulary) <= _MAX_KEY_VALUES and vocabulary.nbytes <= _MAX_KEY_BYTES:
        key = tuple(vocabulary.to_pylist())
    return Codes(indices.to_numpy(zero_copy_only=False), vocabulary, key, array.null_count > 0)


def _numbers(array: pa.Array) -> Numbers:
    valid = array.is_valid().to_numpy(zero_copy_only=False) if array.null_count else None
    if pa.types.is_boolean(array.type):
        return Numbers(array.fill_null(False).to_numpy(zero_copy_only=False), valid)
    if pa.types.is_timestamp(array.type) or pa.types.is_date(array.type):
        array = array.view(pa.int64() if array.type.bit_width == 64 else pa.int32())
    return Numbers(_raw(array), valid)


def _raw(array: pa.Array) -> npt.NDArray[Any]:
    """The values as they lie in memory, whatever stands under NULLs."""
    kind = np.dtype(array.type.to_pandas_dtype())
    data = array.buffers()[1]
    if data is None or len(array) == 0:
        return np.zeros(len(array), kind)
    return np.frombuffer(data, kind, len(array), array.offset * kind.itemsize)


def _product(frame: Frame, names: tuple[str, ...]) -> Product | None:
    parts: dict[str, Codes] = {}
    for name in names:
        series = frame.columns[name]
        if not isinstance(series, Codes):
            return None
        parts[name] = series
    sizes = [len(part.vocabulary) + 1 for part in parts.values()]
    if not parts or (math.prod(sizes) > _MAX_PRODUCT and len(parts) > 1):
        return None
    keys = tuple(part.key for part in parts.values())
    first, *others = parts.values()
    index = first.codes
    for part in others:
        index = index.astype(np.int32, copy=False) * np.int32(len(part.vocabulary) + 1)
        index += part.codes.astype(np.int32, copy=False)
    return Product(parts, frame.memory, None if None in keys else (names, *keys), index)


def _combinations(parts: Mapping[str, Codes], memory: Memory) -> Frame:
    sizes = [len(part.vocabulary) + 1 for part in parts.values()]
    ahead, behind = 1, math.prod(sizes)
    columns: dict[str, Series] = {}
    for (name, part), size in zip(parts.items(), sizes, strict=True):
        behind //= size
        places = np.tile(np.repeat(np.arange(size, dtype=np.int32), behind), ahead)
        columns[name] = Text(part.vocabulary.take(pa.array(places, mask=places == size - 1)))
        ahead *= size
    return Frame(ahead, columns, memory)
