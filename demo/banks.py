"""The chapter of both banks: one section, two numbers, the cause of the difference, and what both then sign."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa

from demo.sample import MADE, START
from exchange.client import connect
from exchange.client.settlement import list_settlements

Run = Callable[..., None]
CODES: Final = {"500000": "CQ-TUOKOU", "510000": "SC-TUOKOU"}
_STEPS: Final = 6 * 8
_HOURS: Final = 4
_LATE: Final = 6 * 7


@dataclass(frozen=True, slots=True)
class Banks:
    """`run` shows a command and runs it; `until` waits for what the other hub hears."""

    files: Path
    home: Callable[[str, str], Path]
    run: Run
    until: Run

    def tell(self) -> None:
        """Eight days of ammonia on both banks; on the last, Sichuan's comes a thousandfold. Raises HechuanError."""
        for code, place in CODES.items():
            with connect(self.home("ecology", code)) as client:
                client.publish("monitoring-section", section(code, place))
                client.publish("water-quality", ammonia(place, 1000.0 if code == "510000" else 1.0))
        walk = self.files / "crosswalk.csv"
        walk.write_text(
            f"left_section,right_section\n{CODES['500000']},{CODES['510000']}\n", encoding="utf-8"
        )
        left, right = (self.home("ecology", code) for code in CODES)
        datasets = [f"{code}/ecology/water-quality" for code in CODES]
        since = ("--where", f"sampled_at>={START.isoformat()}", "--where", "item_code=w21003")
        self.until(left, lambda client: client.query(datasets[1], limit=1).table().num_rows)
        self.run("reconcile", "boundary", *datasets, "--sections", walk, *since, "--home", left)
        at = START.replace(day=START.day + 7).isoformat()
        value = _values()[_LATE]
        self.run(
            "settle", "propose", *datasets, f"{value:g}", "--section", "/".join(CODES.values()),
            "--item", "w21003", "--unit", "mg/L", "--arbiter", "500000/joint-office",
            "--left-value", f"{value:g}@{at}", "--right-value", f"{value * 1000:g}@{at}",
            "--cause", "unit", "--reason", "单位误为微克每升", "--home", left,
        )  # fmt: skip
        self.until(right, lambda client: any(True for _ in list_settlements(client, awaited=True)))
        with connect(right) as client:
            settlement = next(list_settlements(client, awaited=True)).id
        self.run("settle", "accept", settlement, "--home", right)


def _values() -> np.typing.NDArray[np.float64]:
    step = np.arange(_STEPS)
    found: np.typing.NDArray[np.float64] = np.round(0.45 + 0.12 * np.sin(step / 5) + 0.05 * np.sin(step), 3)
    return found


def ammonia(section: str, wrong: float) -> pa.Table:
    """Two weeks of `water-quality` at one section; values of the second week `wrong` times what they should be."""
    step = np.arange(_STEPS)
    instants = int(START.timestamp()) + step * _HOURS * 3600
    values = np.where(step < _LATE, 1.0, wrong) * _values()
    return pa.table(
        {
            "section_code": [section] * _STEPS,
            "sampled_at": pa.array(instants * 1_000_000, pa.timestamp("us", tz="UTC")),
            "item_code": ["w21003"] * _STEPS,
            "monitoring_mode": ["automatic"] * _STEPS,
            "value": np.round(values, 3),
            "unit": ["mg/L"] * _STEPS,
            "data_flag": ["N"] * _STEPS,
            "remark": [MADE] * _STEPS,
        }
    )


def section(code: str, place: str) -> pa.Table:
    """The one row of `monitoring-section` of a side."""
    return pa.Table.from_pylist(
        [
            {
                "section_code": place, "section_name": "沱口", "river_name": "长江", "province_code": code,
                "is_boundary": True, "upstream_code": "510000", "downstream_code": "500000",
            }
        ]
    )  # fmt: skip
