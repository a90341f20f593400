"""Reports of SL 651 under `hydrology`, and those of water-quality sensors under `water-quality`.

Which element is a station's stage, rain and discharge, its mapping says; by default 39 (3B at reservoirs), 1A and 27.
Relative stages (F5) become stages where the mapping gives the level that they are counted from. A report names the
instant of each number; rain comes with the interval before it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import islice
from typing import Any, Final

from adapters.codes.factor import factor_of
from adapters.codes.unit import factor_between
from adapters.gateway.dialect import Rows
from adapters.sl651 import code
from adapters.sl651.batch import decode_many
from adapters.sl651.frame import ASCII_HEAD, HEX_HEAD, HEX_START, Frame, decode, length_of
from adapters.sl651.host import CentreSession
from adapters.sl651.report import decode as read
from adapters.sl651.text import Number, numbers
from adapters.telemetry import hydrology, quality
from adapters.telemetry.hydrology import HydrologyRows
from adapters.telemetry.quality import QualityRows, Reads
from adapters.telemetry.station import Station, StationMap
from exchange.errors import MalformedError

_RESERVOIR: Final = 0x4B
_STAGE, _UPPER_STAGE, _STAGE_SERIES = 0x39, 0x3B, 0xF5
_DECIMALS: Final = 3
_DIRECT: Final = {0x36: "velocity_ms", 0x03: "water_temperature", 0x44: "sediment_kgm3"}
_CENTURY: Final = "20"
_GROUP: Final = 8192
# In a HEX frame that columns hold: the address, and the kind of station after F1F1 and the address in the body.
_STATION: Final = slice(3, 8)
_KIND: Final = 29


@dataclass(frozen=True, slots=True)
class Sl651Dialect:
    """Frames on a connection, and rows from entries."""

    @property
    def name(self) -> str:
        """As in the entry point."""
        return "sl651"

    def sessions(self, stations: StationMap) -> Callable[[], CentreSession]:
        """What gives a new connection's session."""
        return partial(CentreSession, stations)

    def rows(self, entries: Iterable[bytes], stations: StationMap) -> Rows:
        """Entries, each a frame or all parts of a report, under the contracts."""
        reader = _Reader(stations)
        for group in batched(entries, _GROUP):
            reader.take_all(group)
        batches = {
            hydrology.CONTRACT: reader.water.batch(reader.counts),
            quality.CONTRACT: reader.quality.batch(reader.counts),
        }
        return Rows(batches, reader.counts)


