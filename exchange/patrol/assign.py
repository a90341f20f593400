"""Between plans, which speak of teams, and placed outings, which speak of crews."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from itertools import pairwise

from exchange.patrol.model import Office, Plan, Stop, Tour
from exchange.patrol.outing import Leg, Outing
from exchange.patrol.rules import Placed, Rules


def plan_of(rules: Rules, placed: Sequence[Placed]) -> Plan:
    """Teams for the crews' tours: who was promised, then who was on it before, then who has done least."""
    office = rules.office
    before = {(tour.day, tour.team) for tour in (office.before.tours if office.before else ())}
    promised = {(visit.day, visit.team) for visit in office.locked}
    done: dict[int, int] = defaultdict(int)
    busy: set[tuple[int, int]] = set()
    tours = []
    for each in sorted(placed, key=lambda each: each.day):
        for leg in each.outing.legs:
            able = [
                team
                for team in rules.crews[leg.crew].teams
                if each.day in office.teams[team].days and (each.day, team) not in busy
            ]
            slots = {team: (each.day, office.teams[team].code) for team in able}
            team = min(able, key=lambda at: (slots[at] not in promised, slots[at] not in before, done[at]))
            busy.add((each.day, team))
            done[team] += leg.work
            stops = zip(leg.stops, leg.starts, strict=True)
            tours.append(
                Tour(
                    office.teams[team].code,
                    each.day,
                    tuple(Stop(office.reaches[stop].code, start) for stop, start in stops),
                )
            )
    return Plan(tuple(sorted(tours, key=lambda tour: (tour.day, tour.team))))


def placed_of(rules: Rules, plan: Plan) -> list[Placed]:
    """The outings of a plan that this office can still make; tours that meet are one outing."""
    office = rules.office
    index = {reach.code: at for at, reach in enumerate(office.reaches)}
    crew_of = {office.teams[team].code: at for at, crew in enumerate(rules.crews) for team in crew.teams}
    found = []
    for day, together in _together(office, plan):
        if all(_stands(office, tour) for tour in together):
            legs = tuple(_leg(rules, index, crew_of[tour.team], tour) for tour in together)
            found.append(Placed(day, Outing(legs)))
    return found


def _stands(office: Office, tour: Tour) -> bool:
    team = next((team for team in office.teams if team.code == tour.team), None)
    reaches = {reach.code: reach for reach in office.reaches}
    return (
        team is not None
        and tour.day in team.days
        and all(
            stop.reach in reaches
            and tour.day not in reaches[stop.reach].closed
            and reaches[stop.reach].skills <= team.skills
            for stop in tour.stops
        )
    )


def _together(office: Office, plan: Plan) -> list[tuple[int, list[Tour]]]:
    """Tours of a day, grouped by whom they meet."""
    joint = {reach.code for reach in office.reaches if reach.joint}
    groups: list[tuple[int, list[Tour]]] = []
    for tour in plan.tours:
        met = {stop.reach for stop in tour.stops} & joint
        mine = [
            group
            for group in groups
            if group[0] == tour.day and any(met & {stop.reach for stop in one.stops} for one in group[1])
        ]
        merged = [tour for group in mine for tour in group[1]] + [tour]
        groups = [group for group in groups if all(group is not one for one in mine)]
        groups.append((tour.day, merged))
    return groups


def _leg(rules: Rules, index: dict[str, int], crew: int, tour: Tour) -> Leg:
    office, home = rules.office, rules.crews[crew].home
    stops = tuple(index[stop.reach] for stop in tour.stops)
    sites = [home, *stops, home]
    travel = sum(int(office.travel[a, b]) for a, b in pairwise(sites))
    work = travel + sum(office.reaches[at].minutes for at in stops)
    return Leg(crew, stops, tuple(stop.start for stop in tour.stops), travel, work)
