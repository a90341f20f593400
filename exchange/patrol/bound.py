"""What no plan can undercut: a linear programme over every outing of every crew.

It forgets on which days outings are made, how long those wait who meet, who of a crew goes and what was planned
before, and lets outings be shares of one: each of that only makes a plan dearer. Columns are made as they are
wanted; the bound is Lagrange's, so it holds whenever the clock stops.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from exchange.patrol.crew import Crew, Tours
from exchange.patrol.model import Office
from exchange.patrol.pricing import Pricing
from exchange.patrol.programme import Prices, Programme

_ENOUGH: Final = 1e-4


@dataclass(frozen=True)
class Relaxation:
    """`bound`: no plan costs less. `prices`: what it pays. The programme and what prices it, to go on with."""

    bound: float
    prices: Prices
    programme: Programme
    pricing: Pricing


def relax(office: Office, crews: Sequence[Crew], tours: Sequence[Tours], seconds: float) -> Relaxation:
    """Solve the relaxation, or stop after `seconds` with a bound that still holds."""
    programme, pricing = Programme(office, crews), Pricing(office, crews, tours)
    until, best = time.monotonic() + seconds, -np.inf
    visits = office.visits()
    pairs = min(sum(visits), sum(programme.limit) // 2)
    for column in pricing.single():
        programme.add(column, tours)
    while True:
        prices, value = programme.solve()
        columns, short, worst = pricing.best(prices)
        bound = sum(
            float(prices.visit[reach.sides[0]][at]) * visits[at] for at, reach in enumerate(office.reaches)
        )
        bound += float(np.array(programme.limit) @ (short - prices.day)) + pairs * worst
        best = max(best, bound)
        news = sum(programme.add(column, tours) for column in columns)
        if not news or value - best < _ENOUGH * abs(value) or time.monotonic() > until:
            return Relaxation(best, prices, programme, pricing)
