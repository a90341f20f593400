"""Causes that a window as a whole shows: each hypothesis is tried on its rows, and held where it brings them together.

Every function here gives series, window, cause, evidence (a number: factor, hours, item or section), distance (mean,
under the hypothesis), before (mean, without it) and explained (share of the values that come close).
"""

from __future__ import annotations

from typing import Final

import ibis
from ibis.expr.types import BooleanValue, Table

from exchange.reconcile.cause import Cause
from exchange.reconcile.key import at, item_of, mode_of, section_of
from exchange.reconcile.sheet import distance
from exchange.reconcile.terms import Causes

HELD: Final = ("series", "window", "cause", "evidence", "distance", "before", "explained")
_COARSE: Final = 2.0
_HOUR: Final = 3600


def by_unit(rows: Table, suspects: Table, factors: Table, causes: Causes, ammonia: int) -> Table:
    """A factor between the sides. Large ones are tried on what disagrees, N against NH₃ on all pairs of ammonia."""
    both = rows.filter(rows.left.notnull(), rows.right.notnull()).cross_join(factors)
    coarse = (both.factor >= _COARSE) | (both.factor <= 1 / _COARSE)
    both = both.filter(
        (coarse & both.disagrees) | (~coarse & (item_of(both.series) == ibis.literal(ammonia)))
    )
    apart = distance(both.left * both.factor, both.right)
    found = both.group_by("series", "window", "factor").agg(
        rows=both.count(),
        distance=apart.mean(),
        before=distance(both.left, both.right).mean(),
        explained=(apart <= causes.close).cast("float64").mean(),
    )
    found = found.join(suspects.select("series", "window", "log_bias"), ["series", "window"])
    coarse = (found.factor >= _COARSE) | (found.factor <= 1 / _COARSE)
    exact = (found.log_bias - found.factor.ln()).abs() <= causes.bias
    found = found.filter(_holds(found, causes), coarse | ibis.coalesce(exact, False))
    return found.select("series", "window", **_shown(Cause.UNIT.value, found.factor, found))


def lag_distances(left: Table, right: Table, lags: Table, causes: Causes) -> Table:
    """How far the right side's values, `hours` later, are from the left's, by window and lag."""
    moved = left.cross_join(lags)
    moved = moved.mutate(slot=moved.slot + moved.slots).rename(ours="value")
    met = moved.join(right.select("series", "slot", "value"), ["series", "slot"])
    apart = distance(met.ours, met.value)
    found = met.group_by("series", "window", "hours").agg(
        rows=met.count(), distance=apart.mean(), explained=(apart <= causes.close).cast("float64").mean()
    )
    whole = left.group_by("series", "window").agg(all_rows=left.count())
    return found.join(whole, ["series", "window"])


def steps(left: Table, slot: int) -> Table:
    """How many hours lie between two values of a series, as a rule: the median."""
    order = ibis.window(group_by=left.series, order_by=left.slot)
    gaps = left.mutate(gap=(left.slot - left.slot.lag(1).over(order)) * (slot / _HOUR))
    return gaps.group_by("series").agg(step=gaps.gap.median())


def by_lag(lagged: Table, steps: Table, causes: Causes) -> Table:
    """One side's instants are moved: eight hours, one period, or something else."""
    base = lagged.filter(lagged.hours == 0).select("series", "window", before="distance")
    found = lagged.filter(lagged.hours != 0, lagged.rows * 2 >= lagged.all_rows)
    found = found.left_join(base, ["series", "window"]).drop("series_right", "window_right")
    found = found.mutate(before=ibis.coalesce(found.before, 1.0)).join(steps, "series")
    order = ibis.window(
        group_by=[found.series, found.window], order_by=[found.distance, found.hours.abs(), found.hours]
    )
    found = found.mutate(place=ibis.row_number().over(order))
    found = found.filter(found.place == 0, _holds(found, causes))
    cause = ibis.cases(
        (found.hours.abs() == 8, Cause.TIME_ZONE.value),
        (found.hours.abs() == found.step, Cause.PERIOD.value),
        else_=Cause.LAG.value,
    )
    return found.select("series", "window", **_shown(cause, found.hours.cast("float64"), found))


