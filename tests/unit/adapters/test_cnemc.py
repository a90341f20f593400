"""The national stations' files under their shipped mappings: what is read, what is left out, what is found."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from adapters.mapping.document import find_form, shipped
from adapters.protocol import Tally
from adapters.tabular import TabularAdapter, adapter
from adapters.take.spool import spool
from adapters.take.trial import Trial, trial_of
from exchange.errors import HechuanError, InvalidInputError, MalformedError
from tests.conftest import SHARED

HEADER = "省份,流域,断面名称,监测时间,水质类别,水温(℃),pH(无量纲),氨氮(mg/L),藻密度(cells/L),站点情况\n"
GOOD = "重庆市,长江流域,朱沱,04-01 08:00,Ⅱ,15.5,7.9,0.025,*,正常\n"
FOUR_HOURS = SHARED / "data" / "cnemc_autostation_4h_2021-04-01_03.csv"
DAILY = SHARED / "data" / "cnemc_daily_98stations_2020-05_10.csv"
ABSENT = "../shared is not here: its real, dirty data is no part of the project"


def given(text: str, tmp_path: Path, name: str = "stations_2021-04-01.csv") -> Path:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


def rows(
    path: Path, contract: str, chosen: TabularAdapter = adapter
) -> tuple[list[dict[str, object]], Tally]:
    reading = chosen.read(str(path), find_form("ecology/cnemc-4h"))
    found = [
        row for piece in reading.pieces() if piece.contract == contract for row in piece.rows.to_pylist()
    ]
    return found, reading.tally


def tried(
    path: Path, mapping: str, scratch: Path, chosen: TabularAdapter = adapter
) -> tuple[dict[str, Trial], Tally]:
    spooled = spool(chosen.read(str(path), find_form(mapping)), shipped(), scratch)
    return {each.taken.contract.ref.name: each for each in trial_of(spooled)}, spooled.tally


def test_a_row_becomes_a_row_per_item(tmp_path: Path) -> None:
    path = given(HEADER + GOOD, tmp_path)
    (section,), _ = rows(path, "monitoring-section")
    assert (section["section_name"], section["province_code"], section["basin"]) == (
        "朱沱",
        "500000",
        "长江流域",
    )
    values, tally = rows(path, "water-quality")
    assert [(row["item_code"], row["value"], row["unit"], row["data_flag"]) for row in values] == [
        ("w01010", 15.5, "degC", "N"),
        ("w01001", 7.9, "1", "N"),
        ("w21003", 0.025, "mg/L", "N"),
    ]
    assert {row["sampled_at"] for row in values} == {datetime(2021, 4, 1, tzinfo=UTC)}
    assert {row["stated_class"] for row in values} == {"II"}
    assert {row["section_code"] for row in values} == {section["section_code"]}
    assert +tally.counts == {"rows": 1, "keys": 1, "values": 3, "fills": 1}


def test_what_is_left_out_is_counted(tmp_path: Path) -> None:
    counted = GOOD.replace("*", "10000").replace("08:00", "12:00")
    other = GOOD.replace("15.5", "15.6")
    values, tally = rows(given(HEADER + GOOD + GOOD + counted + other + other, tmp_path), "water-quality")
    assert len(values) == 9
    assert +tally.counts == {
        "rows": 5,
        "keys": 2,
        "identical": 2,
        "conflicting": 1,
        "uncoded": 1,
        "values": 9,
        "fills": 3,
    }


def test_failures_keep_their_rows(tmp_path: Path) -> None:
    text = GOOD.replace("7.9", "--") + GOOD.replace("正常", "维护").replace("04-01 08:00", "*")
    found, _ = rows(given(HEADER + text, tmp_path), "water-quality")
    assert [(row["value"], row["data_flag"]) for row in found[:2]] == [(15.5, "N"), (None, "D")]
    assert [(row["sampled_at"], row["data_flag"]) for row in found[3:]] == [(None, "M")] * 3


def test_one_province_alone(tmp_path: Path) -> None:
    path = given(HEADER + GOOD + GOOD.replace("重庆市", "四川省"), tmp_path)
    assert len(rows(path, "monitoring-section")[0]) == 2
    (one,), tally = rows(path, "monitoring-section", adapter.of("省份", "四川省"))
    assert one["province_code"] == "510000"
    assert tally.counts["elsewhere"] == 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a,b\n1,2\n", "headings"),
        ("省份,流域\n重庆市,长江流域\n", "columns are missing"),
    ],
)
def test_other_files_are_named(text: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(MalformedError, match=said):
        rows(given(text, tmp_path), "water-quality")


def test_a_header_alone_is_no_rows(tmp_path: Path) -> None:
    found, tally = rows(given(HEADER, tmp_path), "water-quality")
    assert (found, tally.counts["rows"]) == ([], 0)


def test_rows_that_do_not_fit_are_counted_and_shown(tmp_path: Path) -> None:
    found, tally = rows(given(HEADER + "重庆市,长江流域\n\n" + GOOD, tmp_path), "water-quality")
    assert len(found) == 3
    assert (tally.counts["malformed"], tally.counts["blank"], tally.counts["rows"]) == (1, 1, 2)
    assert [(cell.place, cell.text) for cell in tally.unread] == [("row 2", "重庆市,长江流域")]


def test_the_year_must_come_from_somewhere(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="year"):
        rows(given(HEADER + GOOD, tmp_path, "stations.csv"), "water-quality")


def test_an_unknown_mapping_is_named() -> None:
    with pytest.raises(HechuanError, match=r"ecology/cnemc-4h"):
        find_form("ecology/cnemc")


@pytest.mark.skipif(not FOUR_HOURS.exists(), reason=ABSENT)
def test_the_whole_four_hour_file(tmp_path: Path) -> None:
    found, tally = tried(FOUR_HOURS, "ecology/cnemc-4h", tmp_path)
    assert +tally.counts == {
        "rows": 8326,
        "keys": 6986,
        "identical": 1060,
        "conflicting": 122,
        "not_measured": 6406,
        "failed": 1933,
        "fills": 2649,
        "values": 64321,
        "uncoded": 795,
    }
    sections, quality = found["monitoring-section"].result, found["water-quality"].result
    assert (sections.rows, sections.rejected) == (503, 0)
    assert (quality.rows, quality.rejected, quality.refused) == (66254, 3715, None)
    assert quality.rows == tally.counts["values"] + tally.counts["failed"]
    assert (quality.counts["primary_key"], quality.counts["sampled_at.required"]) == (2296, 1419)


@pytest.mark.skipif(not FOUR_HOURS.exists(), reason=ABSENT)
def test_the_stations_of_one_province(tmp_path: Path) -> None:
    found, _ = tried(FOUR_HOURS, "ecology/cnemc-4h", tmp_path, adapter.of("省份", "重庆市"))
    sections, quality = found["monitoring-section"].result, found["water-quality"].result
    assert (sections.rows, sections.rejected) == (45, 0)
    assert (quality.rows, quality.rejected, quality.refused) == (5927, 153, None)
    assert {name: count for name, count in quality.counts.items() if count} == {
        "primary_key": 90,
        "sampled_at.required": 63,
        "oxygen_supersaturated": 4,
        "above_class_iii": 29,
        "oxygen_below_class_iii": 12,
    }


@pytest.mark.skipif(not DAILY.exists(), reason=ABSENT)
def test_the_whole_daily_file(tmp_path: Path) -> None:
    found, tally = tried(DAILY, "ecology/cnemc-daily", tmp_path)
    counts = tally.counts
    assert (counts["rows"], counts["keys"], counts["conflicting"]) == (16856, 11692, 0)
    cells = ("values", "failed", "not_measured", "empty", "below_limit", "above_range", "unread")
    assert sum(counts[name] for name in cells) == 10 * 16856
    sections, quality = found["monitoring-section"].result, found["water-quality"].result
    assert (sections.rows, sections.rejected) == (98, 0)
    assert (quality.rows, quality.refused) == (148041, None)
    assert quality.rows == counts["values"] + counts["failed"]
