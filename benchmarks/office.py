"""Made offices for the patrol figures: two jurisdictions, a border, rivers that wander, all from a seed."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from math import ceil
from typing import Final

import numpy as np

from exchange.patrol.model import Office, Reach, Team

SIDES: Final = ("500000", "510000")
_KM_PER_DEGREE: Final = 100.0
_SPEED: Final = 45.0
_DETOUR: Final = 1.3


def made_office(reaches: int, teams: int, days: int = 30, seed: int = 1) -> Office:
    """An office on a plain as dense as the hills between Chongqing and Sichuan; every sixth reach is joint."""
    random = np.random.default_rng(seed)
    width = 10.0 * np.sqrt(reaches)
    height = 0.8 * width
    homes = _homes(max(2, teams // 2), width, height, random)
    places = _near(_rivers(reaches, width, height, random), homes, width, random)
    away = np.hypot(*(places[:, None, :] - homes[None, :, :]).transpose(2, 0, 1))
    eastern = homes[:, 0] > width / 2
    both = np.maximum(away[:, eastern].min(axis=1), away[:, ~eastern].min(axis=1))
    border = {int(at) for at in np.argsort(both)[: reaches // 6] if both[at] < 34}
    made = tuple(_reach(at, places[at], at in border, width, days, random) for at in range(reaches))
    crew = tuple(_team(at, at % len(homes), homes, width, days, random) for at in range(teams))
    minutes = _minutes(np.concatenate([places, homes]))
    return Office(date(2026, 6, 1), days, _possible(made, crew, minutes), crew, minutes)


def _possible(reaches: tuple[Reach, ...], teams: tuple[Team, ...], minutes: np.ndarray) -> tuple[Reach, ...]:
    """Nobody asks for a boat where no side has one within its hour."""
    found = []
    for at, reach in enumerate(reaches):
        able = {
            team.side
            for number, team in enumerate(teams)
            if "boat" in team.skills and minutes[len(reaches) + number, at] <= team.far
        }
        found.append(reach if able >= set(reach.sides) else replace(reach, skills=frozenset()))
    return tuple(found)


def _reach(
    at: int, place: np.ndarray, joint: bool, width: float, days: int, random: np.random.Generator
) -> Reach:
    risk = round(float(random.beta(2, 4)), 2)
    visits = 4 if risk > 0.6 else 2 if risk > 0.3 else 1
    shut = random.choice(days, 2, replace=False) if at % 10 == 0 else ()
    return Reach(
        code=f"R{at:03d}",
        name=f"河段{at}",
        river=f"河{at // 10}",
        sides=SIDES if joint else (SIDES[int(place[0] > width / 2)],),
        place=_degrees(place),
        minutes=int(random.integers(5, 13)) * 10,
        visits=visits,
        apart=max(1, days // visits // 3),
        risk=risk,
        skills=frozenset({"boat"}) if at % 9 == 0 else frozenset(),
        closed=frozenset(int(day) for day in shut),
    )


def _team(
    at: int, home: int, homes: np.ndarray, width: float, days: int, random: np.random.Generator
) -> Team:
    """Five days of seven, one team of each home with a boat."""
    shift = int(random.integers(0, 7))
    return Team(
        code=f"T{at:02d}",
        name=f"巡查{at}队",
        side=SIDES[int(homes[home, 0] > width / 2)],
        home=f"H{home}",
        place=_degrees(homes[home]),
        days=frozenset(day for day in range(days) if (day + shift) % 7 < 5),
        skills=frozenset({"boat"}) if at < len(homes) else frozenset(),
        far=60,
    )


def _homes(count: int, width: float, height: float, random: np.random.Generator) -> np.ndarray:
    """County towns, half of them on each side, spread over a grid."""
    per = ceil(count / 2)
    rows = max(1, round(np.sqrt(per * height / (width / 2))))
    columns = ceil(per / rows)
    found = []
    for at in range(count):
        side, number = at % 2, at // 2
        x = (number // rows + 0.5) / columns * width / 2 + side * width / 2
        y = (number % rows + 0.5) / rows * height
        found.append((x + random.normal(0, 3), y + random.normal(0, 3)))
    return np.array(found)


def _rivers(count: int, width: float, height: float, random: np.random.Generator) -> np.ndarray:
    """Ten reaches a river, a few kilometres apart, in a direction that turns."""
    found: list[tuple[float, float]] = []
    while len(found) < count:
        x, y = random.uniform(0, width), random.uniform(0, height)
        heading = random.uniform(0, 2 * np.pi)
        for _ in range(10):
            found.append((min(max(x, 0), width), min(max(y, 0), height)))
            heading += random.normal(0, 0.5)
            x, y = x + 7 * np.cos(heading), y + 7 * np.sin(heading)
    return np.array(found[:count])


def _near(places: np.ndarray, homes: np.ndarray, width: float, random: np.random.Generator) -> np.ndarray:
    """Reaches that no team of their side would drive to are moved to within sight of a town."""
    found = places.copy()
    for at, place in enumerate(places):
        mine = homes[(homes[:, 0] > width / 2) == (place[0] > width / 2)]
        away = np.hypot(*(mine - place).T)
        if away.min() > 25:
            found[at] = mine[away.argmin()] + random.normal(0, 6, 2)
    return found


def _degrees(place: np.ndarray) -> tuple[float, float]:
    return round(106 + place[0] / _KM_PER_DEGREE, 5), round(30 + place[1] / _KM_PER_DEGREE, 5)


def _minutes(sites: np.ndarray) -> np.ndarray:
    """Rounded up, so that no detour is shorter than the direct way."""
    away = np.hypot(*(sites[:, None, :] - sites[None, :, :]).transpose(2, 0, 1))
    minutes: np.ndarray = np.ceil(away * _DETOUR / _SPEED * 60).astype(np.int32)
    return minutes
