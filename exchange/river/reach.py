"""Reaches as the registries and their hydraulics describe them on a day."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

import pyarrow as pa

from exchange.errors import InvalidInputError

_GRAVITY: Final = 9.81
REGIMES: Final = ("low", "normal", "high")
Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Reach:
    """A stretch of one river with one state of flow.

    `length_km`; `velocity_ms` mean; `dispersion_m2s` longitudinal; `discharge_m3s` at its end. `start` and `end` are
    longitude and latitude (CGCS2000) where they are known. `codes` are all codes under which registries hold it.
    """

    code: str
    name: str
    river: str
    province: str
    length_km: float
    velocity_ms: float
    dispersion_m2s: float
    discharge_m3s: float
    start: Point | None = None
    end: Point | None = None
    codes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in ("length_km", "velocity_ms", "dispersion_m2s", "discharge_m3s"):
            value = getattr(self, name)
            if not 0 < value < float("inf"):
                raise InvalidInputError(
                    f"河段 {self.code} 的 {name} 应为正数 / {name} of reach {self.code} is not positive: {value}"
                )

    @property
    def hours(self) -> float:
        """Mean travel time through the whole reach."""
        return self.length_km / self.velocity_ms / 3.6


@dataclass(frozen=True, slots=True)
class Place:
    """A point on the network: so many kilometres above the end of a reach."""

    reach: str
    km_to_end: float = 0.0


def fischer_dispersion(velocity_ms: float, width_m: float, depth_m: float, slope: float) -> float:
    """Longitudinal dispersion, m²/s, where no tracer has measured it: 0.011 u² B² / (h u*), u* = √(g h s).

    Source: Fischer et al., Mixing in Inland and Coastal Waters (1979), eq. 5.19. Right within a factor of four.
    """
    shear = (_GRAVITY * depth_m * slope) ** 0.5
    return float(0.011 * velocity_ms**2 * width_m**2 / (depth_m * shear))


def valid_rows(table: pa.Table, on: date) -> list[dict[str, Any]]:
    """The rows of a table that hold on a day, by `valid_from` and `valid_to`, both included; an open end holds."""
    return [row for row in table.to_pylist() if _holds(row, on)]


def _holds(row: Mapping[str, Any], on: date) -> bool:
    start, end = _day(row.get("valid_from")), _day(row.get("valid_to"))
    return (start is None or start <= on) and (end is None or on <= end)


def _day(value: Any) -> date | None:
    return value.date() if isinstance(value, datetime) else value


def read_reaches(
    registry: pa.Table, hydraulics: pa.Table, on: date, regime: str = "normal"
) -> tuple[Reach, ...]:
    """Reaches that are in a registry (`river-reach`) and whose flow is known (`reach-hydraulics`) on a day.

    The row of the regime wanted counts, else that of normal flow. Raises InvalidInputError (unknown regime, two rows
    for one reach, flow that cannot be).
    """
    if regime not in REGIMES:
        raise InvalidInputError(
            f"水情 {regime!r} 不在 {REGIMES} 之中 / regime {regime!r} is none of {', '.join(REGIMES)}"
        )
    named = {row["reach_code"]: row for row in valid_rows(registry, on)}
    flows = _flows(valid_rows(hydraulics, on), regime)
    return tuple(_reach(named[code], flow) for code, flow in sorted(flows.items()) if code in named)


def _flows(rows: Iterable[Mapping[str, Any]], regime: str) -> dict[str, Mapping[str, Any]]:
    found: dict[tuple[str, str], Mapping[str, Any]] = {}
    for row in rows:
        key = (row["reach_code"], row.get("regime") or "normal")
        if key in found:
            raise InvalidInputError(
                f"河段 {key[0]} 有两条有效的水力参数 / reach {key[0]} has two rows for {key[1]} flow"
            )
        found[key] = row
    normal = {code: row for (code, kind), row in found.items() if kind == "normal"}
    return normal | {code: row for (code, kind), row in found.items() if kind == regime}


def _reach(named: Mapping[str, Any], flow: Mapping[str, Any]) -> Reach:
    code = named["reach_code"]
    velocity = flow.get("velocity_ms") or _continuity(flow)
    length = flow.get("length_km") or named.get("length_km")
    dispersion = flow.get("dispersion_m2s") or _estimated(flow, velocity)
    return Reach(
        code=code,
        name=named["reach_name"],
        river=named["river_name"],
        province=named["province_code"],
        length_km=_known(code, "length_km", length),
        velocity_ms=_known(code, "velocity_ms", velocity),
        dispersion_m2s=_known(code, "dispersion_m2s", dispersion),
        discharge_m3s=_known(code, "discharge_m3s", flow.get("discharge_m3s")),
        start=_point(flow, "start"),
        end=_point(flow, "end"),
        codes=(code,),
    )


def _known(code: str, name: str, value: float | None) -> float:
    if value is None:
        raise InvalidInputError(
            f"河段 {code} 缺少 {name}，且无从推算 / reach {code} lacks {name} and what would give it"
        )
    return float(value)


def _continuity(flow: Mapping[str, Any]) -> float | None:
    discharge, width, depth = (flow.get(name) for name in ("discharge_m3s", "width_m", "depth_m"))
    return None if discharge is None or not width or not depth else discharge / (width * depth)


def _estimated(flow: Mapping[str, Any], velocity: float | None) -> float | None:
    width, depth, slope = (flow.get(name) for name in ("width_m", "depth_m", "slope"))
    if velocity is None or not width or not depth or not slope:
        return None
    return fischer_dispersion(velocity, width, depth, slope)


def _point(flow: Mapping[str, Any], end: str) -> Point | None:
    longitude, latitude = flow.get(f"{end}_longitude"), flow.get(f"{end}_latitude")
    return None if longitude is None or latitude is None else (longitude, latitude)
