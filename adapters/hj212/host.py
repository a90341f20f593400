"""The host's side of a connection (HJ 212-2017, 6.2 and annex C): what is kept, what is answered and when. Pure.

| from the station | kept | answer |
|---|---|---|
| data (2xxx, 3xxx) with bit A | yes | 9014, once it is durable; PNUM and PNO of a part stand in it |
| data without bit A | yes | none |
| 1013, asks for the time | no | 9013 and the request 1012 with the time |
| 9011, 9012 | no | none; they move the request that has their QN |
| 9015, heartbeat (2025) | no | 9014, if asked for |
| another station's number, or a wrong password | no | none |

A later part of a split message that does not say its time is kept with the first part before it, so that every entry
can be read alone.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from typing import Final

from adapters.gateway.dialect import Answer, Entry
from adapters.hj212.code import (
    ACKNOWLEDGE,
    DATA_ANSWER,
    HEARTBEAT,
    HOST,
    NOTICE_ANSWER,
    REQUEST_ANSWER,
    RESULT,
    SET_TIME,
    SPLIT,
    TIME_REQUEST,
)
from adapters.hj212.conversation import Request, request
from adapters.hj212.frame import Message, decode, encode
from adapters.hj212.stream import Splitter
from adapters.settings import limit
from adapters.telemetry.fault import Fault
from adapters.telemetry.station import StationMap
from exchange.errors import MalformedError

BEIJING: Final = timezone(timedelta(hours=8))
# HJ 212-2017, table 10, for wireless links.
OVERTIME: Final = timedelta(seconds=10)
RECOUNT: Final = 3
_KEPT: Final = ("2", "3")

Opened = Callable[[str, bytes], bytes]


class HostSession:
    """One connection; it may carry several stations, as data loggers of a park do."""

    def __init__(self, stations: StationMap, opened: Opened | None, segment_bytes: int) -> None:
        self._stations = stations.stations
        self._opened = opened
        self._stream = Splitter(segment_bytes)
        self._first: OrderedDict[tuple[str, str], bytes] = OrderedDict()
        self._requests: OrderedDict[str, Request] = OrderedDict()

    @property
    def held(self) -> int:
        """Bytes that wait for more."""
        return self._stream.held + sum(map(len, self._first.values()))

    def feed(self, data: bytes, now: datetime) -> Iterator[Entry | Answer | Fault]:
        """What comes of more bytes."""
        local = now.astimezone(BEIJING)
        for found in self._stream.feed(data):
            if isinstance(found, Fault):
                yield found
                continue
            try:
                message = decode(found, self._opened)
            except MalformedError:
                yield Fault.MALFORMED
                continue
            yield from self._answer(found, message, local)

    def due(self, now: datetime) -> Iterator[Answer]:
        """Requests that nobody answered, once more."""
        local = now.astimezone(BEIJING)
        for each in self._requests.values():
            if frame := each.late(local):
                yield Answer(frame)

    def _answer(self, frame: bytes, message: Message, now: datetime) -> Iterator[Entry | Answer | Fault]:
        station, command = self._stations.get(message.station), message.command
        if station is None:
            yield Fault.STATION
        elif station.password is not None and message.header.get("PW") != station.password:
            yield Fault.PASSWORD
        elif command == TIME_REQUEST:
            yield Answer(answer(message, NOTICE_ANSWER))
            yield Answer(self._ask(message, {"SystemTime": f"{now:%Y%m%d%H%M%S}"}, now))
        elif command in (REQUEST_ANSWER, RESULT):
            if asked := self._requests.get(message.header.get("QN", "")):
                asked.heard(message, now)
        elif command == HEARTBEAT:
            if message.wants_answer:
                yield Answer(answer(message, DATA_ANSWER))
        elif command[:1] in _KEPT and len(command) == len(TIME_REQUEST):
            yield self._kept(frame, message)
        else:
            yield Fault.MALFORMED

    def _kept(self, frame: bytes, message: Message) -> Entry | Fault:
        number, of = message.part
        answers = (answer(message, DATA_ANSWER),) if message.wants_answer else ()
        if of == 1:
            return Entry(frame, answers)
        name = message.station, message.header.get("QN") or message.command
        if "DataTime" in message.data:
            if number == 1:
                self._first[name] = frame
                self._first.move_to_end(name)
                if len(self._first) > limit().hj212_messages:
                    self._first.popitem(last=False)
            return Entry(frame, answers)
        first = self._first.get(name)
        if first is None:
            return Fault.ORPHAN
        if number == of:
            del self._first[name]
        return Entry(first + frame, answers)

    def _ask(self, message: Message, data: dict[str, str], now: datetime) -> bytes:
        asked = request(message, SET_TIME, data, now, OVERTIME, RECOUNT)
        self._requests[asked.message.header["QN"]] = asked
        if len(self._requests) > limit().hj212_requests:
            self._requests.popitem(last=False)
        return encode(asked.message)


def answer(message: Message, command: str) -> bytes:
    """9013 or 9014 for a message: its QN, password and station; PNUM and PNO where it is a part (annex C)."""
    header = {
        "QN": message.header.get("QN", ""),
        "ST": HOST,
        "CN": command,
        "PW": message.header.get("PW", ""),
        "MN": message.station,
        "Flag": str(message.flag & ~ACKNOWLEDGE),
    }
    if message.flag & SPLIT:
        header |= {name: message.header[name] for name in ("PNUM", "PNO") if name in message.header}
    return encode(Message(header, {}))
