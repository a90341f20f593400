"""One section under two names: what is proposed, why, and what becomes of it."""

from __future__ import annotations

from datetime import date
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from exchange.contract.check import CompiledCheck
from exchange.contract.load import load_contract, shipped_contracts
from exchange.errors import InvalidInputError, NotFoundError
from exchange.river.crosswalk import joined_sections, place_of, section_names
from exchange.river.match import crosswalk_rows, propose
from exchange.river.reach import Place
from tests.unit.river.stations import ABSENT, FOUR_HOURS, stations

DAY = date(2026, 3, 19)


def section(
    code: str, name: str, river: str | None = None, place: tuple[float, float] | None = None
) -> dict[str, Any]:
    longitude, latitude = place or (None, None)
    return {
        "section_code": code, "section_name": name, "province_code": "500000" if code < "S" else "510000",
        "river_name": river, "longitude": longitude, "latitude": latitude, "reach_code": None,
        "valid_from": date(2020, 1, 1), "valid_to": None,
    }  # fmt: skip


def table(*rows: dict[str, Any]) -> pa.Table:
    schema = pa.schema(
        [
            *(
                (name, pa.string())
                for name in ("section_code", "section_name", "province_code", "river_name")
            ),
            *((name, pa.float64()) for name in ("longitude", "latitude")),
            ("reach_code", pa.string()),
            *((name, pa.date32()) for name in ("valid_from", "valid_to")),
        ]
    )
    return pa.Table.from_pylist(list(rows), schema)


def test_name_river_and_place_speak_for_a_pair() -> None:
    ours = table(section("CQ-1", "金子(老)", "嘉陵江", (106.40, 30.10)))
    theirs = table(
        section("SC-1", "金子", "嘉陵江", (106.401, 30.10)),
        section("SC-2", "金子沱", "沱江", (105.0, 29.9)),
        section("SC-3", "北温泉", "嘉陵江", (106.2, 29.8)),
    )
    [best] = propose(ours, theirs)
    assert best.theirs.code == "SC-1"
    assert best.score > 0.99
    # 0.001° of longitude at 30.1° N: 111.19 km · cos 30.1° / 1000 = 96.2 m
    assert best.distance_m == pytest.approx(96.2, abs=0.3)
    assert best.zh == "名称同为“金子”；本方标注“老”；同一河流；相距 96 米；分属两地名录"
    assert "CQ-1 is marked 老" in best.en


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [("铜钵河上河坝", "铜波河上河坝"), ("湖海场断面", "胡海场"), ("林家湾", "宁家湾"), ("沙溪口", "杀西口")],
)
def test_names_that_sound_alike_are_found(ours: str, theirs: str) -> None:
    [found] = propose(table(section("CQ-1", ours)), table(section("SC-1", theirs)), least=0.3)
    assert found.parts["pinyin"] == 1
    assert "读音相同" in found.zh


def test_the_same_name_elsewhere_is_less_sure() -> None:
    ours = table(section("CQ-1", "两河口", "甲河", (106.0, 30.0)))
    [far] = propose(ours, table(section("SC-1", "两河口", "乙河", (102.0, 31.0))), least=0.4)
    [unknown] = propose(ours, table(section("SC-1", "两河口")), least=0.4)
    [near] = propose(ours, table(section("SC-1", "两河口", "甲河", (106.0, 30.0))), least=0.4)
    assert far.score < unknown.score < near.score == 1.0
    assert "河流不同" in far.zh
    assert "nothing but the names" in unknown.en


def test_a_neighbour_is_found_by_its_place_alone() -> None:
    ours = table(section("CQ-1", "甲桥", "嘉陵江", (106.4, 30.1)))
    [found] = propose(ours, table(section("SC-1", "乙渡口", "嘉陵江", (106.401, 30.1))), least=0.4)
    assert found.parts["name"] == 0


def test_order_of_registries_changes_nothing() -> None:
    one = table(*(section(f"CQ-{at}", name) for at, name in enumerate(["金子(老)", "码头", "两河口"])))
    two = table(*(section(f"SC-{at}", name) for at, name in enumerate(["两河口", "李码头", "金子"])))
    there = {(each.ours.code, each.theirs.code): each.score for each in propose(one, two)}
    back = {(each.theirs.code, each.ours.code): each.score for each in propose(two, one)}
    assert there.keys() == back.keys()
    assert there == pytest.approx(back)
    with pytest.raises(InvalidInputError):
        propose(one, two, least=0)


@pytest.mark.skipif(not FOUR_HOURS.exists(), reason=ABSENT)
def test_the_section_under_two_provinces_is_found() -> None:
    sections = stations("monitoring-section")
    of = {code: sections.filter(pc.equal(sections["province_code"], code)) for code in ("500000", "510000")}
    found = propose(of["500000"], of["510000"])
    assert ("金子(老)", "金子") in [(each.ours.name, each.theirs.name) for each in found[:2]]


def test_what_is_confirmed_becomes_rows_of_the_crosswalk() -> None:
    ours, theirs = (
        table(section("CQ-JINZI", "金子(老)", "嘉陵江")),
        table(section("SC-JINZI", "金子", "嘉陵江")),
    )
    rows = crosswalk_rows(propose(ours, theirs), "500000/ecology", DAY, DAY)
    contract = next(
        each for each in map(load_contract, shipped_contracts()) if each.ref.name == "section-crosswalk"
    )
    known = {item: pa.array(["CQ-JINZI"]) for item in contract.references}
    result = CompiledCheck(contract, known).run(rows.to_batches)
    assert (result.accepted, result.rejected) == (1, 0)
    joined = joined_sections([ours, theirs], rows, DAY).to_pylist()
    assert [(row["code"], row["codes"]) for row in joined] == [("CQ-JINZI", ["CQ-JINZI", "SC-JINZI"])]
    assert section_names(rows, DAY) == {"CQ-JINZI": "CQ-JINZI", "SC-JINZI": "CQ-JINZI"}
    assert section_names(rows, date(2026, 3, 18)) == {}


def test_where_a_section_lies() -> None:
    rows = [
        {"section_code": "CQ-1", "other_code": "SC-1", "relation": "same", "reach_code": "CQ-JL-01", "km_to_end": 4.5,
         "valid_from": DAY, "valid_to": None}
    ]  # fmt: skip
    ours, theirs = (
        table(section("CQ-1", "金子(老)")),
        table(section("SC-1", "金子") | {"reach_code": "SC-JL-09"}),
    )
    crosswalk = pa.Table.from_pylist(rows)
    assert place_of("SC-1", [ours, theirs], crosswalk, DAY) == Place("CQ-JL-01", 4.5)
    assert place_of("SC-1", [ours, theirs], None, DAY) == Place("SC-JL-09")
    without = pa.Table.from_pylist([row | {"reach_code": None} for row in rows])
    assert place_of("CQ-1", [ours, theirs], without, DAY) == Place("SC-JL-09")
    with pytest.raises(NotFoundError):
        place_of("CQ-1", [ours], None, DAY)
