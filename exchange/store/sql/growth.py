"""Waiting for the ledger to grow: one watching thread a store, however many wait."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

import psycopg
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from exchange.errors import HechuanError
from exchange.store.sql.statement import CHANNEL

# asking SQLite whether another process has written costs a few microseconds
_POLL_SECONDS: Final = 0.025
# PostgreSQL tells; asking now and then covers a message that got lost
_ASK_SECONDS: Final = 0.25
_RETRY_SECONDS: Final = 1.0


class Growth:
    """Knows the size of the tree as soon as anybody has changed it. The thread sleeps while nobody waits."""

    def __init__(self, engine: Engine, read_size: Callable[[], int]) -> None:
        self._engine = engine
        self._read_size = read_size
        self._changed = threading.Condition()
        self._size = 0
        self._waiting = 0
        self._closed = False
        self._thread: threading.Thread | None = None

    def reached(self, size: int) -> None:
        """This process has appended, or read the size."""
        with self._changed:
            if size > self._size:
                self._size = size
                self._changed.notify_all()

    def wait_past(self, size: int, timeout: float) -> int:
        """Block until the tree is larger than size or timeout seconds pass; the size now."""
        deadline = time.monotonic() + timeout
        self.reached(self._read_size())
        with self._waiter():
            while self._size <= size and not self._closed:
                left = deadline - time.monotonic()
                if left <= 0:
                    break
                self._changed.wait(left)
            if self._size > size:
                return self._size
        return self._read_size()

    def close(self) -> None:
        """Stop the thread; whoever waits returns."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        if self._thread:
            self._thread.join()

    @contextmanager
    def _waiter(self) -> Iterator[None]:
        with self._changed:
            self._waiting += 1
            if self._thread is None and not self._closed:
                self._thread = threading.Thread(target=self._run, name="ledger-growth", daemon=True)
                self._thread.start()
            self._changed.notify_all()
            try:
                yield
            finally:
                self._waiting -= 1

    def _run(self) -> None:
        follow = _follow_sqlite if self._engine.dialect.name == "sqlite" else _follow_postgresql
        while not self._closed:
            try:
                for _ in follow(self._engine, self._pause):
                    self.reached(self._read_size())
            except (SQLAlchemyError, psycopg.Error, HechuanError):
                # the database is away; those who wait time out and say so
                self._pause(_RETRY_SECONDS)

    def _pause(self, seconds: float) -> bool:
        """Sleep, then until somebody waits; whether to go on."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed, seconds)
            self._changed.wait_for(lambda: self._closed or self._waiting)
            return not self._closed


def _follow_sqlite(engine: Engine, pause: Callable[[float], bool]) -> Iterator[None]:
    """One item whenever any connection has written to the file."""
    with engine.connect() as connection:
        connection.detach()
        cursor = connection.connection.cursor()
        seen = None
        going_on = True
        while going_on:
            version = cursor.execute("PRAGMA data_version").fetchone()
            if version != seen:
                seen = version
                yield
            going_on = pause(_POLL_SECONDS)


def _follow_postgresql(engine: Engine, pause: Callable[[float], bool]) -> Iterator[None]:
    """One item whenever a transaction that moved the head has committed, and now and then without."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        driver = connection.connection.driver_connection
        assert isinstance(driver, psycopg.Connection)
        connection.detach()
        connection.exec_driver_sql(f"LISTEN {CHANNEL}")
        going_on = True
        while going_on:
            yield
            for _ in driver.notifies(timeout=_ASK_SECONDS, stop_after=1):
                pass
            going_on = pause(0)
