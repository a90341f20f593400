"""Warnings to the neighbour downstream: which rows are one, what they say, and the forecast that goes with it.

Which sections watch a border, and who lies below them, is said by `monitoring-section`; a section's limit is its target
class under GB 3838-2002 (`exchange.river`); a reported spill is a row of `spill-report`. The forecast is
`exchange.river.forecast` over the registries of both sides. From an exceedance nobody knows what was let in: the
document says what was assumed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from exchange.errors import NotFoundError
from exchange.river.forecast import Levels, Spill, forecast, forecast_table
from exchange.river.grade import item_levels
from exchange.river.network import RiverNetwork
from exchange.river.reach import Place, valid_rows
from exchange.river.standard import Standard

FORECAST_NAME: Final = "forecast.json"
_SCALES: Final = {("mg/L", "ug/L"): 1e3, ("ug/L", "mg/L"): 1e-3}
_KG_PER_HOUR: Final = 3.6
"""1 mg/L in 1 m³/s for an hour, kg."""


@dataclass(frozen=True, slots=True)
class Boundary:
    """A section where water leaves one jurisdiction for another. `grade`: its target class, 1 to 5."""

    section: str
    name: str
    river: str
    upstream: str
    downstream: str
    grade: int
    reach: str


@dataclass(frozen=True, slots=True)
class Excess:
    """One item beyond its limit; `value` and `limit` in `unit`, `times` their quotient."""

    item: str
    value: float
    unit: str
    limit: float
    at: datetime

    @property
    def times(self) -> float:
        """How many times the limit; for dissolved oxygen, how many times too little."""
        low, high = sorted((self.value, self.limit))
        return high / low if low > 0 else float("inf")


@dataclass(frozen=True, slots=True)
class Finding:
    """What the neighbour is to be warned of: at a boundary, the items that exceed, or a spill with its mass."""

    boundary: Boundary
    excesses: tuple[Excess, ...] = ()
    report: str = ""
    item: str = ""
    mass_kg: float = 0.0
    hours: float = 0.0
    at: datetime | None = None


def boundaries(sections: pa.Table, on: date, upstream: str, standard: Standard) -> dict[str, Boundary]:
    """Boundary sections of a day below which another jurisdiction lies, by code; the target is class III if none is."""
    found = {}
    for row in valid_rows(sections, on):
        if row.get("is_boundary") and row["upstream_code"] == upstream != row["downstream_code"]:
            target = row.get("target_class")
            grade = standard.classes.index(target) + 1 if target else standard.good
            found[row["section_code"]] = Boundary(
                row["section_code"],
                row["section_name"],
                row["river_name"],
                upstream,
                row["downstream_code"],
                grade,
                row.get("reach_code") or "",
            )
    return found


def exceedances(rows: pa.Table, known: Mapping[str, Boundary], standard: Standard) -> list[Finding]:
    """Rows of `water-quality` beyond the target class of a boundary section: a finding a section, items worst first.

    Of an item measured several times the newest row counts. Raises SchemaMismatchError.
    """
    codes = pa.array(sorted(known), pa.string())
    place = pc.index_in(rows["section_code"], codes).combine_chunks()
    rows = rows.filter(pc.is_valid(place))
    place = np.asarray(place.drop_null())
    grades = np.array([known[code].grade for code in codes.to_pylist()], np.uint8)
    over = item_levels(rows, standard) > grades[place] if len(place) else np.zeros(0, bool)
    worst: dict[str, dict[str, Excess]] = {}
    for row in rows.filter(pa.array(over)).sort_by("sampled_at").to_pylist():
        boundary = known[row["section_code"]]
        limit = _limit(row, boundary.grade, standard)
        excess = Excess(row["item_code"], row["value"], row["unit"], limit, row["sampled_at"])
        worst.setdefault(boundary.section, {})[excess.item] = excess
    return [
        Finding(known[section], tuple(sorted(items.values(), key=lambda item: (-item.times, item.item))))
        for section, items in sorted(worst.items())
    ]


def _limit(row: Mapping[str, Any], grade: int, standard: Standard) -> float:
    """The bound that a row is beyond, in the row's unit."""
    item = standard.item(row["item_code"])
    scale = _SCALES.get((item.unit, row["unit"]), 1.0)
    low, high = (bound * scale for bound in item.limits["river"][grade - 1])
    return low if row["value"] < low else high


