"""Acceptance: the classes that the national stations published, from the values that they published.

Of the 79 rows of 7,722 that still differ with lake limits in lakes, 48 show a value that is exactly a limit: it was
rounded after it had been graded. 31 bear a class that no limit makes of the values beside it. Which stations count as
lakes cannot matter more: were each graded as whatever fits it best, five stations on rivers would gain six rows.
"""

from __future__ import annotations

from typing import Final

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from exchange.river.assess import graded, section_classes
from exchange.river.plain import decoded
from exchange.river.standard import national_standard
from tests.unit.river.stations import ABSENT, FOUR_HOURS, stations

pytestmark = pytest.mark.skipif(not FOUR_HOURS.exists(), reason=ABSENT)
FIVE: Final = (
    "w01001",
    "w01009",
    "w01019",
    "w21003",
    "w21011",
    "w01010",
)  # the fifth, and the temperature for oxygen
# Stations that lie in lakes and reservoirs; the file does not say so.
LAKES: Final = [
    "万子湖", "东洞庭湖", "南嘴", "小河嘴", "岳阳楼", "鹿角", "蒋家嘴", "大通湖", "咸宁湖心",
    "江夏湖心", "梁子岛水源(七星)", "西梁子湖湖北", "西梁子湖湖南", "西梁子湖湖心(南北嘴)",
    "湖心A(洪湖湖心A)", "牛山湖湖心", "排水闸", "库坝上", "漳河水库库心", "富水水库", "隔河岩水库坝上",
    "黄龙1(黄龙滩水库)", "潘口水库坝上", "坝上中(胡家岭)", "瀛湖坝前", "万峰湖(万峰湖湖心)", "花鱼洞",
    "草海中心", "断桥", "西苑隧道", "罗家营", "罗家营(老)", "灰湾中", "滇池南", "滇池南(老)",
    "阳宗海中", "抚仙湖心", "星云湖心", "杞麓湖心", "异龙湖中", "洱海湖心", "程海湖中",
    "泸沽湖湖心(泸沽湖)", "邛海湖心", "鲁班岛", "升钟水库铁炉寺", "玉滩水库",
]  # fmt: skip


def measured() -> pa.Table:
    values = stations("water-quality")
    return values.filter(pc.is_in(values["item_code"], pa.array(FIVE)))


def compared(values: pa.Table) -> pa.Table:
    """Samples with `same`: 100 where the published class is ours, else 0."""
    keys = ["section_code", "sampled_at"]
    ours = section_classes(graded(values, national_standard()), national_standard()).select([*keys, "class"])
    stated = decoded(values).group_by(keys).aggregate([("stated_class", "max")]).drop_null()
    both = ours.join(stated, keys, join_type="inner")
    assert both.num_rows > 6600
    same = pc.equal(both["class"], both["stated_class_max"]).cast(pa.int8())
    return both.select(keys).append_column("same", pc.multiply(same, pa.scalar(100.0)))


def agreement(values: pa.Table) -> float:
    """Share of samples whose published class is ours, in per cent."""
    return float(pc.mean(compared(values)["same"]).as_py())


def test_river_limits_everywhere() -> None:
    assert agreement(measured()) == pytest.approx(96.1, abs=0.05)


def test_lake_limits_in_lakes() -> None:
    sections, values = stations("monitoring-section"), measured()
    lakes = sections.filter(pc.is_in(sections["section_name"], pa.array(LAKES)))["section_code"]
    body = pc.if_else(pc.is_in(values["section_code"], lakes.combine_chunks()), "lake", "river")
    assert agreement(values.append_column("water_body", body)) == pytest.approx(99.0, abs=0.1)


def test_no_choice_of_lakes_does_better() -> None:
    values = measured()
    bodies = [
        compared(values.append_column("water_body", pa.array([body] * values.num_rows)))
        for body in ("river", "lake")
    ]
    river, lake = (
        each.group_by("section_code").aggregate([("same", "sum"), ("same", "count")]) for each in bodies
    )
    both = river.join(lake, "section_code", right_suffix="_lake")
    best = pc.sum(pc.max_element_wise(both["same_sum"], both["same_sum_lake"])).as_py()
    assert best / pc.sum(both["same_count"]).as_py() == pytest.approx(99.0, abs=0.1)
