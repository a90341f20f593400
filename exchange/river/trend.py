"""Whether a section gets better or worse over the years: seasonal Kendall test with Sen's slope.

Sources: Hirsch, Slack and Smith, Water Resources Research 18 (1982) 107; Sen, JASA 63 (1968) 1379. The test itself is
pymannkendall's.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from exchange.errors import InvalidInputError
from exchange.river.extra import load
from exchange.river.plain import decoded

SEASONS: Final = 12
MIN_YEARS: Final = 3


@dataclass(frozen=True, slots=True)
class Trend:
    """`slope` in the item's unit a year, `p` two-sided, `tau` in [-1, 1]; `direction` rising, falling or none."""

    section_code: str
    item_code: str
    months: int
    first: str
    last: str
    slope: float
    tau: float
    p: float
    direction: str


def trends(means: pa.Table, alpha: float = 0.05) -> list[Trend]:
    """A trend for each section and item with values in three years or more, by section and item.

    `means`: `section_code`, `item_code`, `month` (2026-03), `value`; one row each. Months without a value are gaps, not
    zeros. Raises InvalidInputError (alpha, a month twice, the extra `river` not installed).
    """
    if not 0 < alpha < 1:
        raise InvalidInputError(f"alpha {alpha} is not between 0 and 1")
    ordered = decoded(means).sort_by([(name, "ascending") for name in ("section_code", "item_code", "month")])
    found = []
    for pair in ordered.group_by(["section_code", "item_code"], use_threads=False).aggregate([]).to_pylist():
        section, item = pair["section_code"], pair["item_code"]
        rows = ordered.filter(
            pc.and_(pc.equal(ordered["section_code"], section), pc.equal(ordered["item_code"], item))
        )
        series = _series(rows["month"].to_pylist(), rows["value"].to_pylist())
        if len(series) >= MIN_YEARS * SEASONS:
            found.append(_trend(section, item, rows, series, alpha))
    return found


def _series(months: Sequence[str], values: Sequence[float | None]) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Values by month from January of the first year, NaN in gaps."""
    numbers = [int(month[:4]) * SEASONS + int(month[5:7]) - 1 for month in months]
    if len(set(numbers)) != len(numbers):
        raise InvalidInputError("同一月份有两个值 / a month has two values")
    start = numbers[0] // SEASONS * SEASONS
    series = np.full(numbers[-1] // SEASONS * SEASONS + SEASONS - start, np.nan)
    series[np.array(numbers) - start] = [np.nan if value is None else value for value in values]
    return series


def _trend(section: str, item: str, rows: pa.Table, series: Any, alpha: float) -> Trend:
    test = load("pymannkendall")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # months that never have a value
        result = test.seasonal_test(series, period=SEASONS, alpha=alpha)
    slope = float(result.slope)
    direction = "none" if not result.h else "rising" if result.z > 0 else "falling"
    months = rows["month"].to_pylist()
    return Trend(
        section,
        item,
        int(np.isfinite(series).sum()),
        months[0],
        months[-1],
        slope,
        float(result.Tau),
        float(result.p),
        direction,
    )
