"""Causes that single rows show: a value that does not change, one that was filled in, one that came twice."""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce
from typing import Final

import ibis
from ibis.expr.types import BooleanValue, FloatingValue, IntegerValue, Table

from exchange.reconcile.compare import Verdict
from exchange.reconcile.terms import Causes

_DECIMALS: Final = 4
_NOTHING: Final = 1e-9


def stuck_rows(rows: Table, which: str, causes: Causes) -> Table:
    """key and run (how many values) of rows where a side does not change while the other does.

    Rows at or below the detection limit are not stuck: nothing is measured there.
    """
    other = "right" if which == "left" else "left"
    known = rows.filter(rows[which].notnull())
    order = ibis.window(group_by=known.series, order_by=known.key)
    before = known[which].lag(1).over(order)
    known = known.mutate(begins=ibis.coalesce(known[which] != before, True).cast("int64"))
    until_now = ibis.window(group_by=known.series, order_by=known.key, preceding=None, following=0)
    known = known.mutate(run_id=known.begins.sum().over(until_now))
    runs = known.group_by("series", "run_id").agg(
        run=known.count(),
        value=known[which].max(),
        detection=known.detection.max(),
        low=known[other].min(),
        high=known[other].max(),
    )
    # a value that is only coarse stays as well, as long as the other moves within its last digit
    digit = ibis.literal(10.0).pow(-_places({at: _off(runs.value, at) for at in range(_DECIMALS)}))
    runs = runs.filter(
        runs.run >= causes.stuck,
        runs.value > runs.detection,
        runs.high - runs.low > ibis.greatest(runs.high.abs() * causes.spread, digit),
    )
    held = known.join(runs.select("series", "run_id", "run"), ["series", "run_id"])
    return held.select("key", "run")


def filled_rows(differing: Table, causes: Causes) -> Table:
    """key and the value of rows where one side has exactly its detection limit, or half of it, and the other more."""
    a, b, limit = differing.left_amount, differing.right_amount, differing.detection

    def filled(one: FloatingValue) -> BooleanValue:
        return ((one - limit).abs() <= limit * 1e-6) | ((one - limit / 2).abs() <= limit * 1e-6)

    found = differing.filter(
        differing.verdict == Verdict.DISAGREE.number,
        limit > 0,
        (filled(a) & (b > limit * causes.fill)) | (filled(b) & (a > limit * causes.fill)),
    )
    return found.select("key", value=ibis.least(found.left_amount, found.right_amount))


def twice_fed(singles: Table, pairs: Table, which: str, causes: Causes) -> Table:
    """key of rows without a partner whose very value stands beside them in the same series of the same side."""
    own, value = f"{which}_key", f"{which}_amount"
    # bins of a power of two seconds are the key without its lowest bits; keys of other series are farther than any gap
    bits = ibis.literal((causes.duplicate - 1).bit_length(), "int32")
    alone = singles.filter(singles[own].notnull()).select("key", amount=value, at=own)
    around = reduce(Table.union, [alone.mutate(bin=(alone["at"] >> bits) + step) for step in (-1, 0, 1)])
    beside = pairs.filter(pairs[own].notnull()).select(amount=value, beside=own)
    met = around.join(beside.mutate(bin=beside.beside >> bits), ["bin", "amount"])
    apart: IntegerValue = (met["at"] - met.beside).abs()
    return met.filter(apart > 0, apart <= causes.duplicate).select("key").distinct()


def rounded(rows: Table, causes: Causes) -> Table:
    """Windows in which one side has fewer decimals than the other, and half of its last digit covers what differs.

    series, window, places (decimals) and explained (share of the disagreeing pairs).
    """
    both = rows.filter(rows.left.notnull(), rows.right.notnull())
    sums = {
        f"{which}_{at}": _off(both[which], at).max() for which in ("left", "right") for at in range(_DECIMALS)
    }
    fine = both.group_by("series", "window").agg(**sums)
    places = {
        which: _places({at: fine[f"{which}_{at}"] for at in range(_DECIMALS)}) for which in ("left", "right")
    }
    fine = fine.select("series", "window", left_places=places["left"], right_places=places["right"])
    fine = fine.filter(fine.left_places != fine.right_places)
    fine = fine.mutate(places=ibis.least(fine.left_places, fine.right_places))
    met = both.filter(both.disagrees).join(fine.select("series", "window", "places"), ["series", "window"])
    half = ibis.literal(10.0).pow(-met.places) / 2
    apart, size = (met.left - met.right).abs(), ibis.greatest(met.left.abs(), met.right.abs())
    covered = (apart <= half + size * causes.close / 2) & (half >= size * causes.close / 4)
    return met.group_by("series", "window", "places").agg(explained=covered.cast("float64").mean())


def _off(value: FloatingValue, decimals: int) -> FloatingValue:
    """How far a value is from one of so many decimals."""
    return (value - value.round(decimals)).abs()


def _places(off: Mapping[int, FloatingValue]) -> FloatingValue:
    """The fewest decimals that take a value nowhere."""
    found = ibis.cases(*((each < _NOTHING, at) for at, each in off.items()), else_=_DECIMALS)
    return found.cast("float64")
