"""Reports of SZY 206 under `hydrology`. Frames say no month: an entry is the day it came on, and the frame."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from functools import partial
from typing import Any, Final

from adapters.gateway.dialect import Answer, Entry, Rows
from adapters.szy206.frame import Frame, decode, encode, length_of
from adapters.telemetry.fault import Fault
from adapters.telemetry.hydrology import CONTRACT, HydrologyRows
from adapters.telemetry.station import Station, StationMap
from exchange.errors import MalformedError

_BEIJING: Final = timezone(timedelta(hours=8))
_DAY: Final = "%Y%m%d"
_DAY_BYTES: Final = 8
_HEAD: Final = 3
_SECONDS_PER_HOUR: Final = 3600
_RAIN, _STAGE, _DISCHARGE, _VELOCITY = 1, 2, 3, 4


class StationSession:
    """A stream of frames; at most one is held."""

    def __init__(self, stations: StationMap) -> None:
        self._stations = stations.stations
        self._held = b""

    @property
    def held(self) -> int:
        """Bytes that wait for the rest of their frame."""
        return len(self._held)

    def feed(self, data: bytes, now: datetime) -> Iterator[Entry | Answer | Fault]:
        """Reports to be kept, each with its day of arrival; to be read to the end."""
        text, at = self._held + data, 0
        day = f"{now.astimezone(_BEIJING):{_DAY}}".encode()
        while (found := text.find(b"\x68", at)) >= 0:
            if found > at:
                yield Fault.NOISE
            at = found
            if len(text) - at < _HEAD:
                break
            size = length_of(text[at : at + _HEAD])
            if size > len(text) - at:
                break
            try:
                frame = decode(text[at : at + size])
            except MalformedError:
                yield Fault.CHECKSUM if size else Fault.LENGTH
                at += 1
                continue
            if event := self._event(day, text[at : at + size], frame):
                yield event
            at += size
        else:
            at = len(text)
        self._held = text[at:]

    def due(self, now: datetime) -> Iterator[Answer]:
        """Nothing is asked for."""
        return iter(())

    def _event(self, day: bytes, data: bytes, frame: Frame) -> Entry | Fault | None:
        if frame.address not in self._stations:
            return Fault.STATION
        if not frame.has_numbers:
            return None
        # an acknowledgement: the same function, downwards, one byte 00 (7.2)
        reply = Frame(frame.control & 0x3F, frame.address, frame.function, b"\0")
        return Entry(day + data, (encode(reply),))


@dataclass(frozen=True, slots=True)
class Szy206Dialect:
    """Frames on a connection, and rows from entries."""

    @property
    def name(self) -> str:
        """As in the entry point."""
        return "szy206"

    def sessions(self, stations: StationMap) -> Callable[[], StationSession]:
        """What gives a new connection's session."""
        return partial(StationSession, stations)

    def rows(self, entries: Iterable[bytes], stations: StationMap) -> Rows:
        """Entries, each eight digits of a day and a frame, under the contract."""
        rows, counts = HydrologyRows(), Counter[str]()
        for entry in entries:
            counts["rows"] += 1
            try:
                _take(entry, stations, rows, counts)
            except (MalformedError, ValueError):
                counts["malformed"] += 1
        return Rows({CONTRACT: rows.batch(counts)}, counts)


def _take(entry: bytes, stations: StationMap, rows: HydrologyRows, counts: Counter[str]) -> None:
    came = datetime.strptime(entry[:_DAY_BYTES].decode("ascii"), _DAY).date()
    frame = decode(entry[_DAY_BYTES:])
    station = stations.stations.get(frame.address)
    if station is None or station.station_code is None:
        counts["elsewhere"] += 1
        return
    values = _values(frame, station)
    day, hour, minute, second = frame.time()
    time = f"{dated(came, day):{_DAY}}{hour:02}{minute:02}{second:02}"
    known = {
        "station_name": station.station_name,
        "river_name": station.river_name,
        "section_code": station.section,
        "county_code": station.county_code,
    }
    counts["values"] += len(values)
    rows.add(station.station_code, time, {**known, **values})


def _values(frame: Frame, station: Station) -> dict[str, Any]:
    number = frame.numbers()[0]
    if frame.kind == _RAIN:
        return {"rainfall_mm": number, "interval_minutes": 60}
    if frame.kind == _STAGE:
        return {"stage_m": number, "stage_datum": station.stage_datum}
    if frame.kind == _DISCHARGE:
        flow = None if number is None else number / _SECONDS_PER_HOUR
        return {"discharge_m3s": flow, "discharge_method": station.discharge_method}
    return {"velocity_ms" if frame.kind == _VELOCITY else "water_temperature": number}


def dated(came: date, day: int) -> date:
    """The latest day with this number up to one day after the frame came, for clocks differ.

    Raises ValueError for a number that no day has.
    """
    month = came + timedelta(days=1)
    for _ in range(3):
        try:
            found = month.replace(day=day)
        except ValueError:
            found = None
        if found is not None and found <= came + timedelta(days=1):
            return found
        month = month.replace(day=1) - timedelta(days=1)
    raise ValueError(f"no day {day}")
