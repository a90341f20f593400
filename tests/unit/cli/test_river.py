"""`hechuan river` over files, as an analyst uses it; what it reads from hubs is shown in tests/e2e."""

from __future__ import annotations

import csv
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from exchange.cli.main import app
from exchange.errors import HechuanError, InvalidInputError, MalformedError, NotFoundError
from tests.unit.river.test_match import section, table
from tests.unit.river.test_trace import FARM, PLANT
from tests.unit.river.waters import CHONGQING, CHONGQING_FLOW, LINKS, SICHUAN, SICHUAN_FLOW

START = datetime(2021, 1, 15, 4, tzinfo=UTC)


def run(*words: object) -> str:
    result = CliRunner().invoke(app, ["river", *map(str, words)], env={"COLUMNS": "160", "HECHUAN_HOME": ""})
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.output


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory with made registers, hydraulics, values and discharges."""
    monkeypatch.chdir(tmp_path)
    rows = {"sc": SICHUAN, "cq": CHONGQING, "sc-flow": SICHUAN_FLOW, "cq-flow": CHONGQING_FLOW, "links": LINKS,
            "farms": [FARM], "plants": [PLANT]}  # fmt: skip
    for name, found in rows.items():
        pq.write_table(pa.Table.from_pylist(found), f"{name}.parquet")
    pq.write_table(values(), "values.parquet")
    gauged = [{"station_code": "60100001", "observed_at": START + timedelta(days=day), "discharge_m3s": 5.0 + day % 7}
              for day in range(-20, 1500, 5)]  # fmt: skip
    pq.write_table(pa.Table.from_pylist(gauged), "flow.parquet")
    return tmp_path


def values() -> pa.Table:
    """Four years, a sample a month, of ammonia that falls by 0.12 mg/L a year."""
    rows: list[dict[str, Any]] = []
    for month in range(48):
        at = START.replace(year=2021 + month // 12, month=month % 12 + 1)
        for item, value, unit in (("w21003", 1.2 - 0.01 * month, "mg/L"), ("w01001", 7.5, "1")):
            row = {"section_code": "SC-SHANGHEBA", "sampled_at": at, "item_code": item, "value": value}
            rows.append(row | {"unit": unit, "data_flag": "N"})
    return pa.Table.from_pylist(rows)


def test_quality(here: Path) -> None:
    sections = table(section("SC-SHANGHEBA", "上河坝", "铜钵河"))
    pq.write_table(sections.append_column("water_body", pa.array(["river"])), "sections.parquet")
    said = run(
        "quality", "values.parquet", "--sections", "sections.parquet", "--monthly", "-o", "classes.csv"
    )
    assert "铜钵河" in said
    assert "良好" in said
    with (here / "classes.csv").open(encoding="utf-8", newline="") as file:
        written = list(csv.DictReader(file))
    # 1.2 and down to 1.0 by 0.01 a month: the first twenty months are IV, for ammonia
    assert [row["class"] for row in written] == ["IV"] * 20 + ["III"] * 28
    assert {row["main"] for row in written} == {"w21003", ""}


def test_change(here: Path) -> None:
    places = table(section("SC-SHANGHEBA", "上河坝", "铜钵河"))
    pq.write_table(places.append_column("target_class", pa.array(["III"])), "sections.parquet")
    # 1.03 in June and 1.01 in August 2022 are IV, 0.99 in October is III
    said = run(
        "change", "values.parquet", "--sections", "sections.parquet", "--month", "2022-10", "-o", "c.csv"
    )
    assert "✓" in said
    with (here / "c.csv").open(encoding="utf-8", newline="") as file:
        [row] = csv.DictReader(file)
    assert (row["class"], row["target_class"], row["meets"]) == ("III", "III", "true")
    assert (row["last_month"], row["last_year"]) == ("same", "better")
    assert said.count("有所好转") == 2  # the section, and its river
    said = run("change", "values.parquet", "--sections", "sections.parquet", "--month", "2021-02")
    assert "未达标" in said
    assert "2024-12" in run("change", "values.parquet")
    for wrong in ("2030-01", "March"):
        with pytest.raises(InvalidInputError):
            run("change", "values.parquet", "--month", wrong)


def test_trophic(here: Path) -> None:
    # the figures of the index's own test
    given = (("w01016", 0.01), ("w21011", 0.05), ("w21001", 1.0), ("w01019", 4.0))
    rows = [{"section_code": "L", "sampled_at": START, "item_code": item, "value": value, "unit": "mg/L",
             "data_flag": "N"} for item, value in given]  # fmt: skip
    pq.write_table(pa.Table.from_pylist(rows), "lake.parquet")
    (here / "depths.csv").write_text("section_code,sampled_at,value\nL,2021-01-15T12:00:00+08:00,1.0\n")
    said = run("trophic", "lake.parquet", "--transparency", "depths.csv", "-o", "tli.csv")
    assert "中营养" in said
    with (here / "tli.csv").open(encoding="utf-8", newline="") as file:
        [row] = csv.DictReader(file)
    assert float(row["tli"]) == pytest.approx(48.02, abs=0.02)
    (here / "odd.csv").write_text("section_code,value\nL,1.0\n")
    for odd, error in (("odd.csv", MalformedError), ("gone.csv", NotFoundError)):
        with pytest.raises(error):
            run("trophic", "lake.parquet", "--transparency", odd)


def test_trend(here: Path) -> None:
    said = run("trend", "values.parquet", "-o", "trend.parquet")
    assert "下降 falling" in said
    [row, _] = sorted(
        pq.read_table("trend.parquet").to_pylist(), key=lambda each: str(each["item_code"]), reverse=True
    )
    assert row["slope"] == pytest.approx(-0.12)


def test_flux(here: Path) -> None:
    said = run("flux", "values.parquet", "flow.parquet", "--section", "SC-SHANGHEBA", "--station", "60100001",
               "--from", "2021-01-01T00:00:00+08:00", "--until", "2022-01-01T00:00:00+08:00",
               "-o", "load.csv")  # fmt: skip
    assert "推荐 suits" in said
    assert len((here / "load.csv").read_text().splitlines()) == 6


NETWORK = ("--reaches", "sc.parquet", "--hydraulics", "sc-flow.parquet", "--reaches", "cq.parquet", "--hydraulics",
           "cq-flow.parquet", "--crosswalk", "links.parquet", "--on", "2026-03-19")  # fmt: skip


def test_forecast(here: Path) -> None:
    said = run("forecast", *NETWORK, "--at", "SC-TB-01:7.2", "--mass", 120, "--began", "2026-03-19T09:30:00+08:00",
               "--section", "上河坝=SC-TB-02", "--section", "梁平=CQ-TB-01:1", "--background", 0.3,
               "-o", "map.png", "-o", "map.svg", "-o", "table.csv")  # fmt: skip
    assert "上河坝" in said
    assert "17.2" in said
    assert (here / "map.png").read_bytes().startswith(b"\x89PNG")
    svg = (here / "map.svg").read_text(encoding="utf-8")
    # letters are outlines and nothing is fetched from elsewhere
    assert "<text" not in svg
    assert 'xlink:href="http' not in svg
    assert len((here / "table.csv").read_text().splitlines()) == 3


def test_trace(here: Path) -> None:
    said = run("trace", *NETWORK, "--at", "CQ-TB-00", "--seen", "2026-03-19T09:30:00+08:00", "--excess", "w21003=0.9",
               "--source", "livestock-farm=farms.parquet", "--source", "wastewater-plant=plants.parquet",
               "-o", "suspects.ndjson")  # fmt: skip
    assert said.index("示例养殖场") < said.index("示例污水厂")
    assert "粪污无处理" in said
    assert len((here / "suspects.ndjson").read_text().splitlines()) == 2


def test_match(here: Path) -> None:
    pq.write_table(table(section("CQ-JINZI", "金子(老)", "嘉陵江")), "ours.parquet")
    pq.write_table(table(section("SC-JINZI", "金子", "嘉陵江")), "theirs.parquet")
    said = run("match", "ours.parquet", "theirs.parquet")
    assert "名称同为“金子”" in said
    run("match", "ours.parquet", "theirs.parquet", "--confirm", "CQ-JINZI=SC-JINZI", "--by", "500000/ecology",
        "--on", "2026-03-19", "-o", "rows.csv")  # fmt: skip
    with (here / "rows.csv").open(encoding="utf-8", newline="") as file:
        [row] = csv.DictReader(file)
    assert (row["section_code"], row["other_code"], row["relation"]) == ("CQ-JINZI", "SC-JINZI", "same")
    for wrong in (["--confirm", "CQ-JINZI=SC-X", "--by", "500000/ecology", "-o", "x.csv"], ["-o", "x.csv"]):
        with pytest.raises(InvalidInputError):
            run("match", "ours.parquet", "theirs.parquet", *wrong)


def test_csv_is_read_under_its_contract(here: Path) -> None:
    (here / "values.csv").write_text(
        "section_code,sampled_at,item_code,monitoring_mode,value,unit,data_flag\n"
        "A,2026-03-19T09:00:00+08:00,w21003,manual,1.2,mg/L,N\nA,2026-03-19T09:00:00+08:00,w21011,manual,四点二,mg/L,N\n"
    )
    said = run("quality", "values.csv")
    assert "Ⅳ" in said


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["quality", "gone.parquet"], NotFoundError),
        (["quality", "500000/ecology/water-quality"], InvalidInputError),
        (["quality", "values.parquet", "-o", "x.docx"], InvalidInputError),
        (["quality", "bad.parquet"], MalformedError),
        (["trace", *NETWORK, "--at", "CQ-TB-00:x", "--seen", "2026-03-19T09:30:00+08:00", "--excess", "w21003=1",
          "--source", "outfall=farms.parquet"], InvalidInputError),
        (["trace", *NETWORK, "--at", "CQ-TB-00", "--seen", "2026-03-19", "--excess", "w21003=1",
          "--source", "outfall=farms.parquet"], InvalidInputError),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused(here: Path, words: list[str], error: type[HechuanError]) -> None:
    (here / "bad.parquet").write_bytes(b"PAR0")
    with pytest.raises(error):
        run(*words)
