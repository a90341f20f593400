"""The class of single values, millions at once: GB 3838-2002, table 1, by the single-factor method."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from exchange.errors import SchemaMismatchError
from exchange.river.standard import BODIES, GRADES, Standard

Levels = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float64]
_CHUNK: Final = 1 << 16
# Decimal limits are not exact in binary: 0.05 µg/L over 1000 may come out above 0.00005 mg/L.
_SLACK: Final = 1e-9
_FACTORS: Final = {("ug/L", "mg/L"): 1e-3, ("mg/L", "ug/L"): 1e3}
VALID: Final = "N"


def item_levels(table: pa.Table, standard: Standard) -> Levels:
    """The class of each row: 1 to 5 for I to V, 6 for worse than V, 0 where there is none to give.

    `table`: `item_code` (HJ 525), `value`, `unit` (as in `water-quality`; mg/L and µg/L are converted); if there,
    `water_body` (river, lake, reservoir; river otherwise), `data_flag` (only N counts, HJ 212-2017 table 6),
    `qualifier` and `detection_limit` (below it, half of it is graded). NULL, NaN, an item without limits or a
    foreign unit give 0.
    Raises SchemaMismatchError. Source: GB 3838-2002, table 1; 环办〔2011〕22号 §二（一）1.
    """
    missing = {"item_code", "value", "unit"} - set(table.column_names)
    if missing:
        raise SchemaMismatchError(f"缺少列 / columns are missing: {', '.join(sorted(missing))}")
    limits = _Limits(standard)
    levels = np.zeros(table.num_rows, np.uint8)
    at, work = 0, []
    for batch in table.to_batches(max_chunksize=1 << 20):
        work.append((batch, levels[at : at + batch.num_rows]))
        at += batch.num_rows
    with ThreadPoolExecutor(pa.cpu_count()) as pool:
        list(pool.map(lambda part: limits.grade(*part), work))
    return levels


class _Limits:
    """The table as arrays. A row's number in them is its item plus, for lakes, the count of items."""

    def __init__(self, standard: Standard) -> None:
        self._items = standard.items
        self._none = len(self._items) * len(BODIES)
        self._number = {item.code: number for number, item in enumerate(self._items)}
        self.low = np.full((GRADES, self._none + 1), -np.inf)
        self.high = np.full((GRADES, self._none + 1), np.inf)
        self.known = np.zeros(self._none + 1, bool)
        for place, body in enumerate(BODIES):
            for number, item in enumerate(self._items):
                row = place * len(self._items) + number
                for grade, (low, high) in enumerate(item.limits.get(body, ())):
                    self.low[grade, row] = low - _SLACK * abs(low) if np.isfinite(low) else low
                    self.high[grade, row] = high + _SLACK * abs(high) if np.isfinite(high) else high
                    self.known[row] = True
        self.floored = np.isfinite(self.low).any(axis=0)

    def grade(self, batch: pa.RecordBatch, out: Levels) -> None:
        """Fill `out` for the rows of a batch."""
        codes, numbers = _coded(batch.column("item_code"))
        item = np.array([self._number.get(code, -1) for code in (*numbers, None)], np.int16)
        row = item.take(codes, mode="clip") if len(numbers) else np.full(len(codes), -1, np.int16)
        values = self._values(batch, row, [self._number.get(code, -1) for code in numbers])
        usable = _usable(batch, values)
        if "water_body" in batch.schema.names:
            lakes, bodies = _coded(batch.column("water_body"))
            shift = np.array([len(self._items) * (body in ("lake", "reservoir")) for body in (*bodies, None)])
            row = row + shift.astype(np.int16).take(lakes, mode="clip") * (row >= 0)
        row = np.where(row < 0, self._none, row).astype(np.int16)
        for start in range(0, len(out), _CHUNK):
            part = slice(start, start + _CHUNK)
            self._compare(row[part], values[part], out[part])
        out *= usable & self.known.take(row)

    def _compare(self, row: npt.NDArray[np.int16], values: Floats, out: Levels) -> None:
        out[:] = 1
        for high in self.high:
            out += values > high.take(row)
        floored = np.flatnonzero(self.floored.take(row))
        if len(floored):
            few, held = row[floored], values[floored]
            found = np.ones(len(few), np.uint8)
            for low, high in zip(self.low, self.high, strict=True):
                found += (held < low.take(few)) | (held > high.take(few))
            out[floored] = found

    def _values(self, batch: pa.RecordBatch, row: npt.NDArray[np.int16], present: list[int]) -> Floats:
        values = below_limit(batch, 0.5)
        codes, units = _coded(batch.column("unit"))
        factor = np.full((len(units) + 1, len(self._items) + 1), np.nan)
        for at, unit in enumerate(units):
            for number, item in enumerate(self._items):
                factor[at, number] = 1.0 if unit == item.unit else _FACTORS.get((unit, item.unit), np.nan)
        own = factor[:-1][:, [number for number in present if number >= 0]]
        if own.size and (own == 1).all():
            return values
        scaled: Floats = values * factor[codes, row]
        return scaled


def below_limit(batch: pa.RecordBatch | pa.Table, share: float) -> Floats:
    """Values with those below the detection limit replaced by `share` of it: 0.5 for means and classes, 0 for loads.

    Columns `value` and, if there, `qualifier` and `detection_limit`. NULL gives NaN. Source: HJ 91.2-2022 §9.3
    (half the limit in statistics, nothing in totals).
    """
    values = _numbers(batch.column("value"))
    names = set(batch.schema.names)
    if "detection_limit" not in names or batch.column("detection_limit").null_count == batch.num_rows:
        return values
    limit = _numbers(batch.column("detection_limit"))
    with np.errstate(invalid="ignore"):
        below = values < limit
    if "qualifier" in names:
        marked = pc.fill_null(pc.equal(_plain(batch.column("qualifier")), "<"), False)
        below |= marked.to_numpy(zero_copy_only=False) & ~np.isnan(limit)
    return np.where(below, share * limit, values)


def _usable(batch: pa.RecordBatch, values: Floats) -> npt.NDArray[np.bool_]:
    usable = ~np.isnan(values)
    if "data_flag" in batch.schema.names:
        codes, flags = _coded(batch.column("data_flag"))
        usable &= np.array([flag == VALID for flag in (*flags, None)]).take(codes, mode="clip")
    return usable


def _coded(column: pa.Array) -> tuple[npt.NDArray[np.int32], list[Any]]:
    """Numbers of the values of a column in a short list of them; NULL is one beyond its end."""
    array = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
    codes = array.indices
    if codes.null_count:
        codes = codes.fill_null(len(array.dictionary))
    return codes.to_numpy(zero_copy_only=False).astype(np.int32, copy=False), array.dictionary.to_pylist()


def _plain(column: Any) -> Any:
    return column.cast(pa.string()) if pa.types.is_dictionary(column.type) else column


def _numbers(column: Any) -> Floats:
    found: Floats = column.cast(pa.float64()).to_numpy(zero_copy_only=False)
    return found


def class_names(levels: Iterable[int] | Levels, standard: Standard) -> pa.Array:
    """Levels as the words of the contract (I … worse-than-V), NULL for 0."""
    words = pa.array([None, *standard.classes], pa.string())
    return words.take(pa.array(np.asarray(levels, np.uint8)))
