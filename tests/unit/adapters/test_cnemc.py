"""The four-hour file: what is read, what is left out and said, what the contract then finds."""

from __future__ import annotations

from datetime import UTC, datetime
from importlib.metadata import entry_points
from pathlib import Path

import pyarrow as pa
import pytest

from adapters.cnemc import CnemcAdapter, adapter
from exchange.batch.encode import encode
from exchange.batch.parquet import read_groups
from exchange.contract.check import CheckResult, CompiledCheck
from exchange.contract.load import load_contract, shipped_contracts
from exchange.errors import InvalidInputError, MalformedError
from exchange.settings import Limit
from tests.conftest import SHARED

HEADER = "省份,流域,断面名称,监测时间,水质类别,水温(℃),pH(无量纲),氨氮(mg/L),藻密度(cells/L),站点情况\n"
GOOD = "重庆市,长江流域,朱沱,04-01 08:00,Ⅱ,15.5,7.9,0.025,*,正常\n"
REAL = SHARED / "data" / "cnemc_autostation_4h_2021-04-01_03.csv"


def given(text: str, tmp_path: Path, name: str = "stations_2021-04-01.csv") -> Path:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


def test_a_row_becomes_a_row_per_item(tmp_path: Path) -> None:
    reading = adapter.read(given(HEADER + GOOD, tmp_path))
    (section,) = reading.tables["monitoring-section"].to_pylist()
    assert (section["section_name"], section["province_code"], section["basin"]) == (
        "朱沱",
        "500000",
        "长江流域",
    )
    rows = reading.tables["water-quality"].to_pylist()
    assert [(row["item_code"], row["value"], row["unit"], row["data_flag"]) for row in rows] == [
        ("w01010", 15.5, "degC", "N"),
        ("w01001", 7.9, "1", "N"),
        ("w21003", 0.025, "mg/L", "N"),
    ]
    assert {row["sampled_at"] for row in rows} == {datetime(2021, 4, 1, tzinfo=UTC)}
    assert {row["stated_class"] for row in rows} == {"II"}
    assert reading.notes == ()


def test_what_is_left_out_is_said(tmp_path: Path) -> None:
    counted = GOOD.replace("*", "10000").replace("08:00", "12:00")
    reading = adapter.read(given(HEADER + GOOD + GOOD + counted, tmp_path))
    assert reading.tables["water-quality"].num_rows == 6
    assert [note.en for note in reading.notes] == [
        "1 rows that repeat another word for word were left out",
        "藻密度(cells/L) has no confirmed item code: 1 values were left out",
    ]


def test_failures_keep_their_rows(tmp_path: Path) -> None:
    rows = GOOD.replace("7.9", "--") + GOOD.replace("正常", "维护").replace("04-01 08:00", "*")
    found = adapter.read(given(HEADER + rows, tmp_path)).tables["water-quality"].to_pylist()
    assert [(row["value"], row["data_flag"]) for row in found[:2]] == [(15.5, "N"), (None, "D")]
    assert [(row["sampled_at"], row["data_flag"]) for row in found[3:]] == [(None, "M")] * 3


def test_one_province_alone(tmp_path: Path) -> None:
    path = given(HEADER + GOOD + GOOD.replace("重庆市", "四川省"), tmp_path)
    both, one = adapter.read(path), adapter.of("510000").read(path)
    assert both.tables["monitoring-section"].num_rows == 2
    assert one.tables["monitoring-section"]["province_code"].to_pylist() == ["510000"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a,b\n1,2\n", "four-hour"),
        (HEADER + "重庆市,长江流域\n", "row 2 has 2 cells"),
        (HEADER + GOOD + '"open', "row 3"),
    ],
)
def test_other_files_are_named(text: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(MalformedError, match=said):
        adapter.read(given(text, tmp_path))


def test_the_year_must_come_from_somewhere(tmp_path: Path) -> None:
    path = given(HEADER + GOOD, tmp_path, "stations.csv")
    with pytest.raises(InvalidInputError, match="year"):
        adapter.read(path)
    rows = CnemcAdapter(year=2020).read(path).tables["water-quality"]
    assert rows["sampled_at"][0].as_py().year == 2020


def test_it_is_found_by_its_entry_point() -> None:
    (found,) = entry_points(group="hechuan.adapters", name="cnemc")
    assert found.load() is adapter


def checked(name: str, tables: dict[str, pa.Table]) -> CheckResult:
    contract = next(item for item in map(load_contract, shipped_contracts()) if item.ref.name == name)
    data = encode(tables[name], contract)
    known = {
        item: tables["monitoring-section"]["section_code"].combine_chunks() for item in contract.references
    }
    return CompiledCheck(contract, known).run(lambda: read_groups(data, contract, Limit()))


@pytest.mark.skipif(
    not REAL.exists(), reason="../shared is not here: its real, dirty data is no part of the project"
)
def test_the_real_file() -> None:
    reading = adapter.of("500000").read(REAL)
    sections = checked("monitoring-section", dict(reading.tables))
    assert (sections.rows, sections.rejected) == (45, 0)
    quality = checked("water-quality", dict(reading.tables))
    assert (quality.rows, quality.rejected) == (5927, 153)
    assert {name: count for name, count in quality.counts.items() if count} == {
        "primary_key": 90,
        "sampled_at.required": 63,
        "oxygen_supersaturated": 4,
        "above_class_iii": 29,
        "oxygen_below_class_iii": 12,
    }
    assert quality.refused is None