class _Reader:
    def __init__(self, stations: StationMap) -> None:
        self.water = HydrologyRows()
        self.quality = QualityRows()
        self.counts: Counter[str] = Counter()
        self._stations = stations
        self._commands = {int(each, 16) for each in stations.commands}
        self._reads: dict[tuple[str, int], Reads | None] = {}

    def take_all(self, entries: Sequence[bytes]) -> None:
        """Entries: side by side where they are alike, the others one by one."""
        columns, rest = decode_many(entries)
        self.counts["rows"] += len(entries)
        for each in columns:
            for place, times, numbers_ in zip(
                each.frames, each.times.tolist(), each.numbers.tolist(), strict=True
            ):
                station = entries[place][_STATION].hex().upper()
                found = zip(map(_digits, times), each.elements, numbers_, strict=True)
                self._report(station, each.function, entries[place][_KIND], found)
        for place in rest:
            self._take(entries[place])

    def _take(self, entry: bytes) -> None:
        try:
            frames = [decode(each) for each in frames_of(entry)]
            found, kind = _numbers(frames)
        except MalformedError:
            self.counts["malformed"] += 1
            return
        self._report(frames[0].station, frames[0].function, kind, found)

    def _report(self, address: str, function: int, kind: int | None, found: Iterable[Number]) -> None:
        station = self._stations.stations.get(address)
        if station is None or (self._commands and function not in self._commands):
            self.counts["elsewhere"] += 1
            return
        by_time: dict[str, dict[str, Any]] = {}
        stage = int(station.stage, 16) if station.stage else _UPPER_STAGE if kind == _RESERVOIR else _STAGE
        for time, element, number in found:
            if number is None:
                self.counts["empty"] += 1
            elif not self._water(by_time.setdefault(time, {}), station, stage, element, number):
                self.counts["uncoded"] += not self._item(address, station, time, element, number)
            elif element in code.ITEMS:
                self._item(address, station, time, element, number)
        self._rows(address, station, by_time)

    def _water(self, row: dict[str, Any], station: Station, stage: int, element: int, number: float) -> bool:
        """Whether a number is one of hydrology's."""
        if element == stage:
            row |= {"stage_m": number, "stage_datum": station.stage_datum}
        elif element == _STAGE_SERIES and station.stage_base_m is not None:
            level = round(station.stage_base_m + number, _DECIMALS)
            row |= {"stage_m": level, "stage_datum": station.stage_datum}
        elif element == int(station.rain, 16) and element in code.RAIN_MINUTES:
            row |= {"rainfall_mm": number, "interval_minutes": code.RAIN_MINUTES[element]}
        elif element == int(station.discharge, 16):
            row |= {"discharge_m3s": number, "discharge_method": station.discharge_method}
        elif element in _DIRECT:
            row[_DIRECT[element]] = number
        else:
            return False
        return True

    def _rows(self, address: str, station: Station, by_time: dict[str, dict[str, Any]]) -> None:
        where = {
            "station_name": station.station_name,
            "river_name": station.river_name,
            "section_code": station.section,
            "county_code": station.county_code,
        }
        for time, values in by_time.items():
            if values:
                self.counts["values"] += len(values)
                known = station.station_code or address.removeprefix("00")
                self.water.add(known, f"{_CENTURY}{time}00", {**where, **values})

    def _item(self, address: str, station: Station, time: str, element: int, number: float) -> bool:
        """Whether a number is one of water quality's."""
        key = address, element
        if key not in self._reads:
            self._reads[key] = _reads(element, station)
        reads = self._reads[key]
        if reads is None or station.section is None:
            return False
        flag = self._stations.missing_flag or "N"  # the protocol has no flags
        self.quality.add(station.section, f"{_CENTURY}{time}00", reads, repr(number), flag, None)
        return True


def batched(entries: Iterable[bytes], size: int) -> Iterator[list[bytes]]:
    """Lists of so many entries."""
    waiting = iter(entries)
    while group := list(islice(waiting, size)):
        yield group


@lru_cache(4096)
def _digits(time: int) -> str:
    return f"{time:010}"


def frames_of(entry: bytes) -> list[bytes]:
    """The frames that an entry is; each says its own length. Raises MalformedError."""
    found, at = [], 0
    while at < len(entry):
        head = HEX_HEAD if entry[at : at + 2] == HEX_START else ASCII_HEAD
        size = length_of(entry[at : at + head]) if len(entry) - at >= head else 0
        if not size:
            raise MalformedError("an entry is not frames of SL 651")
        found.append(entry[at : at + size])
        at += size
    return found


def _numbers(frames: list[Frame]) -> tuple[list[Number], int | None]:
    body = b"".join(each.body for each in frames)
    if frames[0].text:
        return numbers(body), None
    report = read(frames[0].function, body)
    return report.numbers(), report.kind


def _reads(element: int, station: Station) -> Reads | None:
    rule = station.items.get(f"{element:02X}")
    code_of_item = (rule and rule.item) or code.ITEMS.get(element)
    factor = factor_of(code_of_item) if code_of_item else None
    if factor is None or (rule and rule.ignore):
        return None
    given = (rule and rule.unit) or (code.ELEMENTS[element].unit if element in code.ELEMENTS else factor.unit)
    divisor = float(f"{1 / factor_between(given, factor.unit):.12g}")
    limit = rule.detection_limit / divisor if rule and rule.detection_limit is not None else None
    return Reads(factor.code, factor.unit, divisor, limit)
