"""What no plan can undercut: a linear programme over every tour of every crew.

It forgets on which days tours are made, that both banks must meet, fairness and stability, and lets tours be shares of one: each of that
only makes a plan dearer. Columns are made as they are wanted; the bound is Lagrange's, so it holds whenever the clock stops.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from ortools.linear_solver import pywraplp

from exchange.patrol.crew import Crew, Tours
from exchange.patrol.model import Office

_ROUND: Final = 100
_ENOUGH: Final = 1e-4
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Relaxation:
    """`bound`: no plan costs less. `worth`: what a visit is worth to the optimum, by side and reach. `day`: what a team's day is worth, by
    crew. `pool`: rows of each crew's tours that were of use. `toll`: what meeting under each key brings, by side.
    `minute`: what a minute of a crew's work costs for fairness."""

    bound: float
    worth: dict[str, Floats]
    day: Floats
    pool: tuple[NDArray[np.intp], ...]
    toll: Callable[[str, NDArray[np.int64]], Floats]
    minute: Floats


def relax(
    office: Office,
    crews: Sequence[Crew],
    tours: Sequence[Tours],
    seconds: float,
    keys: Sequence[NDArray[np.int64]] | None = None,
    start: Sequence[NDArray[np.intp]] = (),
) -> Relaxation:
    """Solve the relaxation, or stop after `seconds` with a bound that still holds.

    With `keys` (from `meeting_keys`) tours of both sides that meet have to be as many: tighter, and no longer a bound for
    plans in which a team meets two others on one day. `start`: a pool to begin with.
    """
    master = _Master(office, crews, 1 + max((int(each.max(initial=0)) for each in keys or ()), default=0))
    until, best, idle = time.monotonic() + seconds, -np.inf, 0
    costs = [office.weights.travel * each.travel + office.weights.outing for each in tours]
    pool: list[set[int]] = [set() for _ in crews]

    def take(at: int, rows: NDArray[np.intp]) -> int:
        news = [int(row) for row in rows if row not in pool[at]]
        for row in news:
            key = int(keys[at][row]) if keys is not None else 0
            master.add(at, tours[at].stops[row], float(costs[at][row]), int(tours[at].work[row]), key)
        pool[at].update(news)
        return len(news)

    for at, rows in enumerate(start):
        take(at, rows)
    while True:
        worth, day, value = master.solve()
        bound = sum(float(worth[side][at]) * reach.visits for at, reach in enumerate(office.reaches) for side in reach.sides)
        news = 0
        for at, crew in enumerate(crews):
            if not len(tours[at]):
                continue
            gain = worth[crew.side][tours[at].stops].sum(axis=1) - costs[at] + master.minute[at] * tours[at].work
            if keys is not None:
                gain += master.toll(crew.side, keys[at])
            bound -= master.limit[at] * max(0.0, float(gain.max()))
            top = np.argpartition(gain, -min(_ROUND, len(gain)))[-_ROUND:]
            news += take(at, top[gain[top] > day[at] + _ENOUGH])
        best = max(best, bound)
        if not news or value - best < _ENOUGH * abs(value) or time.monotonic() > until:
            rows = tuple(np.array(sorted(each), np.intp) for each in pool)
            return Relaxation(best, worth, day, rows, master.toll, master.minute)


class _Master:
    """The programme over the columns that are there."""

    def __init__(self, office: Office, crews: Sequence[Crew], keys: int) -> None:
        self._office = office
        self._crews = crews
        self._solver: Any = pywraplp.Solver.CreateSolver("GLOP")
        self._rows: dict[tuple[str, int], Any] = {}
        weights = office.weights
        for at, reach in enumerate(office.reaches):
            for side in reach.sides:
                row = self._solver.Constraint(reach.visits, self._solver.infinity())
                self._rows[side, at] = row
                slack = self._solver.NumVar(0, self._solver.infinity(), "")
                row.SetCoefficient(slack, 1)
                self._solver.Objective().SetCoefficient(slack, weights.unmet * (1 + reach.risk))
        self.limit = [int(crew.free(office).sum()) for crew in crews]
        self._days = [self._solver.Constraint(-limit, self._solver.infinity()) for limit in self.limit]
        self._sides = tuple(sorted({side for side, _ in self._rows}))
        self._sign = {side: 1 if at % 2 else -1 for at, side in enumerate(self._sides)}
        self._meet: dict[int, Any] = {}
        self._work: list[Any] = []
        self.minute = np.zeros(len(crews))
        self._fair()
        self._price = np.zeros(keys)

    def _fair(self) -> None:
        """A crew's work beyond its share of its side's costs extra."""
        solver, weights, crews = self._solver, self._office.weights, self._crews
        whole = {side: sum(l for l, crew in zip(self.limit, crews, strict=True) if crew.side == side) for side in self._sides}
        work = [solver.NumVar(0, solver.infinity(), "") for _ in crews]
        for at, crew in enumerate(crews):
            self._work.append(solver.Constraint(0, 0))
            self._work[at].SetCoefficient(work[at], -1)
            share = (1 + weights.tolerance) * self.limit[at] / max(1, whole[crew.side])
            row = solver.Constraint(0, solver.infinity())
            over = solver.NumVar(0, solver.infinity(), "")
            solver.Objective().SetCoefficient(over, weights.uneven)
            row.SetCoefficient(over, 1)
            for other, one in enumerate(crews):
                if one.side == crew.side:
                    row.SetCoefficient(work[other], share - (other == at))

    def add(self, crew: int, stops: NDArray[np.int32], cost: float, work: int, key: int) -> None:
        tour = self._solver.NumVar(0, self._solver.infinity(), "")
        self._solver.Objective().SetCoefficient(tour, cost)
        self._days[crew].SetCoefficient(tour, -1)
        self._work[crew].SetCoefficient(tour, work)
        for stop in stops[stops >= 0]:
            self._rows[self._crews[crew].side, int(stop)].SetCoefficient(tour, 1)
        if key:
            row = self._meet.get(key) or self._meet.setdefault(key, self._solver.Constraint(0, 0))
            row.SetCoefficient(tour, self._sign[self._crews[crew].side])

    def toll(self, side: str, keys: NDArray[np.int64]) -> Floats:
        """What meeting under each key brings or costs; nothing where nobody has met yet."""
        return self._sign[side] * self._price[keys]

    def solve(self) -> tuple[dict[str, Floats], Floats, float]:
        """Worth of visits by side, with a last element for no stop; worth of days; value."""
        self._solver.Solve()
        worth = {side: np.zeros(len(self._office.reaches) + 1) for side in self._sides}
        for (side, at), row in self._rows.items():
            worth[side][at] = row.dual_value()
        for key, row in self._meet.items():
            self._price[key] = row.dual_value()
        day = np.array([row.dual_value() for row in self._days])
        self.minute = np.array([row.dual_value() for row in self._work])
        return worth, day, self._solver.Objective().Value()
