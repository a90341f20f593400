"""From shares of outings to whole ones: the relaxation's largest shares are taken whole, and it is solved again."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Final

import numpy as np

from exchange.patrol.bound import Relaxation
from exchange.patrol.crew import Tours
from exchange.patrol.outing import Meetings, Outing, Way
from exchange.patrol.programme import Column

_WHOLE: Final = 1e-6
_SURE: Final = 0.8
_SHARE: Final = 0.1


def dive(relaxed: Relaxation, tours: Sequence[Tours], meetings: Meetings, seconds: float) -> list[Outing]:
    """Outings that together visit every reach about as often as it wants, each once for every time it is taken.

    Where the clock stops first, what was taken until then.
    """
    programme, pricing = relaxed.programme, relaxed.pricing
    until = time.monotonic() + seconds
    taken: dict[int, int] = {}
    made: dict[int, Outing | None] = {}
    prices, _ = programme.solve()
    while time.monotonic() < until:
        values = programme.values
        rest = values - np.array([taken.get(at, 0) for at in range(len(values))])
        if not (rest > _WHOLE).any():
            break
        for at in _largest(rest):
            if at not in made:
                made[at] = _outing(programme.columns[at], tours, meetings)
            if made[at] is None:
                programme.drop(at)
            else:
                taken[at] = taken.get(at, 0) + max(1, int(rest[at] + _WHOLE))
                programme.take(at, taken[at])
        prices, _ = programme.solve()
        for column in pricing.best(prices)[0]:
            programme.add(column, tours)
    return [outing for at, times in taken.items() if (outing := made[at]) for _ in range(times)]


def _largest(rest: np.ndarray) -> list[int]:
    """All that are nearly whole, and a few of the largest."""
    order = np.argsort(-rest, kind="stable")
    few = max(1, int(_SHARE * rest.sum()))
    return [
        int(at) for number, at in enumerate(order) if rest[at] > _WHOLE and (number < few or rest[at] > _SURE)
    ]


def _outing(column: Column, tours: Sequence[Tours], meetings: Meetings) -> Outing | None:
    return meetings.outing(
        *(
            Way(crew, frozenset(int(stop) for stop in tours[crew].stops[row] if stop >= 0))
            for crew, row in column
        )
    )
