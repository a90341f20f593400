"""Why a visit is in no plan, and what would make it possible, in words.

Remedies are tried, not guessed: each one named was given to the office, and the visit then found its place
beside everything else that is planned. One always works: an authority that waives the visit.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date

from exchange.patrol.assign import placed_of
from exchange.patrol.cost import unmet_of
from exchange.patrol.crew import crews_of
from exchange.patrol.greedy import Insertion
from exchange.patrol.model import Office, Plan, Reach, Team
from exchange.patrol.outing import Meetings
from exchange.patrol.rules import Rules

_FEW = 3


@dataclass(frozen=True, slots=True)
class Remedy:
    """A change of the office that lets a visit be planned. `kind` is a stable word."""

    kind: str
    zh: str
    en: str
    office: Office


@dataclass(frozen=True, slots=True)
class Unmet:
    """A visit that is wanted and not planned: reach, part of the period, its days, why, and what helps."""

    reach: str
    part: int
    first: date
    last: date
    zh: str
    en: str
    remedies: tuple[Remedy, ...]


def explain(office: Office, plan: Plan) -> list[Unmet]:
    """One for each visit that the plan lacks."""
    return [_Case(office, plan, at, part).told() for at, part in unmet_of(office, plan)]


class _Case:
    def __init__(self, office: Office, plan: Plan, at: int, part: int) -> None:
        self._office, self._plan, self._at, self._part = office, plan, at, part
        self._reach = office.reaches[at]
        self._days = [
            day for day in office.days_of(part, self._reach.visits) if day not in self._reach.closed
        ]
        self._home = {home: len(office.reaches) + number for number, home in enumerate(office.homes)}

    def told(self) -> Unmet:
        reach, office = self._reach, self._office
        days = office.days_of(self._part, reach.visits)
        zh, en = self._reason()
        return Unmet(
            reach.code,
            self._part,
            office.date_of(days[0]),
            office.date_of(days[-1]),
            zh,
            en,
            (*self._working(), self._waiver()),
        )

    def _reason(self) -> tuple[str, str]:
        """The first thing that is in the way, from what no calendar mends to what only time does."""
        if not self._days:
            return "该时段内全部封闭", "it is closed all that time"
        for side in self._reach.sides:
            teams = [team for team in self._office.teams if team.side == side]
            if not any(self._reach.skills <= team.skills for team in teams):
                lacks = "、".join(sorted(self._reach.skills))
                return f"{side} 没有具备 {lacks} 的巡查队", f"no team of {side} has {lacks}"
            if not self._able(side):
                return (
                    f"{side} 没有能在工时内往返的巡查队",
                    f"no team of {side} can go there and be back in its hours",
                )
            if not self._days_at_work(side):
                return f"{side} 能去的巡查队当时都不当班", f"no able team of {side} works then"
        if not set.intersection(*(self._days_at_work(side) for side in self._reach.sides)):
            return "双方没有共同的当班日", "the two sides never work on the same day then"
        return "能去的巡查队在这些天都已排满", "all able teams are taken on these days"

    def _able(self, side: str) -> list[Team]:
        return [
            team
            for team in self._office.teams
            if team.side == side
            and self._reach.skills <= team.skills
            and self._away(team) <= team.far
            and 2 * self._away(team) + self._reach.minutes <= team.minutes
        ]

    def _days_at_work(self, side: str) -> set[int]:
        return {day for team in self._able(side) for day in team.days if day in self._days}

    def _away(self, team: Team) -> int:
        return int(self._office.travel[self._home[team.home], self._at])

    def _working(self) -> Iterator[Remedy]:
        found = 0
        for remedy in self._ideas():
            if found < (1 if remedy.kind == "both" else _FEW) and self._fits(remedy.office):
                found += 1
                yield remedy

    def _fits(self, office: Office) -> bool:
        rules = Rules(office, crews_of(office))
        return Insertion(rules, Meetings(office, rules.crews), placed_of(rules, self._plan)).insert(
            self._at, self._part
        )

    def _ideas(self) -> Iterator[Remedy]:
        """Small changes: of one thing first, of two where one is not enough."""
        ideas = [idea for side in self._reach.sides for idea in self._of_side(side)]
        yield from sorted(ideas, key=lambda idea: idea.kind == "both")
        if self._reach.closed:
            opened = replace(self._reach, closed=frozenset())
            yield Remedy("open", "开放该河段", "open the reach", self._with_reach(opened))

    def _of_side(self, side: str) -> Iterator[Remedy]:
        office = self._office
        near = sorted((team for team in office.teams if team.side == side), key=self._away)[:_FEW]
        for team in near:
            lacks = self._reach.skills - team.skills
            far = max(team.far, self._away(team))
            hours = max(team.minutes, 2 * self._away(team) + self._reach.minutes)
            able = replace(team, skills=team.skills | lacks, far=far, minutes=hours)
            if able != team:
                what = "、".join(
                    [
                        *sorted(lacks),
                        *([f"{far} 分钟路程"] if far != team.far else []),
                        *([f"{hours} 分钟工时"] if hours != team.minutes else []),
                    ]
                )
                yield Remedy(
                    "equip", f"为 {team.code} 增加 {what}", f"give {team.code} {what}", self._with_team(able)
                )
            for day in [day for day in self._days if day not in team.days][:_FEW]:
                more = replace(able, days=able.days | {day})
                when = office.date_of(day)
                yield Remedy(
                    "day" if able == team else "both",
                    f"{team.code} 在 {when} 加班一天" + (f"，并增加 {what}" if able != team else ""),
                    f"let {team.code} work on {when}" + (f", with {what}" if able != team else ""),
                    self._with_team(more),
                )

    def _waiver(self) -> Remedy:
        waived = replace(self._office, waived=self._office.waived | {(self._reach.code, self._part)})
        return Remedy("waive", "由有权机关免除本次巡查", "an authority waives this visit", waived)

    def _with_team(self, team: Team) -> Office:
        teams = tuple(team if one.code == team.code else one for one in self._office.teams)
        return replace(self._office, teams=teams)

    def _with_reach(self, reach: Reach) -> Office:
        reaches = tuple(reach if one.code == reach.code else one for one in self._office.reaches)
        return replace(self._office, reaches=reaches)
