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
    """Outings that together visit every reach as often as it wants, each once for every time it is chosen."""
    programme = _Programme(rules, cap)
    for column in columns:
        programme.add(column)
    picked = [
        column for column, times in zip(columns, programme.solve(seconds), strict=True) for _ in range(times)
    ]
    return _paired(picked, [crew.side for crew in rules.crews], meetings)


class _Programme:
    """How often each column is taken."""

    def __init__(self, rules: Rules, cap: dict[int, float]) -> None:
        office = rules.office
        self._crews = rules.crews
        self._solver: Any = pywraplp.Solver.CreateSolver("SCIP")
        self._chosen: list[Any] = []
        self._visits = {}
        for (at, wanted), reach in zip(enumerate(office.visits()), office.reaches, strict=True):
            for side in reach.sides:
                self._visits[side, at] = self._at_least(wanted, office.weights.unmet * (1 + reach.risk))
        self._days = [self._solver.Constraint(0, int(free.sum())) for free in rules.free]
        self._work = {crew: self._at_least(-most, office.weights.uneven) for crew, most in cap.items()}
        self._sides = sorted({crew.side for crew in rules.crews})
        self._meet: dict[int, Any] = {}

    def _at_least(self, least: float, price: float) -> Any:
        """A row that may be missed at a price."""
        row = self._solver.Constraint(least, self._solver.infinity())
        missed = self._solver.NumVar(0, self._solver.infinity(), "")
        row.SetCoefficient(missed, 1)
        self._solver.Objective().SetCoefficient(missed, price)
        return row

    def add(self, column: Column) -> None:
        times = self._solver.IntVar(0, _TIMES, "")
        self._chosen.append(times)
        self._solver.Objective().SetCoefficient(times, column.cost)
        crew, side = column.way.crew, self._crews[column.way.crew].side
        self._days[crew].SetCoefficient(times, 1)
        self._work[crew].SetCoefficient(times, -column.work)
        for stop in column.way.stops:
            self._visits[side, stop].SetCoefficient(times, 1)
        if column.key:
            row = self._meet.get(column.key) or self._meet.setdefault(
                column.key, self._solver.Constraint(0, 0)
            )
            row.SetCoefficient(times, 1 if side == self._sides[0] else -1)

    def solve(self, seconds: float) -> list[int]:
        """Times of each column in the order they were added; none of any where the clock stops first."""
        self._solver.SetTimeLimit(int(seconds * 1000))
        if self._solver.Solve() not in (pywraplp.Solver.OPTIMAL, pywraplp.Solver.FEASIBLE):
            return [0] * len(self._chosen)
        return [round(times.solution_value()) for times in self._chosen]


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
