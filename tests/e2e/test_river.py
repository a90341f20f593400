"""`hechuan river` over datasets of a running hub: as of any moment."""

from __future__ import annotations

import csv
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest
from typer.testing import CliRunner

from exchange.cli.main import app
from tests.hubs import Site

pytestmark = pytest.mark.e2e
QUALITY = "500000/ecology/water-quality"


def values(value: float) -> pa.Table:
    at = datetime(2026, 3, 19, 1, tzinfo=UTC)
    row = {"section_code": "SC-SHANGHEBA", "sampled_at": at, "item_code": "w21003", "monitoring_mode": "automatic",
           "value": value, "unit": "mg/L", "data_flag": "N"}  # fmt: skip
    return pa.Table.from_pylist([row])


def classes(home: Path, target: Path, *words: str) -> list[str]:
    given = ["river", "quality", QUALITY, "--home", str(home), "-o", str(target), *words]
    result = CliRunner().invoke(app, given, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    with target.open(encoding="utf-8", newline="") as file:
        return [row["class"] for row in csv.DictReader(file)]


def test_a_class_as_of_before_and_after_a_correction(site: Site, tmp_path: Path) -> None:
    section = {"section_code": "SC-SHANGHEBA", "section_name": "上河坝", "province_code": "510000"}
    with site.client() as client:
        client.publish("monitoring-section", pa.Table.from_pylist([section]))
        before = client.publish("water-quality", values(1.3)).batch.index + 1
        client.publish("water-quality", values(0.4))
    target = tmp_path / "classes.csv"
    assert classes(site.water, target, "--as-of", str(before)) == ["IV"]
    assert classes(site.water, target) == ["II"]
    assert classes(site.water, target, "--section", "SC-OTHER") == []
