"""From an office to a plan: bound, tours, days, then improvement until the time is up.

(1) a first plan by insertion, so that there always is one
(2) every tour of every crew, and the bound
(3) the same with both banks meeting; an integer choice among its tours
(4) days and meetings for what was chosen
(5) a few outings at a time taken apart and placed anew
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Final

import numpy as np
from numpy.typing import NDArray

from exchange.errors import NotFoundError
from exchange.patrol.assign import placed_of, plan_of
from exchange.patrol.bound import Relaxation, relax
from exchange.patrol.cost import Cost, cost_of
from exchange.patrol.cover import columns_of, cover
from exchange.patrol.crew import Tours, crews_of, tours_of
from exchange.patrol.greedy import Insertion, insert_all
from exchange.patrol.improve import Improver
from exchange.patrol.meeting import meeting_keys
from exchange.patrol.model import Office, Plan
from exchange.patrol.outing import Meetings
from exchange.patrol.place import Placed, Rules, place

_NEAR: Final = 60.0


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


def plan(office: Office, seconds: float = 60.0, seed: int = 1) -> Planned:
    """The best plan found in `seconds`."""
    began = time.monotonic()
    until = began + seconds
    crews = crews_of(office)
    rules, meetings = Rules(office, crews), Meetings(office, crews)
    best = insert_all(rules, meetings)  # (1)
    first = time.monotonic() - began
    tours = [tours_of(office, crew) for crew in crews]
    relaxed = relax(office, crews, tours, seconds / 6)  # (2)
    cap = _cap(rules, best)
    improver = Improver(rules, meetings, cap, relaxed.prices, seed)
    tours, start = _promising(rules, tours, relaxed)
    keys = meeting_keys(office, tours)
    met = relax(office, crews, tours, seconds / 6, keys, start)  # (3)
    chosen = cover(rules, columns_of(rules, tours, keys, met), cap, meetings, seconds / 5)
    wanted = improver.missing(())
    placed = place(rules, list(dict.fromkeys(chosen)), (), wanted, cap, seconds / 6)  # (4)
    best = min((best, placed), key=improver.value)
    best = improver.run(best, until, relaxed.bound)  # (5)
    made = plan_of(rules, best)
    return Planned(made, cost_of(office, made), relaxed.bound, first)


def _promising(
    rules: Rules, tours: Sequence[Tours], relaxed: Relaxation
) -> tuple[list[Tours], list[NDArray[np.intp]]]:
    """The tours that are not far from paying for themselves, and where the relaxation's own are among them."""
    found, start = [], []
    for at, (crew, each, pool) in enumerate(zip(rules.crews, tours, relaxed.pool, strict=True)):
        near = relaxed.prices.reduced(rules.office, at, crew.side, each, None) < _NEAR
        near[pool] = True
        found.append(each.take(near))
        start.append((np.cumsum(near) - 1)[pool])
    return found, start


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
    improver = Improver(rules, meetings, _cap(rules, start), None, seed)
    return plan_of(rules, improver.run(start, until))


def without(office: Office, team: str, day: date) -> Office:
    """The office where a team does not work on a day; raises NotFoundError for a team that is not there."""
    if all(one.code != team for one in office.teams):
        raise NotFoundError(f"没有巡查队 {team} / there is no team {team}")
    number = (day - office.start).days
    teams = tuple(replace(one, days=one.days - {number}) if one.code == team else one for one in office.teams)
    return replace(office, teams=teams)
