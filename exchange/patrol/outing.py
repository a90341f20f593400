"""Outings: a tour, or two tours of both banks that meet, with the minute of every stop."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise, permutations

from exchange.patrol.crew import Crew
from exchange.patrol.model import Office


@dataclass(frozen=True)
class Leg:
    """One crew's way. `starts`: minutes after the day began; `work`: minutes on the road and on the spot,
    without waiting.
    """

    crew: int
    stops: tuple[int, ...]
    starts: tuple[int, ...]
    travel: int
    work: int


@dataclass(frozen=True)
class Outing:
    """What happens on one day together: one leg, or one of each side."""

    legs: tuple[Leg, ...]

    @cached_property
    def reaches(self) -> frozenset[int]:
        """Reaches that are visited, joint ones by both."""
        return frozenset(stop for leg in self.legs for stop in leg.stops)

    def cost(self, office: Office) -> float:
        """Travel and going out at all."""
        weights = office.weights
        return sum(weights.travel * leg.travel + weights.outing for leg in self.legs)


@dataclass(frozen=True, slots=True)
class Way:
    """A crew and the reaches it is to visit in a day, in any order."""

    crew: int
    stops: frozenset[int]


class Meetings:
    """Outings of ways, remembered."""

    def __init__(self, office: Office, crews: Sequence[Crew]) -> None:
        self._office = office
        self._crews = crews
        self._known: dict[tuple[Way, ...], Outing | None] = {}

    def outing(self, *ways: Way) -> Outing | None:
        """The quickest outing along one or two ways; None if there is none in the crews' hours, or for more ways."""
        if len(ways) > 2:
            return None
        if ways not in self._known:
            self._known[ways] = min(self._all(ways), key=lambda each: each.cost(self._office), default=None)
        return self._known[ways]

    def _all(self, ways: Sequence[Way]) -> Iterator[Outing]:
        met = {stop for way in ways for stop in way.stops if self._office.reaches[stop].joint}
        first = [(order, self._travel(ways[0].crew, order)) for order in permutations(sorted(ways[0].stops))]
        if len(ways) == 1:
            for order, travel in first:
                if order <= order[::-1] and (timed := self._timed([(ways[0].crew, order, travel)], met)):
                    yield timed
            return
        second = [(order, self._travel(ways[1].crew, order)) for order in permutations(sorted(ways[1].stops))]
        for one, gone in first:
            for other, went in second:
                if [stop for stop in one if stop in met] == [stop for stop in other if stop in met]:
                    timed = self._timed([(ways[0].crew, one, gone), (ways[1].crew, other, went)], met)
                    if timed:
                        yield timed

    def _travel(self, crew: int, order: Sequence[int]) -> int:
        sites = [self._crews[crew].home, *order, self._crews[crew].home]
        return sum(int(self._office.travel[a, b]) for a, b in pairwise(sites))

    def _timed(self, sides: Sequence[tuple[int, tuple[int, ...], int]], met: set[int]) -> Outing | None:
        """Everybody leaves at once and waits where both meet; None if a day is too short."""
        office = self._office
        clock = [0] * len(sides)
        at = [self._crews[crew].home for crew, _, _ in sides]
        starts: list[list[int]] = [[] for _ in sides]
        ahead = [list(order) for _, order, _ in sides]

        def go(side: int, stop: int, start: int) -> None:
            starts[side].append(start)
            clock[side], at[side] = start + office.reaches[stop].minutes, stop
            ahead[side].pop(0)

        while any(ahead):
            for side, left in enumerate(ahead):
                while left and left[0] not in met:
                    go(side, left[0], clock[side] + int(office.travel[at[side], left[0]]))
            if any(ahead):
                stop = ahead[0][0]
                start = max(clock[side] + int(office.travel[at[side], stop]) for side in range(len(sides)))
                for side in range(len(sides)):
                    go(side, stop, start)
        legs = []
        for side, (crew, order, travel) in enumerate(sides):
            back = clock[side] + int(office.travel[at[side], self._crews[crew].home])
            if back > self._crews[crew].minutes:
                return None
            work = travel + sum(office.reaches[stop].minutes for stop in order)
            legs.append(Leg(crew, order, tuple(starts[side]), travel, work))
        return Outing(tuple(legs))
