"""金子, filed under Sichuan, and 金子(老), filed under Chongqing, look at one section of the Jialing."""

from __future__ import annotations

import csv
from datetime import datetime
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

import pyarrow as pa
import pytest

from exchange.reconcile.boundary import compare, crosswalk
from exchange.reconcile.engine.duck import DuckEngine
from exchange.reconcile.grades import class_differences
from exchange.reconcile.terms import shipped_terms
from tests.conftest import SHARED

FEED = SHARED / "data" / "cnemc_autostation_4h_2021-04-01_03.csv"
ITEMS: Final = {
    "pH(无量纲)": ("w01001", "1"), "溶解氧(mg/L)": ("w01009", "mg/L"), "高锰酸盐指数(mg/L)": ("w01019", "mg/L"),
    "氨氮(mg/L)": ("w21003", "mg/L"), "总磷(mg/L)": ("w21011", "mg/L"), "总氮(mg/L)": ("w21001", "mg/L"),
}  # fmt: skip
CHINA: Final = ZoneInfo("Asia/Shanghai")


def observed(section: str) -> pa.Table:
    """The station's rows; the feed names no year, its file does."""
    rows = {}
    with FEED.open(encoding="utf-8-sig", newline="") as file:
        for row in csv.DictReader(file):
            if row["断面名称"] != section or row["监测时间"] == "*":
                continue
            at = datetime.strptime(f"2021-{row['监测时间']}", "%Y-%m-%d %H:%M").replace(tzinfo=CHINA)
            for name, (item, unit) in ITEMS.items():
                if row[name] not in ("*", "--"):
                    rows[at, item] = {
                        "section_code": section, "sampled_at": at, "item_code": item, "value": float(row[name]),
                        "unit": unit, "monitoring_mode": "automatic", "detection_limit": None, "data_flag": "N",
                    }  # fmt: skip
    fields = [("section_code", pa.string()), ("sampled_at", pa.timestamp("us", tz="UTC"))]
    text = [(name, pa.string()) for name in ("item_code", "monitoring_mode", "unit", "data_flag")]
    numbers = [(name, pa.float64()) for name in ("value", "detection_limit")]
    return pa.Table.from_pylist(list(rows.values()), pa.schema([*fields, *text, *numbers]))


@pytest.mark.skipif(
    not FEED.exists(), reason="../shared is absent: the file of the national stations is there"
)
def test_one_section_under_two_names(tmp_path: Path) -> None:
    left, right = observed("金子"), observed("金子(老)")
    assert min(left.num_rows, right.num_rows) > 50
    with DuckEngine(tmp_path) as engine:
        found = compare(engine, shipped_terms(), crosswalk({"金子": "金子(老)"}), left, right)
        pairs = engine.table(found.all_pairs())
        bias = engine.table(found.bias()).to_pylist()
        differences = engine.table(found.all_differences()).to_pylist()
    verdicts = pairs["verdict"].to_pylist()
    assert verdicts.count("agree") > 0
    assert verdicts.count("disagree") > 0
    assert all(row["cause"] and 0 <= row["confidence"] <= 1 for row in differences)
    assert {row["item_code"] for row in bias} <= {code for code, _ in ITEMS.values()}
    assert any(row["significant"] for row in bias)
    assert class_differences(pairs).num_rows > 0
