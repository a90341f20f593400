"""Plans of offices that fit on a page."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, time
from pathlib import Path

import pytest
from icalendar import Calendar
from typer.testing import CliRunner

from exchange.cli.main import app
from exchange.errors import MalformedError, NotFoundError
from exchange.patrol.calendar import calendar_of
from exchange.patrol.check import breaches
from exchange.patrol.cost import cost_of, unmet_of
from exchange.patrol.document import office_from_json, plan_from_json, plan_to_json
from exchange.patrol.explain import explain
from exchange.patrol.model import Office, Plan, Stop, Tour, Visit
from exchange.patrol.planner import plan, replan, without
from tests.offices import CQ, SC, office, reach, team

BOTH = office([reach("R1", CQ, SC), reach("R2"), reach("R3")], [team("C"), team("S", SC)])


def test_one_tour_of_three_stops_is_the_cheapest() -> None:
    """C: 4 ways of 30 min and an outing of 60 = 180; S: there and back and an outing = 120. Work of each side is one
    team's, so nothing is uneven."""
    made = plan(BOTH, 3)
    assert not breaches(BOTH, made.plan)
    assert made.cost.whole == 300
    assert made.bound == pytest.approx(300)
    assert len(made.plan.tours) == 2
    assert len({tour.day for tour in made.plan.tours}) == 1


