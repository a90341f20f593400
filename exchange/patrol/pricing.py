"""Outings that pay: for given prices, the best of all tours, and of all pairs of tours that meet.

Two tours of both sides can be one outing where they share their joint reaches. What a pair is worth is the sum
of what each is, so the best pair is found without forming any other.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from exchange.patrol.crew import Crew, Tours
from exchange.patrol.model import Office
from exchange.patrol.programme import Column, Floats, Prices

_EACH: Final = 30
_PAIRS: Final = 300
_ENOUGH: Final = -1e-4


def meeting_keys(office: Office, tours: Sequence[Tours]) -> list[NDArray[np.int64]]:
    """A number for the set of joint reaches of each tour, 0 for none; equal sets have equal numbers. Shapes
    as of `tours`.
    """
    joint = np.array([reach.joint for reach in office.reaches] + [False])
    base = len(office.reaches) + 1
    found = []
    for each in tours:
        members = np.sort(np.where(joint[each.stops], each.stops, -1), axis=1).astype(np.int64)
        key = np.zeros(len(each), np.int64)
        for column in members.T:
            key = key * base + column + 1
        found.append(key)
    return found


class Pricing:
    """All tours of an office, ready to be asked again and again."""

    def __init__(self, office: Office, crews: Sequence[Crew], tours: Sequence[Tours]) -> None:
        self._office, self._crews, self._tours = office, crews, tours
        keys = meeting_keys(office, tours)
        self._alone = [np.flatnonzero(key == 0) for key in keys]
        self._meets = [np.flatnonzero(key) for key in keys]
        sides = sorted({crew.side for crew in crews})
        side = np.concatenate(
            [
                np.full(len(rows), sides.index(crew.side))
                for crew, rows in zip(crews, self._meets, strict=True)
            ]
        )
        self._crew = np.concatenate([np.full(len(rows), at, np.int32) for at, rows in enumerate(self._meets)])
        self._row = np.concatenate(self._meets)
        key = np.concatenate([key[rows] for key, rows in zip(keys, self._meets, strict=True)])
        self._order = np.lexsort((side, key))
        key, side = key[self._order], side[self._order]
        change = (np.diff(key) != 0) | (np.diff(side) != 0)
        self._begin = np.concatenate([[0], np.flatnonzero(change) + 1])[: len(key)].astype(np.intp)
        self._end = np.concatenate([self._begin[1:], [len(key)]])[: len(self._begin)]
        group = key[self._begin]
        self._first = np.flatnonzero(group[1:] == group[:-1])

    def single(self) -> list[Column]:
        """One stop alone, of every crew."""
        return [
            ((at, int(row)),)
            for at, rows in enumerate(self._alone)
            for row in rows[(self._tours[at].stops[rows] >= 0).sum(axis=1) == 1]
        ]

    def best(self, prices: Prices) -> tuple[list[Column], Floats, float]:
        """Columns that pay; how far the best tour alone of each crew is from paying, shape (crews,); the same of the
        best pair. Positive distances are 0.
        """
        reduced = [
            prices.reduced(self._office, at, crew.side, self._tours[at])
            for at, crew in enumerate(self._crews)
        ]
        found: list[Column] = []
        short = np.zeros(len(self._crews))
        for at, rows in enumerate(self._alone):
            if len(rows):
                alone = reduced[at][rows]
                short[at] = min(0.0, float(alone.min()))
                few = np.argpartition(alone, min(_EACH, len(alone)) - 1)[:_EACH]
                found.extend(((at, int(rows[pick])),) for pick in few[alone[few] < _ENOUGH])
        pairs, worst = self._pairs(reduced)
        return [*found, *pairs], short, worst

    def near(self, prices: Prices, most: float) -> list[Tours]:
        """Each crew's tours that alone, or with the best tour they can meet, are less than `most` from paying."""
        reduced = [
            prices.reduced(self._office, at, crew.side, self._tours[at])
            for at, crew in enumerate(self._crews)
        ]
        kept = [each < most for each in reduced]
        for rows, each in zip(self._meets, kept, strict=True):
            each[rows] = False
        if len(self._first):
            worth, least = self._worth(reduced)
            other = np.full(len(least), np.inf)
            other[self._first], other[self._first + 1] = least[self._first + 1], least[self._first]
            for at in self._order[worth + np.repeat(other, self._end - self._begin) < most]:
                kept[self._crew[at]][self._row[at]] = True
        return [tours.take(each) for tours, each in zip(self._tours, kept, strict=True)]

    def _worth(self, reduced: Sequence[Floats]) -> tuple[Floats, Floats]:
        """Of tours that meet, in their order; and the least of each group."""
        meets = [each[rows] for each, rows in zip(reduced, self._meets, strict=True)]
        worth = np.concatenate(meets)[self._order]
        return worth, np.minimum.reduceat(worth, self._begin)

    def _pairs(self, reduced: Sequence[Floats]) -> tuple[list[Column], float]:
        if not len(self._first):
            return [], 0.0
        worth, least = self._worth(reduced)
        both = least[self._first] + least[self._first + 1]
        few = np.argpartition(both, min(_PAIRS, len(both)) - 1)[:_PAIRS]
        found = []
        for pair in self._first[few[both[few] < _ENOUGH]]:
            legs = []
            for group in (pair, pair + 1):
                begin = self._begin[group]
                at = self._order[begin + int(worth[begin : self._end[group]].argmin())]
                legs.append((int(self._crew[at]), int(self._row[at])))
            found.append(tuple(legs))
        return found, min(0.0, float(both.min()))
