"""The chapter of joint patrols: an office out of evidence, a plan in seconds, both signatures, calendars and a map."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Final

import pyarrow as pa

from demo.sample import MADE
from exchange.client import connect
from exchange.client.accord import list_accords

Run = Callable[..., None]
_BOTH: Final = "up-down"
_SINCE: Final = date(2020, 1, 1)
_REACHES: Final = (
    ("SC-TB-03", "周家", "铜钵河", "510000", False, (107.30, 30.70), 60),
    ("SC-TB-02", "石桥铺", "铜钵河", "510000", False, (107.38, 30.78), 60),
    ("SC-TB-01", "上河坝", "铜钵河", "510000", True, (107.52, 30.71), 90),
    ("CQ-TB-01", "铜钵河梁平段", "铜钵河", "500000", True, (107.62, 30.69), 75),
    ("CQ-XS-01", "联盟桥", "新盛河", "500000", True, (107.70, 30.83), 80),
    ("CQ-XS-02", "新盛", "新盛河", "500000", False, (107.78, 30.80), 60),
    ("CQ-LX-01", "龙溪河源", "龙溪河", "500000", False, (107.74, 30.60), 60),
    ("CQ-LX-02", "云龙", "龙溪河", "500000", False, (107.66, 30.55), 45),
)  # fmt: skip
_TEAMS: Final = (
    ("LP-1", "梁平一队", "500000", "LP", (107.80, 30.67)),
    ("LP-2", "梁平二队", "500000", "LP", (107.80, 30.67)),
    ("DZ-1", "大竹一队", "510000", "DZ", (107.20, 30.74)),
    ("DZ-2", "大竹二队", "510000", "DZ", (107.20, 30.74)),
)


@dataclass(frozen=True, slots=True)
class Patrols:
    """`run` shows a command and runs it; `until` waits for what the other hub hears."""

    files: Path
    home: Callable[[str, str], Path]
    run: Run
    until: Run

    def tell(self) -> None:
        """Registers, records and an alarm become an office, a plan, two signatures and paper; raises HechuanError."""
        left, right = self.home("liangping", "500000"), self.home("dazhu", "510000")
        for code, home in (("500000", left), ("510000", right)):
            with connect(home) as client:
                client.publish("river-reach", reaches(code))
                client.publish("patrol-record", records(code))
        self.until(left, lambda client: client.query("510000/dazhu/river-reach").table().num_rows)
        frame, office, plan = (self.files / f"{name}.json" for name in ("frame", "office", "plan"))
        frame.write_text(json.dumps(frame_document(), ensure_ascii=False, indent=1), encoding="utf-8")
        self.run("patrol", "office", frame, *_evidence(), "--home", left, "-o", office)
        self.run("patrol", "plan", office, "--seconds", "2", "-o", plan)
        self.run("patrol", "propose", office, plan, "--with", "510000/dazhu", "--home", left)
        with connect(left) as client:
            [accord] = [each.id for each in list_accords(client)]
        self.until(right, lambda client: any(each.id == accord for each in list_accords(client, True)))
        self.run("patrol", "accept", accord, "--home", right)
        self.until(left, lambda client: all(not each.awaited for each in list_accords(client)))
        self.run("patrol", "accords", "--home", left)
        self.run("patrol", "calendar", office, "--plan", plan, "-o", self.files / "calendars")
        self.run("patrol", "picture", office, "--plan", plan, "-o", self.files / "patrols.html")


def frame_document() -> dict[str, Any]:
    """What no dataset tells: teams, roads, access points and time on the spot, for April 2024."""
    return {
        "start": "2024-04-01",
        "end": "2024-04-30",
        "travel": {"speed_kmh": 40},
        "reaches": [
            {"code": code, "place": list(place), "minutes": minutes} for code, *_, place, minutes in _REACHES
        ],
        "teams": [
            {"code": code, "name": name, "side": side, "home": home, "place": list(place), "far": 120}
            for code, name, side, home, place in _TEAMS
        ],
    }


def reaches(jurisdiction: str) -> pa.Table:
    """`river-reach` of one side."""
    other = {"500000": "510000", "510000": "500000"}[jurisdiction]
    return pa.Table.from_pylist(
        [
            {
                "reach_code": code,
                "reach_name": name,
                "river_name": river,
                "chief_level": "county",
                "province_code": side,
                "boundary_kind": _BOTH if shared else "none",
                "neighbour_code": other if shared else None,
                "length_km": 8.5,
                "valid_from": _SINCE,
            }
            for code, name, river, side, shared, _, _ in _REACHES
            if side == jurisdiction
        ]
    )


def records(jurisdiction: str) -> pa.Table:
    """`patrol-record` of one side: when each reach was patrolled last."""
    own = [code for code, _, _, side, *_ in _REACHES if side == jurisdiction]
    return pa.Table.from_pylist(
        [
            {
                "patrol_code": f"{code}-202403",
                "reach_code": code,
                "chief_level": "county",
                "role": "ranger",
                "started_at": datetime(2024, 3, 4 + 3 * at, 1, tzinfo=UTC),
                "ended_at": datetime(2024, 3, 4 + 3 * at, 2, tzinfo=UTC),
                "is_joint": False,
                "problems_found": 0,
                "remark": MADE,
            }
            for at, code in enumerate(own)
        ]
    )


def _evidence() -> list[str]:
    """Registers and records of both sides, and what the ecology departments measure."""
    own = [
        f"{who}/{name}"
        for who in ("500000/liangping", "510000/dazhu")
        for name in ("river-reach", "patrol-record")
    ]
    return own + [
        f"{code}/ecology/{name}"
        for code in ("500000", "510000")
        for name in ("monitoring-section", "water-quality")
    ]
