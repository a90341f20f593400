"""The 铜钵河 across the border as made reaches, flows and a farm: enough to forecast a spill and to trace it."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Final

_REACHES: Final = (
    ("SC-TB-01", "铜钵河大竹段", "铜钵河", "510000", "up-down", "500000"),
    ("CQ-TB-01", "铜钵河梁平段", "铜钵河", "500000", "up-down", "510000"),
)
_FLOWS: Final = (
    ("SC-TB-01", "16", "4.5", "0.42", "14"),
    ("CQ-TB-01", "12.5", "5.2", "0.36", "16"),
)
_REACH: Final = ("reach_code", "reach_name", "river_name", "province_code", "boundary_kind", "neighbour_code")
_FLOW: Final = ("reach_code", "length_km", "discharge_m3s", "velocity_ms", "dispersion_m2s")
_SIDES: Final = ("province_code", "other_province_code", "confirmed_by", "confirmed_on")
_LINK: Final = ("reach_code", "other_code", "relation", "valid_from", *_SIDES)
_FARM: Final = ("farm_code", "farm_name", "species", "reach_code", "county_code", "km_to_end", "ammonia_kgd")


def write_waters(directory: Path) -> None:
    """reaches.csv, flows.csv, links.csv and farms.csv, all made up."""
    day = "2026-01-01"
    _write(
        directory / "reaches.csv",
        (*_REACH, "chief_level", "valid_from"),
        [(*row, "county", day) for row in _REACHES],
    )
    _write(
        directory / "flows.csv", (*_FLOW, "regime", "valid_from"), [(*row, "normal", day) for row in _FLOWS]
    )
    sides = ("510000", "500000", "510000/water", day)
    _write(directory / "links.csv", _LINK, [("SC-TB-01", "CQ-TB-01", "continues", day, *sides)])
    farms = [
        ("SC-724-F012", "示例养殖场", "pig", "SC-TB-01", "511724", "9.5", "40", "none", "running", day),
        ("SC-724-F013", "示例养殖二场", "pig", "SC-TB-01", "511724", "1.0", "2", "returned", "running", day),
    ]
    _write(directory / "farms.csv", (*_FARM, "treatment", "status", "surveyed_on"), farms)


def _write(path: Path, header: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([header, *rows])
