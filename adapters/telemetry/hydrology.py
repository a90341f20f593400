"""Rows under `hydrology`: what was observed at a station at an instant, in one row as far as it agrees."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Final

import pyarrow as pa

from adapters.telemetry.table import Repeats, beijing, collapse

CONTRACT: Final = "hydrology"
KEY: Final = ("station_code", "observed_at")
_TYPES: Final = {
    "station_code": pa.string(),
    "observed_at": pa.string(),
    "station_name": pa.string(),
    "river_name": pa.string(),
    "section_code": pa.string(),
    "county_code": pa.string(),
    "stage_m": pa.float64(),
    "stage_datum": pa.string(),
    "discharge_m3s": pa.float64(),
    "discharge_method": pa.string(),
    "velocity_ms": pa.float64(),
    "rainfall_mm": pa.float64(),
    "interval_minutes": pa.int64(),
    "water_temperature": pa.float64(),
    "sediment_kgm3": pa.float64(),
    "quality": pa.string(),
}


@dataclass(slots=True)
class HydrologyRows:
    """Observations by (station, time); the time is `YYYYMMDDHHMMSS`, Beijing."""

    rows: dict[tuple[str, str | None], list[dict[str, Any]]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.rows)

    def add(self, station: str, time: str | None, values: dict[str, Any]) -> None:
        """Values of one instant join those that are there; where they contradict, they are a row of their own."""
        held = self.rows.setdefault((station, time), [])
        for row in held:
            if all(row.get(name, value) == value for name, value in values.items()):
                row.update(values)
                return
        held.append(dict(values))

    def batch(self, counts: Counter[str]) -> pa.RecordBatch:
        """All rows; counts: keys, conflicting."""
        flat = [
            {**row, "station_code": station, "observed_at": time, "quality": "real-time"}
            for (station, time), held in self.rows.items()
            for row in held
        ]
        columns = {name: pa.array([row.get(name) for row in flat], kind) for name, kind in _TYPES.items()}
        columns["observed_at"] = beijing(columns["observed_at"].to_pylist())
        return collapse(pa.table(columns), Repeats(KEY, counts))
