"""The rows of windows that ask for an explanation, and how far values are apart that may be one and the same."""

from __future__ import annotations

import ibis
from ibis.expr.types import FloatingValue, Table

from exchange.reconcile.compare import Verdict
from exchange.reconcile.key import seconds_of, series_of
from exchange.reconcile.terms import Terms
from exchange.reconcile.window import FLOOR, window_of


def suspect_rows(pairs: Table, suspects: Table, terms: Terms) -> Table:
    """Every pair of those windows: series, window, key, both instants (seconds) and amounts, verdict."""
    rows = pairs.mutate(series=series_of(pairs.key), window=window_of(pairs.key, terms.pairing))
    rows = rows.semi_join(suspects, ["series", "window"])
    return rows.select(
        "series",
        "window",
        "key",
        left_at=seconds_of(rows.left_key),
        right_at=seconds_of(rows.right_key),
        left=rows.left_amount,
        right=rows.right_amount,
        detection=rows.detection,
        disagrees=rows.verdict == Verdict.DISAGREE.number,
    )


def sheet(rows: Table, which: str, slot: int) -> Table:
    """One side's values by series, window and slot of `slot` seconds: their mean where several fall into one."""
    known = rows.filter(rows[which].notnull())
    known = known.mutate(slot=(known[f"{which}_at"] + slot // 2) // slot)
    return known.group_by("series", "window", "slot").agg(value=known[which].mean())


def distance(a: FloatingValue, b: FloatingValue) -> FloatingValue:
    """|a − b| over the larger of both, 0 to 1: 0 for equal values, 1 where they have nothing in common."""
    larger = ibis.greatest(a.abs(), b.abs(), ibis.literal(FLOOR))
    return ibis.least((a - b).abs() / larger, ibis.literal(1.0))
