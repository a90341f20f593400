"""Outings in their slots, and what keeps them there: calendars, closed days, and days between visits."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from exchange.patrol.crew import Crew
from exchange.patrol.model import Office
from exchange.patrol.outing import Outing


@dataclass(frozen=True)
class Placed:
    """An outing in a slot: on a day, or in a span of days that are alike."""

    day: int
    outing: Outing


def spans_of(office: Office) -> list[range]:
    """Days in a row that lie in the same part of the period for every reach."""
    counts = sorted({reach.visits for reach in office.reaches if reach.visits})
    parts = [tuple(office.part(day, visits) for visits in counts) for day in range(office.days)]
    edges = [day for day in range(office.days) if not day or parts[day] != parts[day - 1]]
    return [range(first, last) for first, last in zip(edges, [*edges[1:], office.days], strict=True)]


class Rules:
    """What placing has to know of an office, worked out once. `spans`: days that are one slot; each its own
    unless given.
    """

    def __init__(self, office: Office, crews: Sequence[Crew], spans: Sequence[range] | None = None) -> None:
        self.office = office
        self.crews = crews
        self.spans = spans or [range(day, day + 1) for day in range(office.days)]
        slot = {day: at for at, span in enumerate(self.spans) for day in span}
        self._free = [crew.free(office) for crew in crews]
        self.free = [np.array([free[span].sum() for span in self.spans]) for free in self._free]
        self.apart = [
            min(reach.apart, len(self.spans) - 1, 1) if spans else reach.apart for reach in office.reaches
        ]
        crew_of = {office.teams[team].code: at for at, crew in enumerate(crews) for team in crew.teams}
        index = {reach.code: at for at, reach in enumerate(office.reaches)}
        self.before = {
            (slot[visit.day], index[visit.reach], crew_of[visit.team])
            for visit in (office.before.visits() if office.before else ())
            if visit.reach in index and visit.team in crew_of and visit.day in slot
        }
        self.locked = {(slot[visit.day], index[visit.reach], crew_of[visit.team]) for visit in office.locked}

    def part(self, reach: int, slot: int) -> int:
        """Which part of the period a slot is for a reach."""
        return self.office.part(self.spans[slot][0], self.office.reaches[reach].visits)

    def open(self, outing: Outing) -> list[int]:
        """Slots with a day on which nothing forbids an outing."""
        closed = set().union(*(self.office.reaches[at].closed for at in outing.reaches))
        return [
            slot
            for slot, span in enumerate(self.spans)
            if any(
                day not in closed and all(self._free[leg.crew][day] for leg in outing.legs) for day in span
            )
        ]

    def cost(self, placed: Placed) -> float:
        """Of one outing in its slot; what it keeps of the plan before counts against it."""
        kept = sum(
            (placed.day, stop, leg.crew) in self.before for leg in placed.outing.legs for stop in leg.stops
        )
        return placed.outing.cost(self.office) - self.office.weights.moved * kept

    def share(self, work: float, side: str) -> dict[int, float]:
        """Minutes of a side's `work` that each of its crews may do before it is uneven."""
        days = {at: int(self.free[at].sum()) for at, crew in enumerate(self.crews) if crew.side == side}
        whole = max(1, sum(days.values()))
        return {at: work * mine / whole * (1 + self.office.weights.tolerance) for at, mine in days.items()}

    def together(self, placed: Sequence[Placed]) -> bool:
        """Whether outings can stand beside each other."""
        used = Counter((leg.crew, each.day) for each in placed for leg in each.outing.legs)
        days: dict[int, list[int]] = defaultdict(list)
        for each in placed:
            for at in each.outing.reaches:
                days[at].append(each.day)
        return all(times <= self.free[crew][day] for (crew, day), times in used.items()) and all(
            other - one >= self.apart[at]
            for at, when in days.items()
            for one, other in pairwise(sorted(when))
        )
