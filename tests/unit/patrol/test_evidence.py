"""An office out of rows: what adds to a risk, what it leads to, and whose reach it is."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pyarrow as pa
import pytest

from exchange.contract.load import load_contract, shipped_contracts
from exchange.duty.rules import shipped_rules
from exchange.errors import InvalidInputError, MalformedError
from exchange.patrol.closed import Ban, Closing
from exchange.patrol.document import office_from_json
from exchange.patrol.evidence import Evidence, office_document
from exchange.patrol.model import Weights
from exchange.patrol.terms import read_terms, shipped_terms
from exchange.trust.canonical import canonical

FRAME = {
    "start": "2026-03-01",
    "end": "2026-03-30",
    "travel": {"speed_kmh": 40},
    "reaches": [
        {"code": "TB-01", "place": [107.52, 30.71], "minutes": 90},
        {"code": "TB-02", "place": [107.66, 30.69], "minutes": 60},
    ],
    "teams": [
        {
            "code": "LP-1",
            "name": "梁平一队",
            "side": "500000",
            "home": "LP",
            "place": [107.8, 30.67],
            "far": 120,
        },
        {
            "code": "DZ-1",
            "name": "大竹一队",
            "side": "510000",
            "home": "DZ",
            "place": [107.2, 30.74],
            "far": 150,
        },
    ],
}


def register(code: str, **more: Any) -> dict[str, Any]:
    return {
        "reach_code": code, "reach_name": f"{code} 段", "river_name": "铜钵河", "chief_level": "county",
        "province_code": "500000", "boundary_kind": "none", "neighbour_code": None, "length_km": 8.5,
        "valid_from": date(2024, 1, 1), "valid_to": None, **more,
    }  # fmt: skip


def samples(value: float, day: date = date(2026, 2, 20)) -> pa.Table:
    """Ammonia at one section."""
    at = datetime(day.year, day.month, day.day, 4, tzinfo=UTC)
    return pa.table(
        {
            "section_code": ["S-1"], "sampled_at": pa.array([at], pa.timestamp("us", tz="UTC")),
            "item_code": ["w21003"], "value": [value], "unit": ["mg/L"], "water_body": ["river"],
            "below_detection_limit": [False], "detection_limit": pa.array([None], pa.float64()), "data_flag": ["N"],
        }
    )  # fmt: skip


def evidence(value: float = 1.2, **more: Any) -> Evidence:
    patrol = {"reach_code": "TB-02", "started_at": datetime(2026, 2, 19, 2, tzinfo=UTC)}
    points = [{"reach_code": "TB-01", "status": state} for state in ("listed", "working", "closed")]
    joint = register("TB-01", boundary_kind="up-down", neighbour_code="510000")
    old = register("TB-02", valid_to=date(2025, 1, 1), reach_name="旧名")
    tables = {
        "river-reach": [pa.Table.from_pylist([joint]), pa.Table.from_pylist([old, register("TB-02")])],
        "monitoring-section": [pa.table({"section_code": ["S-1"], "reach_code": ["TB-01"]})],
        "water-quality": [samples(value), samples(40.0, date(2025, 6, 1))],
        "directive-point": [pa.Table.from_pylist(points)],
        "patrol-record": [pa.Table.from_pylist([patrol])],
    }
    return Evidence({**tables, **more}, ["TB-01", "TB-09"])


def test_risk_is_told_with_its_reasons() -> None:
    """TB-01: class Ⅳ 0.30, one day beyond Ⅲ 0.02, one referral 0.15, two open points 0.20, never patrolled 0.30.
    TB-02: no data 0.10, 10 days 0.05.
    """
    given = office_document(FRAME, evidence(), shipped_terms())
    office = office_from_json(canonical(given))
    first, second = office.reaches
    assert (first.risk, second.risk) == (0.97, 0.15)
    assert (first.visits, second.visits) == (4, 1)
    assert (first.sides, second.sides) == (("500000", "510000"), ("500000",))
    assert second.name == "TB-02 段"
    assert [each.split(" +")[1] for each in first.reasons] == ["0.30", "0.02", "0.15", "0.20", "0.30"]
    assert "Ⅳ" in first.reasons[0]
    assert [each.split(" +")[1] for each in second.reasons] == ["0.10", "0.05"]
    assert office.weights == shipped_terms().weights == Weights()


@pytest.mark.parametrize(("value", "risk"), [(0.3, 0.65), (0.8, 0.75), (1.8, 1.0), (9.0, 1.0)])
def test_worse_water_is_more_of_a_risk(value: float, risk: float) -> None:
    assert office_document(FRAME, evidence(value), shipped_terms())["reaches"][0]["risk"] == risk


def test_days_beyond_class_three_and_cases_of_the_ban_add_up_to_what_is_agreed() -> None:
    days = [samples(1.2, date(2026, 2, day)) for day in range(1, 28)]
    cases = [
        {"reach_code": code, "discovered_at": datetime(2026, month, 9, tzinfo=UTC)}
        for code, month in [("TB-02", 2), ("TB-02", 2), ("TB-02", 3), ("TB-02", 1), (None, 2)]
    ]
    more = {"water-quality": days, "fishing-ban-case": [pa.Table.from_pylist(cases)]}
    first, second = office_document(FRAME, evidence(**more), shipped_terms())["reaches"]
    assert first["reasons"][1] == "超Ⅲ类天数 27 days beyond Ⅲ +0.20"
    assert second["reasons"][1] == "禁捕案件 3 fishing-ban cases +0.15"


def gauge(
    day: datetime, stage: float, quality: str = "real-time", section: str | None = "S-1"
) -> dict[str, Any]:
    return {
        "section_code": section, "observed_at": day, "stage_m": stage, "warning_stage_m": 312.0, "quality": quality,
    }  # fmt: skip


def test_a_flood_closes_its_days_and_two_more() -> None:
    """A gauge speaks for the reach of its section; days of China, not of UTC."""
    night = datetime(2026, 3, 9, 17, tzinfo=UTC)  # the tenth in China
    rows = [
        gauge(night, 312.0),
        gauge(datetime(2026, 2, 27, 4, tzinfo=UTC), 313.5),
        gauge(datetime(2026, 3, 20, 4, tzinfo=UTC), 311.9),
        gauge(datetime(2026, 3, 22, 4, tzinfo=UTC), 330.0, "suspect"),
        gauge(datetime(2026, 3, 24, 4, tzinfo=UTC), 330.0, section=None),
    ]
    frame = {**FRAME, "reaches": [{**FRAME["reaches"][0], "closed": ["2026-03-30"]}, FRAME["reaches"][1]]}  # type: ignore[dict-item, index]
    given = office_document(frame, evidence(hydrology=[pa.Table.from_pylist(rows)]), shipped_terms())
    first, second = given["reaches"]
    days = ["2026-03-01", "2026-03-10", "2026-03-11", "2026-03-12", "2026-03-30"]
    assert (first["closed"], second["closed"]) == (days, [])
    assert first["reasons"][-1] == "封闭 5 天 days closed"
    assert sorted(office_from_json(canonical(given)).reaches[0].closed) == [0, 9, 10, 11, 29]


@pytest.mark.parametrize(
    ("first", "last", "closed"),
    [("03-29", "04-10", [28, 29]), ("12-20", "03-02", [0, 1]), ("04-01", "06-30", [])],
)
def test_a_ban_closes_its_river_each_year(first: str, last: str, closed: list[int]) -> None:
    terms = shipped_terms()
    kept = replace(terms, closing=Closing(2, (Ban("铜钵河", first, last), Ban("新盛河", "01-01", "12-31"))))
    office = office_from_json(canonical(office_document(FRAME, evidence(), kept)))
    assert [sorted(reach.closed) for reach in office.reaches] == [closed, closed]


def test_statute_asks_for_no_fewer() -> None:
    year = {**FRAME, "end": "2026-12-31"}
    quota = shipped_rules()
    asked = office_document(year, evidence(), shipped_terms(), quota)["reaches"][1]
    assert asked["visits"] == 11  # 306 days of one in 30
    held = type(quota)(quota.edition, {**quota.quota, "county": 40.0}, quota.weights, quota.marks)
    asked = office_document(year, evidence(), shipped_terms(), held)["reaches"][1]
    assert (asked["visits"], asked["reasons"][-1]) == (34, "法定频次 statute asks for 34")


def test_a_reach_in_no_register_is_named() -> None:
    frame = {**FRAME, "reaches": [*FRAME["reaches"], {"code": "TB-03", "place": [107, 30], "minutes": 5}]}  # type: ignore[misc]
    with pytest.raises(InvalidInputError, match="TB-03"):
        office_document(frame, evidence(), shipped_terms())


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"        unmet: 2000\n", b"        unmet: much\n"),
        (b"        travel: 1.0\n", b"        travelling: 1.0\n"),
        (b"        bans: []\n", b"        bans: [{river: A, first: 02-30, last: 03-01}]\n"),
        (b"        flood: 2\n", b"        flood: -1\n"),
        (b"[[0.6, 4], [0.3, 2], [0, 1]]", b"[[0.3, 4], [0.6, 2], [0, 1]]"),
        (b"  - property: planning\n", b"  - property: planing\n"),
    ],
)
def test_terms_that_cannot_be_read_are_refused(old: bytes, new: bytes) -> None:
    [text] = [text for text in shipped_contracts() if b"\nid: patrol-plan\n" in text]
    with pytest.raises(MalformedError):
        read_terms(load_contract(text.replace(old, new), vouched=True))
