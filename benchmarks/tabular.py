"""A wide CSV of ten million cells, read under a mapping into rows of the contract, against pyarrow's own reader of it.

The peer parses every item as a float and does nothing else: marks are NULL to it, no row is compared with another,
nothing becomes long. One cell in two hundred is a mark or below the detection limit.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import yaml
from pyarrow import csv

from adapters.codes.factor import FACTORS
from adapters.mapping.document import shipped
from adapters.tabular import adapter
from benchmarks.figure import Figure, bench

_CELLS: Final = 10_000_000
_TIMES: Final = 3
_MARKS: Final = ("*", "--", "<0.025", "0.025L", "")


@bench("tabular.cells")
def measure(scratch: Path) -> Iterable[Figure]:
    """Best of three, both with as many threads as they use by themselves."""
    shipped()
    path, form = scratch / "wide_2026-01-01.csv", scratch / "wide.yaml"
    cells = _write(path)
    form.write_text(yaml.safe_dump(_mapping(), allow_unicode=True, sort_keys=False), encoding="utf-8")
    ours = _best(lambda: _ours(path, form, cells))
    theirs = _best(lambda: _theirs(path))
    yield Figure("tabular.cells", ours, "s", "pyarrow CSV reader", theirs, 4)


def _write(path: Path) -> int:
    """Write the file; the number of cells that are values."""
    rows = _CELLS // len(FACTORS)
    chance = np.random.default_rng(7)
    at = np.arange(rows)
    minutes = np.datetime64("2026-01-01T00:00") + (at // 100) * np.timedelta64(5, "m")
    columns: dict[str, Any] = {
        "断面编码": np.char.add("CQ-", (at % 100).astype(str)),
        "监测时间": np.char.replace(minutes.astype(str), "T", " "),
    }
    for factor in FACTORS:
        texts = pa.array(np.round(chance.gamma(2.0, 1.5, rows), 3)).cast(pa.string())
        odd = np.zeros(rows, dtype=bool)
        odd[chance.choice(rows, rows // 200, replace=False)] = True
        marks = pa.array(chance.choice(_MARKS, int(odd.sum())), pa.string())
        columns[f"{factor.zh}({factor.unit})"] = pc.replace_with_mask(texts, pa.array(odd), marks)
    table = pa.table({name: pa.array(values, pa.string()) for name, values in columns.items()})
    csv.write_csv(table, path, csv.WriteOptions(quoting_style="none"))
    return rows * len(FACTORS)


def _mapping() -> dict[str, Any]:
    columns = {
        "section_code": {"from": "断面编码"},
        "sampled_at": {"from": "监测时间"},
        "monitoring_mode": {"value": "automatic"},
        "data_flag": {"value": "N"},
    }
    roles = {
        "code": "item_code",
        "value": "value",
        "unit": "unit",
        "qualifier": "qualifier",
        "limit": "detection_limit",
    }
    headings = {f"{factor.zh}({factor.unit})": {"code": factor.code} for factor in FACTORS}
    table = {"contract": "water-quality", "columns": columns, "items": {**roles, "headings": headings}}
    return {"mapping": 1, "title": "宽表 / Wide table", "tables": [table]}


def _ours(path: Path, form: Path, cells: int) -> None:
    reading = adapter.read(str(path), form)
    rows = sum(piece.rows.num_rows for piece in reading.pieces())
    counts = reading.tally.counts
    left = counts["not_measured"] + counts["empty"]
    if rows + left != cells or counts["identical"] or counts["conflicting"] or counts["unread"]:
        raise AssertionError(f"{rows} rows of {cells} cells: {dict(counts)}")


def _theirs(path: Path) -> None:
    names = [f"{factor.zh}({factor.unit})" for factor in FACTORS]
    options = csv.ConvertOptions(
        column_types=dict.fromkeys(names, pa.float64()), null_values=list(_MARKS), strings_can_be_null=False
    )
    csv.read_csv(path, convert_options=options)


def _best(act: Callable[[], None]) -> float:
    times = []
    for _ in range(_TIMES):
        began = time.perf_counter()
        act()
        times.append(time.perf_counter() - began)
    return min(times)
