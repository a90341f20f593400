"""What a protocol must give so that the gateway can serve it: a session per connection, and rows from what was kept.

Both are pure: bytes and a time in, events or tables out. The gateway owns sockets, files and the hub.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from typing import NamedTuple, Protocol

import pyarrow as pa

from adapters.telemetry.fault import Fault
from adapters.telemetry.station import StationMap


class Entry(NamedTuple):
    """Something to be kept. `answers` go to the station once it is durable, and not before."""

    data: bytes
    answers: tuple[bytes, ...]


class Answer(NamedTuple):
    """Something to be sent at once, that promises nothing."""

    data: bytes


class Rows(NamedTuple):
    """Rows by contract, and what was counted on the way (names: adapters.protocol.COUNTS)."""

    batches: Mapping[str, pa.RecordBatch]
    counts: Counter[str]


class Session(Protocol):
    """One connection's state."""

    @property
    def held(self) -> int:
        """Bytes it holds that are not yet an entry."""

    def feed(self, data: bytes, now: datetime) -> Iterator[Entry | Answer | Fault]:
        """What comes of more bytes; to be read to the end."""

    def due(self, now: datetime) -> Iterator[Answer]:
        """Requests of its own that are to be sent, or sent again, at this time."""


class Dialect(Protocol):
    """One protocol."""

    @property
    def name(self) -> str:
        """As in the entry point and in mapping files."""

    def sessions(self, stations: StationMap) -> Callable[[], Session]:
        """What gives a new connection's session; what all share is made once."""

    def rows(self, entries: Iterable[bytes], stations: StationMap) -> Rows:
        """What entries, in the order in which they came, are under the contracts; the same entries, the same rows."""
