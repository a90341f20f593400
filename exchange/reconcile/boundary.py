"""Same sections, both sides: pair → compare → explain, stage by stage on whichever engine there is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce
from typing import Final

import pyarrow as pa
from ibis.expr.types import Table

from exchange.errors import InvalidInputError, LimitExceededError
from exchange.reconcile import explain, held, row
from exchange.reconcile.compare import (
    Verdict,
    judged_at_once,
    judged_later,
    keyed,
    limits_table,
    verdict_name,
)
from exchange.reconcile.engine.protocol import Engine, Source
from exchange.reconcile.key import MAX_ITEMS, MAX_SECTIONS
from exchange.reconcile.pair import alone, nearest, same_instant, single, without
from exchange.reconcile.result import named_windows, readable
from exchange.reconcile.sheet import sheet, suspect_rows
from exchange.reconcile.side import DATUMS, SECTIONS, side, units_table
from exchange.reconcile.terms import Causes, Terms
from exchange.reconcile.window import suspects, windows

_HOUR: Final = 3600
_SIDES: Final = ("left", "right")


@dataclass(frozen=True, slots=True)
class Compared:
    """Tables of the engine, by what they hold; nothing of them is in Python's memory yet."""

    pairs: Table
    differences: Table
    windows: Table
    causes: Table
    sections: Table
    units: Table

    def all_pairs(self) -> Table:
        """Every pair and every single row, with its verdict."""
        return readable(self.pairs, self.sections, self.units)

    def all_differences(self) -> Table:
        """What differs, each with its cause."""
        return readable(self.differences, self.sections, self.units)

    def verdicts(self) -> Table:
        """How many pairs and single rows have which verdict."""
        counted = self.pairs.group_by("verdict").agg(rows=self.pairs.count())
        return counted.mutate(verdict=verdict_name(counted.verdict))

    def bias(self) -> Table:
        """Bias per item and window."""
        return named_windows(self.windows, self.sections, self.units)


def crosswalk(pairs: Mapping[str, str]) -> pa.Table:
    """The crosswalk (schema SECTIONS) of left codes → right codes; raises InvalidInputError, LimitExceededError."""
    if not pairs:
        raise InvalidInputError("the crosswalk names no pair of sections")
    if len(set(pairs.values())) != len(pairs):
        raise InvalidInputError("the crosswalk names a section of the right side twice")
    if len(pairs) > MAX_SECTIONS:
        raise LimitExceededError(f"at most {MAX_SECTIONS} sections are compared at once")
    return pa.table([range(len(pairs)), list(pairs), list(pairs.values())], SECTIONS)


def compare(
    engine: Engine,
    terms: Terms,
    sections: pa.Table,
    left: Source,
    right: Source,
    datums: pa.Table | None = None,
) -> Compared:
    """Compare two sides' rows (columns OBSERVED, and `datum` where `datums` is given, schema DATUMS).

    `sections` is the crosswalk (schema SECTIONS). Raises LimitExceededError for more than 128 items.
    """
    if len(terms.items) > MAX_ITEMS:
        raise LimitExceededError(f"at most {MAX_ITEMS} items are compared at once")
    given = _Given(
        sections=engine.give("sections", sections),
        units=engine.give("units", units_table(terms)),
        limits=engine.give("limits", limits_table(terms)),
        datums=None if datums is None else engine.give("datums", datums.cast(DATUMS)),
        lags=engine.give("lags", _lags(terms.causes, terms.pairing.automatic)),
        factors=engine.give("factors", pa.table({"factor": pa.array(terms.causes.factors, pa.float64())})),
    )
    sides = [
        side(engine.give(name, rows), given.sections, f"{name}_section", given.units, terms, given.datums)
        for name, rows in (("left", left), ("right", right))
    ]
    pairs = _paired(engine, terms, given, *sides)
    found = engine.keep("windows", windows(pairs, terms))
    causes, stuck = _tried(engine, terms, given, pairs, found)
    differing = engine.keep("differing", explain.differing(pairs))
    twice = [row.twice_fed(differing, pairs, which, terms.causes) for which in _SIDES]
    explained = explain.explained(
        differing,
        engine.keep("twice", Table.union(*twice).distinct()),
        stuck,
        row.filled_rows(differing, terms.causes),
        causes,
        found,
        terms,
    )
    differences = engine.keep("differences", explained)
    return Compared(pairs, differences, found, causes, given.sections, given.units)


@dataclass(frozen=True, slots=True)
class _Given:
    sections: Table
    units: Table
    limits: Table
    datums: Table | None
    lags: Table
    factors: Table


def _paired(engine: Engine, terms: Terms, given: _Given, left: Table, right: Table) -> Table:
    """Every pair and single row, judged. Rows that meet at once are written once; the rest is small as a rule."""
    met = engine.keep("met", judged_at_once(same_instant(left, right), given.limits))
    left, right = (engine.keep(f"alone_{which}", alone(met, which)) for which in _SIDES)
    near = engine.keep("near", nearest(left, right, terms.pairing, mixed=False))
    left = engine.keep("left_over", without(left, near, "left"))
    right = engine.keep("right_over", without(right, near, "right"))
    across = engine.keep("across", nearest(left, right, terms.pairing, mixed=True))
    singles = [
        single(without(rows, across, which), which) for which, rows in zip(_SIDES, (left, right), strict=True)
    ]
    later = judged_later(reduce(Table.union, [near, across, *singles]), given.limits, terms.mixed)
    found = met.filter(met.verdict < Verdict.LEFT_ONLY.number)
    return engine.name("pairs", keyed(found.union(engine.keep("later", later))))


def _tried(engine: Engine, terms: Terms, given: _Given, pairs: Table, found: Table) -> tuple[Table, Table]:
    """The cause that a window has, where one is held, and the rows that are stuck."""
    causes, slot = terms.causes, terms.pairing.automatic
    odd = engine.keep("suspects", suspects(found, terms))
    rows = engine.keep("suspect_rows", suspect_rows(pairs, odd, terms))
    left, right = (engine.keep(f"sheet_{which}", sheet(rows, which, slot)) for which in _SIDES)
    lagged = engine.keep("lagged", held.lag_distances(left, right, given.lags, causes))
    ammonia = next(at for at, item in enumerate(terms.items) if item.code == causes.ammonia)
    stuck = Table.union(*(row.stuck_rows(rows, which, causes) for which in _SIDES))
    stuck = engine.keep("stuck", stuck)
    first = engine.keep(
        "held",
        reduce(
            Table.union,
            [
                held.by_unit(rows, odd, given.factors, causes, ammonia),
                held.by_lag(lagged, held.steps(left, slot), causes),
                held.by_swap(left, right, lagged, causes),
                explain.stuck_windows(rows, stuck, causes),
            ],
        ),
    )
    # elsewhere is looked only for what nothing nearer explains
    left, right = (each.anti_join(first, ["series", "window"]) for each in (left, right))
    far = engine.keep("held_far", held.by_section(left, right, lagged, causes))
    fine = explain.rounded_windows(row.rounded(rows, causes), causes)
    return engine.keep("causes", explain.chosen([first, far, fine])), stuck


def _lags(causes: Causes, slot: int) -> pa.Table:
    hours = [0, *(sign * hour for hour in causes.lags for sign in (1, -1))]
    return pa.table({"hours": hours, "slots": [hour * _HOUR // slot for hour in hours]})
