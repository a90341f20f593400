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
from adapters.shape.cell import Bools, Bytes, Floats, Kind, Numbers, Places, read_numbers
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
    """The rows of a batch: which line each is of, which heading, and the columns that items have.

    `failed` and `unread` are rows, ascending.
    """

    line: Places
    letters: pa.DictionaryArray
    columns: dict[str, pa.Array]
    failed: Places
    unread: Places


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
        width = len(self._headings)
        values = np.empty((lines.num_rows, width))
        places, kinds = [], []
        for at, heading in enumerate(self._headings):
            found = read_numbers(lines.column(heading.place), self._marks)
            values[:, at] = found.values if heading.factor == 1.0 else found.values * heading.factor
            self._fill(heading, values[:, at], found, counts)
            places.append(found.odd * width + at)
            kinds.append(found.odd_kinds)
        odd, kind = np.concatenate(places), np.concatenate(kinds)
        order = np.argsort(odd)
        counts["values"] += values.size - len(odd)
        for each, count in enumerate(np.bincount(kind, minlength=len(Kind))):
            counts[_NAMES[Kind(each)]] += int(count)
        for place in self._uncoded:
            left = read_numbers(lines.column(place), self._marks)
            counts["uncoded"] += lines.num_rows - int(np.isin(left.odd_kinds, _DROPPED).sum())
        return self._long(values, odd[order], kind[order])

    def _fill(self, heading: _Heading, values: Floats, found: Numbers, counts: Counter[str]) -> None:
        if heading.limit is None:
            return
        limit = heading.limit * heading.factor
        filled = np.isclose(values, limit, rtol=1e-9)
        filled[found.odd[found.odd_kinds != Kind.VALUE]] = False
        counts["fills"] += int(filled.sum())
        below = found.odd[found.odd_kinds == Kind.BELOW]
        values[below[np.isnan(values[below])]] = limit

    def _long(self, cells: Floats, odd: Places, kind: Bytes) -> Long:
        """`cells` are lines by headings; `odd`, ascending, the places of those in it that are no plain number."""
        items, (rows, width) = self._items, cells.shape
        value, line = cells.reshape(-1), np.repeat(np.arange(rows), width)
        heading = np.tile(np.arange(width, dtype=np.int8 if width < 128 else np.int16), rows)
        left = np.isin(kind, _DROPPED)
        if left.any():
            kept = np.ones(len(value), np.bool_)
            kept[odd[left]] = False
            value, line, heading = value[kept], line[kept], heading[kept]
            odd, kind = odd[~left] - np.searchsorted(odd[left], odd[~left]), kind[~left]
        at = pa.array(heading)
        columns = {items.code: pa.DictionaryArray.from_arrays(at, self._codes)}
        columns[items.value] = _all_but(value, odd[np.isnan(value[odd])])
        if items.unit:
            columns[items.unit] = pa.DictionaryArray.from_arrays(at, self._units)
        below, above = odd[kind == Kind.BELOW], odd[kind == Kind.ABOVE]
        if items.qualifier:
            signs = np.zeros(len(value), np.int8)
            signs[above] = 1
            signed = _none_but(signs, np.concatenate([below, above]))
            columns[items.qualifier] = pa.DictionaryArray.from_arrays(signed, pa.array(["<", ">"]))
        if items.limit:
            columns[items.limit] = _none_but(value, below[~np.isnan(value[below])])
        letters = pa.DictionaryArray.from_arrays(at, self._letters)
        return Long(line, letters, columns, odd[kind == Kind.FAILED], odd[kind == Kind.UNREAD])


def _all_but(values: npt.NDArray[Any], missing: Places) -> pa.Array:
    return pa.array(values, mask=_mask(missing, len(values))) if len(missing) else pa.array(values)


def _none_but(values: npt.NDArray[Any], there: Places) -> pa.Array:
    return pa.array(values, mask=~_mask(there, len(values)))


def _mask(places: Places, count: int) -> Bools:
    found = np.zeros(count, np.bool_)
    found[places] = True
    return found


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


def set_failed(array: pa.Array, failed: Places, instead_of: str, instead: str) -> pa.Array:
    """A column of words, with another word in rows whose measurement failed and that would say `instead_of`."""
    if not len(failed):
        return array
    plain = array.dictionary_decode() if pa.types.is_dictionary(array.type) else array
    change = pc.and_(pa.array(_mask(failed, len(plain))), pc.equal(plain, instead_of).fill_null(False))
    return pc.if_else(change, pa.scalar(instead), plain)
