"""Waiting on a hub's Watch feed in the triggerer: asyncio, one stream a dataset, no worker slot.

A page of the feed becomes one event, however many batches it holds; which of them want work is asked of the ledger when
the work starts. The cursor is kept in Airflow's asset state only after what it passed has had time to be stored, so a
triggerer that dies repeats the last seconds and loses nothing; what is announced twice finds nothing left to do.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any, Final

from airflow.sdk import BaseHook
from airflow.triggers.base import BaseEventTrigger, TriggerEvent

from exchange.client.feed import Page, pages
from exchange.client.profile import Profile
from exchange.errors import HechuanError
from stewards.hook import place_of
from stewards.options import Watch
from stewards.settings import load_settings

CURSOR: Final = "cursor"


class LandedTrigger(BaseEventTrigger):
    """Fires when batches of a dataset have landed; `start` is the first ledger index to hear of without a cursor.

    With `once` it fires for the first and ends, which is what a deferred task wants.
    """

    def __init__(self, hub_conn_id: str, dataset: str, start: int = 0, once: bool = False) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.hub_conn_id = hub_conn_id
        self.dataset = dataset
        self.start = start
        self.once = once

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Class and arguments."""
        arguments = {
            "hub_conn_id": self.hub_conn_id,
            "dataset": self.dataset,
            "start": self.start,
            "once": self.once,
        }
        return "stewards.trigger.LandedTrigger", arguments

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Follow the feed for ever; comes back after every break that a retry can mend."""
        watch = load_settings().watch
        cursor = Cursor(await self._stored(), watch)
        wait = watch.retry_seconds
        while True:
            try:
                profile = await self._profile()
                async for page in pages(profile, cursor.at, [self.dataset]):
                    wait = watch.retry_seconds
                    cursor.at = page.cursor
                    if page.batches:
                        yield TriggerEvent(self._event(page))  # type: ignore[no-untyped-call]
                        if self.once:
                            return
                        cursor.passed(time.monotonic())
                    await self._keep(cursor.settled(time.monotonic()))
            except HechuanError as error:
                if not error.retryable:
                    raise
                self.log.warning("the hub is away: %s", error.message)
            await asyncio.sleep(wait)
            wait = min(wait * 2, watch.retry_limit_seconds)

    def _event(self, page: Page) -> dict[str, Any]:
        return {
            "dataset": self.dataset,
            "cursor": page.cursor,
            "batches": len(page.batches),
            "last": page.batches[-1],
        }

    async def _profile(self) -> Profile:
        connection = await BaseHook.aget_connection(self.hub_conn_id)
        return await asyncio.to_thread(Profile.load, *place_of(connection.extra_dejson))

    async def _stored(self) -> int:
        if self.asset_state_store is None:
            return self.start
        stored = await self.asset_state_store.aget(CURSOR, self.start)
        return stored if isinstance(stored, int) else self.start

    async def _keep(self, settled: int | None) -> None:
        if settled is not None and self.asset_state_store is not None:
            await self.asset_state_store.aset(CURSOR, settled)


class Cursor:
    """Where the feed is, and up to where it need not be heard again."""

    def __init__(self, at: int, watch: Watch) -> None:
        self.at = at
        self._kept = at
        self._settle = watch.settle_seconds
        self._passed: float | None = None

    def passed(self, now: float) -> None:
        """An event was fired just now; it may not be stored yet."""
        self._passed = now

    def settled(self, now: float) -> int | None:
        """The cursor, once it is safe to keep and says anything new."""
        if self.at == self._kept or (self._passed is not None and now - self._passed < self._settle):
            return None
        self._kept = self.at
        return self.at