def spills(rows: pa.Table, known: Mapping[str, Boundary]) -> list[Finding]:
    """Rows of `spill-report` on the reach of a boundary section: a finding a row."""
    by_reach = {boundary.reach: boundary for boundary in known.values() if boundary.reach}
    return [
        Finding(
            by_reach[row["reach_code"]],
            report=row["report_code"],
            item=row["item_code"] or "",
            mass_kg=row["mass_kg"] or 0.0,
            hours=row["duration_hours"] or 0.0,
            at=row["began_at"],
        )
        for row in rows.to_pylist()
        if row["reach_code"] in by_reach and row["status"] != "ruled-out"
    ]


def title_of(finding: Finding, standard: Standard) -> str:
    """What the warning is called, in Chinese and English."""
    boundary = finding.boundary
    where = f"{boundary.river}{boundary.name}"
    if finding.report:
        what = standard.item(finding.item).zh if finding.item else ""
        return f"{where}上游突发泄漏 {what} / spill above {boundary.section}"
    items = "、".join(standard.item(excess.item).zh for excess in finding.excesses[:3])
    grade = standard.classes[boundary.grade - 1]
    return f"{where}{items}超{grade}类 / {boundary.section} worse than class {grade}"


def text_of(finding: Finding) -> str:
    """The figures of a warning."""
    if finding.report:
        mass = f"{finding.mass_kg:g} kg" if finding.mass_kg else "不明 unknown"
        return f"{finding.report}: {finding.item or '?'} {mass}"
    return "; ".join(map(_figures, finding.excesses))


def _figures(excess: Excess) -> str:
    limit = f"{'≥' if excess.value < excess.limit else '≤'} {excess.limit:g}"
    return f"{excess.item} {excess.value:g} {excess.unit} ({limit}), ×{excess.times:.2f}"


def forecast_document(
    finding: Finding,
    network: RiverNetwork,
    source: Place,
    targets: Mapping[str, Place],
    standard: Standard,
    interval_hours: float,
) -> bytes:
    """The forecast for sections below, JSON; sections that the water does not pass are left out.

    `interval_hours`: for how long an exceedance is taken to have lasted. Raises InvalidInputError where there is
    nothing to go by, NotFoundError where the water passes none of the targets.
    """
    spill, limit = _assumed(finding, network, source, interval_hours, standard)
    found = []
    for section, place in sorted(targets.items()):
        try:
            found.append(forecast(network, spill, section, place, Levels(background=0.0, limit=limit)))
        except NotFoundError:
            continue
    if not found:
        raise NotFoundError("水不流经任何下游断面 / the water passes none of the sections below")
    document = {
        "assumed": {
            "began": spill.began.isoformat(),
            "decay_per_day": spill.decay_per_day,
            "hours": spill.hours,
            "item_code": spill.item_code,
            "mass_kg": round(spill.mass_kg, 3),
            "reported": bool(finding.report),
        },
        "model": "one-dimensional advection, dispersion and decay; exchange.river.forecast",
        "sections": [_plain(row) for row in forecast_table(found).to_pylist()],
        "source": {"km_to_end": source.km_to_end, "reach_code": source.reach},
        "v": 1,
    }
    return json.dumps(document, ensure_ascii=False, indent=1, sort_keys=True).encode()


def _assumed(
    finding: Finding, network: RiverNetwork, source: Place, hours: float, standard: Standard
) -> tuple[Spill, float | None]:
    if finding.report:
        assert finding.at is not None
        return Spill(source, finding.item, finding.mass_kg, finding.at, finding.hours), None
    excess = finding.excesses[0]
    discharge = network.reach(source.reach).discharge_m3s
    beyond = abs(excess.value - excess.limit)
    mass = beyond * discharge * hours * _KG_PER_HOUR
    return Spill(source, excess.item, mass, excess.at, hours), standard.limit(excess.item, "III")


def _plain(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in row.items()}


def places(sections: pa.Table, crosswalk: pa.Table | None, on: date) -> dict[str, Place]:
    """Where sections lie on the network: on their reach, at the distance that the crosswalk has, else at its end."""
    found = {
        row["section_code"]: Place(row["reach_code"])
        for row in valid_rows(sections, on)
        if row.get("reach_code")
    }
    for row in [] if crosswalk is None else valid_rows(crosswalk, on):
        if row.get("reach_code") and row.get("km_to_end") is not None:
            found[row["section_code"]] = Place(row["reach_code"], row["km_to_end"])
    return found


def still_open(findings: Sequence[Finding], warned: frozenset[str]) -> list[Finding]:
    """Findings of whose section or report no open warning speaks yet."""
    return [each for each in findings if subject_of(each) not in warned]


def subject_of(finding: Finding) -> str:
    """What a warning is about: the spill's report, else the section."""
    return finding.report or finding.boundary.section
