"""The linear programme over outings that are there so far: every reach often enough, nobody beyond the calendar."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from ortools.linear_solver import pywraplp

from exchange.patrol.crew import Crew, Tours
from exchange.patrol.model import Office

Floats = NDArray[np.float64]
Column = tuple[tuple[int, int], ...]
"""(crew, row of its tours), one for each side that goes."""


@dataclass(frozen=True, slots=True)
class Prices:
    """What the optimum pays: for a visit, by side and reach (a last element for no stop); for a team's day
    and for a minute of work, by crew. What a joint visit is worth is credited to one side.
    """

    visit: dict[str, Floats]
    day: Floats
    minute: Floats

    def reduced(self, office: Office, crew: int, side: str, tours: Tours) -> Floats:
        """How far each tour is from paying for itself; where an outing's sum is below zero it would make the
        optimum cheaper. Shape (tours,).
        """
        weights = office.weights
        cost: Floats = weights.travel * tours.travel + (weights.outing + self.day[crew])
        cost -= self.minute[crew] * tours.work
        visit = self.visit[side]
        for column in tours.stops.T:
            cost -= visit[column]
        return cost


class Programme:
    """Rows for visits by reach, for days and minutes by crew; columns as they are added. `values`: how often the
    optimum took each column when it was last solved.
    """

    def __init__(self, office: Office, crews: Sequence[Crew]) -> None:
        self._office = office
        self._crews = crews
        self._solver: Any = pywraplp.Solver.CreateSolver("GLOP")
        self.limit = [int(crew.free(office).sum()) for crew in crews]
        self.columns: list[Column] = []
        self.values: Floats = np.empty(0)
        self._known: set[Column] = set()
        self._taken: list[Any] = []
        most = self._solver.infinity()
        self._visits = []
        for wanted, reach in zip(office.visits(), office.reaches, strict=True):
            self._visits.append(self._solver.Constraint(wanted, most))
            self._slack(self._visits[-1], office.weights.unmet * (1 + reach.risk) * len(reach.sides))
        self._days = [self._solver.Constraint(-limit, most) for limit in self.limit]
        self._work = [self._solver.Constraint(0, 0) for _ in crews]
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

    def add(self, column: Column, tours: Sequence[Tours]) -> bool:
        """One more column; whether it was not there."""
        if column in self._known:
            return False
        weights = self._office.weights
        taken = self._solver.NumVar(0, self._solver.infinity(), "")
        stops: set[int] = set()
        cost = 0.0
        for crew, row in column:
            cost += float(weights.travel * tours[crew].travel[row] + weights.outing)
            self._days[crew].SetCoefficient(taken, -1)
            self._work[crew].SetCoefficient(taken, int(tours[crew].work[row]))
            stops.update(int(stop) for stop in tours[crew].stops[row] if stop >= 0)
        self._solver.Objective().SetCoefficient(taken, cost)
        for stop in stops:
            self._visits[stop].SetCoefficient(taken, 1)
        self.columns.append(column)
        self._known.add(column)
        self._taken.append(taken)
        return True

    def take(self, column: int, times: int) -> None:
        """At least so many of a column."""
        self._taken[column].SetLb(times)

    def drop(self, column: int) -> None:
        """None of a column."""
        self._taken[column].SetBounds(0, 0)

    def solve(self) -> tuple[Prices, float]:
        """Prices and value."""
        self._solver.Solve()
        self.values = np.array([taken.solution_value() for taken in self._taken])
        reaches = self._office.reaches
        sides = {side for reach in reaches for side in reach.sides} | {crew.side for crew in self._crews}
        visit = {side: np.zeros(len(reaches) + 1) for side in sorted(sides)}
        for at, row in enumerate(self._visits):
            visit[reaches[at].sides[0]][at] = row.dual_value()
        day = np.array([row.dual_value() for row in self._days])
        minute = np.array([row.dual_value() for row in self._work])
        return Prices(visit, day, minute), float(self._solver.Objective().Value())
