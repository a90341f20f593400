"""The class of a section from the classes of its items, and what makes it bad: 环办〔2011〕22号 §二（一）."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from exchange.river.grade import Floats, Levels, below_limit, class_names, item_levels
from exchange.river.oxygen import OXYGEN, TEMPERATURE, saturated_levels
from exchange.river.plain import decoded
from exchange.river.standard import GRADES, WORSE, Standard

SAMPLE: Final = ("section_code", "sampled_at")
MONTH: Final = "%Y-%m"


def graded(table: pa.Table, standard: Standard, with_saturation: bool = True) -> pa.Table:
    """`table` with `level` (uint8, 0 none, 1–6), `class` (I … worse-than-V) and `multiple` (exceedance of class III).

    `multiple` = (C − S) / S with S the limit of class III, for items above it; NULL for pH and oxygen, which have none.
    Columns as for `item_levels`. Source: GB 3838-2002, table 1; 环办〔2011〕22号 §二（一）.
    """
    levels = item_levels(table, standard)
    codes = pc.unique(table["item_code"]).to_pylist()
    sampled = set(SAMPLE) <= set(table.column_names)
    if with_saturation and sampled and OXYGEN in codes and TEMPERATURE in codes:
        levels = saturated_levels(table, levels, standard)
    return (
        table.append_column("level", pa.array(levels))
        .append_column("class", class_names(levels, standard))
        .append_column("multiple", _multiples(table, levels, standard))
    )


def _multiples(table: pa.Table, levels: Levels, standard: Standard) -> pa.Array:
    """How far above class III, in the units of the table; only rows of level 4 and worse are looked at."""
    multiples = np.full(table.num_rows, np.nan)
    over = np.flatnonzero(levels > standard.good)
    few = table.take(pa.array(over))
    values: Floats = below_limit(few, 0.5)
    codes = few["item_code"].to_pylist()
    units = few["unit"].to_pylist()
    bodies = few["water_body"].to_pylist() if "water_body" in few.column_names else [None] * len(over)
    kinds = list(zip(codes, units, bodies, strict=True))
    limit = {kind: _limit(*kind, standard) for kind in set(kinds)}
    base = np.array([limit[kind] for kind in kinds], np.float64)
    multiples[over] = values / base - 1 if len(over) else base
    return pa.array(multiples, from_pandas=True)


def _limit(code: str, unit: str, body: str | None, standard: Standard) -> float:
    item = standard.item(code)
    if not item.multiple:
        return np.nan
    limit = standard.limit(code, standard.classes[standard.good - 1], _body(body))
    scale = {("ug/L", "mg/L"): 1e3, ("mg/L", "ug/L"): 1e-3}.get((unit, item.unit), 1.0)
    return limit * scale


def _body(water_body: str | None) -> str:
    return "lake" if water_body in ("lake", "reservoir") else "river"


def section_classes(rows: pa.Table, standard: Standard, keys: Sequence[str] = SAMPLE) -> pa.Table:
    """One row per `keys`: the worst item decides.

    `rows` from `graded`. Gives the keys, `level`, `class`, `items` (how many were assessed) and `main`, up to three
    main pollutants as {item_code, level, multiple}. Source: 环办〔2011〕22号 §一（一） 21 items, without temperature,
    total nitrogen and coliforms; §二（一）1 the worst decides; §二（一）3 main pollutants.
    """
    assessed = pa.array([item.code for item in standard.items if item.assessed])
    needed = rows.select([*keys, "item_code", "level", "multiple"])
    counted = decoded(
        needed.filter(pc.and_(pc.greater(rows["level"], 0), pc.is_in(rows["item_code"], assessed)))
    )
    whole = counted.group_by(list(keys)).aggregate([("level", "max"), ("item_code", "count_distinct")])
    whole = whole.rename_columns([*keys, "level", "items"])
    main = main_items(counted, standard, keys)
    numbered = main.select(keys).append_column("_at", pa.array(np.arange(main.num_rows)))
    joined = whole.join(numbered, list(keys)).sort_by([(key, "ascending") for key in keys])
    levels = joined["level"].to_numpy()
    return (
        joined.drop_columns(["_at"])
        .append_column("class", class_names(levels, standard))
        .append_column("main", main["main"].combine_chunks().take(joined["_at"].combine_chunks()))
    )


def main_items(counted: pa.Table, standard: Standard, keys: Sequence[str]) -> pa.Table:
    """Main pollutants per `keys`, three at most: worse than III; cyanide and heavy metals, then by class and multiple.

    Source: 环办〔2011〕22号 §二（一）3. An item without a multiple (pH, oxygen) comes after those that have one.
    """
    over = counted.filter(pc.greater(counted["level"], standard.good))
    order = {item.code: number for number, item in enumerate(standard.items)}
    first = {item.code: not item.first for item in standard.items}
    codes = over["item_code"].to_pylist()
    multiple = over["multiple"].to_numpy(zero_copy_only=False)
    ranked = pa.table(
        {
            **{key: over[key] for key in keys},
            "item_code": pa.array(codes, pa.string()),
            "level": over["level"],
            "multiple": over["multiple"],
            "_first": pa.array([first[code] for code in codes], pa.bool_()).cast(pa.int8()),
            "_level": pa.array(WORSE - over["level"].to_numpy().astype(np.int8)),
            "_multiple": pa.array(-np.nan_to_num(multiple, nan=0.0)),
            "_order": pa.array([order[code] for code in codes], pa.int16()),
        }
    ).sort_by([(name, "ascending") for name in (*keys, "_first", "_level", "_multiple", "_order")])
    return _first_of_each(ranked, keys, int(standard.rules["main"]))


def _first_of_each(ranked: pa.Table, keys: Sequence[str], count: int) -> pa.Table:
    """The first rows of each group of a sorted table as lists."""
    size = ranked.num_rows
    begins = np.zeros(size, bool)
    begins[:1] = True
    for key in keys:
        codes = ranked[key].combine_chunks().dictionary_encode().indices.to_numpy()
        begins[1:] |= codes[1:] != codes[:-1]
    starts = np.flatnonzero(begins)
    place = np.arange(size) - np.repeat(starts, np.diff(np.append(starts, size)))
    kept = ranked.filter(pa.array(place < count))
    lengths = np.minimum(np.diff(np.append(starts, size)), count)
    offsets = pa.array(np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32))
    names = ["item_code", "level", "multiple"]
    structs: Any = pa.StructArray.from_arrays([kept[name].combine_chunks() for name in names], names=names)
    lists = pa.ListArray.from_arrays(offsets, structs)
    return ranked.select(list(keys)).take(pa.array(starts)).append_column("main", lists)


def means(table: pa.Table, keys: Sequence[str], month: bool = True) -> pa.Table:
    """Arithmetic means of valid values by `keys`, item and, unless told otherwise, month of China (`month`, 2026-03).

    Below the detection limit half of it counts. Columns as for `item_levels`; the result has `item_code`, `unit`,
    `value`, `samples`, and can be graded. Source: 环办〔2011〕22号 §一（二）; HJ 91.2-2022 (half the detection limit).
    """
    value = pa.array(below_limit(table, 0.5), from_pandas=True)
    by = [*keys, "item_code", "unit"]
    plain = decoded(table.select(by)).append_column("value", value)
    if month:
        local = pc.local_timestamp(
            table["sampled_at"].cast(pa.timestamp("s", "UTC")).cast(pa.timestamp("s", "Asia/Shanghai"))
        )
        plain = plain.append_column("month", pc.strftime(local, MONTH))
        by = [*by, "month"]
    valid = pc.is_valid(value)
    if "data_flag" in table.column_names:
        valid = pc.and_(pc.equal(table["data_flag"], "N"), valid)
    found = plain.filter(valid).group_by(by).aggregate([("value", "mean"), ("value", "count")])
    return found.rename_columns([*by, "value", "samples"]).sort_by([(name, "ascending") for name in by])


def worst(levels: Levels) -> int:
    """The worst of levels, 0 where none counts."""
    return int(min(levels.max(initial=0), GRADES + 1))
