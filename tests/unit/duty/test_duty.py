"""Duties, plans, directives, patrols and the score: each rule by what keeps it and what breaks it."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pyarrow as pa
import pytest

from exchange.duty.chief import clashes, in_office, patrolled
from exchange.duty.directive import differences, progress
from exchange.duty.matrix import overlaps, route
from exchange.duty.plan import Rule, check_plans
from exchange.duty.rules import load_rules, shipped_rules
from exchange.duty.score import (
    Component,
    directive_component,
    patrol_component,
    plan_component,
    quality_component,
    referral_component,
    score,
)
from exchange.errors import ConflictError, InvalidInputError, MalformedError, NotFoundError

DAY = date(2026, 3, 19)
DUTY: dict[str, Any] = {
    "duty_code": "D1", "valid_from": date(2026, 1, 1), "valid_to": None, "matter": "spill", "river_name": None,
    "county_code": None, "agency": "500000/ecology", "role": "lead", "supervisor_agency": None, "deadline_days": 3,
}  # fmt: skip
_TYPES = {
    "river_name": pa.string(),
    "county_code": pa.string(),
    "supervisor_agency": pa.string(),
    "valid_to": pa.date32(),
}


def duties(*changes: dict[str, Any]) -> pa.Table:
    rows = [{**DUTY, "duty_code": f"D{number}", **change} for number, change in enumerate(changes, start=1)]
    table = pa.Table.from_pylist(rows)
    for name, kind in {**_TYPES, "valid_to": pa.date32()}.items():
        table = table.set_column(table.schema.get_field_index(name), name, table[name].cast(kind))
    return table


def test_the_row_that_names_more_answers() -> None:
    table = duties(
        {},
        {"river_name": "铜钵河", "agency": "500000/liangping"},
        {"river_name": "铜钵河", "county_code": "500155", "agency": "500000/liangping-water"},
        {"river_name": "铜钵河", "agency": "500000/agriculture", "role": "assist"},
    )
    assert route(table, "spill", "长江").agency == "500000/ecology"
    assert route(table, "spill", "铜钵河").agency == "500000/liangping"
    assert route(table, "spill", "铜钵河", "500155").code == "D3"
    assert route(table, "spill", "铜钵河", department="ecology").agency == "500000/ecology"
    assert overlaps(table) == []


def test_nobody_or_two_is_an_error() -> None:
    with pytest.raises(NotFoundError):
        route(duties({}), "outfall")
    with pytest.raises(NotFoundError):
        route(duties({"valid_to": date(2026, 2, 1)}), "spill", on=DAY)
    twice = duties({}, {"agency": "500000/water"})
    with pytest.raises(ConflictError, match="D1, D2"):
        route(twice, "spill")
    assert overlaps(twice) == [("D1", "D2")]
    assert overlaps(duties({"valid_to": date(2026, 2, 1)}, {"valid_from": date(2026, 2, 2)})) == []


TASK: dict[str, Any] = {
    "plan_code": "UP", "task_code": "1", "parent_plan": None, "parent_task": None, "level": "municipal",
    "reach_code": "TB", "measure": "pollution", "indicator": "排污口", "target_value": 12.0, "done_value": 6.0,
    "due_on": date(2027, 12, 31), "valid_from": date(2026, 1, 1), "valid_to": date(2030, 12, 31),
}  # fmt: skip
LOWER: dict[str, Any] = {
    "plan_code": "LP", "parent_plan": "UP", "parent_task": "1", "level": "county", "reach_code": "TB-LP",
    "target_value": 7.0,
}  # fmt: skip
OTHER = {**LOWER, "plan_code": "DZ", "reach_code": "TB-DZ", "target_value": 5.0}
REACHES = pa.table(
    {"reach_code": ["TB", "TB-LP", "TB-DZ", "LX"], "parent_reach_code": [None, "TB", "TB", None]}
)


def plans(*changes: dict[str, Any]) -> pa.Table:
    return pa.Table.from_pylist([{**TASK, **change} for change in changes])


def test_plans_that_fit() -> None:
    assert check_plans(plans({}, LOWER, OTHER), REACHES) == []


@pytest.mark.parametrize(
    ("rule", "changes"),
    [
        (Rule.OVERLAP, [{}, LOWER, OTHER, {**LOWER, "plan_code": "LP2", "target_value": 0.0}]),
        (Rule.REPEATED, [{}, LOWER, OTHER, {**LOWER, "task_code": "2", "target_value": 0.0}]),
        (
            Rule.NO_UPPER,
            [{}, LOWER, OTHER, {**LOWER, "plan_code": "X", "parent_task": "9", "indicator": "管网"}],
        ),
        (Rule.NOT_ABOVE, [{"level": "county", "reach_code": "TB"}, LOWER, OTHER]),
        (Rule.LATER_THAN_UPPER, [{}, {**LOWER, "due_on": date(2028, 1, 1)}, OTHER]),
        (Rule.SHORT_OF_UPPER, [{}, {**LOWER, "target_value": 6.9}, OTHER]),
        (Rule.OUTSIDE_UPPER, [{}, {**LOWER, "reach_code": "LX"}, OTHER]),
    ],
)
def test_each_rule_of_plans(rule: Rule, changes: list[dict[str, Any]]) -> None:
    found = {each.rule for each in check_plans(plans(*changes), REACHES)}
    assert rule in found
    if rule is not Rule.NOT_ABOVE:
        assert found == {rule}


def test_plans_of_other_years_do_not_cross() -> None:
    later = {
        **LOWER,
        "plan_code": "LP2",
        "valid_from": date(2031, 1, 1),
        "valid_to": None,
        "parent_task": None,
    }
    assert check_plans(plans({}, LOWER, OTHER, later), REACHES) == []


POINTS = pa.Table.from_pylist(
    [
        {"directive": "4", "campaign": "three-discharges", "county_code": "500155", "status": status, "due_on": due}
        for status, due in (
            ("listed", date(2026, 3, 1)), ("working", date(2026, 9, 1)), ("mended", date(2026, 3, 1)),
            ("closed", date(2026, 3, 1)),
        )
    ]
)  # fmt: skip
ON = pa.scalar(DAY, pa.date32())


def test_totals_come_from_points_and_reports_are_held_to_them() -> None:
    counted = progress(POINTS, ON)
    assert counted.select(["points", "mended", "closed", "overdue"]).to_pylist() == [
        {"points": 4, "mended": 2, "closed": 1, "overdue": 1}
    ]
    assert differences(POINTS, counted, ON) == []
    wrong = counted.set_column(counted.schema.get_field_index("closed"), "closed", [[3]])
    [found] = differences(POINTS, wrong, ON)
    assert (found.count, found.reported, found.counted) == ("closed", 3, 1)
    assert len(differences(POINTS.slice(0, 0), counted, ON)) == 4


CHIEFS = pa.Table.from_pylist(
    [
        {
            "reach_code": "TB", "post": "chief", "chief_level": level, "chief_name": name, "valid_from": start,
            "valid_to": end,
        }
        for level, name, start, end in (
            ("county", "甲", date(2025, 1, 1), date(2026, 6, 30)), ("county", "乙", date(2026, 7, 1), None),
            ("municipal", "丙", date(2025, 1, 1), None),
        )
    ]
)  # fmt: skip
PATROLS = pa.table(
    {
        "reach_code": ["TB", "TB"],
        "chief_level": ["county", "county"],
        # the second is on 1 January in Shanghai
        "started_at": [datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 12, 31, 17, tzinfo=UTC)],
    }
)


def test_chiefs_and_their_patrols() -> None:
    assert [row["chief_name"] for row in in_office(CHIEFS, DAY)] == ["甲", "丙"]
    assert clashes(CHIEFS, DAY) == []
    both = pa.concat_tables([CHIEFS, CHIEFS.slice(0, 1)])
    assert clashes(both, DAY) == [("TB", "chief")]
    found = patrolled(CHIEFS, PATROLS, shipped_rules().quota, date(2026, 1, 1), date(2026, 12, 31))
    assert {each.chief: (each.asked, each.done, each.short) for each in found} == {
        "甲": (2, 1, 1), "乙": (2, 1, 1), "丙": (2, 0, 2),
    }  # fmt: skip


def test_the_score_is_its_lines() -> None:
    rules = shipped_rules()
    parts = [
        quality_component(pa.table({"level": [2, 3, 4], "target": [3, 3, 3]})),
        plan_component(
            plans({}, {"task_code": "2", "done_value": None}, {"task_code": "3", "done_value": 99.0})
        ),
        directive_component(POINTS, DAY),
        referral_component(3, 3, 1),
        patrol_component([]),
    ]
    found = score(parts, rules, {"b": 2, "a": 1})
    shares = {line.component.name: line.component.share for line in found.lines}
    assert shares == {
        "water_quality": pytest.approx(2 / 3), "plan_progress": pytest.approx(0.5),
        "directive_closed": pytest.approx(1 / 3), "referrals_in_time": 0.75, "patrols": None,
    }  # fmt: skip
    assert sum(line.points or 0 for line in found.lines) == pytest.approx(found.value, abs=0.01)
    assert found.value == pytest.approx(100 * (40 * 2 / 3 + 20 * 0.5 + 15 / 3 + 15 * 0.75) / 90, abs=0.01)
    assert found.mark == rules.mark(found.value)
    assert list(found.as_of) == ["a", "b"]
    assert found == score(parts, rules, {"a": 1, "b": 2})


def test_what_cannot_be_scored() -> None:
    rules = shipped_rules()
    with pytest.raises(InvalidInputError):
        score([Component("patrols", "", "", 0, 0)], rules, {})
    with pytest.raises(InvalidInputError):
        score([Component("beauty", "", "", 1, 1)], rules, {})
    for text in (b"", b"{}", b'{"edition": 1}'):
        with pytest.raises(MalformedError):
            load_rules(text)
