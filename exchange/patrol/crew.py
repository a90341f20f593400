"""Every tour that a crew can make in a day.

Teams of one home, skills and hours are one crew: what one of them can do in a day, each can. With at most a
handful of stops and a limit on how far a team goes, the tours of a crew can be counted out, and a bound over
all of them is a bound.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise, permutations
from typing import Final

import numpy as np
from numpy.typing import NDArray

from exchange.errors import LimitExceededError
from exchange.patrol.model import Office, Team

Ints = NDArray[np.int32]
_CHUNK: Final = 1 << 20
MOST_TOURS: Final = 10_000_000
"""Of all crews together: some 40 bytes each, and as many again while they are priced."""


@dataclass(frozen=True, slots=True)
class Crew:
    """Interchangeable teams. `home`: site of their home. `reach`: indexes of the reaches they may visit,
    ascending.
    """

    teams: tuple[int, ...]
    side: str
    home: int
    minutes: int
    stops: int
    reach: Ints

    def free(self, office: Office) -> Ints:
        """Teams at work, by day; shape (days,)."""
        free = np.zeros(office.days, np.int32)
        for team in self.teams:
            free[sorted(office.teams[team].days)] += 1
        return free


@dataclass(frozen=True, slots=True)
class Tours:
    """Tours of one crew, each a set of reaches in its quickest order.

    `stops`: indexes of reaches in the order of the way, -1 behind the last; shape (tours, most stops).
    `travel`, `work`: minutes on the road, and with the time on the spot; shape (tours,).
    """

    stops: Ints
    travel: Ints
    work: Ints

    def __len__(self) -> int:
        return len(self.travel)

    def take(self, rows: NDArray[np.intp] | NDArray[np.bool_]) -> Tours:
        """Some of them."""
        return Tours(self.stops[rows], self.travel[rows], self.work[rows])


class Budget:
    """How many tours all crews may have together; they are counted out side by side."""

    def __init__(self, most: int) -> None:
        self._most = self._left = most
        self._lock = threading.Lock()

    def take(self, tours: int, team: str) -> None:
        """Spend some; raises LimitExceededError where there are not as many left."""
        with self._lock:
            self._left -= tours
            if self._left < 0:
                raise LimitExceededError(
                    f"一天可走的路线超过 {self._most} 条（{team}），请减少 far 或 stops / "
                    f"teams can make more than {self._most} tours a day, {team} among them: lower far or stops"
                )


def crews_of(office: Office) -> tuple[Crew, ...]:
    """Teams grouped by what they can do."""
    site = {home: len(office.reaches) + at for at, home in enumerate(office.homes)}
    groups: dict[tuple[object, ...], list[int]] = {}
    for at, team in enumerate(office.teams):
        kind = (team.side, team.home, team.skills, team.minutes, team.stops, team.far)
        groups.setdefault(kind, []).append(at)
    return tuple(
        Crew(
            tuple(members),
            first.side,
            site[first.home],
            first.minutes,
            first.stops,
            _within(office, first, site[first.home]),
        )
        for members in groups.values()
        for first in (office.teams[members[0]],)
    )


def _within(office: Office, team: Team, home: int) -> Ints:
    return np.array(
        [
            at
            for at, reach in enumerate(office.reaches)
            if team.side in reach.sides
            and reach.skills <= team.skills
            and office.travel[home, at] <= team.far
            and 2 * office.travel[home, at] + reach.minutes <= team.minutes
        ],
        np.int32,
    )


def tours_of(
    office: Office, crew: Crew, only: Sequence[int] | None = None, budget: Budget | None = None
) -> Tours:
    """All of a crew's tours, or those among the reaches `only`. A set that is too long has no longer set
    within hours. Raises LimitExceededError once the budget is spent, so memory is bounded.
    """
    spot = np.array([reach.minutes for reach in office.reaches], np.int32)
    pool = crew.reach if only is None else np.intersect1d(crew.reach, np.array(sorted(only), np.int32))
    sets = np.empty((1, 0), np.int32)
    found: list[Tours] = []
    for size in range(1, crew.stops + 1):
        parts: list[Tours] = []
        for grown in _grown(sets, pool):
            parts.append(_shortest(office, crew, grown, spot))
            if budget is not None:
                budget.take(len(parts[-1]), office.teams[crew.teams[0]].code)
        if not parts:
            break
        level = _joined(parts, size)
        found.append(level)
        sets = np.sort(level.stops, axis=1)
    return (
        _joined(found, crew.stops)
        if found
        else Tours(np.empty((0, crew.stops), np.int32), np.empty(0, np.int32), np.empty(0, np.int32))
    )


def _grown(sets: Ints, pool: Ints) -> Iterator[Ints]:
    """Each set with one more reach, greater than all of its own, so that none comes twice."""
    most = max(1, _CHUNK // max(1, len(pool)))
    for begin in range(0, len(sets), most):
        block = sets[begin : begin + most]
        last = block[:, -1] if block.shape[1] else np.full(len(block), -1, np.int32)
        row, new = np.nonzero(pool[None, :] > last[:, None])
        if len(row):
            yield np.concatenate([block[row], pool[new][:, None]], axis=1)


def _shortest(office: Office, crew: Crew, sets: Ints, spot: Ints) -> Tours:
    """The quickest order of each set; ways are added up from the minutes between its members, looked up once."""
    size, sites, minutes = sets.shape[1], len(office.travel), office.travel.ravel()
    home = [minutes[crew.home * sites + sets[:, at]] for at in range(size)]
    between = {
        (one, other): minutes[sets[:, one] * sites + sets[:, other]]
        for one, other in combinations(range(size), 2)
    }
    travel = np.full(len(sets), np.iinfo(np.int32).max, np.int32)
    quickest = np.zeros(len(sets), np.intp)
    orders = [
        order for order in permutations(range(size)) if order[0] <= order[-1]
    ]  # else the same backwards
    for number, order in enumerate(orders):
        length = home[order[0]] + home[order[-1]]
        for one, other in pairwise(order):
            length = length + between[min(one, other), max(one, other)]
        better = length < travel
        travel[better] = length[better]
        quickest[better] = number
    work = travel + spot[sets].sum(axis=1, dtype=np.int32)
    fits = work <= crew.minutes
    stops = np.take_along_axis(sets[fits], np.array(orders)[quickest[fits]], axis=1)
    return Tours(stops, travel[fits], work[fits])


def _joined(parts: Sequence[Tours], width: int) -> Tours:
    def padded(stops: Ints) -> Ints:
        return np.pad(stops, ((0, 0), (0, width - stops.shape[1])), constant_values=-1)

    return Tours(
        np.concatenate([padded(part.stops) for part in parts]),
        np.concatenate([part.travel for part in parts]),
        np.concatenate([part.work for part in parts]),
    )
