"""Which outings on which days: a constraint programme over given outings."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from ortools.sat.python import cp_model

from exchange.patrol.crew import Crew
from exchange.patrol.model import Office
from exchange.patrol.outing import Outing

_CENTS: Final = 10


@dataclass(frozen=True)
class Placed:
    """An outing on a day."""

    day: int
    outing: Outing


class Rules:
    """What placing has to know of an office, worked out once."""

    def __init__(self, office: Office, crews: Sequence[Crew]) -> None:
        self.office = office
        self.crews = crews
        self.free = [crew.free(office) for crew in crews]
        crew_of = {office.teams[team].code: at for at, crew in enumerate(crews) for team in crew.teams}
        index = {reach.code: at for at, reach in enumerate(office.reaches)}
        self.before = {
            (visit.day, index[visit.reach], crew_of[visit.team])
            for visit in (office.before.visits() if office.before else ())
            if visit.reach in index and visit.team in crew_of
        }
        self.locked = {(visit.day, index[visit.reach], crew_of[visit.team]) for visit in office.locked}
        self.days = [
            [day for day in range(office.days) if day not in reach.closed] for reach in office.reaches
        ]

    def open(self, outing: Outing) -> list[int]:
        """Days on which nothing forbids an outing."""
        closed = set().union(*(self.office.reaches[at].closed for at in outing.reaches))
        return [
            day
            for day in range(self.office.days)
            if day not in closed and all(self.free[leg.crew][day] for leg in outing.legs)
        ]

    def cost(self, placed: Placed) -> float:
        """Of one outing on its day; what it keeps of the plan before counts against it."""
        kept = sum(
            (placed.day, stop, leg.crew) in self.before for leg in placed.outing.legs for stop in leg.stops
        )
        return placed.outing.cost(self.office) - self.office.weights.moved * kept

    def share(self, work: float, side: str) -> dict[int, float]:
        """Minutes of a side's `work` that each of its crews may do before it is uneven."""
        days = {at: int(self.free[at].sum()) for at, crew in enumerate(self.crews) if crew.side == side}
        whole = max(1, sum(days.values()))
        return {at: work * mine / whole * (1 + self.office.weights.tolerance) for at, mine in days.items()}


def place(
    rules: Rules,
    outings: Sequence[Outing],
    fixed: Sequence[Placed],
    wanted: Mapping[tuple[int, int], bool],
    cap: Mapping[int, float],
    seconds: float,
    hint: Sequence[Placed] = (),
    days: frozenset[int] | None = None,
) -> list[Placed]:
    """Days for as many of `outings` as the wanted visits need, beside what is fixed, at least cost.

    `wanted`: (reach, part) that `fixed` does not meet. `cap`: minutes of work of a crew before they count as
    uneven. An outing may be made on several days, of `days` only if they are given. What cannot be met is
    left out.
    """
    return _Placing(rules, outings, fixed, cap, days).solve(wanted, seconds, hint)


class _Placing:
    def __init__(
        self,
        rules: Rules,
        outings: Sequence[Outing],
        fixed: Sequence[Placed],
        cap: Mapping[int, float],
        days: frozenset[int] | None,
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
                if days is not None and day not in days:
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
        self, wanted: Mapping[tuple[int, int], bool], seconds: float, hint: Sequence[Placed]
    ) -> list[Placed]:
        office, model = self._rules.office, self._model
        for at, part in wanted:
            reach = office.reaches[at]
            days = [day for day in self._rules.days[at] if office.part(day, reach.visits) == part]
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
        solver = cp_model.CpSolver()
        solver.parameters.max_time_in_seconds = seconds
        solver.parameters.num_workers = 2
        solver.parameters.random_seed = 1
        if solver.solve(model) not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
            return list(hint)
        return [
            Placed(day, self._outings[at]) for (at, day), made in self._made.items() if solver.value(made)
        ]

    def _keep_apart(self) -> None:
        office = self._rules.office
        for at in {reach for reach, _ in self._visits}:
            apart = office.reaches[at].apart
            done = sorted(day for reach, day in self._done if reach == at)
            for day in range(office.days):
                near = [
                    made
                    for when in range(day, min(day + apart, office.days))
                    for made in self._visits[at, when]
                ]
                if not near:
                    continue
                if any(day <= when < day + apart for when in done):
                    for made in near:
                        self._model.add(made == 0)
                elif len(near) > 1:
                    self._model.add_at_most_one(near)
