"""From an office to a plan: bound, outings, spans of days, days, until the time is up.

(1) a first plan by insertion, so that there always is one
(2) every tour of every crew, and the bound over all outings of them
(3) whole outings for the relaxation's shares
(4) a span of days for each; a few outings at a time taken apart and placed anew
(5) days; what finds none is inserted where there is room
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import date
from typing import Final

from exchange.errors import NotFoundError
from exchange.patrol.assign import placed_of, plan_of
from exchange.patrol.bound import Relaxation, relax
from exchange.patrol.cost import Cost, cost_of
from exchange.patrol.crew import MOST_TOURS, Budget, Crew, Tours, crews_of, tours_of
from exchange.patrol.dive import dive
from exchange.patrol.greedy import Insertion, insert_all
from exchange.patrol.improve import Improver
from exchange.patrol.model import Office, Plan
from exchange.patrol.nearby import Nearby
from exchange.patrol.outing import Meetings, Outing
from exchange.patrol.promised import promised, without_promised
from exchange.patrol.regroup import Regrouper
from exchange.patrol.rules import Placed, Rules, spans_of
from exchange.patrol.settle import settle

_NEAR: Final = 120.0
_RELAX, _DIVE, _REGROUP, _SETTLE, _SPANS = 0.3, 0.3, 0.7, 0.05, 0.9
"""Shares of the time: how long each of the first two may take, and when the others are done."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the work is: what was found last, after how many seconds, and the number that says how good it is."""

    stage: str
    seconds: float
    value: float


Tell = Callable[[Progress], None]


def _unheard(progress: Progress) -> None:
    """Nobody asked."""


@dataclass(frozen=True, slots=True)
class Planned:
    """A plan, what it costs, what none can undercut, and how long the first one took in seconds."""

    plan: Plan
    cost: Cost
    bound: float
    first_seconds: float

    @property
    def gap(self) -> float:
        """How much of the cost may be too much, at most."""
        return 1 - self.bound / self.cost.whole if self.cost.whole else 0.0


def plan(
    office: Office, seconds: float = 60.0, seed: int = 1, tell: Tell = _unheard, most_tours: int = MOST_TOURS
) -> Planned:
    """The best plan found in `seconds`; raises LimitExceededError where teams can make more than `most_tours`.

    `tell` hears of stages: `first` with the plan's cost, `bound` with the bound, `days` with the cost again.
    """
    began = time.monotonic()
    crews = crews_of(office)
    rules, meetings = Rules(office, crews), Meetings(office, crews)
    best = insert_all(rules, meetings)  # (1)
    first = time.monotonic() - began
    tell(Progress("first", first, cost_of(office, plan_of(rules, best)).whole))
    with ThreadPoolExecutor() as workers:  # (2)
        budget = Budget(most_tours)
        tours = list(workers.map(lambda crew: tours_of(office, crew, budget=budget), crews))
    relaxed = relax(office, crews, tours, _RELAX * seconds)
    bound, held = relaxed.bound, promised(rules, best)
    tell(Progress("bound", time.monotonic() - began, bound))
    if held:
        rest = without_promised(rules, held)
        relaxed = relax(rest, crews, tours, _RELAX * seconds)
    search = _Search(rest if held else office, crews, meetings, tours, relaxed, seed)
    placed = search.run(began, seconds)
    placed = Insertion(rules, meetings, [*held, *placed]).run()
    tell(Progress("days", time.monotonic() - began, cost_of(office, plan_of(rules, placed)).whole))
    improver = search.improver(rules, placed)
    best = improver.run(min((best, placed), key=improver.value), began + seconds, bound)
    made = plan_of(rules, best)
    return Planned(made, cost_of(office, made), bound, first)


class _Search:
    """The same search in ever finer slots."""

    def __init__(
        self,
        office: Office,
        crews: Sequence[Crew],
        meetings: Meetings,
        tours: Sequence[Tours],
        relaxed: Relaxation,
        seed: int,
    ) -> None:
        self._office, self._crews, self._meetings = office, crews, meetings
        self._tours, self._relaxed, self._seed = tours, relaxed, seed
        self._near = relaxed.pricing.near(relaxed.prices, _NEAR)

    def run(self, began: float, seconds: float) -> list[Placed]:
        """Outings on days; some visits may be missed."""
        chosen = dive(self._relaxed, self._tours, self._meetings, _DIVE * seconds)  # (3)
        chosen = self._regrouped(chosen, began + _REGROUP * seconds)
        days = Rules(self._office, self._crews)
        spans = Rules(self._office, self._crews, spans_of(self._office))
        slot = {day: at for at, span in enumerate(spans.spans) for day in span}
        placed = settle(days, chosen, _SETTLE * seconds)  # (4)
        start = [Placed(slot[each.day], each.outing) for each in placed]
        found = self.improver(spans, start).run(start, began + _SPANS * seconds, self._relaxed.bound)
        within = [spans.spans[each.day] for each in found]
        return settle(days, [each.outing for each in found], _SETTLE * seconds, within)  # (5)

    def improver(self, rules: Rules, placed: Sequence[Placed]) -> Improver:
        """The search under given rules, with fair shares as of what is placed."""
        return Improver(rules, self._nearby(rules), _cap(rules, placed), self._seed)

    def _nearby(self, rules: Rules) -> Nearby:
        return Nearby(rules, self._meetings, self._relaxed.prices, self._near)

    def _regrouped(self, outings: Sequence[Outing], until: float) -> list[Outing]:
        rules = Rules(self._office, self._crews, [range(self._office.days)])
        start = [Placed(0, outing) for outing in outings]
        search = Regrouper(rules, self._nearby(rules), _cap(rules, start), self._seed)
        return [each.outing for each in search.run(start, until, self._relaxed.bound)]


def _cap(rules: Rules, placed: Sequence[Placed]) -> dict[int, float]:
    """Fair shares of the work that a first plan has."""
    work = dict.fromkeys((crew.side for crew in rules.crews), 0.0)
    for each in placed:
        for leg in each.outing.legs:
            work[rules.crews[leg.crew].side] += leg.work
    return {crew: most for side, whole in work.items() for crew, most in rules.share(whole, side).items()}


def replan(office: Office, seconds: float = 4.0, seed: int = 1) -> Plan:
    """`office.before` mended where it no longer holds: little else moves, for what moves costs."""
    until = time.monotonic() + seconds
    crews = crews_of(office)
    rules, meetings = Rules(office, crews), Meetings(office, crews)
    kept = placed_of(rules, office.before or Plan())
    start = Insertion(rules, meetings, kept).run()
    improver = Improver(rules, Nearby(rules, meetings), _cap(rules, start), seed)
    return plan_of(rules, improver.run(start, until))


def without(office: Office, team: str, day: date) -> Office:
    """The office where a team does not work on a day; raises NotFoundError for a team that is not there."""
    if all(one.code != team for one in office.teams):
        raise NotFoundError(f"没有巡查队 {team} / there is no team {team}")
    number = (day - office.start).days
    teams = tuple(replace(one, days=one.days - {number}) if one.code == team else one for one in office.teams)
    return replace(office, teams=teams)
