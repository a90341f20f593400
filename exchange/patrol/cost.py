"""What a plan costs, told apart; the planner's objective and everybody's yardstick."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import astuple, dataclass
from itertools import pairwise

from exchange.patrol.model import Office, Plan


@dataclass(frozen=True, slots=True)
class Cost:
    """In minutes of one team on the road, each already weighted; see `Weights`."""

    travel: float
    outings: float
    uneven: float
    moved: float
    unmet: float

    @property
    def whole(self) -> float:
        """The sum."""
        return float(sum(astuple(self)))


def cost_of(office: Office, plan: Plan) -> Cost:
    """The cost of a plan that keeps the rules."""
    weights = office.weights
    travel, work = _travel_and_work(office, plan)
    kept = set(plan.visits())
    moved = [each for each in (office.before.visits() if office.before else ()) if each not in kept]
    return Cost(
        weights.travel * sum(travel.values()),
        weights.outing * len(plan.tours),
        weights.uneven * _beyond_share(office, work),
        weights.moved * len(moved),
        sum(
            weights.unmet * (1 + office.reaches[at].risk) * len(office.reaches[at].sides)
            for at, _ in unmet_of(office, plan)
        ),
    )


def unmet_of(office: Office, plan: Plan) -> list[tuple[int, int]]:
    """(reach, part) of the period without a visit."""
    index = {reach.code: at for at, reach in enumerate(office.reaches)}
    met = set()
    for visit in plan.visits():
        at = index[visit.reach]
        met.add((at, office.part(visit.day, office.reaches[at].visits)))
    return [key for key in office.wanted() if key not in met]


def _travel_and_work(office: Office, plan: Plan) -> tuple[dict[str, int], dict[str, int]]:
    index = {reach.code: at for at, reach in enumerate(office.reaches)}
    site = {home: len(office.reaches) + at for at, home in enumerate(office.homes)}
    home = {team.code: site[team.home] for team in office.teams}
    travel: dict[str, int] = defaultdict(int)
    work: dict[str, int] = defaultdict(int)
    for tour in plan.tours:
        stops = [index[stop.reach] for stop in tour.stops]
        sites = [home[tour.team], *stops, home[tour.team]]
        gone = sum(int(office.travel[a, b]) for a, b in pairwise(sites))
        travel[tour.team] += gone
        work[tour.team] += gone + sum(office.reaches[at].minutes for at in stops)
    return travel, work


def _beyond_share(office: Office, work: dict[str, int]) -> float:
    """Minutes beyond a team's share of its side's work, which goes by the days it is there."""
    beyond = 0.0
    for side in sorted({team.side for team in office.teams}):
        teams = [team for team in office.teams if team.side == side]
        whole = sum(work.get(team.code, 0) for team in teams)
        days = sum(len(team.days) for team in teams) or 1
        for team in teams:
            share = whole * len(team.days) / days * (1 + office.weights.tolerance)
            beyond += max(0.0, work.get(team.code, 0) - share)
    return beyond
