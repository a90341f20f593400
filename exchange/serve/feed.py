"""The live feed of ledger entries: one waiter for the whole process, any number of readers."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator, Sequence

from exchange.errors import DrainingError, InvalidInputError
from exchange.flow.entry import record_of
from exchange.ports import Entry, LedgerStore, Record

_PAGE = 500


class Feed:
    """Follows the ledger while anybody reads. A reader that is slow reads later; nothing is kept for it in memory."""

    def __init__(self, ledger: LedgerStore, heartbeat_seconds: float) -> None:
        self._ledger = ledger
        self._heartbeat = heartbeat_seconds
        self._grown = asyncio.Condition()
        self._size = 0
        self._draining = False
        self._readers = 0
        self._read = asyncio.Event()

    async def drain(self) -> None:
        """End what follows; readers come back elsewhere, or later."""
        async with self._grown:
            self._draining = True
            self._grown.notify_all()

    async def run(self) -> None:
        """Wait for the ledger to grow, for ever; cancel to stop."""
        self._size = (await asyncio.to_thread(self._ledger.head)).size
        while True:
            await self._read.wait()
            size = await asyncio.to_thread(self._ledger.wait_past, self._size, 1.0)
            if size > self._size:
                async with self._grown:
                    self._size = size
                    self._grown.notify_all()

    async def follow(self, start: int) -> AsyncIterator[tuple[Sequence[tuple[Entry, Record]], int]]:
        """Pages of entries from `start` on, each with the tree size it reaches; an empty page is a heartbeat."""
        if start > (await asyncio.to_thread(self._ledger.head)).size:
            raise InvalidInputError(f"cursor {start} is beyond the ledger")
        cursor = start
        with self._reading():
            while True:
                if self._draining:
                    raise DrainingError("the hub is shutting down; come back")
                page = await asyncio.to_thread(self._page, cursor)
                cursor += len(page)
                yield page, cursor
                if not page:
                    await self._wait(cursor)

    @contextlib.contextmanager
    def _reading(self) -> Iterator[None]:
        self._readers += 1
        self._read.set()
        try:
            yield
        finally:
            self._readers -= 1
            if not self._readers:
                self._read.clear()

    def _page(self, start: int) -> list[tuple[Entry, Record]]:
        return [(entry, record_of(entry)) for entry in self._ledger.entries(start, start + _PAGE)]

    async def _wait(self, size: int) -> None:
        async with self._grown:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(
                    self._grown.wait_for(lambda: self._size > size or self._draining), self._heartbeat
                )