def by_swap(left: Table, right: Table, lagged: Table, causes: Causes) -> Table:
    """Two items of a section stand for one another on one side: each is near the other's, both ways."""
    ours = left.mutate(place=section_of(left.series), mode=mode_of(left.series)).rename(ours="value")
    theirs = right.select(
        "slot", theirs="value", place=section_of(right.series), mode=mode_of(right.series), other="series"
    )
    met = ours.join(theirs, ["place", "mode", "slot"])
    met = met.filter(met.series != met.other)
    apart = distance(met.ours, met.theirs)
    found = met.group_by("series", "window", "other").agg(
        distance=apart.mean(), explained=(apart <= causes.close).cast("float64").mean()
    )
    base = lagged.filter(lagged.hours == 0).select("series", "window", before="distance")
    found = found.join(base, ["series", "window"])
    one_way = found.filter(_holds(found, causes))
    back = one_way.select("window", series="other", other="series")
    both = one_way.semi_join(back, ["series", "window", "other"])
    return both.select(
        "series", "window", **_shown(Cause.SWAP.value, item_of(both.other).cast("float64"), both)
    )


def by_section(left: Table, right: Table, lagged: Table, causes: Causes) -> Table:
    """The right side's values under one section are the left side's of another, in most of the items that differ."""
    met = _section_candidates(left, right, causes)
    apart = distance(met.ours, met.theirs)
    found = met.group_by("series", "window", "other").agg(
        distance=apart.mean(), explained=(apart <= causes.close).cast("float64").mean()
    )
    base = lagged.filter(lagged.hours == 0).select("series", "window", before="distance")
    found = found.left_join(base, ["series", "window"]).drop("series_right", "window_right")
    found = found.mutate(before=ibis.coalesce(found.before, 1.0))
    found = found.filter(_holds(found, causes))
    forth = found.select("window", "distance", "before", "explained", "series", "other")
    back = found.select("window", "distance", "before", "explained", series="other", other="series")
    every = forth.union(back)
    return every.select(
        "series", "window", **_shown(Cause.SECTION.value, section_of(every.other).cast("float64"), every)
    )


def _section_candidates(left: Table, right: Table, causes: Causes) -> Table:
    """Values at one slot, of sections whose levels fit in at least two items and in most that they share."""
    ours = left.group_by("series", "window").agg(level=left.value.mean())
    theirs = right.group_by("series", "window").agg(level=right.value.mean())
    theirs = theirs.rename(other="series", other_level="level")
    pairs = ours.mutate(kind=_kind(ours.series)).join(
        theirs.mutate(kind=_kind(theirs.other)), ["kind", "window"]
    )
    pairs = pairs.filter(pairs.series != pairs.other)
    pairs = pairs.mutate(near=distance(pairs.level, pairs.other_level) <= causes.close / 2)
    pairs = pairs.mutate(place=section_of(pairs.series), other_place=section_of(pairs.other))
    fitting = pairs.group_by("place", "other_place", "window").agg(
        near_items=pairs.near.sum(), items=pairs.count()
    )
    fitting = fitting.filter(
        fitting.near_items >= 2, fitting.near_items >= fitting["items"] * causes.explained
    )
    chosen = pairs.filter(pairs.near).semi_join(fitting, ["place", "other_place", "window"])
    chosen = chosen.select("series", "window", "other")
    values = left.rename(ours="value").join(chosen, ["series", "window"])
    return values.join(right.select("slot", other="series", theirs="value"), ["other", "slot"])


def _kind(series: ibis.expr.types.IntegerValue) -> ibis.expr.types.IntegerValue:
    """Item and mode, without the section."""
    return series - at(series, ibis.literal(0, "int64")) + mode_of(series)


def _holds(found: Table, causes: Causes) -> BooleanValue:
    return (found.explained >= causes.explained) & (found.distance <= found.before * causes.gain)


def _shown(
    cause: str | ibis.expr.types.StringValue, evidence: ibis.expr.types.FloatingValue, found: Table
) -> dict[str, ibis.Value]:
    return {
        "cause": ibis.literal(cause) if isinstance(cause, str) else cause,
        "evidence": evidence,
        "distance": found.distance,
        "before": found.before,
        "explained": found.explained,
    }