def test_four_visits_lie_in_four_parts() -> None:
    weekly = office([reach("R", visits=4)], [team("C", days=range(28))], days=28)
    days = [visit.day for visit in plan(weekly, 2).plan.visits()]
    assert sorted(day // 7 for day in days) == [0, 1, 2, 3]


def test_what_is_promised_stays() -> None:
    promised = replace(BOTH, locked=frozenset({Visit(7, "R2", "C")}))
    made = plan(promised, 3)
    assert Visit(7, "R2", "C") in set(made.plan.visits())
    assert not breaches(promised, made.plan)


def test_after_a_cancellation_little_moves() -> None:
    busy = office([reach(f"R{at}", visits=2) for at in range(8)], [team("C"), team("D")], days=10)
    made = plan(busy, 4)
    tour = made.plan.tours[0]
    changed = without(replace(busy, before=made.plan), tour.team, busy.date_of(tour.day))
    mended = replan(changed, 2)
    assert not breaches(changed, mended)
    assert not unmet_of(changed, mended)
    lost = len(set(made.plan.visits()) - set(mended.visits()))
    assert lost <= len(tour.stops)


def test_a_team_that_is_not_there_cannot_cancel() -> None:
    with pytest.raises(NotFoundError, match="X"):
        without(BOTH, "X", date(2026, 6, 1))


BROKEN = [
    ("team", [Tour("X", 0, (Stop("R2", 30),))]),
    ("once", [Tour("C", 0, (Stop("R2", 30),)), Tour("C", 0, (Stop("R3", 30),))]),
    ("calendar", [Tour("C", 11, (Stop("R2", 30),))]),
    ("stops", [Tour("C", 0, ())]),
    ("reach", [Tour("C", 0, (Stop("R9", 30),))]),
    ("time", [Tour("C", 0, (Stop("R2", 29),))]),
    ("hours", [Tour("C", 0, (Stop("R2", 400),))]),
    ("side together", [Tour("S", 0, (Stop("R2", 30),))]),
    ("skill", [Tour("C", 0, (Stop("R4", 30),))]),
    ("closed", [Tour("C", 3, (Stop("R5", 30),))]),
    ("far", [Tour("F", 0, (Stop("R2", 30),))]),
    ("together", [Tour("C", 0, (Stop("R1", 30),))]),
    ("together", [Tour("C", 0, (Stop("R1", 30),)), Tour("S", 0, (Stop("R1", 31),))]),
    ("apart", [Tour("C", 0, (Stop("R6", 30),)), Tour("C", 1, (Stop("R6", 30),))]),
    (
        "pair",
        [
            Tour("C", 0, (Stop("R1", 30), Stop("R7", 120))),
            Tour("S", 0, (Stop("R1", 30),)),
            Tour("Z", 0, (Stop("R7", 120),)),
        ],
    ),
]


@pytest.mark.parametrize(("rules", "tours"), BROKEN)
def test_every_rule_is_checked(rules: str, tours: list[Tour]) -> None:
    strict = office(
        [
            *BOTH.reaches,
            reach("R4", skills=frozenset({"boat"})),
            reach("R5", closed=frozenset({3})),
            reach("R6", apart=3),
            reach("R7", CQ, SC),
        ],
        [*BOTH.teams, team("F", far=10), team("Z", SC)],
    )
    assert {breach.rule for breach in breaches(strict, Plan(tuple(tours)))} == set(rules.split())


def test_a_broken_promise_is_a_breach() -> None:
    promised = replace(BOTH, locked=frozenset({Visit(7, "R2", "C")}))
    assert [breach.rule for breach in breaches(promised, Plan())] == ["locked"]


IMPOSSIBLE: list[tuple[str, str, Office]] = [
    ("no team of 500000 has boat", "equip", office([reach("R", skills=frozenset({"boat"}))], [team("C")])),
    ("go there and be back", "equip", office([reach("R", minutes=470)], [team("C")])),
    ("go there and be back", "equip", office([reach("R")], [team("C", far=29)])),
    ("works then", "day", office([reach("R")], [team("C", days=range(0))])),
    (
        "never work on the same day",
        "day",
        office([reach("R", CQ, SC)], [team("C", days=range(5)), team("S", SC, range(5, 10))]),
    ),
    ("closed all that time", "open", office([reach("R", closed=frozenset(range(10)))], [team("C")])),
    ("taken", "day", office([reach("R", minutes=300), reach("Q", minutes=300)], [team("C", days=range(1))])),
]


@pytest.mark.parametrize(("why", "remedy", "given"), IMPOSSIBLE)
def test_the_impossible_is_explained_and_the_remedies_help(why: str, remedy: str, given: Office) -> None:
    made = plan(given, 1)
    [unmet] = explain(given, made.plan)
    assert why in unmet.en
    assert {each.kind for each in unmet.remedies} == {remedy, "waive"}
    for each in unmet.remedies:
        assert not unmet_of(each.office, plan(each.office, 1).plan)


def test_costs_are_told_apart() -> None:
    """R1 of risk 0 on two sides is undone: 2 x 2000; C drives there and back: 60, and went out: 60."""
    cost = cost_of(
        replace(BOTH, reaches=BOTH.reaches[:2], travel=BOTH.travel[1:, 1:]),
        Plan((Tour("C", 0, (Stop("R2", 30),)),)),
    )
    assert (cost.travel, cost.outings, cost.unmet) == (60, 60, 4000)


def test_a_calendar_that_others_read() -> None:
    made = plan(BOTH, 2).plan
    text = calendar_of(BOTH, made, BOTH.teams[1], time(8, 30), datetime(2026, 5, 20, tzinfo=UTC))
    [event] = Calendar.from_ical(text).walk("VEVENT")
    assert "R1" in str(event["summary"])
    assert "联合 with C" in str(event["description"])
    begin, end = event["dtstart"].dt, event["dtend"].dt
    assert (begin.hour, begin.minute) == (0, 30)  # 08:30 in Shanghai
    assert (end - begin).seconds >= 120 * 60


OFFICE = """{"start": "2026-06-01", "end": "2026-06-30", "travel": {"speed_kmh": 40},
 "reaches": [{"code": "R1", "name": "上河坝", "river": "铜钵河", "sides": ["500000", "510000"],
              "place": [107.5, 30.7], "minutes": 60, "visits": 2, "risk": 0.8}],
 "teams": [{"code": "C", "name": "梁平一队", "side": "500000", "home": "LP", "place": [107.8, 30.67]},
           {"code": "S", "name": "大竹一队", "side": "510000", "home": "DZ", "place": [107.2, 30.74]}]}"""


def test_an_office_and_its_plan_as_files(tmp_path: Path) -> None:
    path, result = tmp_path / "office.json", tmp_path / "plan.json"
    path.write_text(OFFICE, "utf-8")
    run = CliRunner().invoke(app, ["patrol", "plan", str(path), "-o", str(result), "--seconds", "2"])
    assert run.exit_code == 0, run.output
    made = plan_from_json(result.read_bytes())
    given = office_from_json(path.read_bytes())
    assert not breaches(given, made)
    assert not unmet_of(given, made)
    assert plan_to_json(given, made) == result.read_bytes()
    tour = made.tours[0]
    cancel = f"{tour.team}@{given.date_of(tour.day)}"
    again = [
        "patrol",
        "replan",
        str(path),
        "--plan",
        str(result),
        "-o",
        str(tmp_path / "new.json"),
        "--cancel",
        cancel,
    ]
    run = CliRunner().invoke(app, [*again, "--seconds", "1"])
    assert run.exit_code == 0, run.output
    assert "kept" in run.output
    run = CliRunner().invoke(app, ["patrol", "explain", str(path), "--plan", str(tmp_path / "new.json")])
    assert run.exit_code == 0, run.output
    run = CliRunner().invoke(
        app, ["patrol", "calendar", str(path), "--plan", str(result), "-o", str(tmp_path / "ics")]
    )
    assert run.exit_code == 0, run.output
    assert len(list((tmp_path / "ics").glob("*.ics"))) == 2


@pytest.mark.parametrize(
    ("old", "new", "field"),
    [
        ('"visits": 2', '"visits": -2', "reaches/0/visits"),
        ('"risk": 0.8', '"risky": 0.8', "reaches/0"),
        ('"2026-06-30"', '"2026-05-30"', "end"),
        ('"code": "S"', '"code": "C"', "teams"),
        ("[107.5, 30.7]", "[107.5]", "reaches/0/place"),
        (
            '"travel"',
            '"locked": [{"date": "2026-06-02", "reach": "R9", "team": "C"}], "travel"',
            "locked/0/reach",
        ),
    ],
)
def test_a_wrong_office_names_the_field(old: str, new: str, field: str) -> None:
    with pytest.raises(MalformedError) as caught:
        office_from_json(OFFICE.replace(old, new).encode())
    assert field in {violation.field for violation in caught.value.violations}


@pytest.mark.parametrize(
    "text", [b"", b"[]", b'{"start": "2026-06-01", "tours": [{}]}', b'{"start": "x", "tours": []}']
)
def test_a_wrong_plan_is_refused(text: bytes) -> None:
    with pytest.raises(MalformedError):
        plan_from_json(text)


def test_roads_take_the_quickest_way() -> None:
    roads = '{"roads": [["R1", "LP", 90], ["R1", "bridge", 20], ["bridge", "LP", 25.5], ["R1", "DZ", 40]]}'
    given = office_from_json(OFFICE.replace('{"speed_kmh": 40}', roads).encode())
    assert given.travel.tolist() == [[0, 46, 40], [46, 0, 86], [40, 86, 0]]


def test_the_office_in_the_documentation_has_a_whole_plan() -> None:
    page = (Path(__file__).parents[3] / "docs" / "patrols.md").read_text("utf-8")
    given = office_from_json(page.split("```json\n")[1].split("```")[0].encode())
    made = plan(given, 3).plan
    assert not breaches(given, made)
    assert not unmet_of(given, made)
