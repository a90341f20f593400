"""Ten million values graded by GB 3838-2002 against a bare DuckDB scan that makes the same comparisons."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final

import duckdb
import numpy as np
import pyarrow as pa

from benchmarks.figure import Figure, bench
from exchange.river.grade import item_levels
from exchange.river.standard import GRADES, Standard, national_standard

_ROWS: Final = 10_000_000
_TIMES: Final = 3


@bench("quality.class")
def measure(scratch: Path) -> Iterable[Figure]:
    """Best of three; both must count the same classes."""
    standard = national_standard()
    table = values(_ROWS, standard)
    ours, found = _best(lambda: np.bincount(item_levels(table, standard), minlength=GRADES + 2).tolist())
    with duckdb.connect() as session:
        session.register("the_rows", table)
        session.register("the_limits", limits(standard))
        theirs, counts = _best(lambda: session.execute(scan()).fetchall())
    if {level: count for level, count in enumerate(found) if count} != dict(counts):
        raise AssertionError(f"DuckDB counts otherwise: {found} and {counts}")
    yield Figure("quality.class", ours, "s", "DuckDB scan", theirs, 2.0)


def values(count: int, standard: Standard) -> pa.Table:
    """Rows of every item in its unit, strings as dictionaries: so Parquet gives them to a reader."""
    chance = np.random.default_rng(3838)
    items = [item for item in standard.items if "river" in item.limits]
    which = chance.integers(0, len(items), count).astype(np.int32)
    middle = np.array([item.limits["river"][2][0 if item.code == "w01009" else 1] for item in items])
    units = sorted({item.unit for item in items})
    unit = np.array([units.index(item.unit) for item in items], np.int32)
    return pa.table(
        {
            "item_code": _words(which, [item.code for item in items]),
            "value": middle[which] * chance.lognormal(-0.4, 0.8, count),
            "unit": _words(unit[which], units),
        }
    )


def _words(codes: Any, words: list[str]) -> pa.DictionaryArray:
    return pa.DictionaryArray.from_arrays(pa.array(codes), pa.array(words))


def limits(standard: Standard) -> pa.Table:
    """The limits as a table to join with, a row an item."""
    items = [item for item in standard.items if "river" in item.limits]
    columns: dict[str, list[Any]] = {"code": [item.code for item in items]}
    for grade in range(GRADES):
        columns[f"low{grade}"] = [item.limits["river"][grade][0] * (1 - 1e-9) for item in items]
        columns[f"high{grade}"] = [item.limits["river"][grade][1] * (1 + 1e-9) for item in items]
    return pa.table(columns)


def scan() -> str:
    """One pass: the limits by hash, five comparisons a row, and a count of each class."""
    steps = [f"CAST(value < low{grade} OR value > high{grade} AS UTINYINT)" for grade in range(GRADES)]
    graded = f"SELECT 1 + {' + '.join(steps)} AS level FROM the_rows JOIN the_limits ON code = item_code"
    return f"SELECT level, count(*) FROM ({graded}) GROUP BY level"


def _best(act: Callable[[], Any]) -> tuple[float, Any]:
    times = []
    for _ in range(_TIMES):
        began = time.perf_counter()
        found = act()
        times.append(time.perf_counter() - began)
    return min(times), found
