"""Bias per item and window: statistics over the pairs of a series, and which windows ask for an explanation.

The paired t test (for example ISO 5725-6:1994, 4.2) with the quantile of Student's t after Abramowitz and Stegun,
26.7.5; limits of agreement after Bland and Altman (1986): bias ± 1.96 standard deviations.
"""

from __future__ import annotations

from typing import Final

import ibis
from ibis.expr.types import FloatingValue, IntegerValue, Table

from exchange.reconcile.compare import Verdict
from exchange.reconcile.key import MANUAL, mode_of, seconds_of, series_of
from exchange.reconcile.terms import Pairing, Terms

_Z: Final = 1.959963984540054
FLOOR: Final = 1e-9
"""Nearer to zero than this, a value says nothing about a ratio."""


def window_of(key: IntegerValue, pairing: Pairing) -> IntegerValue:
    """The window's number in its series, counted from 1970."""
    manual = mode_of(series_of(key)) == MANUAL
    length = ibis.ifelse(manual, pairing.window_manual, pairing.window_automatic)
    return seconds_of(key) // length


def windows(pairs: Table, terms: Terms) -> Table:
    """One row per series and window: counts of verdicts, bias (right − left, in the item's unit) and its bounds.

    `log_bias` is the mean of ln(right / left). `significant`: the mean difference is not 0 at the 95 % level.
    """
    rows = pairs.mutate(series=series_of(pairs.key), window=window_of(pairs.key, terms.pairing))
    a, b = rows.left_amount, rows.right_amount
    usable = (a > FLOOR) & (b > FLOOR)
    ratio = ibis.ifelse(usable, b / ibis.ifelse(usable, a, 1.0), None).ln()
    counted = rows.group_by("series", "window").agg(
        pairs=(b - a).count(),
        **{f"n_{each.value}": (rows.verdict == each.number).sum() for each in Verdict},
        left_mean=a.mean(),
        right_mean=b.mean(),
        bias=(b - a).mean(),
        deviation=(b - a).std(how="sample"),
        log_bias=ratio.mean(),
    )
    free = counted.pairs - 1
    error = counted.deviation / counted.pairs.cast("float64").sqrt()
    bound = ibis.ifelse(free > 0, error * _student(ibis.greatest(free, 1)), None)
    spread = _Z * counted.deviation
    return counted.mutate(
        bias_low=counted.bias - bound,
        bias_high=counted.bias + bound,
        agreement_low=counted.bias - spread,
        agreement_high=counted.bias + spread,
        significant=ibis.coalesce(counted.bias.abs() > bound, False),
    )


def suspects(found: Table, terms: Terms) -> Table:
    """Windows in which so much differs, is missing, or is biased that one cause may stand behind it."""
    causes = terms.causes
    rows = found.pairs + found.n_left_only + found.n_right_only
    least = ibis.greatest(rows * causes.share, float(causes.least))
    biased = found.significant & (found.log_bias.abs() > causes.bias) & (found.pairs >= causes.least)
    chosen = found.filter(
        (found.n_disagree >= least)
        | (found.n_left_only >= least)
        | (found.n_right_only >= least)
        | ibis.coalesce(biased, False)
    )
    return chosen.select("series", "window", "pairs", "n_disagree", "log_bias")


def _student(free: IntegerValue) -> FloatingValue:
    """The 97.5 % quantile of Student's t; within 2 % from three degrees of freedom on."""
    n = free.cast("float64")
    first = (_Z**3 + _Z) / 4
    second = (5 * _Z**5 + 16 * _Z**3 + 3 * _Z) / 96
    third = (3 * _Z**7 + 19 * _Z**5 + 17 * _Z**3 - 15 * _Z) / 384
    return _Z + first / n + second / (n * n) + third / (n * n * n)
