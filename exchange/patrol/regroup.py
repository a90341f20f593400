"""Outings whose days are still open: which, and how often each.

Where teams have days to spare, days cost little; without them far more outings can be chosen among at a time.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any, Final

from ortools.sat.python import cp_model

from exchange.patrol.improve import Improver, Turn
from exchange.patrol.outing import Outing
from exchange.patrol.place import one_solver
from exchange.patrol.rules import Placed

_CENTS: Final = 10


class Regrouper(Improver):
    """The same search where everything is in one slot; its rules have one span and no days apart."""

    freed, more = 12, 16

    def missing(self, placed: Sequence[Placed]) -> dict[tuple[int, int], bool]:
        """(reach, number) of visits that are still to make."""
        met = Counter(at for each in placed for at in each.outing.reaches)
        return {(at, n): True for at, wanted in enumerate(self._visits) for n in range(met[at], wanted)}

    def _placed(self, turn: Turn, seconds: float) -> list[Placed]:
        wanted = Counter(at for at, _ in self.missing(turn.fixed) if at in turn.reaches)
        hint = Counter(each.outing for each in turn.freed)
        outings, _ = self._choices(turn)
        model: Any = cp_model.CpModel()
        times = [model.new_int_var(0, max(wanted[at] for at in each.reaches), "") for each in outings]
        cost = self._limited(model, turn, outings, times)
        visits: dict[int, list[Any]] = defaultdict(list)
        for taken, outing in zip(times, outings, strict=True):
            model.add_hint(taken, hint[outing])
            cost.append(taken * round(outing.cost(self._rules.office) * _CENTS))
            for at in outing.reaches:
                visits[at].append(taken)
        for at, count in wanted.items():
            missed = model.new_int_var(0, count, "")
            model.add(sum(visits[at]) + missed >= count)
            cost.append(missed * round(self.missed(at) * _CENTS))
        model.minimize(sum(cost))
        solver = one_solver(seconds, 1)
        if solver.solve(model) not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
            return turn.freed
        chosen = zip(times, outings, strict=True)
        return [Placed(0, outing) for taken, outing in chosen for _ in range(solver.value(taken))]

    def _limited(self, model: Any, turn: Turn, outings: Sequence[Outing], times: Sequence[Any]) -> list[Any]:
        """Nobody goes out on more days than there are; what work beyond a share costs."""
        rules, cost = self._rules, []
        days: dict[int, list[Any]] = defaultdict(list)
        work: dict[int, list[Any]] = defaultdict(list)
        for taken, outing in zip(times, outings, strict=True):
            for leg in outing.legs:
                days[leg.crew].append(taken)
                work[leg.crew].append(taken * leg.work)
        used: Counter[int] = Counter()
        worked: Counter[int] = Counter()
        for leg in (leg for each in turn.fixed for leg in each.outing.legs):
            used[leg.crew] += 1
            worked[leg.crew] += leg.work
        for crew, choices in days.items():
            model.add(sum(choices) <= int(rules.free[crew][0]) - used[crew])
            over = model.new_int_var(0, 1 << 24, "")
            model.add(over >= sum(work[crew]) + worked[crew] - int(self._cap[crew]))
            cost.append(over * int(rules.office.weights.uneven * _CENTS))
        return cost
