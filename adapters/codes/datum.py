"""Datums of coordinates in mainland China, and the ways from the shifted ones back.

CGCS2000 (EPSG:4490) and WGS84 agree within a metre here. GCJ-02 is WGS84 with a shift that is known as code alone; its
inverse is found by iteration, to 1e-9 degrees. BD-09 shifts GCJ-02 once more. Outside the mainland's box GCJ-02 is
WGS84. There is no kept library: the packages of the registry are years old, and none inverts exactly.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from exchange.errors import InvalidInputError

Floats = npt.NDArray[np.float64]
DATUMS: Final = ("CGCS2000", "WGS84", "GCJ-02", "BD-09")
# The ellipsoid of Krasovsky 1940, as the published shift has it.
_AXIS: Final = 6378245.0
_SQUARE: Final = 0.00669342162296594323
_TURN: Final = np.pi * 3000.0 / 180.0
_BOX: Final = (72.004, 137.8347, 0.8293, 55.8271)
_ROUNDS: Final = 30
_EXACT: Final = 1e-10


def to_cgcs2000(longitude: Floats, latitude: Floats, datum: str) -> tuple[Floats, Floats]:
    """Degrees in CGCS2000 of degrees in a declared datum; raises InvalidInputError for another."""
    match datum:
        case "CGCS2000" | "WGS84":
            return longitude, latitude
        case "GCJ-02":
            return _inverse(longitude, latitude)
        case "BD-09":
            return _inverse(*_from_bd09(longitude, latitude))
    raise InvalidInputError(f"不认识的坐标系 {datum} / unknown datum {datum}; there are {', '.join(DATUMS)}")


def to_gcj02(longitude: Floats, latitude: Floats) -> tuple[Floats, Floats]:
    """The shift itself, from WGS84."""
    x, y = longitude - 105.0, latitude - 35.0
    root = np.sqrt(np.abs(x))
    common = (20.0 * np.sin(6.0 * x * np.pi) + 20.0 * np.sin(2.0 * x * np.pi)) * 2.0 / 3.0
    north: Any = -100.0 + 2.0 * x + 3.0 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * root + common
    north += (20.0 * np.sin(y * np.pi) + 40.0 * np.sin(y / 3.0 * np.pi)) * 2.0 / 3.0
    north += (160.0 * np.sin(y / 12.0 * np.pi) + 320.0 * np.sin(y * np.pi / 30.0)) * 2.0 / 3.0
    east: Any = 300.0 + x + 2.0 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * root + common
    east += (20.0 * np.sin(x * np.pi) + 40.0 * np.sin(x / 3.0 * np.pi)) * 2.0 / 3.0
    east += (150.0 * np.sin(x / 12.0 * np.pi) + 300.0 * np.sin(x / 30.0 * np.pi)) * 2.0 / 3.0
    angle = np.radians(latitude)
    bend = 1.0 - _SQUARE * np.sin(angle) ** 2
    north = north * 180.0 / ((_AXIS * (1.0 - _SQUARE)) / (bend * np.sqrt(bend)) * np.pi)
    east = east * 180.0 / (_AXIS / np.sqrt(bend) * np.cos(angle) * np.pi)
    inside = _inside(longitude, latitude)
    return np.where(inside, longitude + east, longitude), np.where(inside, latitude + north, latitude)


def to_bd09(longitude: Floats, latitude: Floats) -> tuple[Floats, Floats]:
    """BD-09 of GCJ-02."""
    length = np.hypot(longitude, latitude) + 0.00002 * np.sin(latitude * _TURN)
    angle = np.arctan2(latitude, longitude) + 0.000003 * np.cos(longitude * _TURN)
    return length * np.cos(angle) + 0.0065, length * np.sin(angle) + 0.006


def _inside(longitude: Floats, latitude: Floats) -> npt.NDArray[np.bool_]:
    west, east, south, north = _BOX
    found: npt.NDArray[np.bool_] = (
        (west <= longitude) & (longitude <= east) & (south <= latitude) & (latitude <= north)
    )
    return found


def _inverse(longitude: Floats, latitude: Floats) -> tuple[Floats, Floats]:
    return _solve(to_gcj02, longitude, latitude)


def _from_bd09(longitude: Floats, latitude: Floats) -> tuple[Floats, Floats]:
    return _solve(to_bd09, longitude, latitude)


def _solve(shift: Any, longitude: Floats, latitude: Floats) -> tuple[Floats, Floats]:
    """What a shift takes to a point: the shift changes slowly, so each round gains three digits."""
    x, y = longitude.copy(), latitude.copy()
    for _ in range(_ROUNDS):
        east, north = shift(x, y)
        off_x, off_y = longitude - east, latitude - north
        x, y = x + off_x, y + off_y
        if np.nanmax(np.abs([off_x, off_y]), initial=0.0) < _EXACT:
            break
    return x, y
