"""A network's mapping file: which station is which section or hydrological station, what its items are, in which unit.

    protocol: hj212
    stations:
      "010000A8900016F000169DC0": {section: CQ-ZHUTUO}
    items:
      w21003: {detection_limit: 0.025}

`items` at the top are for all stations; those of a station go before them. Unknown names and wrong types are refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Final, get_args, get_type_hints

import yaml

from adapters.settings import limit
from exchange.errors import InvalidInputError

_TOP: Final = {"protocol", "stations", "items", "commands", "missing_flag"}


@dataclass(frozen=True, slots=True)
class ItemRule:
    """How an item is read: code and unit stand in for the standard's, the limit is in the given unit."""

    item: str | None = None
    unit: str | None = None
    detection_limit: float | None = None
    ignore: bool = False


@dataclass(frozen=True, slots=True)
class Station:
    """A station: `section` for water quality, the rest for hydrology; element ids are those of SL 651, upper case.

    `stage_base_m` is the level that relative stages are counted from. `sm4_key_file` holds 32 hex digits.
    """

    section: str | None = None
    password: str | None = None
    items: Mapping[str, ItemRule] = field(default_factory=dict)
    station_code: str | None = None
    station_name: str | None = None
    river_name: str | None = None
    county_code: str | None = None
    stage: str | None = None
    stage_datum: str | None = None
    stage_base_m: float | None = None
    rain: str = "1A"
    discharge: str = "27"
    discharge_method: str | None = None
    sm4_key_file: str | None = None


@dataclass(frozen=True, slots=True)
class StationMap:
    """One network. `commands` are the kinds of report that become rows; empty: what the adapter takes by itself."""

    protocol: str
    stations: Mapping[str, Station]
    commands: tuple[str, ...] = ()
    missing_flag: str | None = None
    where: Path = Path()


def load_stations(path: Path, protocol: str) -> StationMap:
    """Read a mapping file; raises InvalidInputError naming the place."""
    document = _document(path)
    if unknown := sorted(str(name) for name in document.keys() - _TOP):
        raise InvalidInputError(f"{path}: 不认识 / unknown name {unknown[0]}")
    if document.get("protocol") != protocol:
        raise InvalidInputError(f"{path}: 此文件不是 {protocol} 的映射 / protocol is not {protocol}")
    shared = _rules(document.get("items") or {}, f"{path}: items")
    found = _table(document.get("stations"), f"{path}: stations")
    stations = {name: _station(each, shared, f"{path}: stations.{name}") for name, each in found.items()}
    if not stations:
        raise InvalidInputError(f"{path}: 没有测站 / there are no stations")
    commands = document.get("commands") or []
    if not isinstance(commands, list):
        raise InvalidInputError(f"{path}: commands 应为列表 / commands is not a list")
    missing = document.get("missing_flag")
    return StationMap(
        protocol, stations, tuple(str(each).upper() for each in commands), missing and str(missing), path
    )


def _document(path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > limit().stations_bytes:
            raise InvalidInputError(
                f"{path}: 文件过大 / the file is larger than {limit().stations_bytes} bytes"
            )
        document = yaml.load(path.read_text(encoding="utf-8"), yaml.CSafeLoader)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise InvalidInputError(f"无法读取 / cannot read {path}: {error}") from error
    return _table(document, str(path))


def _table(given: object, where: str) -> dict[str, Any]:
    if not isinstance(given, dict) or not all(isinstance(name, str) for name in given):
        raise InvalidInputError(
            f"{where}: 应为键值，键须加引号 / not names and values; quote codes of digits"
        )
    return given


def _rules(given: object, where: str) -> dict[str, ItemRule]:
    return {name: _filled(ItemRule, each, f"{where}.{name}") for name, each in _table(given, where).items()}


def _station(given: object, shared: Mapping[str, ItemRule], where: str) -> Station:
    values = dict(_table(given, where))
    own = _rules(values.pop("items", None) or {}, f"{where}.items")
    found: Station = _filled(Station, {**values, "items": {**shared, **own}}, where)
    return found


def _filled(kind: type[Any], given: object, where: str) -> Any:
    values, hints = _table(given, where), get_type_hints(kind)
    names = {each.name for each in fields(kind)}
    for name, value in values.items():
        if name not in names:
            raise InvalidInputError(f"{where}: 不认识 / unknown name {name}")
        wanted = get_args(hints[name]) or (hints[name],)
        if name == "items":
            continue
        if float in wanted and type(value) is int:
            values[name] = float(value)
        elif type(value) not in wanted:
            raise InvalidInputError(f"{where}.{name}: 类型不符 / {value!r} is of the wrong type; quote codes")
    return kind(**values)
