"""Small offices for the tests of patrols, by hand and by chance."""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np
from hypothesis import strategies as st

from exchange.patrol.document import quickest
from exchange.patrol.model import Office, Reach, Team

CQ, SC = "500000", "510000"


def reach(code: str, *sides: str, visits: int = 1, **more: Any) -> Reach:
    """A reach of an hour."""
    given = {"minutes": 60, "name": code, "river": "铜钵河", "place": (107.0, 30.0), **more}
    return Reach(code=code, sides=sides or (CQ,), visits=visits, **given)


def team(code: str, side: str = CQ, days: range | frozenset[int] = range(10), **more: Any) -> Team:
    """A team whose home is a site of its own."""
    given = {"name": code, "home": f"home-{side}", "place": (107.0, 30.0), **more}
    return Team(code=code, side=side, days=frozenset(days), **given)


def office(reaches: list[Reach], teams: list[Team], days: int = 10, minutes: int = 30, **more: Any) -> Office:
    """Every site `minutes` from every other."""
    sites = len(reaches) + len({one.home for one in teams})
    travel = np.full((sites, sites), minutes, np.int32)
    np.fill_diagonal(travel, 0)
    return Office(date(2026, 6, 1), days, tuple(reaches), tuple(teams), travel, **more)


def spread(reaches: int, teams: int) -> dict[str, Any]:
    """The document of an office whose best plan no bound proves at once: places by chance along a border."""
    random = np.random.default_rng(7)
    at = random.uniform([107.0, 30.0], [107.8, 30.6], (reaches + teams, 2)).round(4).tolist()
    return {
        "start": "2026-06-01",
        "end": "2026-06-30",
        "travel": {"speed_kmh": 40},
        "reaches": [
            {
                "code": f"R{n}",
                "name": f"河段{n}",
                "river": "铜钵河",
                "place": at[n],
                "minutes": 60,
                "visits": 1 + n % 4,
            }
            | {"sides": [CQ, SC] if n % 5 == 0 else [(CQ, SC)[n % 2]]}
            for n in range(reaches)
        ],
        "teams": [
            {
                "code": f"T{n}",
                "name": f"{n}队",
                "side": (CQ, SC)[n % 2],
                "home": f"H{n}",
                "place": at[-1 - n],
                "far": 120,
            }
            for n in range(teams)
        ],
    }


@st.composite
def offices(draw: st.DrawFn) -> Office:
    """Offices of two sides, possible and not: skills that nobody has, days that are closed, teams that never meet."""
    days = draw(st.integers(3, 8))
    some_days = st.frozensets(st.integers(0, days - 1), max_size=days)
    skills = st.frozensets(st.sampled_from(["boat", "drone"]), max_size=1)
    reaches = [
        reach(
            f"R{at}",
            *draw(st.sampled_from([(CQ,), (SC,), (CQ, SC)])),
            visits=draw(st.integers(1, 3)),
            minutes=draw(st.integers(10, 300)),
            skills=draw(skills),
            closed=draw(some_days),
            risk=draw(st.sampled_from([0.0, 0.5, 1.0])),
        )
        for at in range(draw(st.integers(1, 5)))
    ]
    teams = [
        team(
            f"T{at}",
            side,
            draw(some_days),
            home=f"H{draw(st.integers(0, 1))}-{side}",
            skills=draw(skills),
            stops=draw(st.integers(1, 3)),
            far=draw(st.integers(20, 90)),
        )
        for at, side in enumerate([CQ, SC, *draw(st.lists(st.sampled_from([CQ, SC]), max_size=2))])
    ]
    sites = len(reaches) + len({one.home for one in teams})
    cells = draw(st.lists(st.integers(5, 120), min_size=sites * sites, max_size=sites * sites))
    minutes = np.array(cells, np.int32).reshape(sites, sites)
    minutes = np.minimum(minutes, minutes.T)
    np.fill_diagonal(minutes, 0)
    return Office(date(2026, 6, 1), days, tuple(reaches), tuple(teams), quickest(minutes))
