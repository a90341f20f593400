"""Whether a plan keeps the rules: every one of them, from the office and the plan alone. No solver is in here.

What is merely undone (a visit that nobody makes) is not a broken rule; `exchange.patrol.cost.unmet_of` tells it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from exchange.patrol.model import Office, Plan, Reach, Team, Tour


@dataclass(frozen=True, slots=True)
class Breach:
    """A rule that a plan breaks. `rule` is a stable word; `what` says where, in Chinese and English."""

    rule: str
    what: str


def breaches(office: Office, plan: Plan) -> list[Breach]:
    """Every broken rule; empty for a plan that may be carried out."""
    return [*_Checker(office).all(plan)]


class _Checker:
    def __init__(self, office: Office) -> None:
        self._office = office
        self._reach = {reach.code: reach for reach in office.reaches}
        self._team = {team.code: team for team in office.teams}
        self._site = {reach.code: at for at, reach in enumerate(office.reaches)}
        self._home = {home: len(office.reaches) + at for at, home in enumerate(office.homes)}

    def all(self, plan: Plan) -> Iterator[Breach]:
        known = [tour for tour in plan.tours if tour.team in self._team]
        for tour in plan.tours:
            if tour.team not in self._team:
                yield Breach("team", f"没有巡查队 {tour.team} / there is no team {tour.team}")
        yield from self._once(known)
        for tour in known:
            yield from self._tour(tour, self._team[tour.team])
        yield from self._meetings(known)
        yield from self._apart(known)
        visits = set(plan.visits())
        for promised in sorted(self._office.locked):
            if promised not in visits:
                where = f"{promised.reach} {self._office.date_of(promised.day)} {promised.team}"
                yield Breach("locked", f"已约定的巡查被取消 {where} / a promised visit is gone")

    def _once(self, tours: list[Tour]) -> Iterator[Breach]:
        seen: set[tuple[str, int]] = set()
        for tour in tours:
            if (tour.team, tour.day) in seen:
                yield Breach("once", f"{self._where(tour)} 一天出队两次 / two tours on one day")
            seen.add((tour.team, tour.day))

    def _tour(self, tour: Tour, team: Team) -> Iterator[Breach]:
        where = self._where(tour)
        if tour.day not in team.days or not 0 <= tour.day < self._office.days:
            yield Breach("calendar", f"{where} 当日不当班 / does not work that day")
        if not 0 < len(tour.stops) <= team.stops:
            yield Breach("stops", f"{where} 停靠 {len(tour.stops)} 处，上限 {team.stops} / stops")
        clock, at = 0, self._home[team.home]
        for stop in tour.stops:
            reach = self._reach.get(stop.reach)
            if reach is None:
                yield Breach("reach", f"{where} 没有河段 {stop.reach} / there is no reach {stop.reach}")
                return
            yield from self._visit(where, tour.day, team, reach)
            arrives = clock + int(self._office.travel[at, self._site[reach.code]])
            if stop.start < arrives:
                yield Breach("time", f"{where} {reach.code} {arrives} 分才到 / arrives later than it starts")
            clock, at = stop.start + reach.minutes, self._site[reach.code]
        if clock + int(self._office.travel[at, self._home[team.home]]) > team.minutes:
            yield Breach("hours", f"{where} 超过 {team.minutes} 分钟 / is back too late")

    def _visit(self, where: str, day: int, team: Team, reach: Reach) -> Iterator[Breach]:
        if team.side not in reach.sides:
            yield Breach("side", f"{where} {reach.code} 不归本侧 / not this side's reach")
        if not reach.skills <= team.skills:
            lacks = ", ".join(sorted(reach.skills - team.skills))
            yield Breach("skill", f"{where} {reach.code} 缺少 {lacks} / lacks {lacks}")
        if day in reach.closed:
            yield Breach("closed", f"{where} {reach.code} 当日封闭 / is closed that day")
        if self._office.travel[self._home[team.home], self._site[reach.code]] > team.far:
            yield Breach("far", f"{where} {reach.code} 超出 {team.far} 分钟 / is too far")

    def _meetings(self, tours: list[Tour]) -> Iterator[Breach]:
        """Each side of a joint reach exactly once, from the same minute; a team meets one other on a day."""
        there: dict[tuple[str, int], list[tuple[str, int]]] = defaultdict(list)
        who: dict[tuple[str, int], set[str]] = defaultdict(set)
        for tour in tours:
            for stop in tour.stops:
                there[stop.reach, tour.day].append((self._team[tour.team].side, stop.start))
                who[stop.reach, tour.day].add(tour.team)
        for tour in tours:
            met = set().union(*(who[stop.reach, tour.day] for stop in tour.stops)) - {tour.team}
            if len(met) > 1:
                yield Breach(
                    "pair", f"{self._where(tour)} 与 {'、'.join(sorted(met))} 会合 / meets more than one team"
                )
        for (code, day), present in sorted(there.items()):
            reach = self._reach.get(code)
            if reach is None:
                continue
            where = f"{code} {self._office.date_of(day)}"
            if sorted(side for side, _ in present) != sorted(reach.sides):
                yield Breach(
                    "together", f"{where} 应由 {'、'.join(reach.sides)} 各一队 / one team of each side"
                )
            elif len({start for _, start in present}) > 1:
                yield Breach("together", f"{where} 双方时间不一 / the sides come at different minutes")

    def _apart(self, tours: list[Tour]) -> Iterator[Breach]:
        days: dict[str, set[int]] = defaultdict(set)
        for tour in tours:
            for stop in tour.stops:
                days[stop.reach].add(tour.day)
        for code, when in sorted(days.items()):
            reach = self._reach.get(code)
            for one, other in pairwise(sorted(when)):
                if reach is not None and other - one < reach.apart:
                    yield Breach("apart", f"{code} 两次相隔 {other - one} 天，至少 {reach.apart} / too close")

    def _where(self, tour: Tour) -> str:
        return f"{tour.team} {self._office.date_of(tour.day)}"
