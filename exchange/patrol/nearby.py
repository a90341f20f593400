"""Outings among a few reaches that could be of use: those that are not far from paying for themselves."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from itertools import product
from typing import Final

import numpy as np
from numpy.typing import NDArray

from exchange.patrol.crew import Tours, tours_of
from exchange.patrol.outing import Leg, Meetings, Outing, Way
from exchange.patrol.programme import Prices
from exchange.patrol.rules import Rules

_COUNTED_OUT: Final = 18
_MOST: Final = 150
_EACH: Final = 30
_PARTNERS: Final = 6
_PAIRS: Final = 60


class Nearby:
    """Knows every crew's tours among given reaches, and under `prices` what each is worth. `tours`: by crew, those
    that are worth looking at; all of them unless given. `most`: reaches among which it can look in little time.
    """

    def __init__(
        self,
        rules: Rules,
        meetings: Meetings,
        prices: Prices | None = None,
        tours: Sequence[Tours] | None = None,
    ) -> None:
        self._rules, self._meetings, self._prices, self._tours = rules, meetings, prices, tours
        self.most = _COUNTED_OUT if tours is None else len(rules.office.reaches)

    def excess(self, outing: Outing) -> float:
        """How far an outing is from paying for itself; 0 without prices."""
        prices, office = self._prices, self._rules.office
        if prices is None:
            return 0.0
        paid = sum(float(prices.visit[office.reaches[at].sides[0]][at]) for at in outing.reaches)
        return outing.cost(office) - paid + sum(self._rent(leg, prices) for leg in outing.legs)

    @staticmethod
    def _rent(leg: Leg, prices: Prices) -> float:
        return float(prices.day[leg.crew] - prices.minute[leg.crew] * leg.work)

    def outings(self, reaches: Collection[int], most: float) -> list[Outing]:
        """The best outings among a few reaches, none further than `most` from paying for itself."""
        alone: list[tuple[float, Way]] = []
        joint: dict[frozenset[int], dict[str, list[tuple[float, Way]]]] = defaultdict(
            lambda: defaultdict(list)
        )
        for at, crew in enumerate(self._rules.crews):
            tours = self._among(at, reaches)
            for worth, way, met in self._ways(at, tours):
                if met:
                    joint[met][crew.side].append((worth, way))
                elif worth < most:
                    alone.append((worth, way))
        few = sorted(alone, key=lambda each: each[0])[:_MOST]
        found = [made for _, way in few if (made := self._meetings.outing(way))]
        return [*found, *self._met(joint, most)]

    def _among(self, at: int, reaches: Collection[int]) -> Tours:
        if self._tours is None:
            return tours_of(self._rules.office, self._rules.crews[at], sorted(reaches))
        inside = np.zeros(len(self._rules.office.reaches) + 1, bool)
        inside[[*reaches, -1]] = True
        tours = self._tours[at]
        return tours.take(np.flatnonzero(inside[tours.stops].all(axis=1)))

    def _ways(self, at: int, tours: Tours) -> Iterator[tuple[float, Way, frozenset[int]]]:
        """The crew's best tours that meet nobody, and of those that meet."""
        office = self._rules.office
        worth = self._worth(at, tours)
        is_joint = np.array([*(reach.joint for reach in office.reaches), False])
        meets = is_joint[tours.stops].any(axis=1)
        for rows, count in ((np.flatnonzero(~meets), _MOST), (np.flatnonzero(meets), 4 * _EACH)):
            for row in rows[np.argsort(worth[rows], kind="stable")[:count]]:
                stops = frozenset(int(stop) for stop in tours.stops[row] if stop >= 0)
                yield float(worth[row]), Way(at, stops), frozenset(at for at in stops if is_joint[at])

    def _worth(self, at: int, tours: Tours) -> NDArray[np.float64]:
        office = self._rules.office
        if self._prices is not None:
            return self._prices.reduced(office, at, self._rules.crews[at].side, tours)
        cost = office.weights.travel * tours.travel + office.weights.outing
        each: NDArray[np.float64] = cost / np.maximum(1, (tours.stops >= 0).sum(axis=1))
        return each

    def _met(
        self, joint: dict[frozenset[int], dict[str, list[tuple[float, Way]]]], most: float
    ) -> list[Outing]:
        pairs: list[tuple[float, Way, Way]] = []
        for sides in joint.values():
            if len(sides) == 2:
                first, second = (
                    sorted(sides[side], key=lambda each: each[0])[:_PARTNERS] for side in sorted(sides)
                )
                pairs.extend(
                    (one + other, mine, yours) for (one, mine), (other, yours) in product(first, second)
                )
        pairs = sorted((pair for pair in pairs if pair[0] < most), key=lambda pair: pair[0])[:_PAIRS]
        return [made for _, one, other in pairs if (made := self._meetings.outing(one, other))]
