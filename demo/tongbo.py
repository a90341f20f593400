"""The case of the Tongbo river (铜钵河), 2024-03-19, as tables: place and course of events are real, figures are made.

Dazhu (Sichuan) lies upstream, Liangping (Chongqing) downstream; the section 上河坝 is on the border. Reaches and their
flow are seeded by hand so that water takes twelve hours from there to Liangping, as was forecast at the time.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

import pyarrow as pa

from demo.sample import MADE, monitoring_sections

SECTION: Final = "SC-SHANGHEBA"
BELOW: Final = "CQ-TONGBO-LP"
RIVER: Final = "铜钵河"
ALARM: Final = datetime(2024, 3, 19, 1, 30, tzinfo=UTC)
HOURS: Final = 12.0
_KM: Final = 12.5
_SINCE: Final = date(2020, 1, 1)
_REACHES: Final = {"510000": ("SC-TB-01", "铜钵河大竹段", 30.0), "500000": ("CQ-TB-01", "铜钵河梁平段", _KM)}
SUSPECTS: Final = (("污水处理厂 plant", 2), ("企业 firm", 4), ("入河排口 drain", 15), ("养殖场 farm", 10))


def sections(jurisdiction: str) -> pa.Table:
    """`monitoring-section` of one side, with the reaches that the two sections lie on."""
    reach = {SECTION: "SC-TB-01", BELOW: "CQ-TB-01"}
    own = SECTION if jurisdiction == "510000" else BELOW
    rows = [row for row in monitoring_sections().to_pylist() if row["section_code"] == own]
    return pa.Table.from_pylist([{**row, "reach_code": reach[own], "valid_from": _SINCE} for row in rows])


def reaches(jurisdiction: str) -> pa.Table:
    """`river-reach` of one side."""
    code, name, km = _REACHES[jurisdiction]
    return pa.Table.from_pylist(
        [
            {
                "reach_code": code,
                "reach_name": name,
                "river_name": RIVER,
                "chief_level": "county",
                "province_code": jurisdiction,
                "length_km": km,
                "valid_from": _SINCE,
            }
        ]
    )


def hydraulics(jurisdiction: str) -> pa.Table:
    """`reach-hydraulics` of one side; the upper reach leads into the lower one."""
    code, _, km = _REACHES[jurisdiction]
    return pa.Table.from_pylist(
        [
            {
                "reach_code": code,
                "regime": "normal",
                "valid_from": _SINCE,
                "downstream_code": "CQ-TB-01" if jurisdiction == "510000" else None,
                "length_km": km,
                "discharge_m3s": 4.2,
                "velocity_ms": _KM / HOURS / 3.6,
                "dispersion_m2s": 6.0,
                "method": "model",
                "remark": MADE,
            }
        ]
    )


def duties() -> pa.Table:
    """`duty-matrix` of Chongqing: who answers for quality and spills at the border."""
    return pa.Table.from_pylist(
        [
            {
                "duty_code": f"CQ-DUTY-{number:03}",
                "valid_from": _SINCE,
                "task": "pollution",
                "matter": matter,
                "river_name": RIVER,
                "agency": "500000/liangping",
                "role": "lead",
                "deadline_days": 3,
                "legal_basis": MADE,
            }
            for number, matter in enumerate(("boundary-water-quality", "spill"), start=1)
        ]
    )


def measured(at: datetime, values: Mapping[str, float]) -> pa.Table:
    """Rows of `water-quality` at the border section, mg/L; pH without a unit."""
    return pa.Table.from_pylist([_measured(at, item, value) for item, value in values.items()])


def alarming(at: datetime = ALARM) -> pa.Table:
    """Ammonia and CODMn far beyond class III."""
    return measured(at, {"w21003": 2.36, "w01019": 9.8, "w21011": 0.14})


def compliant(at: datetime = ALARM + timedelta(days=2)) -> pa.Table:
    """Two days later."""
    return measured(at, {"w21003": 0.42, "w01019": 3.1, "w21011": 0.11})


def suspects() -> str:
    """The list that Liangping sends upstream, CSV: two plants, four firms, fifteen drains, ten farms."""
    lines = ["number,kind,place"]
    for kind, count in SUSPECTS:
        lines += [f"{len(lines) + at},{kind},大竹 {at + 1} ({MADE})" for at in range(count)]
    return "\n".join(lines) + "\n"


def _measured(at: datetime, item: str, value: float) -> dict[str, Any]:
    return {
        "section_code": SECTION,
        "sampled_at": at,
        "item_code": item,
        "monitoring_mode": "automatic",
        "value": value,
        "unit": "1" if item == "w01001" else "mg/L",
        "data_flag": "N",
        "station_status": "normal",
        "remark": MADE,
    }
