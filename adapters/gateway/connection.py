"""One station's connection: bytes to its session, events to the gateway, answers back; and when it is ended.

What ends a connection: silence, faults, an unfinished message that grows too large, answers that are not taken. What
only slows it: entries that wait to become durable, its own or everybody's.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final, Protocol, cast

import structlog

from adapters.gateway import metrics
from adapters.gateway.dialect import Answer, Entry, Session
from adapters.gateway.settings import GatewaySettings
from adapters.telemetry.fault import Fault

_log = structlog.get_logger(__name__)
_UNKNOWN: Final = "unknown"


class Keeper(Protocol):
    """What a connection asks of the gateway."""

    settings: GatewaySettings
    buffer: memoryview

    def opened(self, connection: Connection) -> str | None:
        """Take a connection; a reason to refuse it, or None."""

    def closed(self, connection: Connection) -> None:
        """It is gone."""

    def offer(self, connection: Connection, entry: Entry) -> None:
        """Keep an entry, and answer when it is durable."""

    @property
    def full(self) -> bool:
        """Whether too much waits."""


class Connection(asyncio.BufferedProtocol):
    """One TCP connection."""

    def __init__(self, keeper: Keeper, session: Session) -> None:
        self._keeper = keeper
        self._session = session
        self._settings = keeper.settings
        self._transport: asyncio.Transport | None = None
        self._faults = 0
        self._paused = False
        self.waiting = 0
        self.address = _UNKNOWN
        self.deadline = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The kernel has accepted it."""
        self._transport = cast(asyncio.Transport, transport)
        peer = transport.get_extra_info("peername")
        self.address = str(peer[0]) if peer else _UNKNOWN
        self.deadline = asyncio.get_running_loop().time() + self._settings.first_frame_seconds
        self._transport.set_write_buffer_limits(high=self._settings.write_bytes)
        if reason := self._keeper.opened(self):
            self.end(reason)

    def connection_lost(self, exc: Exception | None) -> None:
        """It is gone, whoever ended it."""
        self._transport = None
        self._keeper.closed(self)

    def get_buffer(self, sizehint: int) -> memoryview:
        """One buffer for all connections: what is read is dealt with at once."""
        return self._keeper.buffer

    def buffer_updated(self, nbytes: int) -> None:
        """Bytes have come."""
        if self._transport is None:
            return
        for event in self._session.feed(bytes(self._keeper.buffer[:nbytes]), datetime.now(UTC)):
            if isinstance(event, Fault):
                metrics.FAULTS.labels(event.value).inc()
                self._faults += 1
                if self._faults > self._settings.faults:
                    self.end("faults", last=event.value)
                    return
                continue
            self._faults = 0
            self.deadline = asyncio.get_running_loop().time() + self._settings.idle_seconds
            if isinstance(event, Answer):
                self.send((event.data,))
            else:
                self.waiting += 1
                self._keeper.offer(self, event)
        if self._session.held > self._settings.held_bytes:
            self.end("unfinished")
        elif self.waiting >= self._settings.waiting_entries_per_connection or self._keeper.full:
            self._pause()

    def eof_received(self) -> bool:
        """The station sends no more; it may still take answers until it is idle or gone."""
        return self.waiting > 0

    def kept(self, answers: Sequence[bytes]) -> None:
        """An entry of it is durable."""
        self.waiting -= 1
        self.send(answers)

    def lost(self) -> None:
        """An entry of it could not be kept; it is not answered."""
        self.waiting -= 1

    def resume(self) -> None:
        """Read on, where there is room again."""
        if self._paused and self._transport is not None and not self._transport.is_closing():
            self._paused = False
            self._transport.resume_reading()

    def resume_if_idle(self) -> None:
        """Read on where nothing of its own waits: it was paused for everybody's sake."""
        if not self.waiting:
            self.resume()

    def send(self, answers: Sequence[bytes]) -> None:
        """Answers, as far as the station takes them."""
        if self._transport is None or self._transport.is_closing():
            return
        for answer in answers:
            self._transport.write(answer)
        if self._transport.get_write_buffer_size() > self._settings.write_bytes:
            self.end("answers-not-taken")

    def tick(self, now: float, moment: datetime) -> None:
        """Silence, and requests of the session's own."""
        if now > self.deadline:
            self.end("idle")
            return
        self.send([each.data for each in self._session.due(moment)])

    def end(self, reason: str, **said: Any) -> None:
        """Close at once; nothing that waits in it is owed, for nothing of it was acknowledged."""
        if self._transport is not None:
            metrics.REFUSED.labels(reason).inc()
            _log.info("connection ended", address=self.address, reason=reason, **said)
            self._transport.abort()

    def close(self) -> None:
        """Close after what was written has gone out."""
        if self._transport is not None:
            self._transport.close()

    def _pause(self) -> None:
        if not self._paused and self._transport is not None and not self._transport.is_closing():
            self._paused = True
            self._transport.pause_reading()
