"""A made river: 大竹 (Sichuan) above, 梁平 (Chongqing) below, each with its own registry and codes."""

from __future__ import annotations

from datetime import date
from typing import Any

import pyarrow as pa

from exchange.river.network import RiverNetwork, build_network

DAY = date(2026, 3, 19)
_START = date(2026, 1, 1)


def reach(code: str, name: str, river: str, **more: Any) -> dict[str, Any]:
    province = {"SC": "510000", "CQ": "500000"}[code[:2]]
    return {"reach_code": code, "reach_name": name, "river_name": river, "province_code": province,
            "length_km": 10.0, "valid_from": _START, "valid_to": None, **more}  # fmt: skip


def flow(code: str, downstream: str | None, **more: Any) -> dict[str, Any]:
    return {"reach_code": code, "regime": "normal", "downstream_code": downstream, "length_km": 10.0,
            "discharge_m3s": 4.0, "velocity_ms": 0.4, "width_m": 20.0, "depth_m": 0.5, "slope": 0.001,
            "dispersion_m2s": 12.0, "valid_from": _START, "valid_to": None, **more}  # fmt: skip


def link(code: str, other: str, relation: str, **more: Any) -> dict[str, Any]:
    return {
        "reach_code": code,
        "other_code": other,
        "relation": relation,
        "valid_from": _START,
        "valid_to": None,
    } | more


SICHUAN = [
    reach("SC-TB-01", "铜钵河大竹上段", "铜钵河"),
    reach("SC-TB-02", "铜钵河大竹下段", "铜钵河"),
    reach("SC-XG-01", "示例沟", "示例沟"),
]
CHONGQING = [reach("CQ-TB-01", "铜钵河梁平段", "铜钵河"), reach("CQ-TB-00", "铜钵河省界段", "铜钵河")]
SICHUAN_FLOW = [
    flow("SC-TB-01", "SC-TB-02"),
    flow("SC-TB-02", None, velocity_ms=0.5, discharge_m3s=5.0),
    flow("SC-XG-01", "SC-TB-02", length_km=4.0, velocity_ms=0.2, discharge_m3s=0.5),
]
CHONGQING_FLOW = [
    flow("CQ-TB-00", "CQ-TB-01", velocity_ms=0.45, discharge_m3s=5.0),
    flow("CQ-TB-01", None, length_km=12.0, velocity_ms=0.3, discharge_m3s=6.0),
]
# Chongqing calls the last reach before the border by a code of its own.
LINKS = [link("SC-TB-02", "CQ-TB-00", "same")]


def waters(**change: Any) -> RiverNetwork:
    given = {"links": LINKS, "on": DAY, "regime": "normal"} | change
    return build_network(
        [pa.Table.from_pylist(SICHUAN), pa.Table.from_pylist(CHONGQING)],
        [pa.Table.from_pylist(SICHUAN_FLOW), pa.Table.from_pylist(CHONGQING_FLOW)],
        pa.Table.from_pylist(given["links"]) if given["links"] else None,
        given["on"],
        given["regime"],
    )
