"""Which outings on which days, or in which spans of days: a constraint programme over given outings."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from ortools.sat.python import cp_model

from exchange.patrol.outing import Outing
from exchange.patrol.rules import Placed, Rules

_CENTS: Final = 10


def place(
    rules: Rules,
    outings: Sequence[Outing],
    fixed: Sequence[Placed],
    wanted: Mapping[tuple[int, int], bool],
    cap: Mapping[int, float],
    seconds: float,
    hint: Sequence[Placed] = (),
    where: Mapping[Outing, Collection[int]] | None = None,
    workers: int = 2,
) -> list[Placed]:
    """Slots for as many of `outings` as the wanted visits need, beside what is fixed, at least cost.

    `wanted`: (reach, part) that `fixed` does not meet. `cap`: minutes of work of a crew before they count as
    uneven. An outing may be made in several slots, of `where` only if it is given. What cannot be met is
    left out.
    """
    return _Placing(rules, outings, fixed, cap, where).solve(wanted, seconds, hint, workers)


def one_solver(seconds: float, workers: int) -> Any:
    """A solver that leans on the linear relaxation, which is what settles choices among outings."""
    solver: Any = cp_model.CpSolver()
    solver.parameters.max_time_in_seconds = seconds
    solver.parameters.num_workers = workers
    solver.parameters.linearization_level = 2
    solver.parameters.random_seed = 1
    return solver


class _Placing:
    def __init__(
        self,
        rules: Rules,
        outings: Sequence[Outing],
        fixed: Sequence[Placed],
        cap: Mapping[int, float],
        where: Mapping[Outing, Collection[int]] | None,
    ) -> None:
        self._rules = rules
        self._model: Any = cp_model.CpModel()
        self._made: dict[tuple[int, int], Any] = {}
        self._outings = outings
        self._cost: list[Any] = []
        self._visits: dict[tuple[int, int], list[Any]] = defaultdict(list)
        self._done: set[tuple[int, int]] = {(at, each.day) for each in fixed for at in each.outing.reaches}
        busy: dict[tuple[int, int], list[Any]] = defaultdict(list)
        work: dict[int, list[Any]] = defaultdict(list)
        used: dict[tuple[int, int], int] = defaultdict(int)
        worked: dict[int, int] = defaultdict(int)
        for each in fixed:
            for leg in each.outing.legs:
                used[leg.crew, each.day] += 1
                worked[leg.crew] += leg.work
        for at, outing in enumerate(outings):
            for day in rules.open(outing):
                if where is not None and day not in where[outing]:
                    continue
                if any((reach, day) in self._done for reach in outing.reaches):
                    continue
                if any(used[leg.crew, day] >= rules.free[leg.crew][day] for leg in outing.legs):
                    continue
                self._add(at, day, busy, work)
        for (crew, day), choices in busy.items():
            if len(choices) > rules.free[crew][day] - used[crew, day]:
                self._model.add(sum(choices) <= int(rules.free[crew][day] - used[crew, day]))
        for crew, terms in work.items():
            if crew in cap:
                over = self._model.new_int_var(0, 1 << 24, "")
                self._model.add(over >= sum(terms) + worked[crew] - int(cap[crew]))
                self._cost.append(over * int(rules.office.weights.uneven * _CENTS))

    def _add(self, at: int, day: int, busy: dict[Any, list[Any]], work: dict[int, list[Any]]) -> None:
        outing = self._outings[at]
        made = self._made[at, day] = self._model.new_bool_var("")
        self._cost.append(made * round(self._rules.cost(Placed(day, outing)) * _CENTS))
        for leg in outing.legs:
            busy[leg.crew, day].append(made)
            work[leg.crew].append(made * leg.work)
        for reach in outing.reaches:
            self._visits[reach, day].append(made)

    def solve(
        self,
        wanted: Mapping[tuple[int, int], bool],
        seconds: float,
        hint: Sequence[Placed],
        workers: int,
    ) -> list[Placed]:
        office, model = self._rules.office, self._model
        for at, part in wanted:
            reach = office.reaches[at]
            days = [day for day in range(len(self._rules.spans)) if self._rules.part(at, day) == part]
            choices = [made for day in days for made in self._visits[at, day]]
            missed = model.new_bool_var("")
            model.add_bool_or([*choices, missed])
            weight = office.weights.unmet * (1 + reach.risk) * len(reach.sides)
            self._cost.append(missed * round(weight * _CENTS))
        self._keep_apart()
        for day, promised, crew in self._rules.locked:
            choices = [
                made
                for (at, when), made in self._made.items()
                if when == day
                and any(leg.crew == crew and promised in leg.stops for leg in self._outings[at].legs)
            ]
            if choices:
                model.add_bool_or(choices)
        model.minimize(sum(self._cost))
        places = {each: at for at, each in enumerate(self._outings)}
        hinted = {(places[each.outing], each.day) for each in hint if each.outing in places}
        for key, made in self._made.items():
            model.add_hint(made, key in hinted)
        solver = one_solver(seconds, workers)
        if solver.solve(model) not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
            return list(hint)
        return [
            Placed(day, self._outings[at]) for (at, day), made in self._made.items() if solver.value(made)
        ]

    def _keep_apart(self) -> None:
        slots = len(self._rules.spans)
        for at in {reach for reach, _ in self._visits}:
            apart = self._rules.apart[at]
            done = sorted(day for reach, day in self._done if reach == at)
            for day in range(slots):
                near = [
                    made for when in range(day, min(day + apart, slots)) for made in self._visits[at, when]
                ]
                if not near:
                    continue
                if any(day <= when < day + apart for when in done):
                    for made in near:
                        self._model.add(made == 0)
                elif len(near) > 1:
                    self._model.add_at_most_one(near)
