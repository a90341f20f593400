"""The centre's side of a connection (SL 651-2014, 6.3: modes M1 to M4). Pure.

| from the station | kept | answer |
|---|---|---|
| report 30 to 35 | yes | serial and time with ESC, once it is durable |
| part of a report (M3) | with all its parts, together | as above after the last; NAK for a part that is missing |
| 37 to 3A, answers to queries (M4) | yes | none |
| 2F, keep-alive | no | none |
| 40 to 51, answers about configuration | no | none |

Stations in mode M1 wait for nothing, and ignore what they are sent.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from typing import Final

from adapters.gateway.dialect import Answer, Entry
from adapters.settings import limit
from adapters.sl651 import code
from adapters.sl651.frame import ESC, ETX, NAK, Frame, encode
from adapters.sl651.report import decode as read
from adapters.sl651.stream import Splitter
from adapters.sl651.text import numbers
from adapters.telemetry.fault import Fault
from adapters.telemetry.station import StationMap
from exchange.errors import MalformedError

BEIJING: Final = timezone(timedelta(hours=8))


class CentreSession:
    """One connection."""

    def __init__(self, stations: StationMap) -> None:
        self._stations = stations.stations
        self._stream = Splitter()
        self._parts: OrderedDict[tuple[str, int, int], dict[int, tuple[bytes, Frame]]] = OrderedDict()

    @property
    def held(self) -> int:
        """Bytes that wait for more."""
        parts = sum(len(data) for each in self._parts.values() for data, _ in each.values())
        return self._stream.held + parts

    def feed(self, data: bytes, now: datetime) -> Iterator[Entry | Answer | Fault]:
        """What comes of more bytes."""
        local = now.astimezone(BEIJING)
        for found in self._stream.feed(data):
            if isinstance(found, Fault):
                yield found
            else:
                event = self._event(*found, local)
                if event is not None:
                    yield event

    def due(self, now: datetime) -> Iterator[Answer]:
        """A centre that asks for nothing has nothing to repeat."""
        return iter(())

    def _event(self, data: bytes, frame: Frame, now: datetime) -> Entry | Answer | Fault | None:
        station = self._stations.get(frame.station)
        if not frame.up or frame.function not in code.FUNCTIONS:
            return None if frame.up and frame.function in code.CONFIGURATION else Fault.MALFORMED
        if station is None:
            return Fault.STATION
        if station.password is not None and frame.password != station.password:
            return Fault.PASSWORD
        if frame.function == code.LINK:
            return None
        if frame.part[1] > 1:
            return self._joined(data, frame, now)
        if not _sound(frame, frame.body):
            return Fault.MALFORMED
        return Entry(data, _answers(frame, frame.body, now))

    def _joined(self, data: bytes, frame: Frame, now: datetime) -> Entry | Answer | Fault | None:
        number, total = frame.part
        if total > limit().sl651_parts:
            return Fault.PARTS
        key = frame.station, frame.function, total
        parts = self._parts.setdefault(key, {})
        parts[number] = data, frame
        self._parts.move_to_end(key)
        if len(self._parts) > limit().sl651_messages:
            self._parts.popitem(last=False)
        if sum(len(each) for each, _ in parts.values()) > limit().sl651_message_bytes:
            del self._parts[key]
            return Fault.PARTS
        missing = next((each for each in range(1, total + 1) if each not in parts), None)
        if missing is not None:
            late = frame.end == ETX and number == total
            return Answer(_down(frame._replace(part=(missing, total)), parts, NAK, now)) if late else None
        del self._parts[key]
        whole = [parts[each] for each in range(1, total + 1)]
        body = b"".join(each.body for _, each in whole)
        if not _sound(frame, body):
            return Fault.MALFORMED
        return Entry(b"".join(each for each, _ in whole), _answers(frame, body, now))


def _sound(frame: Frame, body: bytes) -> bool:
    """Whether the body can be read; nothing else is acknowledged."""
    try:
        _ = numbers(body) if frame.text else read(frame.function, body).numbers()
    except MalformedError:
        return False
    return True


def _answers(frame: Frame, body: bytes, now: datetime) -> tuple[bytes, ...]:
    if not code.FUNCTIONS[frame.function][1]:
        return ()
    return (answer(frame, body[: _serial(frame)], now),)


def _serial(frame: Frame) -> int:
    return 4 if frame.text else 2


def _down(frame: Frame, parts: dict[int, tuple[bytes, Frame]], end: int, now: datetime) -> bytes:
    first = parts.get(1)
    none = b"0000" if frame.text else bytes(2)
    serial = first[1].body[: _serial(frame)] if first else none
    return answer(frame, serial, now, end)


def answer(frame: Frame, serial: bytes, now: datetime, end: int = ESC) -> bytes:
    """A downlink frame to the station that sent one: its serial, the centre's time (Beijing), ESC or NAK."""
    stamp = f"{now:%y%m%d%H%M%S}"
    body = serial + (stamp.encode() if frame.text else bytes.fromhex(stamp))
    return encode(frame._replace(body=body, end=end, up=False))
