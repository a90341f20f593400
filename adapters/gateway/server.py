"""The server: connections in, entries durable in groups, segments sealed by time and size; and the drain.

(1) stop listening; read no more
(2) what waits becomes durable and is answered; connections are closed
(3) the segment is sealed, the publisher has `drain_seconds` for one attempt; what the hub does not take stays
"""

from __future__ import annotations

import asyncio
import contextlib
import resource
import signal
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Final, NamedTuple

import structlog

from adapters.gateway import metrics
from adapters.gateway.connection import Connection
from adapters.gateway.dialect import Dialect, Entry
from adapters.gateway.publisher import Publisher
from adapters.gateway.settings import GatewaySettings
from adapters.gateway.spool import Spool
from adapters.telemetry.station import StationMap
from exchange.errors import StorageError

_log = structlog.get_logger(__name__)
_BACKLOG: Final = 4096
_TICK_SECONDS: Final = 1.0


class _Waiting(NamedTuple):
    connection: Connection
    entry: Entry
    arrived: float
    fresh: bool


class Gateway:
    """One listening socket, one spool."""

    def __init__(
        self,
        dialect: Dialect,
        stations: StationMap,
        spool: Spool,
        publisher: Publisher,
        settings: GatewaySettings,
    ) -> None:
        self.settings = settings
        self.buffer = memoryview(bytearray(settings.read_bytes))
        self._sessions = dialect.sessions(stations)
        self._spool = spool
        self._publisher = publisher
        self._connections: set[Connection] = set()
        self._by_address: Counter[str] = Counter()
        self._pending: list[_Waiting] = []
        self._committing = 0
        self._arrived = asyncio.Event()
        self._disk = ThreadPoolExecutor(1, "spool")
        self._opened_at = 0.0
        self._spool_full = False

    @property
    def full(self) -> bool:
        """Whether reading has to stop."""
        return len(self._pending) + self._committing >= self.settings.waiting_entries

    def opened(self, connection: Connection) -> str | None:
        """Take a connection; a reason to refuse it, or None."""
        self._connections.add(connection)
        self._by_address[connection.address] += 1
        metrics.CONNECTIONS.set(len(self._connections))
        if len(self._connections) > self.settings.connections:
            return "too-many"
        if self._by_address[connection.address] > self.settings.connections_per_address:
            return "too-many-of-address"
        return None

    def closed(self, connection: Connection) -> None:
        """It is gone."""
        self._connections.discard(connection)
        self._by_address[connection.address] -= 1
        if self._by_address[connection.address] <= 0:
            del self._by_address[connection.address]
        metrics.CONNECTIONS.set(len(self._connections))

    def offer(self, connection: Connection, entry: Entry) -> None:
        """Keep an entry with the next group; what was kept before is only answered, after what came before it."""
        if self._spool_full:
            metrics.ENTRIES.labels("spool-full").inc()
            connection.lost()
            return
        now = asyncio.get_running_loop().time()
        self._pending.append(_Waiting(connection, entry, now, self._spool.fresh(entry.data)))
        self._arrived.set()

    async def run(self, host: str, port: int, started: Callable[[int], None]) -> None:
        """Serve until SIGTERM or SIGINT, then drain."""
        loop = asyncio.get_running_loop()
        stop = asyncio.Event()
        for name in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(name, stop.set)
        _raise_file_limit()
        server = await loop.create_server(self._connection, host, port, backlog=_BACKLOG)
        tasks = [asyncio.ensure_future(self._commit()), asyncio.ensure_future(self._watch())]
        self._publisher.start()
        started(server.sockets[0].getsockname()[1])
        waiting = asyncio.ensure_future(stop.wait())
        done, _ = await asyncio.wait({waiting, *tasks}, return_when=asyncio.FIRST_COMPLETED)
        server.close()
        await self._drain(tasks)
        for task in done - {waiting}:
            task.result()

    def _connection(self) -> Connection:
        return Connection(self, self._sessions())

    async def _drain(self, tasks: list[asyncio.Task[None]]) -> None:
        _log.info("draining", connections=len(self._connections), waiting=len(self._pending))
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._pending:
            await self._commit_group()
        for connection in list(self._connections):
            connection.close()
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._disk, self._spool.seal)
        self._publisher.wake()
        await loop.run_in_executor(None, self._publisher.stop, self.settings.drain_seconds)
        self._disk.shutdown()

    async def _commit(self) -> None:
        while True:
            await self._arrived.wait()
            await asyncio.sleep(self.settings.commit_milliseconds / 1000)
            # not cut in two by the drain: what is being written is answered
            await asyncio.shield(asyncio.ensure_future(self._commit_group()))

    async def _commit_group(self) -> None:
        group, self._pending = self._pending, []
        self._committing = len(group)
        self._arrived.clear()
        fresh = [each.entry.data for each in group if each.fresh]
        loop = asyncio.get_running_loop()
        try:
            if fresh:
                self._opened_at = self._opened_at or loop.time()
                await loop.run_in_executor(self._disk, self._spool.append, fresh)
        except StorageError as error:
            _log.error("nothing can be kept", code=error.code, reason=error.message)
            self._spool.forget(fresh)
            metrics.ENTRIES.labels("storage-error").inc(len(group))
            for each in group:
                each.connection.lost()
        else:
            self._answer(group, loop.time())
        self._committing = 0
        for connection in {each.connection for each in group}:
            connection.resume()
        if self._spool.written >= self.settings.batch_bytes:
            await self._seal()

    def _answer(self, group: list[_Waiting], now: float) -> None:
        fresh = sum(each.fresh for each in group)
        metrics.ENTRIES.labels("kept").inc(fresh)
        metrics.ENTRIES.labels("repeated").inc(len(group) - fresh)
        for each in group:
            metrics.COMMIT.observe(now - each.arrived)
            each.connection.kept(each.entry.answers)

    async def _seal(self) -> None:
        self._opened_at = 0.0
        if await asyncio.get_running_loop().run_in_executor(self._disk, self._spool.seal):
            self._publisher.wake()

    async def _watch(self) -> None:
        """Each second: silent connections, the segment's age, the spool's size."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(min(_TICK_SECONDS, self.settings.batch_seconds))
            now, moment = loop.time(), datetime.now(UTC)
            for connection in list(self._connections):
                with contextlib.suppress(OSError):
                    connection.tick(now, moment)
                if not self.full:
                    connection.resume_if_idle()
            if self._opened_at and now - self._opened_at >= self.settings.batch_seconds:
                await self._seal()
            waiting = await loop.run_in_executor(None, self._spool.waiting_bytes)
            metrics.SPOOL.set(waiting)
            self._spool_full = waiting > self.settings.spool_bytes


def _raise_file_limit() -> None:
    """As many open files as the system lets this process have."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
