"""Which tours at all: an integer programme over the tours that the relaxation found useful, days left open."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from ortools.linear_solver import pywraplp

from exchange.patrol.bound import Relaxation
from exchange.patrol.crew import Tours
from exchange.patrol.outing import Meetings, Outing, Way
from exchange.patrol.place import Rules

_KEEP: Final = 4000
_TIMES: Final = 8


@dataclass(frozen=True, slots=True)
class Column:
    """A tour that may be made several times; `key` as in `meeting_keys`."""

    way: Way
    cost: float
    work: int
    key: int


def columns_of(
    rules: Rules,
    tours: Sequence[Tours],
    keys: Sequence[NDArray[np.int64]],
    relaxed: Relaxation,
) -> list[Column]:
    """The cheapest by reduced cost of what the relaxation priced."""
    office = rules.office
    found: list[tuple[float, int, Column]] = []
    for at, (crew, each, rows) in enumerate(zip(rules.crews, tours, relaxed.pool, strict=True)):
        some, key = each.take(rows), keys[at][rows]
        reduced = relaxed.prices.reduced(office, at, crew.side, some, key)
        cost = office.weights.travel * some.travel + office.weights.outing
        for row in range(len(some)):
            way = Way(at, frozenset(int(stop) for stop in some.stops[row] if stop >= 0))
            column = Column(way, float(cost[row]), int(some.work[row]), int(key[row]))
            found.append((float(reduced[row]), len(found), column))
    return [column for _, _, column in sorted(found)[:_KEEP]]


def cover(
    rules: Rules, columns: Sequence[Column], cap: dict[int, float], meetings: Meetings, seconds: float
) -> list[Outing]:
    """Outings that together visit every reach as often as it wants; distinct ones, each once for every time
    it is chosen.
    """
    office = rules.office
    wanted = office.visits()
    solver: Any = pywraplp.Solver.CreateSolver("SCIP")
    solver.SetTimeLimit(int(seconds * 1000))
    visits = {
        (side, at): solver.Constraint(wanted[at], solver.infinity())
        for at, reach in enumerate(office.reaches)
        for side in reach.sides
    }
    for (_, at), row in visits.items():
        missed = solver.IntVar(0, wanted[at], "")
        row.SetCoefficient(missed, 1)
        solver.Objective().SetCoefficient(missed, office.weights.unmet * (1 + office.reaches[at].risk))
    days = [solver.Constraint(0, int(free.sum())) for free in rules.free]
    fair: dict[int, Any] = {}
    for crew, most in cap.items():
        fair[crew] = solver.Constraint(-solver.infinity(), most)
        over = solver.NumVar(0, solver.infinity(), "")
        fair[crew].SetCoefficient(over, -1)
        solver.Objective().SetCoefficient(over, office.weights.uneven)
    sides = sorted({crew.side for crew in rules.crews})
    meet: dict[int, Any] = {}
    chosen = []
    for column in columns:
        times = solver.IntVar(0, _TIMES, "")
        chosen.append(times)
        solver.Objective().SetCoefficient(times, column.cost)
        crew = column.way.crew
        side = rules.crews[crew].side
        days[crew].SetCoefficient(times, 1)
        fair[crew].SetCoefficient(times, column.work)
        for stop in column.way.stops:
            visits[side, stop].SetCoefficient(times, 1)
        if column.key:
            row = meet.get(column.key) or meet.setdefault(column.key, solver.Constraint(0, 0))
            row.SetCoefficient(times, 1 if side == sides[0] else -1)
    if solver.Solve() not in (pywraplp.Solver.OPTIMAL, pywraplp.Solver.FEASIBLE):
        return []
    picked = [
        column
        for column, times in zip(columns, chosen, strict=True)
        for _ in range(round(times.solution_value()))
    ]
    return _paired(picked, [crew.side for crew in rules.crews], meetings)


def _paired(picked: Sequence[Column], side: Sequence[str], meetings: Meetings) -> list[Outing]:
    """Tours of both sides that share their joint reaches become one outing, the best partner first."""
    found = [made for each in picked if not each.key if (made := meetings.outing(each.way))]
    for key in sorted({each.key for each in picked if each.key}):
        mine = [each for each in picked if each.key == key]
        first = [each for each in mine if side[each.way.crew] == min(side)]
        second = [each for each in mine if side[each.way.crew] != min(side)]
        for one in first:
            partners = [
                (outing, other)
                for other in second
                if (outing := meetings.outing(one.way, other.way)) is not None
            ]
            if partners:
                outing, other = min(partners, key=lambda pair: sum(leg.travel for leg in pair[0].legs))
                second.remove(other)
                found.append(outing)
    return found
