"""Suspects upstream of an alarm, after the case of 2024-03-19 on the 铜钵河; all names and figures are made."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from importlib.resources import files
from typing import Any

import pyarrow as pa
import pytest

from exchange.errors import InvalidInputError, MalformedError, NotFoundError
from exchange.river.practice import load_practice
from exchange.river.reach import Place
from exchange.river.source import read_sources
from exchange.river.trace import Alarm, trace, trace_table
from tests.unit.river.waters import waters

SEEN = datetime(2026, 3, 19, 1, 30, tzinfo=UTC)
FARM = {"farm_code": "SC-F-1", "farm_name": "示例养殖场", "reach_code": "SC-TB-02", "km_to_end": 4.0,
        "status": "running", "treatment": "none", "ammonia_kgd": 40.0, "cod_kgd": 300.0}  # fmt: skip
PLANT = {"plant_code": "SC-W-1", "plant_name": "示例污水厂", "reach_code": "SC-TB-01", "km_to_end": 2.0,
         "status": "running", "design_m3d": 1000.0, "actual_m3d": 1200.0, "ammonia_kgd": 5.0}  # fmt: skip
DRAIN = {"outfall_code": "SC-O-1", "outfall_name": "示例矿山排口", "kind": "industrial", "reach_code": "SC-XG-01",
         "status": "kept"}  # fmt: skip
PERMIT = {"permit_number": "示例证002", "holder_name": "示例电镀厂", "reach_code": "SC-TB-02", "km_to_end": 1.0,
          "status": "valid", "substances": "w20142,w20138"}  # fmt: skip
PROBLEM = {"violation_code": "SC-SL-7", "kind": "dumping", "description": "河岸倾倒粪污", "reach_code": "SC-TB-02",
           "found_on": date(2026, 3, 18), "status": "found"}  # fmt: skip
BELOW = {"farm_code": "CQ-F-1", "farm_name": "下游养殖场", "reach_code": "CQ-TB-01", "status": "running"}


def alarm(**change: Any) -> Alarm:
    given = {"place": Place("SC-TB-02"), "seen": SEEN, "excess": {"w21003": 0.9, "w01019": 4.0}} | change
    return Alarm(**given)


def suspects() -> list[Any]:
    rows = {
        "livestock-farm": [FARM, BELOW], "wastewater-plant": [PLANT], "outfall": [DRAIN],
        "discharge-permit": [PERMIT], "shoreline-violation": [PROBLEM],
    }  # fmt: skip
    return [
        source for name, found in rows.items() for source in read_sources(name, pa.Table.from_pylist(found))
    ]


def test_suspects_are_ranked_with_their_reasons() -> None:
    found = trace(waters(), alarm(), suspects())
    codes = [each.source.code for each in found]
    assert codes[0] == "SC-F-1"
    assert codes[-1] == "示例证002"  # mercury and copper were not seen
    assert "CQ-F-1" not in codes  # it lies below
    first = found[0]
    # 4 km at the 0.45 m/s of the shared reach: 2.47 h
    assert first.hours == pytest.approx(4 / 0.45 / 3.6)
    # 0.9 g/m³ · 5 m³/s · 4 h · 3600 s = 64.8 kg; a day's 40 kg are 62 % of that
    assert first.needed_kg["w21003"] == pytest.approx(64.8)
    assert "日负荷为其 62%" in first.zh
    assert "粪污无处理" in first.zh
    assert "its manure is not treated" in first.en
    plant = next(each for each in found if each.source.code == "SC-W-1")
    assert plant.hours == pytest.approx(10 / 0.45 / 3.6 + 2 / 0.4 / 3.6)
    assert "超设计规模运行" in plant.zh


def test_only_what_water_brings_within_the_window_counts() -> None:
    near = trace(waters(), alarm(window_hours=3.0), suspects())
    assert {each.source.code for each in near} == {"SC-F-1", "示例证002", "SC-SL-7"}
    assert trace(waters(), alarm(place=Place("SC-TB-01", 10.0)), suspects()) == []


def test_decay_asks_for_more() -> None:
    [fresh], [aged] = (
        [
            each
            for each in trace(waters(), alarm(decay_per_day=rate), suspects())
            if each.source.code == "SC-F-1"
        ]
        for rate in (0.0, 0.5)
    )
    # exp(0.5 · 2.469 / 24) = 1.0528
    assert aged.needed_kg["w21003"] / fresh.needed_kg["w21003"] == pytest.approx(1.0528, abs=1e-4)


def test_order_of_registers_changes_nothing() -> None:
    there, back = (trace(waters(), alarm(), order) for order in (suspects(), suspects()[::-1]))
    assert trace_table(there).equals(trace_table(back))


def test_a_nearer_source_of_the_same_kind_goes_first() -> None:
    far = FARM | {"farm_code": "SC-F-2", "km_to_end": 9.0}
    found = trace(waters(), alarm(), read_sources("livestock-farm", pa.Table.from_pylist([far, FARM])))
    assert [each.source.code for each in found] == ["SC-F-1", "SC-F-2"]


@pytest.mark.parametrize(
    ("contract", "row"),
    [
        ("livestock-farm", FARM | {"status": "closed"}),
        ("wastewater-plant", PLANT | {"status": "stopped"}),
        ("outfall", DRAIN | {"status": "merged"}),
        ("discharge-permit", PERMIT | {"status": "withdrawn"}),
        ("shoreline-violation", PROBLEM | {"status": "closed"}),
        ("outfall", DRAIN | {"reach_code": None}),
    ],
)
def test_what_discharges_no_more_is_no_suspect(contract: str, row: dict[str, Any]) -> None:
    assert read_sources(contract, pa.Table.from_pylist([row])) == []


def test_what_cannot_be_is_refused() -> None:
    for wrong in (
        {"excess": {}},
        {"excess": {"w21003": 0.0}},
        {"hours": 0.0},
        {"seen": datetime(2026, 3, 19)},
    ):
        with pytest.raises(InvalidInputError):
            alarm(**wrong)
    with pytest.raises(InvalidInputError, match="hydrology"):
        read_sources("hydrology", pa.table({}))
    with pytest.raises(NotFoundError):
        trace(waters(), alarm(place=Place("XX")), [])


def test_another_practice_weighs_otherwise() -> None:
    edition = json.loads((files("exchange.river") / "data/practice-1.0.0.json").read_bytes())
    edition["trace"]["weights"] = {"timing": 0.0, "substance": 0.0, "load": 1.0}
    found = trace(waters(), alarm(), suspects(), load_practice(json.dumps(edition).encode()))
    assert [each.score for each in found] == [round(each.parts["load"], 4) for each in found]
    assert found != trace(waters(), alarm(), suspects())


@pytest.mark.parametrize(
    ("part", "name", "value"),
    [
        ("trace", "weights", {"timing": 1.0, "substance": 0.5, "load": 0.5}),
        ("trace", "weights", {"timing": 1.0}),
        ("trace", "window_hours", 0),
        ("trace", "unknown", 1.5),
        ("trace", "unheard", 1.0),
        ("forecast", "felt_share", 0),
        ("forecast", "spread", "much"),
    ],
)
def test_an_unsound_practice_is_refused(part: str, name: str, value: object) -> None:
    edition = json.loads((files("exchange.river") / "data/practice-1.0.0.json").read_bytes())
    edition[part][name] = value
    with pytest.raises(MalformedError):
        load_practice(json.dumps(edition).encode())
