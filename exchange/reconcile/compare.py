"""The verdict on a pair. Both values stay as they are; a verdict is only ever put beside them."""

from __future__ import annotations

from enum import StrEnum
from itertools import product
from typing import Final

import ibis
import pyarrow as pa
from ibis.expr.types import BooleanValue, FloatingValue, IntegerValue, StringValue, Table

from exchange.reconcile.key import MAX_UNITS, item_of, mode_of, series_of, units_of
from exchange.reconcile.pair import PAIR
from exchange.reconcile.terms import Mixed, Terms


class Verdict(StrEnum):
    """What is said of a pair, or of a row that has no partner."""

    AGREE = "agree"
    NOISE = "noise"
    DISAGREE = "disagree"
    LEFT_ONLY = "left_only"
    RIGHT_ONLY = "right_only"

    @property
    def number(self) -> int:
        """What stands for it until somebody reads it: text costs more to write than all the rest of a pair."""
        return list(Verdict).index(self)


_BANDS: Final = 3
_SIDES: Final = ("left", "right")
LIMITS: Final = pa.schema(
    [
        ("kind", pa.int64()),
        *((f"{which}_factor", pa.float64()) for which in _SIDES),
        *((f"upto_{at}", pa.float64()) for at in range(_BANDS - 1)),
        *((f"share_{at}", pa.float64()) for at in range(_BANDS)),
        ("absolute", pa.float64()),
        ("item_detection", pa.float64()),
        ("class_ii", pa.float64()),
        ("class_iv", pa.float64()),
    ]
)
_NEVER: Final = 1e300


def limits_table(terms: Terms) -> pa.Table:
    """What the terms allow each item, one row for each two units it may come in (schema LIMITS).

    Missing bands repeat the last; the factor of a side that is missing is null.
    """
    rows = []
    for place, item in enumerate(terms.items):
        bands = (*item.bands[:-1], *[item.bands[-1]] * (_BANDS + 1 - len(item.bands)))
        row = {f"share_{at}": band.share for at, band in enumerate(bands)}
        row |= {
            f"upto_{at}": _NEVER if band.upto is None else band.upto for at, band in enumerate(bands[:-1])
        }
        row |= {
            "absolute": item.absolute,
            "item_detection": item.detection_limit,
            "class_ii": -_NEVER if item.class_ii is None else item.class_ii,
            "class_iv": _NEVER if item.class_iv is None else item.class_iv,
        }
        factors = [*enumerate(item.units.values()), (MAX_UNITS, None)]
        rows += [
            row | {"kind": units_of(place, left, right), "left_factor": ours, "right_factor": theirs}
            for (left, ours), (right, theirs) in product(factors, factors)
        ]
    return pa.Table.from_pylist(rows, LIMITS)


def judged_at_once(met: Table, limits: Table) -> Table:
    """Rows that met at one instant, harmonised and judged: PAIR, `detection` (the larger limit of both), `verdict`."""
    found = _limited(met, limits)
    amounts = {f"{which}_amount": _amount(found, which) for which in _SIDES}
    detection = {
        f"{which}_detection": found[f"{which}_detection"] * found[f"{which}_factor"] for which in _SIDES
    }
    return _judged(found.mutate(**amounts, **detection), None)


def judged_later(pairs: Table, limits: Table, mixed: Mixed) -> Table:
    """Pairs that the nearest instants made, and what is alone: as `judged_at_once`."""
    return _judged(_limited(pairs, limits), mixed)


def _judged(found: Table, mixed: Mixed | None) -> Table:
    a, b = found.left_amount, found.right_amount
    apart, total = (a - b).abs(), a.abs() + b.abs()
    detection = ibis.greatest(
        ibis.coalesce(found.left_detection, found.item_detection),
        ibis.coalesce(found.right_detection, found.item_detection),
    )
    within = apart <= total * _share(found, total / 2)
    if mixed is not None:
        one_method = mode_of(series_of(found.left_key)) == mode_of(series_of(found.right_key))
        within = ibis.ifelse(one_method, within, _across(found, detection, mixed))
    verdict = ibis.cases(
        (found.left_key.isnull(), Verdict.RIGHT_ONLY.number),
        (found.right_key.isnull(), Verdict.LEFT_ONLY.number),
        (within | (apart <= found.absolute), Verdict.AGREE.number),
        (apart <= detection, Verdict.NOISE.number),
        else_=Verdict.DISAGREE.number,
    )
    return found.select(*PAIR, detection=detection, verdict=verdict)


def keyed(pairs: Table) -> Table:
    """The pairs with `key`: the left side's, or the only one's."""
    return pairs.mutate(key=_key(pairs))


def deviation(pairs: Table) -> FloatingValue:
    """|a − b| / (|a| + |b|), 0 where both are 0, null where one is missing."""
    apart = (pairs.left_amount - pairs.right_amount).abs()
    total = pairs.left_amount.abs() + pairs.right_amount.abs()
    return ibis.cases((total > 0, apart / total), (total == 0, 0.0), else_=None)


def verdict_name(number: IntegerValue) -> StringValue:
    """The word for a verdict's number."""
    *first, last = Verdict
    return ibis.cases(*((number == each.number, each.value) for each in first), else_=last.value)


def _key(pairs: Table) -> IntegerValue:
    return ibis.coalesce(pairs.left_key, pairs.right_key)


def _limited(pairs: Table, limits: Table) -> Table:
    """The pairs with what their item is allowed, and both factors."""
    left, right = (ibis.coalesce(pairs[f"{which}_unit_number"], MAX_UNITS).cast("int64") for which in _SIDES)
    kind = units_of(item_of(series_of(_key(pairs))), left, right)
    return pairs.mutate(kind=kind).join(limits, "kind")


def _amount(found: Table, which: str) -> FloatingValue:
    amount = found[f"{which}_value"] * found[f"{which}_factor"]
    shift = f"{which}_shift"
    return amount + found[shift] if shift in found.columns else amount


def _share(found: Table, mean: FloatingValue) -> FloatingValue:
    return ibis.cases(
        *((mean <= found[f"upto_{at}"], found[f"share_{at}"]) for at in range(_BANDS - 1)),
        else_=found[f"share_{_BANDS - 1}"],
    )


def _across(found: Table, detection: FloatingValue, mixed: Mixed) -> BooleanValue:
    """Automatic against laboratory: the laboratory's value says how much is allowed."""
    left_is_manual = mode_of(series_of(found.left_key)) == 1
    lab = ibis.ifelse(left_is_manual, found.left_amount, found.right_amount)
    share = ibis.cases(
        (lab > found.class_iv, mixed.above_iv),
        (lab > found.class_ii, mixed.above_ii),
        else_=mixed.up_to_ii,
    )
    apart = (found.left_amount - found.right_amount).abs()
    both_good = (found.left_amount <= found.class_ii) & (found.right_amount <= found.class_ii)
    return both_good | (lab <= 4 * detection) & (apart <= 4 * detection) | (apart <= lab.abs() * share)
