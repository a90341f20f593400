"""Which cause is named for a window, and for each row that differs.

A window's cause is the hypothesis that brings its values closest together. A row's own evidence (fed twice, stuck,
filled in) goes before the window's; what nothing explains is a true difference, or missing. `confidence` is 0 to 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from typing import Final

import ibis
from ibis.expr.types import Table

from exchange.reconcile.cause import Cause
from exchange.reconcile.compare import Verdict
from exchange.reconcile.held import HELD
from exchange.reconcile.key import series_of
from exchange.reconcile.pair import PAIR
from exchange.reconcile.terms import Causes, Terms
from exchange.reconcile.window import window_of

_DUPLICATE: Final = 0.99
_STUCK: Final = 0.95
_FILL: Final = 0.9


def stuck_windows(rows: Table, stuck: Table, causes: Causes) -> Table:
    """Windows in most of whose disagreements one side does not change (columns HELD)."""
    runs = stuck.group_by("key").agg(run=stuck.run.max())
    differing = rows.filter(rows.disagrees).left_join(runs, "key")
    found = differing.group_by("series", "window").agg(
        explained=differing.run.notnull().cast("float64").mean(), evidence=differing.run.max()
    )
    found = found.filter(found.explained >= causes.stuck_share)
    return found.select(
        "series",
        "window",
        cause=ibis.literal(Cause.STUCK.value),
        evidence=found.evidence.cast("float64"),
        distance=ibis.literal(0.0),
        before=ibis.literal(1.0),
        explained=found.explained,
    )


def rounded_windows(found: Table, causes: Causes) -> Table:
    """Windows that rounding explains (columns HELD)."""
    held = found.filter(found.explained >= causes.explained)
    return held.select(
        "series",
        "window",
        cause=ibis.literal(Cause.ROUNDING.value),
        evidence=held.places,
        distance=ibis.literal(0.5),
        before=ibis.literal(1.0),
        explained=held.explained,
    )


def chosen(held: Sequence[Table]) -> Table:
    """One cause per window: series, window, cause, evidence, confidence."""
    every = reduce(Table.union, [each.select(*HELD) for each in held])
    gain = 1 - every.distance / ibis.greatest(every.before, ibis.literal(1e-9))
    every = every.mutate(confidence=every.explained * ibis.greatest(gain, ibis.literal(0.0)))
    order = ibis.window(
        group_by=[every.series, every.window],
        order_by=[every.confidence.desc(), every.cause, every.evidence],
    )
    every = every.mutate(place=ibis.row_number().over(order))
    return every.filter(every.place == 0).select("series", "window", "cause", "evidence", "confidence")


def differing(pairs: Table) -> Table:
    """Pairs that disagree, and rows without a partner."""
    return pairs.filter(pairs.verdict >= Verdict.DISAGREE.number)


def explained(
    rows: Table, twice: Table, stuck: Table, filled: Table, causes: Table, windows: Table, terms: Terms
) -> Table:
    """Every difference with cause, evidence (a number whose meaning the cause gives) and confidence."""
    keyed = rows.mutate(series=series_of(rows.key), window=window_of(rows.key, terms.pairing))
    runs = stuck.group_by("key").agg(run=stuck.run.max())
    twice = twice.mutate(twice=ibis.literal(True))
    filled = filled.group_by("key").agg(fill=filled.value.min())
    share = windows.n_disagree / ibis.greatest(windows.pairs, 1)
    shares = windows.select("series", "window", share=share)
    found = keyed.left_join(twice, "key").drop("key_right")
    found = found.left_join(runs, "key").drop("key_right").left_join(filled, "key").drop("key_right")
    found = found.left_join(causes, ["series", "window"]).drop("series_right", "window_right")
    found = found.left_join(shares, ["series", "window"]).drop("series_right", "window_right")
    disagrees = found.verdict == Verdict.DISAGREE.number
    alone = ~disagrees
    ways = (
        (found.twice.notnull(), Cause.DUPLICATE, ibis.null("float64"), ibis.literal(_DUPLICATE)),
        (disagrees & found.run.notnull(), Cause.STUCK, found.run.cast("float64"), ibis.literal(_STUCK)),
        (found.fill.notnull(), Cause.FILL, found.fill, ibis.literal(_FILL)),
        (found.cause.notnull(), found.cause, found.evidence, found.confidence),
        (alone, Cause.MISSING, ibis.null("float64"), ibis.literal(1.0)),
    )
    return found.select(
        *PAIR,
        "key",
        "detection",
        "verdict",
        cause=ibis.cases(*((test, named) for test, named, _, _ in ways), else_=Cause.TRUE.value),
        evidence=ibis.cases(*((test, number) for test, _, number, _ in ways), else_=ibis.null("float64")),
        confidence=ibis.cases(*((test, sure) for test, _, _, sure in ways), else_=0.5 + found.share / 2),
    )
