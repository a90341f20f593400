"""总河长令: progress of a campaign out of its points, and whether totals that were reported agree with them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

STATES: Final = ("listed", "working", "mended", "closed")
KEYS: Final = ("directive", "campaign", "county_code")
COUNTS: Final = ("points", "mended", "closed", "overdue")


@dataclass(frozen=True, slots=True)
class Difference:
    """A reported total that is not what the points give."""

    directive: str
    campaign: str
    county: str
    count: str
    reported: int
    counted: int


def progress(points: pa.Table, on: pa.Scalar) -> pa.Table:
    """Per directive, campaign and county: points, mended (closed included), closed, overdue on a day (date32)."""
    mended = pc.is_in(points["status"], pa.array(["mended", "closed"]))
    closed = pc.equal(points["status"], "closed")
    overdue = pc.and_(pc.invert(mended), pc.less(points["due_on"], on))
    counted = points.select(list(KEYS))
    ones = pa.array([1] * points.num_rows, pa.int64())
    for name, flags in zip(COUNTS, (None, mended, closed, overdue), strict=True):
        counted = counted.append_column(name, ones if flags is None else pc.cast(flags, pa.int64()))
    grouped = counted.group_by(list(KEYS)).aggregate([(name, "sum") for name in COUNTS])
    named = grouped.rename_columns([name.removesuffix("_sum") for name in grouped.column_names])
    return named.select([*KEYS, *COUNTS]).sort_by([(name, "ascending") for name in KEYS])


def differences(points: pa.Table, reported: pa.Table, on: pa.Scalar) -> list[Difference]:
    """Reported totals (columns as `progress` gives them) that the points do not bear out, rows on one side included."""
    counted, told = (_by_key(table) for table in (progress(points, on), reported))
    found = []
    for key in sorted(counted.keys() | told.keys()):
        here, there = counted.get(key, {}), told.get(key, {})
        found += [
            Difference(*key, name, there.get(name, 0), here.get(name, 0))
            for name in COUNTS
            if there.get(name, 0) != here.get(name, 0)
        ]
    return found


def _by_key(table: pa.Table) -> dict[tuple[str, str, str], Mapping[str, int]]:
    return {
        (row["directive"], row["campaign"], row["county_code"]): {name: row.get(name) or 0 for name in COUNTS}
        for row in table.to_pylist()
    }
