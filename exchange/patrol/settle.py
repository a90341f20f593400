"""A day for every outing that was chosen: in each part of the period that a visit is wanted in, and apart."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any, Final

from ortools.sat.python import cp_model

from exchange.patrol.outing import Outing
from exchange.patrol.rules import Placed, Rules

_CENTS: Final = 10


def settle(
    rules: Rules, outings: Sequence[Outing], seconds: float, within: Sequence[range] | None = None
) -> list[Placed]:
    """Days for as many of `outings` as can be, each once, so that few wanted visits are missed. `within`: days that
    each may be on; any unless given.
    """
    model: Any = cp_model.CpModel()
    made: dict[tuple[int, int], Any] = {}
    visits: dict[tuple[int, int], list[Any]] = defaultdict(list)
    busy: dict[tuple[int, int], list[Any]] = defaultdict(list)
    for at, outing in enumerate(outings):
        days = [day for day in rules.open(outing) if within is None or day in within[at]]
        for day in days:
            made[at, day] = model.new_bool_var("")
            for reach in outing.reaches:
                visits[reach, day].append(made[at, day])
            for leg in outing.legs:
                busy[leg.crew, day].append(made[at, day])
        model.add_at_most_one(made[at, day] for day in days)
    for (crew, day), choices in busy.items():
        if len(choices) > rules.free[crew][day]:
            model.add(sum(choices) <= int(rules.free[crew][day]))
    model.minimize(sum(_missed(model, rules, visits)))
    solver = cp_model.CpSolver()
    solver.parameters.max_time_in_seconds = seconds
    solver.parameters.num_workers = 2
    solver.parameters.random_seed = 1
    if solver.solve(model) not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
        return []
    return [Placed(day, outings[at]) for (at, day), chosen in made.items() if solver.value(chosen)]


def _missed(model: Any, rules: Rules, visits: dict[tuple[int, int], list[Any]]) -> list[Any]:
    """What visits that are left out cost; visits of a reach are kept apart."""
    office, cost = rules.office, []
    for at, part in office.wanted():
        reach = office.reaches[at]
        missed = model.new_bool_var("")
        choices = [made for day in office.days_of(part, reach.visits) for made in visits[at, day]]
        model.add_bool_or([*choices, missed])
        cost.append(missed * round(office.weights.unmet * (1 + reach.risk) * len(reach.sides) * _CENTS))
    for at, apart in enumerate(rules.apart):
        for day in range(office.days):
            days = range(day, min(day + apart, office.days))
            model.add_at_most_one(made for when in days for made in visits[at, when])
    return cost
