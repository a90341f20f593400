"""Pairs of rows that speak of one thing.

(1) the same instant by the same method
(2) of what is left, the nearest to one another within the tolerance, by the same method
(3) of what is left, the nearest to one another within the tolerance, automatic against laboratory
What finds no partner stays, alone. Nearest means: each is the other's nearest; of two as near the earlier counts.
"""

from __future__ import annotations

from functools import reduce
from typing import Final

import ibis
from ibis.expr.types import IntegerValue, Table

from exchange.reconcile.key import MANUAL, mode_of, seconds_of, series_of
from exchange.reconcile.terms import Pairing

_KEPT: Final = ("key", "value", "amount", "unit_number")
_CARRIED: Final = (*_KEPT, "detection")
LEFT: Final = tuple(f"left_{name}" for name in _CARRIED)
RIGHT: Final = tuple(f"right_{name}" for name in _CARRIED)
PAIR: Final = tuple(f"{which}_{name}" for which in ("left", "right") for name in _KEPT)
"""What stays of a pair: both keys, values as published, amounts in the item's unit, units."""


def same_instant(left: Table, right: Table) -> Table:
    """(1): every row of both sides, columns left_… and right_…; one half is null where a row stands alone."""
    ours = left.rename("left_{name}")
    theirs = right.rename("right_{name}")
    return ours.outer_join(theirs, ours.left_key == theirs.right_key)


def alone(met: Table, which: str) -> Table:
    """One side's rows that stand alone: its half, under plain names; the pair's detection limit is its own."""
    other = "right" if which == "left" else "left"
    chosen = met.filter(met[f"{other}_key"].isnull())
    return chosen.select("detection", **{name: chosen[f"{which}_{name}"] for name in _KEPT})


def nearest(left: Table, right: Table, pairing: Pairing, mixed: bool) -> Table:
    """(2) or (3): LEFT and RIGHT of pairs among two sides' rows."""
    near = _candidates(left, right, pairing, mixed)
    gap = (seconds_of(near.left_key) - seconds_of(near.right_key)).abs()
    near = near.mutate(gap=gap)
    ours = ibis.window(group_by=near.left_key, order_by=[near.gap, near.right_key])
    theirs = ibis.window(group_by=near.right_key, order_by=[near.gap, near.left_key])
    ranked = near.mutate(ours=ibis.row_number().over(ours), theirs=ibis.row_number().over(theirs))
    return ranked.filter(ranked.ours == 0, ranked.theirs == 0).select(*LEFT, *RIGHT)


def without(rows: Table, paired: Table, which: str) -> Table:
    """Rows of a side that are in none of the pairs."""
    return rows.anti_join(paired, rows.key == paired[f"{which}_key"])


def single(rows: Table, which: str) -> Table:
    """Rows that stand alone, as pairs with an empty half."""
    other = "right" if which == "left" else "left"
    types = rows.schema()
    halves = {f"{which}_{name}": rows[name] for name in _CARRIED}
    halves |= {f"{other}_{name}": ibis.null(types[name]) for name in _CARRIED}
    return rows.select(**{name: halves[name] for name in (*LEFT, *RIGHT)})


def _candidates(left: Table, right: Table, pairing: Pairing, mixed: bool) -> Table:
    """Both halves wherever two rows are within the tolerance: rows are put into bins as wide as that."""
    ours = left.mutate(series=series_of(left.key), bin=_bin(left.key, pairing, mixed))
    around = reduce(Table.union, [ours.mutate(bin=ours.bin + step) for step in (-1, 0, 1)])
    around = around.rename({f"left_{name}": name for name in _CARRIED})
    series = series_of(right.key)
    # the other method's series differs in its lowest bit alone
    theirs = right.mutate(series=series ^ MANUAL if mixed else series, bin=_bin(right.key, pairing, mixed))
    theirs = theirs.rename({f"right_{name}": name for name in _CARRIED})
    found = around.join(theirs, ["series", "bin"])
    gap = (seconds_of(found.left_key) - seconds_of(found.right_key)).abs()
    return found.filter(gap <= _tolerance(found.left_key, pairing, mixed)).select(*LEFT, *RIGHT)


def _tolerance(key: IntegerValue, pairing: Pairing, mixed: bool) -> IntegerValue:
    if mixed:
        return ibis.literal(pairing.mixed, "int64")
    manual = mode_of(series_of(key)) == MANUAL
    return ibis.ifelse(manual, pairing.manual, pairing.automatic).cast("int64")


def _bin(key: IntegerValue, pairing: Pairing, mixed: bool) -> IntegerValue:
    return seconds_of(key) // _tolerance(key, pairing, mixed)
