"""Files as departments have them: CSV and NDJSON, made here, one with bad rows and its correction."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

import pyarrow as pa

from demo.sample import MADE, water_quality

_HEADER: Final = (
    "section_code,sampled_at,item_code,monitoring_mode,value,unit,data_flag,method,sample_id,remark\n"
)
# 2026-03-19, the alarm on the Tongbo river: manual samples on both sides of the border.
_GOOD: Final = (
    "SC-SHANGHEBA,2026-03-19T11:30:00+08:00,w21003,manual,2.41,mg/L,N,HJ 535-2009,LP-0319-01,{made}",
    "SC-SHANGHEBA,2026-03-19T11:30:00+08:00,w01019,manual,11.2,mg/L,N,GB/T 11892-1989,LP-0319-01,{made}",
    "SC-SHANGHEBA,2026-03-19T11:30:00+08:00,w21011,manual,0.31,mg/L,N,GB 11893-1989,LP-0319-01,{made}",
    "CQ-TONGBO-LP,2026-03-19T12:10:00+08:00,w21003,manual,0.62,mg/L,N,HJ 535-2009,LP-0319-02,{made}",
)
_BAD: Final = (
    "CQ-TONGBO-LP,2026-03-19T12:10:00+08:00,w01001,manual,78.1,1,N,HJ 1147-2020,LP-0319-02,{made}",
    "CQ-TONGBO-LP,2026-03-19T12:10:00+08:00,w01019,manual,四点二,mg/L,N,GB/T 11892-1989,LP-0319-02,{made}",
    "CQ-TONGBOO-LP,2026-03-19T12:10:00+08:00,w21011,manual,0.11,mg/L,N,GB 11893-1989,LP-0319-02,{made}",
    "CQ-TONGBO-LP,2026-03-19T12:10:00+08:00,w21001,manual,1830,ug/L,N,HJ 636-2012,LP-0319-02,{made}",
)
_PUT_RIGHT: Final = (
    "CQ-TONGBO-LP,2026-03-19T12:10:00+08:00,w01001,manual,7.81,1,N,HJ 1147-2020,LP-0319-02,{made}",
    "CQ-TONGBO-LP,2026-03-19T12:10:00+08:00,w01019,manual,4.2,mg/L,N,GB/T 11892-1989,LP-0319-02,{made}",
    "CQ-TONGBO-LP,2026-03-19T12:10:00+08:00,w21011,manual,0.11,mg/L,N,GB 11893-1989,LP-0319-02,{made}",
    "CQ-TONGBO-LP,2026-03-19T12:10:00+08:00,w21001,manual,1.83,mg/L,N,HJ 636-2012,LP-0319-02,{made}",
    "SC-SHANGHEBA,2026-03-19T11:30:00+08:00,w21003,manual,2.14,mg/L,N,HJ 535-2009,LP-0319-01,{made}",
)
_HYDROLOGY: Final = (
    "station_code,observed_at,station_name,river_name,stage_m,stage_datum,"
    "discharge_m3s,discharge_method,quality\n"
)


def write_files(directory: Path) -> None:
    """All files of the story."""
    directory.mkdir(parents=True, exist_ok=True)
    _write(directory / "samples-0319.csv", _HEADER, _GOOD + _BAD)
    _write(directory / "samples-0319-corrected.csv", _HEADER, _PUT_RIGHT)
    hours = tuple(
        f"60105400,2026-03-19T{hour:02}:00:00+08:00,朱沱,长江,{196.4 + hour / 50:.2f},wusong,"
        f"{3120 + 35 * hour},rating,real-time"
        for hour in range(24)
    )
    _write(directory / "hydrology-0319.csv", _HYDROLOGY, hours)
    _write_lines(directory / "violations.ndjson", _violations())
    _write_lines(directory / "fishing-ban.ndjson", _cases())


def _write(path: Path, header: str, rows: tuple[str, ...]) -> None:
    path.write_text(header + "".join(row.format(made=MADE) + "\n" for row in rows), encoding="utf-8")


def _write_lines(path: Path, rows: list[dict[str, object]]) -> None:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")


def _violations() -> list[dict[str, object]]:
    return [
        {
            "violation_code": f"CQ-SL-2026-{number:04}",
            "kind": kind,
            "found_on": f"2026-03-{number + 10}",
            "source": "drone",
            "reach_code": "CQ-TONGBO-01",
            "county_code": "500155",
            "area_m2": 40.0 * number,
            "description": f"{MADE}：{text}",
            "mend_by": "2026-04-30",
            "status": "found",
        }
        for number, (kind, text) in enumerate(
            (("dumping", "河岸堆放建筑垃圾"), ("building", "滩地搭建棚房"), ("occupying", "河道内种植")),
            start=1,
        )
    ]


def _cases() -> list[dict[str, object]]:
    return [
        {
            "case_number": f"示例渔罚〔2026〕{number}号",
            "discovered_at": f"2026-03-{number + 10}T23:40:00+08:00",
            "county_code": "500155",
            "waters": "tributary",
            "method": method,
            "catch_kg": 3.5 * number,
            "protected_species": False,
            "persons": number,
            "party_kind": "person",
            "party_name": MADE,
            "transferred_to": to,
            "transferred_on": on,
            "status": status,
        }
        for number, (method, to, on, status) in enumerate(
            (
                ("electric", "public-security", "2026-03-15", "transferred"),
                ("angling", "none", None, "decided"),
            ),
            start=1,
        )
    ]


def automatic_values(sections: tuple[str, ...], rows: int) -> pa.Table:
    """The made series, at some sections alone."""
    table = water_quality(rows)
    keep = [code in sections for code in table["section_code"].to_pylist()]
    return table.filter(pa.array(keep))
