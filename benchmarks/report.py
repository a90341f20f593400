"""A month's joint report of 100 sections, made in all its forms, from a hub in its own process."""

from __future__ import annotations

import time
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa

from benchmarks.figure import Figure, bench
from demo.hub import HubProcess
from exchange.client import Client, connect
from exchange.report.make import make
from exchange.report.period import Period
from exchange.report.scope import Scope
from exchange.report.write import forms

_SECTIONS: Final = 100
_BOTH: Final = 20
_MONTH: Final = Period.parse("2026-03")
# item, unit, middle, spread
_ITEMS: Final = (
    ("w01001", "1", 7.8, 0.3),
    ("w01009", "mg/L", 8.4, 0.9),
    ("w01019", "mg/L", 4.4, 1.4),
    ("w21003", "mg/L", 0.6, 0.4),
    ("w21011", "mg/L", 0.12, 0.06),
)
_BARS: Final = 10.0


@bench("report.month")
def month(scratch: Path) -> Iterable[Figure]:
    """Four-hourly values of five items; a fifth of the sections watched by both banks, each with loads."""
    with HubProcess(scratch, "500000") as hub:
        homes = [hub.enroll(name) for name in ("ecology", "water", "joint-office")]
        with connect(homes[0]) as left, connect(homes[1]) as right, connect(homes[2]) as office:
            _publish(left, right)
            scope = Scope.of(_scope())
            moment = datetime.now(UTC)
            make(office, scope, _MONTH, moment)  # libraries are loaded once
            started = time.perf_counter()
            made = make(office, scope, _MONTH, moment)
            facts = time.perf_counter() - started
            written = forms(made)
            took = time.perf_counter() - started
    if made.report.figures["quality.assessed"].value != str(_SECTIONS) or len(written) != 5:
        raise AssertionError("the report is not whole")
    told = f"{len(made.report.figures):,} figures, facts {facts:.1f} s, {len(written) - 1} forms"
    yield Figure("report.month", took, "s", told, None, _BARS)


def _publish(left: Client, right: Client) -> None:
    random = np.random.default_rng(3838)
    level = random.uniform(0.3, 1.8, (_SECTIONS, len(_ITEMS)))
    for client, codes in ((left, _codes("CQ", _SECTIONS)), (right, _codes("SC", _BOTH))):
        rows = [
            {
                "section_code": code,
                "section_name": code,
                "river_name": f"河{at // 10}",
                "province_code": "500000",
                "target_class": "III",
            }
            for at, code in enumerate(codes)
        ]
        client.publish("monitoring-section", pa.Table.from_pylist(rows))
        for period in (_MONTH.year_ago, _MONTH.previous, _MONTH):
            client.publish("water-quality", _values(codes, period, level, random))
    hours = int((_MONTH.end - _MONTH.start) / timedelta(hours=1))
    at = [_MONTH.start + timedelta(hours=hour) for hour in range(hours)]
    for station in range(_BOTH):
        flow = pa.array(20 + 5 * random.standard_normal(hours).cumsum() / 10 + station, pa.float64())
        code = pa.array([f"{60100000 + station}"] * hours)
        rows = pa.table(
            {"station_code": code, "observed_at": at, "discharge_m3s": flow, "quality": ["compiled"] * hours}
        )
        left.publish("hydrology", rows)


def _values(codes: list[str], period: Period, level: Any, random: np.random.Generator) -> pa.Table:
    steps = int((period.end - period.start) / timedelta(hours=4))
    at = np.datetime64(int(period.start.timestamp()), "s") + np.arange(steps) * np.timedelta64(4, "h")
    section, item, step = (each.ravel() for each in np.indices((len(codes), len(_ITEMS), steps)))
    middle, spread = (np.array([each[place] for each in _ITEMS]) for place in (2, 3))
    value = middle[item] * np.where(item < 2, 1, level[section, item])
    value = np.abs(value + 0.1 * spread[item] * random.standard_normal(len(item)))
    return pa.table(
        {
            "section_code": pa.array(codes).take(pa.array(section)),
            "sampled_at": pa.array(at[step]).cast(pa.timestamp("us", "UTC")),
            "item_code": pa.array([each[0] for each in _ITEMS]).take(pa.array(item)),
            "monitoring_mode": pa.array(["automatic"] * len(item)),
            "value": pa.array(np.round(value, 3)),
            "unit": pa.array([each[1] for each in _ITEMS]).take(pa.array(item)),
            "data_flag": pa.array(["N"] * len(item)),
        }
    )


def _codes(prefix: str, count: int) -> list[str]:
    return [f"{prefix}-{at:03d}" for at in range(count)]


def _scope() -> dict[str, Any]:
    kinds = ("water-quality", "monitoring-section", "hydrology")
    sides = {
        which: {
            "jurisdiction": code,
            "name": name,
            "signatory": f"{code}/joint-office",
            "datasets": {
                kind: f"500000/{agency}/{kind}" for kind in kinds if which == "left" or kind != "hydrology"
            },
        }
        for which, code, name, agency in (
            ("left", "500000", "重庆", "ecology"),
            ("right", "510000", "四川", "water"),
        )
    }
    sections = []
    for at, code in enumerate(_codes("CQ", _SECTIONS)):
        given: dict[str, Any] = {"name": f"断面{at:03d}", "river": f"河{at // 10}", "left": code}
        if at < _BOTH:
            given |= {
                "right": f"SC-{at:03d}",
                "from": "left",
                "station": f"{60100000 + at}",
                "flux": ["w21003", "w21011"],
            }
        sections.append(given)
    about = {"kind": "boundary", "name": "川渝"}
    paid = [{"contract": "compensation-chongqing", "sections": _codes("CQ", _SECTIONS)}]
    return {"title": "川渝跨界断面", "about": about, **sides, "sections": sections, "compensation": paid}
