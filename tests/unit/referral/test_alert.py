"""What is a warning and what is not; the case of the Tongbo river as tables."""

from __future__ import annotations

import json
from datetime import date, timedelta

import pyarrow as pa
import pytest

from demo import tongbo
from exchange.errors import NotFoundError
from exchange.referral.alert import (
    Finding,
    boundaries,
    exceedances,
    forecast_document,
    places,
    spills,
    still_open,
    text_of,
    title_of,
)
from exchange.river.network import build_network
from exchange.river.reach import Place
from exchange.river.standard import national_standard

STANDARD = national_standard()
DAY = tongbo.ALARM.date()
KNOWN = boundaries(tongbo.sections("510000"), DAY, "510000", STANDARD)


def test_a_boundary_is_one_below_which_another_lies() -> None:
    assert list(KNOWN) == [tongbo.SECTION]
    assert KNOWN[tongbo.SECTION].downstream == "500000"
    assert boundaries(tongbo.sections("510000"), DAY, "500000", STANDARD) == {}
    assert boundaries(tongbo.sections("500000"), DAY, "500000", STANDARD) == {}
    assert boundaries(tongbo.sections("510000"), date(2019, 1, 1), "510000", STANDARD) == {}


def test_the_alarm_is_a_finding_and_two_days_later_is_not() -> None:
    [found] = exceedances(tongbo.alarming(), KNOWN, STANDARD)
    assert [item.item for item in found.excesses] == ["w21003", "w01019"]
    assert found.excesses[0].times == pytest.approx(2.36)
    assert "氨氮" in title_of(found, STANDARD)
    assert "w21003 2.36 mg/L (≤ 1)" in text_of(found)
    assert exceedances(tongbo.compliant(), KNOWN, STANDARD) == []


@pytest.mark.parametrize(
    ("item", "value", "is_one"),
    [
        ("w21003", 1.0, False),
        ("w21003", 1.01, True),
        ("w01009", 5.0, False),
        ("w01009", 4.9, True),
        ("w01001", 9.2, True),
        ("w01010", 40.0, False),
    ],
)
def test_limits_are_the_standards(item: str, value: float, is_one: bool) -> None:
    assert bool(exceedances(tongbo.measured(tongbo.ALARM, {item: value}), KNOWN, STANDARD)) is is_one


def test_rows_that_do_not_count_warn_of_nothing() -> None:
    rows = tongbo.alarming()
    at = rows.schema.get_field_index("data_flag")
    assert exceedances(rows.set_column(at, "data_flag", [["D"] * rows.num_rows]), KNOWN, STANDARD) == []
    elsewhere = rows.set_column(0, "section_code", [["CQ-ZHUTUO"] * rows.num_rows])
    assert exceedances(elsewhere, KNOWN, STANDARD) == []
    assert exceedances(rows.slice(0, 0), KNOWN, STANDARD) == []


def test_the_newest_of_several_counts() -> None:
    later = tongbo.measured(tongbo.ALARM + timedelta(hours=4), {"w21003": 3.0})
    [found] = exceedances(pa.concat_tables([later, tongbo.alarming()]), KNOWN, STANDARD)
    assert {item.item: item.value for item in found.excesses} == {"w21003": 3.0, "w01019": 9.8}


def spill(**changes: object) -> Finding:
    row = {
        "report_code": "SP-1", "reach_code": "SC-TB-01", "item_code": "w21003", "mass_kg": 120.0,
        "duration_hours": 2.0, "began_at": tongbo.ALARM, "status": "first", **changes,
    }  # fmt: skip
    [found] = spills(pa.Table.from_pylist([row]), KNOWN)
    return found


def test_spills_on_a_boundary_reach() -> None:
    assert title_of(spill(), STANDARD).startswith("铜钵河上河坝上游突发泄漏 氨氮")
    for changes in ({"reach_code": "SC-LX-01"}, {"status": "ruled-out"}):
        with pytest.raises(ValueError, match="not enough"):
            spill(**changes)


def test_an_open_warning_is_not_sent_again() -> None:
    found = [spill(), *exceedances(tongbo.alarming(), KNOWN, STANDARD)]
    assert still_open(found, frozenset({tongbo.SECTION})) == found[:1]
    assert still_open(found, frozenset({"SP-1", tongbo.SECTION})) == []


def test_the_forecast_says_when_it_arrives_and_what_was_assumed() -> None:
    codes = ("510000", "500000")
    network = build_network(
        [tongbo.reaches(c) for c in codes], [tongbo.hydraulics(c) for c in codes], None, DAY
    )
    below = places(tongbo.sections("500000"), None, DAY)
    [finding] = exceedances(tongbo.alarming(), KNOWN, STANDARD)
    document = json.loads(forecast_document(finding, network, Place("SC-TB-01"), below, STANDARD, 4.0))
    [section] = document["sections"]
    assert section["section"] == tongbo.BELOW
    assert section["mean_hours"] == pytest.approx(12.0, abs=0.01)
    assert section["earliest"] < section["arrives"] < section["peak_at"] < section["passes"]
    # 1.36 mg/L beyond the limit in 4.2 m³/s for four hours
    assert document["assumed"]["mass_kg"] == pytest.approx(1.36 * 4.2 * 4 * 3.6, abs=0.01)
    reported = json.loads(forecast_document(spill(), network, Place("SC-TB-01"), below, STANDARD, 4.0))
    assert reported["assumed"] | {"mass_kg": 120.0, "hours": 2.0, "reported": True} == reported["assumed"]
    with pytest.raises(NotFoundError):
        forecast_document(finding, network, Place("CQ-TB-01"), {"X": Place("SC-TB-01")}, STANDARD, 4.0)
