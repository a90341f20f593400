"""A joint office's month: reaches that want visits, teams that make them, and what a plan is.

A period has `days` days, counted from 0. A reach that wants n visits wants one in each n-th part of the
period, so that four visits a month come weekly. A joint reach is visited by one team of each of its sides, on
the same day from the same minute on. A team makes at most one tour a day: from its home along its stops and
back.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Reach:
    """A stretch of river and what the period asks for it.

    `sides`: jurisdictions that patrol it, two for a joint one. `place`: access point, degrees, CGCS2000.
    `minutes`: on the spot. `visits`: how many the period wants, by each side. `apart`: least days between
    two. `closed`: days on which nobody may go (flood, fishing ban). `risk`: 0 (quiet) to 1; `reasons`: what it
    comes from.
    """

    code: str
    name: str
    river: str
    sides: tuple[str, ...]
    place: tuple[float, float]
    minutes: int
    visits: int
    apart: int = 1
    length_km: float = 0.0
    risk: float = 0.0
    skills: frozenset[str] = frozenset()
    closed: frozenset[int] = frozenset()
    reasons: tuple[str, ...] = ()

    @property
    def joint(self) -> bool:
        """Whether both banks go together."""
        return len(self.sides) > 1


@dataclass(frozen=True, slots=True)
class Team:
    """A crew with what it can do.

    `days` it works; `minutes` from leaving home to being back; `stops` at most a day; `far`: minutes from
    home to the farthest reach it takes.
    """

    code: str
    name: str
    side: str
    home: str
    place: tuple[float, float]
    days: frozenset[int]
    minutes: int = 480
    stops: int = 4
    far: int = 60
    skills: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Weights:
    """What a plan costs, in minutes of one team on the road. Both sides sign them.

    `outing`: a team that leaves home at all. `uneven`: a minute of work beyond a team's fair share plus
    `tolerance` of it. `moved`: a visit of the plan before that is no longer there. `unmet`: a visit that is
    wanted and not planned, of a reach without risk; one of risk 1 weighs twice as much.
    """

    travel: float = 1.0
    outing: float = 60.0
    uneven: float = 0.5
    tolerance: float = 0.25
    moved: float = 120.0
    unmet: float = 2000.0


@dataclass(frozen=True, slots=True, order=True)
class Visit:
    """A reach on a day by a team."""

    day: int
    reach: str
    team: str


@dataclass(frozen=True, slots=True)
class Stop:
    """A visit as part of a tour; `start` in minutes after the team's day began."""

    reach: str
    start: int


@dataclass(frozen=True, slots=True)
class Tour:
    """A team's day: home, stops in their order, home."""

    team: str
    day: int
    stops: tuple[Stop, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """Tours, by day and team."""

    tours: tuple[Tour, ...] = ()

    def visits(self) -> Iterator[Visit]:
        """Every visit of every team."""
        for tour in self.tours:
            for stop in tour.stops:
                yield Visit(tour.day, stop.reach, tour.team)


@dataclass(frozen=True, slots=True)
class Office:
    """Everything that a plan answers to.

    `travel`: whole minutes between sites, shape (sites, sites), symmetric, no detour shorter than the direct
    way; sites are the reaches in their order, then the distinct homes of the teams in the order of their
    first team. `locked`: visits that were promised. `waived`: (reach, part) that an authority lets go.
    `before`: the plan that stands, for stability.
    """

    start: date
    days: int
    reaches: tuple[Reach, ...]
    teams: tuple[Team, ...]
    travel: NDArray[np.int32]
    weights: Weights = field(default_factory=Weights)
    locked: frozenset[Visit] = frozenset()
    waived: frozenset[tuple[str, int]] = frozenset()
    before: Plan | None = None

    def date_of(self, day: int) -> date:
        """The calendar's day."""
        return self.start + timedelta(days=day)

    def part(self, day: int, visits: int) -> int:
        """Which of `visits` equal parts of the period a day lies in."""
        return day * visits // self.days

    def days_of(self, part: int, visits: int) -> range:
        """The days of a part."""
        first, last = (-(-at * self.days // visits) for at in (part, part + 1))
        return range(first, last)

    def wanted(self) -> Iterator[tuple[int, int]]:
        """(index of a reach, part) of every visit that is asked for."""
        for at, reach in enumerate(self.reaches):
            for part in range(reach.visits):
                if (reach.code, part) not in self.waived:
                    yield at, part

    def visits(self) -> list[int]:
        """How many visits are asked for, by reach."""
        counts = [0] * len(self.reaches)
        for at, _ in self.wanted():
            counts[at] += 1
        return counts

    @property
    def homes(self) -> tuple[str, ...]:
        """Distinct homes in the order of their first team."""
        return tuple(dict.fromkeys(team.home for team in self.teams))
