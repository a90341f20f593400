"""Wide to long: a row per line and item, in the order of the source."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from adapters.codes.factor import factor_of
from adapters.codes.unit import factor_between
from adapters.mapping.form import Item, Items
from adapters.shape.cell import Kind, read_numbers
from adapters.shape.column import Context
from adapters.shape.sheet import Heading
from exchange.contract.model import Contract
from exchange.errors import InvalidInputError

_DROPPED: Final = (Kind.EMPTY, Kind.NOT_MEASURED)
_NAMES: Final = {
    Kind.VALUE: "values",
    Kind.EMPTY: "empty",
    Kind.NOT_MEASURED: "not_measured",
    Kind.FAILED: "failed",
    Kind.BELOW: "below_limit",
    Kind.ABOVE: "above_range",
    Kind.UNREAD: "unread",
}


@dataclass(frozen=True, slots=True)
class _Heading:
    place: int
    letter: str
    code: str
    unit: str
    factor: float
    limit: float | None


@dataclass(frozen=True, slots=True)
class Long:
    """The rows of a batch: which line each is of, which heading, and the columns that items have."""

    line: npt.NDArray[np.int64]
    letters: pa.DictionaryArray
    columns: dict[str, pa.Array]
    failed: npt.NDArray[np.bool_]
    unread: npt.NDArray[np.int64]


class Widen:
    """Reads the items of one sheet. `uncoded` are the places of headings that are left out, and counted."""

    def __init__(self, items: Items, contract: Contract, context: Context) -> None:
        self._items, self._marks = items, context.form.source.cells
        self._headings: list[_Heading] = []
        self._uncoded: list[int] = []
        for text, item in items.headings.items():
            place = context.places.get(text)
            if place is None:
                continue  # a station that does not measure it has no such column
            if item.code is None:
                self._uncoded.append(place)
            else:
                self._headings.append(_heading(text, item, place, context))
        if not self._headings:
            raise InvalidInputError("没有一个项目列 / the source has none of the mapping's item columns")
        self._codes = pa.array([each.code for each in self._headings], pa.string())
        self._units = pa.array([each.unit for each in self._headings], pa.string())
        self._letters = pa.array([each.letter for each in self._headings], pa.string())

    def read(self, lines: pa.RecordBatch, counts: Counter[str]) -> Long:
        """The rows of a batch; counts what is in the cells."""
        shape = (lines.num_rows, len(self._headings))
        values, kinds = np.empty(shape), np.empty(shape, np.uint8)
        for at, heading in enumerate(self._headings):
            found = read_numbers(lines.column(heading.place), self._marks)
            values[:, at] = found.values if heading.factor == 1.0 else found.values * heading.factor
            kinds[:, at] = found.kinds
            self._fill(heading, values[:, at], kinds[:, at], counts)
        for kind, count in enumerate(np.bincount(kinds.reshape(-1), minlength=len(Kind))):
            counts[_NAMES[Kind(kind)]] += int(count)
        for place in self._uncoded:
            left = read_numbers(lines.column(place), self._marks).kinds
            counts["uncoded"] += int((~np.isin(left, _DROPPED)).sum())
        return self._long(values.reshape(-1), kinds.reshape(-1))

    def _fill(self, heading: _Heading, values: Any, kinds: Any, counts: Counter[str]) -> None:
        if heading.limit is None:
            return
        limit = heading.limit * heading.factor
        counts["fills"] += int((np.isclose(values, limit, rtol=1e-9) & (kinds == Kind.VALUE)).sum())
        unknown = (kinds == Kind.BELOW) & np.isnan(values)
        values[unknown] = limit

    def _long(self, values: npt.NDArray[np.float64], kinds: npt.NDArray[np.uint8]) -> Long:
        width, items = len(self._headings), self._items
        kept = np.flatnonzero((kinds != Kind.EMPTY) & (kinds != Kind.NOT_MEASURED))
        whole = len(kept) == len(kinds)
        value, kind = (values, kinds) if whole else (values[kept], kinds[kept])
        line = kept // width
        heading = (kept - line * width).astype(np.int8 if width < 128 else np.int16)
        at = pa.array(heading)
        columns = {items.code: pa.DictionaryArray.from_arrays(at, self._codes)}
        columns[items.value] = _nullable(value)
        if items.unit:
            columns[items.unit] = pa.DictionaryArray.from_arrays(at, self._units)
        below, above = kind == Kind.BELOW, kind == Kind.ABOVE
        if items.qualifier:
            sign = np.where(below, 0, 1).astype(np.int8)
            signs = pa.array(sign, mask=~(below | above))
            columns[items.qualifier] = pa.DictionaryArray.from_arrays(signs, pa.array(["<", ">"]))
        if items.limit:
            columns[items.limit] = pa.array(value, mask=~below | np.isnan(value))
        letters = pa.DictionaryArray.from_arrays(at, self._letters)
        return Long(line, letters, columns, kind == Kind.FAILED, np.flatnonzero(kind == Kind.UNREAD))


def _nullable(values: npt.NDArray[np.float64]) -> pa.Array:
    missing = np.isnan(values)
    return pa.array(values, mask=missing) if missing.any() else pa.array(values)


def _heading(text: str, item: Item, place: int, context: Context) -> _Heading:
    letter = context.sheet.letters[place]
    found = factor_of(item.code or "") or factor_of(Heading.parse(text).name)
    code = found.code if found else str(item.code)
    given = item.unit or Heading.parse(context.sheet.headings[place]).unit
    unit = found.unit if found else given
    if unit is None or (given is None and unit != "1"):
        raise InvalidInputError(
            f"列 {text} 没有单位，请在映射中写明 unit / column {text} names no unit: say `unit` in the mapping"
        )
    factor = factor_between(given or "1", unit, item.stated_as)
    return _Heading(place, letter, code, unit, factor, item.limit)


def set_failed(array: pa.Array, failed: npt.NDArray[np.bool_], instead_of: str, instead: str) -> pa.Array:
    """A column of words, with another word where a measurement failed that would say `instead_of`."""
    if not failed.any():
        return array
    plain = array.dictionary_decode() if pa.types.is_dictionary(array.type) else array
    change = pc.and_(pa.array(failed), pc.equal(plain, instead_of).fill_null(False))
    return pc.if_else(change, pa.scalar(instead), plain)
