"""Taking a few outings apart and placing them anew, over and over, keeping what is cheaper."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from exchange.patrol.bound import Prices
from exchange.patrol.crew import Tours, tours_of
from exchange.patrol.outing import Meetings, Outing, Way
from exchange.patrol.place import Placed, Rules, place

_FREED: Final = 7
_REACHES: Final = 16
_EACH: Final = 30
_PARTNERS: Final = 4
_DAYS: Final = 8
_IDLE: Final = 20
_TURN_SECONDS: Final = 2.0


class Improver:
    """Large neighbourhood search from a given start."""

    def __init__(
        self,
        rules: Rules,
        meetings: Meetings,
        cap: dict[int, float],
        prices: Prices | None = None,
        seed: int = 1,
    ) -> None:
        self._rules = rules
        self._meetings = meetings
        self._cap = cap
        self._prices = prices
        self._random = np.random.default_rng(seed)
        travel = rules.office.travel[: len(rules.office.reaches), : len(rules.office.reaches)]
        self._near = np.argsort(travel, axis=1, kind="stable")

    def run(self, start: Sequence[Placed], until: float, floor: float = -math.inf) -> list[Placed]:
        """The best found when the clock (`time.monotonic`) says `until`, `floor` is reached or nothing has
        helped for long.
        """
        best, value = list(start), self.value(start)
        idle = 0
        for seed in self._seeds(best):
            left = until - time.monotonic()
            if left <= 0.1 or value <= floor + 1e-6 or idle > _IDLE + len(best):
                break
            idle += 1
            changed = self._turn(best, seed, min(left, _TURN_SECONDS))
            worth = self.value(changed)
            if worth < value - 1e-6:
                best[:], value, idle = changed, worth, 0
        return best

    def value(self, placed: Sequence[Placed]) -> float:
        """Cost of a state, with what is uneven by crew."""
        rules = self._rules
        work = dict.fromkeys(self._cap, 0)
        for each in placed:
            for leg in each.outing.legs:
                work[leg.crew] = work.get(leg.crew, 0) + leg.work
        uneven = sum(max(0.0, work[crew] - most) for crew, most in self._cap.items())
        missed = sum(
            rules.office.weights.unmet
            * (1 + rules.office.reaches[at].risk)
            * len(rules.office.reaches[at].sides)
            for at, _ in self.missing(placed)
        )
        return sum(rules.cost(each) for each in placed) + rules.office.weights.uneven * uneven + missed

    def missing(self, placed: Sequence[Placed]) -> dict[tuple[int, int], bool]:
        """(reach, part) without a visit."""
        office = self._rules.office
        met = {
            (at, office.part(each.day, office.reaches[at].visits))
            for each in placed
            for at in each.outing.reaches
        }
        return {key: True for key in office.wanted() if key not in met}

    def _seeds(self, placed: list[Placed]) -> Iterator[int]:
        """Reaches to begin at: what is missing first, then any."""
        tried: set[int] = set()
        while True:
            missing = [at for at, _ in self.missing(placed) if at not in tried]
            if missing:
                tried.add(missing[0])
                yield missing[0]
            else:
                if self._random.random() < 0.05:
                    tried.clear()
                yield int(self._random.integers(len(self._rules.office.reaches)))

    def _worth(self, at: int, side: str, tours: Tours) -> NDArray[np.float64]:
        """What makes a tour promising, least first."""
        office = self._rules.office
        if self._prices is not None:
            return self._prices.reduced(office, at, side, tours, None)
        cost = office.weights.travel * tours.travel + office.weights.outing
        each: NDArray[np.float64] = cost / np.maximum(1, (tours.stops >= 0).sum(axis=1))
        return each

    def _turn(self, placed: Sequence[Placed], seed: int, seconds: float) -> list[Placed]:
        rank = {int(at): number for number, at in enumerate(self._near[seed])}
        order = sorted(
            range(len(placed)), key=lambda number: min(rank[at] for at in placed[number].outing.reaches)
        )
        few = int(self._random.integers(3, _FREED + 1))
        freed: list[Placed] = []
        reaches = {seed}
        for number in order[: few * 2]:
            if len(freed) < few and len(reaches | placed[number].outing.reaches) <= _REACHES:
                freed.append(placed[number])
                reaches |= placed[number].outing.reaches
        gone = {id(each) for each in freed}
        fixed = [each for each in placed if id(each) not in gone]
        wanted = {key: True for key in self.missing(fixed) if key[0] in reaches}
        outings = self.outings(reaches, [each.outing for each in freed])
        days = {each.day for each in freed}
        for at, part in self.missing(placed):
            if at in reaches:
                days.update(self._rules.office.days_of(part, self._rules.office.reaches[at].visits))
        days |= {int(day) for day in self._random.integers(self._rules.office.days, size=_DAYS)}
        found = place(self._rules, outings, fixed, wanted, self._cap, seconds, freed, frozenset(days))
        return [*fixed, *found]

    def outings(self, reaches: set[int], known: Sequence[Outing] = ()) -> list[Outing]:
        """Outings among a few reaches: `known`, and the cheapest of what every crew could do."""
        office, crews = self._rules.office, self._rules.crews
        alone: list[Outing] = []
        joint: dict[frozenset[int], dict[str, list[Way]]] = {}
        for at, crew in enumerate(crews):
            tours = tours_of(office, crew, sorted(reaches))
            for row in np.argsort(self._worth(at, crew.side, tours), kind="stable")[:_EACH]:
                way = Way(at, frozenset(int(stop) for stop in tours.stops[row] if stop >= 0))
                met = frozenset(stop for stop in way.stops if office.reaches[stop].joint)
                if met:
                    joint.setdefault(met, {}).setdefault(crew.side, []).append(way)
                elif made := self._meetings.outing(way):
                    alone.append(made)
        for sides in joint.values():
            if len(sides) > 1:
                first, second = (sides[side][:_PARTNERS] for side in sorted(sides))
                alone.extend(
                    made for one in first for other in second if (made := self._meetings.outing(one, other))
                )
        return list(dict.fromkeys([*known, *alone]))
