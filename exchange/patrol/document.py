"""Offices and plans as JSON. Plans are canonical (RFC 8785), so that both sides sign the same bytes.

An office names its travel times in one of two ways: `roads`, minutes between named sites, or `speed_kmh` with
`detour`, minutes over the straight line. Either way the quickest way through counts.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import date, timedelta
from functools import cache
from importlib.resources import files
from typing import Any

import jsonschema
import numpy as np
from numpy.typing import NDArray

from exchange.errors import FieldViolation, MalformedError
from exchange.patrol.model import Office, Plan, Reach, Stop, Team, Tour, Visit, Weights
from exchange.trust.canonical import canonical

_EARTH_KM = 6371.0
_UNREACHED = 1 << 20


def office_from_json(text: bytes, before: Plan | None = None) -> Office:
    """Read an office; raises MalformedError naming every field that is wrong."""
    try:
        document = json.loads(text)
    except ValueError as error:
        raise MalformedError(f"不是 JSON / not JSON: {error}") from None
    _validate(document)
    start, end = date.fromisoformat(document["start"]), date.fromisoformat(document["end"])
    days = (end - start).days + 1
    reaches = tuple(_reach(each, start) for each in document["reaches"])
    teams = tuple(_team(each, start, days) for each in document["teams"])
    _check(days, reaches, teams, document)
    locked = frozenset(
        Visit((date.fromisoformat(each["date"]) - start).days, each["reach"], each["team"])
        for each in document.get("locked", ())
    )
    waived = frozenset((each["reach"], each["part"]) for each in document.get("waived", ()))
    weights = Weights(**document.get("weights", {}))
    travel = _travel(reaches, teams, document["travel"])
    return Office(start, days, reaches, teams, travel, weights, locked, waived, before)


@cache
def _validator() -> jsonschema.Draft202012Validator:
    schema = json.loads((files("exchange.patrol") / "data/office.schema.json").read_bytes())
    return jsonschema.Draft202012Validator(schema, format_checker=jsonschema.FormatChecker())


def _validate(document: Any) -> None:
    wrong = [
        FieldViolation(
            "/".join(map(str, error.absolute_path)) or "office", str(error.validator), error.message
        )
        for error in _validator().iter_errors(document)
    ]
    if wrong:
        raise MalformedError(
            f"任务书有误 / the office is not sound: {wrong[0].description}", violations=wrong
        )


def _days(given: Sequence[str], start: date) -> frozenset[int]:
    return frozenset((date.fromisoformat(each) - start).days for each in given)


def _reach(given: Mapping[str, Any], start: date) -> Reach:
    plain = {key: given[key] for key in given if key not in ("place", "sides", "skills", "closed", "reasons")}
    return Reach(
        place=(given["place"][0], given["place"][1]),
        sides=tuple(given["sides"]),
        skills=frozenset(given.get("skills", ())),
        closed=_days(given.get("closed", ()), start),
        reasons=tuple(given.get("reasons", ())),
        **plain,
    )


def _team(given: Mapping[str, Any], start: date, days: int) -> Team:
    """At work on `days`, or on Monday to Friday; never on `away`."""
    every = range(days)
    at_work = (
        _days(given["days"], start)
        if "days" in given
        else {day for day in every if (start + timedelta(days=day)).weekday() < 5}
    )
    plain = {key: given[key] for key in given if key not in ("place", "skills", "days", "away")}
    return Team(
        place=(given["place"][0], given["place"][1]),
        skills=frozenset(given.get("skills", ())),
        days=frozenset(at_work) - _days(given.get("away", ()), start),
        **plain,
    )


def _check(days: int, reaches: Sequence[Reach], teams: Sequence[Team], document: Mapping[str, Any]) -> None:
    """What a schema cannot say."""
    wrong = []
    if not 0 < days <= 400:
        wrong.append(FieldViolation("end", "range", "期间为 1 至 400 天 / a period has 1 to 400 days"))
    for name, codes in (("reaches", [one.code for one in reaches]), ("teams", [one.code for one in teams])):
        wrong.extend(
            FieldViolation(name, "unique", f"编码重复 / code {code} occurs twice")
            for code in sorted({code for code in codes if codes.count(code) > 1})
        )
    known = {"reach": {one.code for one in reaches}, "team": {one.code for one in teams}}
    for list_name in ("locked", "waived"):
        for at, each in enumerate(document.get(list_name, ())):
            for name in known.keys() & each.keys():
                if each[name] not in known[name]:
                    text = f"没有 {each[name]} / there is no {name} {each[name]}"
                    wrong.append(FieldViolation(f"{list_name}/{at}/{name}", "reference", text))
    if wrong:
        raise MalformedError(
            f"任务书有误 / the office is not sound: {wrong[0].description}", violations=wrong
        )


def _travel(reaches: Sequence[Reach], teams: Sequence[Team], given: Mapping[str, Any]) -> NDArray[np.int32]:
    homes = list(dict.fromkeys(team.home for team in teams))
    names = [*(reach.code for reach in reaches), *homes]
    place = {
        **{team.home: team.place for team in reversed(teams)},
        **{one.code: one.place for one in reaches},
    }
    if "roads" not in given:
        places = np.radians(np.array([place[name] for name in names]))
        per_km = 60 / given["speed_kmh"] * given.get("detour", 1.3)
        return quickest(np.ceil(_distances(places) * per_km).astype(np.int32))
    sites = list(dict.fromkeys([*names, *(end for road in given["roads"] for end in road[:2])]))
    number = {name: at for at, name in enumerate(sites)}
    minutes = np.full((len(sites), len(sites)), _UNREACHED, np.int32)
    np.fill_diagonal(minutes, 0)
    for one, other, took in given["roads"]:
        a, b = number[one], number[other]
        minutes[a, b] = minutes[b, a] = min(minutes[a, b], math.ceil(took))
    return quickest(minutes)[: len(names), : len(names)]


def _distances(places: NDArray[np.float64]) -> NDArray[np.float64]:
    """Great circles in kilometres; places in radians, longitude first."""
    lon, lat = places.T
    half = np.sin((lat[:, None] - lat) / 2) ** 2
    half += np.cos(lat[:, None]) * np.cos(lat) * np.sin((lon[:, None] - lon) / 2) ** 2
    found: NDArray[np.float64] = 2 * _EARTH_KM * np.arcsin(np.sqrt(half))
    return found


def quickest(minutes: NDArray[np.int32]) -> NDArray[np.int32]:
    """Minutes of the quickest way between all sites (Floyd and Warshall); shape kept."""
    found = minutes.copy()
    for via in range(len(found)):
        np.minimum(found, found[:, via, None] + found[via], out=found)
    return found


def plan_to_json(office: Office, plan: Plan) -> bytes:
    """The canonical bytes of a plan, with the weights it was made under."""
    tours = [
        {
            "team": tour.team,
            "date": office.date_of(tour.day).isoformat(),
            "stops": [{"reach": stop.reach, "start": stop.start} for stop in tour.stops],
        }
        for tour in plan.tours
    ]
    return canonical({"start": office.start.isoformat(), "tours": tours, "weights": asdict(office.weights)})


def plan_from_json(text: bytes) -> Plan:
    """Read a plan; raises MalformedError."""
    try:
        document = json.loads(text)
        start = date.fromisoformat(document["start"])
        return Plan(
            tuple(
                Tour(
                    str(each["team"]),
                    (date.fromisoformat(each["date"]) - start).days,
                    tuple(Stop(str(stop["reach"]), int(stop["start"])) for stop in each["stops"]),
                )
                for each in document["tours"]
            )
        )
    except (ValueError, KeyError, TypeError) as error:
        raise MalformedError(f"不是巡查计划 / not a plan: {error!r}") from None


def weights_of(text: bytes) -> Weights:
    """The weights that a plan names; raises MalformedError."""
    try:
        return Weights(**{name: float(value) for name, value in json.loads(text)["weights"].items()})
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise MalformedError(f"不是巡查计划 / not a plan: {error!r}") from None
