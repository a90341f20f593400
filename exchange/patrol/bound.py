"""What no plan can undercut: a linear programme over every tour of every crew.

It forgets on which days tours are made, that both banks must meet, who of a crew goes and what was planned before,
and lets tours be shares of one: each of that only makes a plan dearer. Columns are made as they are wanted;
the bound is Lagrange's, so it holds whenever the clock stops.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
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
Keys = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Prices:
    """What the optimum pays: for a visit, by side and reach (a last element for no stop); for a team's day
    and for a minute of work, by crew; for meeting under each key.
    """

    visit: dict[str, Floats]
    day: Floats
    minute: Floats
    meeting: Floats

    def reduced(self, office: Office, crew: int, side: str, tours: Tours, keys: Keys | None) -> Floats:
        """How far each tour is from paying for itself; below zero it would make the optimum cheaper. Shape
        (tours,).
        """
        weights = office.weights
        cost: Floats = (
            weights.travel * tours.travel + weights.outing - self.visit[side][tours.stops].sum(axis=1)
        )
        cost += self.day[crew] - self.minute[crew] * tours.work
        if keys is not None:
            cost -= (1 if side == max(self.visit) else -1) * self.meeting[keys]
        return cost


@dataclass(frozen=True, slots=True)
class Relaxation:
    """`bound`: no plan costs less. `pool`: rows of each crew's tours that were of use."""

    bound: float
    prices: Prices
    pool: tuple[NDArray[np.intp], ...]


def relax(
    office: Office,
    crews: Sequence[Crew],
    tours: Sequence[Tours],
    seconds: float,
    keys: Sequence[Keys] | None = None,
    start: Sequence[NDArray[np.intp]] = (),
) -> Relaxation:
    """Solve the relaxation, or stop after `seconds` with a bound that still holds.

    With `keys` (from `meeting_keys`) tours of both sides that meet have to be as many: tighter, and no longer
    a bound for plans in which a team meets two others on one day. `start`: a pool to begin with.
    """
    master = _Master(office, crews, 1 + max((int(each.max(initial=0)) for each in keys or ()), default=0))
    until, best = time.monotonic() + seconds, -np.inf
    pool: list[set[int]] = [set() for _ in crews]
    visits = office.visits()

    def take(at: int, rows: NDArray[np.intp]) -> int:
        news = [int(row) for row in rows if row not in pool[at]]
        for row in news:
            master.add(at, tours[at], row, int(keys[at][row]) if keys is not None else 0)
        pool[at].update(news)
        return len(news)

    for at, rows in enumerate(start):
        take(at, rows)
    while True:
        prices, value = master.solve()
        bound = sum(
            float(prices.visit[side][at]) * visits[at]
            for at, reach in enumerate(office.reaches)
            for side in reach.sides
        )
        news = 0
        for at, crew in enumerate(crews):
            bound -= master.limit[at] * float(prices.day[at])
            if len(tours[at]):
                reduced = prices.reduced(office, at, crew.side, tours[at], None if keys is None else keys[at])
                bound += master.limit[at] * min(0.0, float(reduced.min()))
                few = np.argpartition(reduced, min(_ROUND, len(reduced)) - 1)[:_ROUND]
                news += take(at, few[reduced[few] < -_ENOUGH])
        best = max(best, bound)
        if not news or value - best < _ENOUGH * abs(value) or time.monotonic() > until:
            return Relaxation(best, prices, tuple(np.array(sorted(each), np.intp) for each in pool))


class _Master:
    """The programme over the columns that are there."""

    def __init__(self, office: Office, crews: Sequence[Crew], keys: int) -> None:
        self._office = office
        self._crews = crews
        self._keys = keys
        self._solver: Any = pywraplp.Solver.CreateSolver("GLOP")
        self._visits: dict[tuple[str, int], Any] = {}
        self.limit = [int(crew.free(office).sum()) for crew in crews]
        most, visits = self._solver.infinity(), office.visits()
        for at, reach in enumerate(office.reaches):
            for side in reach.sides:
                self._visits[side, at] = self._solver.Constraint(visits[at], most)
                self._slack(self._visits[side, at], office.weights.unmet * (1 + reach.risk))
        self._days = [self._solver.Constraint(-limit, most) for limit in self.limit]
        self._work = [self._solver.Constraint(0, 0) for _ in crews]
        self._meet: dict[int, Any] = {}
        self._sides = tuple(sorted({side for side, _ in self._visits} | {crew.side for crew in crews}))
        self._share()

    def _slack(self, row: Any, price: float) -> None:
        slack = self._solver.NumVar(0, self._solver.infinity(), "")
        row.SetCoefficient(slack, 1)
        self._solver.Objective().SetCoefficient(slack, price)

    def _share(self) -> None:
        """A crew's work beyond its share of its side's costs extra."""
        weights = self._office.weights
        work = [self._solver.NumVar(0, self._solver.infinity(), "") for _ in self._crews]
        for at, crew in enumerate(self._crews):
            self._work[at].SetCoefficient(work[at], -1)
            mine = [other for other, one in enumerate(self._crews) if one.side == crew.side]
            share = (
                (1 + weights.tolerance) * self.limit[at] / max(1, sum(self.limit[other] for other in mine))
            )
            row = self._solver.Constraint(0, self._solver.infinity())
            self._slack(row, weights.uneven)
            for other in mine:
                row.SetCoefficient(work[other], share - (other == at))

    def add(self, crew: int, tours: Tours, row: int, key: int) -> None:
        """One more column."""
        weights, side = self._office.weights, self._crews[crew].side
        tour = self._solver.NumVar(0, self._solver.infinity(), "")
        self._solver.Objective().SetCoefficient(
            tour, float(weights.travel * tours.travel[row] + weights.outing)
        )
        self._days[crew].SetCoefficient(tour, -1)
        self._work[crew].SetCoefficient(tour, int(tours.work[row]))
        for stop in tours.stops[row]:
            if stop >= 0:
                self._visits[side, int(stop)].SetCoefficient(tour, 1)
        if key:
            meet = self._meet.get(key) or self._meet.setdefault(key, self._solver.Constraint(0, 0))
            meet.SetCoefficient(tour, 1 if side == self._sides[-1] else -1)

    def solve(self) -> tuple[Prices, float]:
        """Prices and value."""
        self._solver.Solve()
        visit = {side: np.zeros(len(self._office.reaches) + 1) for side in self._sides}
        for (side, at), row in self._visits.items():
            visit[side][at] = row.dual_value()
        meeting = np.zeros(self._keys)
        for key, row in self._meet.items():
            meeting[key] = row.dual_value()
        day = np.array([row.dual_value() for row in self._days])
        minute = np.array([row.dual_value() for row in self._work])
        return Prices(visit, day, minute, meeting), self._solver.Objective().Value()
