"""Segments become batches and reach the hub, in order, as often as it takes. Runs in a thread of its own.

(1) rows of the segment's entries, once; each contract's batch is written to the outbox and synced
(2) each batch is published under its segment's key; an error that a retry may mend is waited out
(3) the segment is done; or, where the hub will never take it as it is, put aside
"""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Final

import pyarrow as pa
import structlog

from adapters.gateway import metrics
from adapters.gateway.dialect import Dialect
from adapters.gateway.settings import GatewaySettings
from adapters.gateway.spool import Spool, entries_of
from adapters.telemetry.station import StationMap
from exchange.batch.encode import encode
from exchange.client import Client, connect
from exchange.client.publish import Published
from exchange.errors import HechuanError, InvalidInputError

_log = structlog.get_logger(__name__)
_LEFT: Final = ("malformed", "elsewhere", "uncoded", "unread", "identical", "conflicting")
_WRITTEN: Final = ".written"


class Publisher:
    """Takes sealed segments. `known` names this gateway in idempotency keys."""

    def __init__(
        self,
        spool: Spool,
        dialect: Dialect,
        stations: StationMap,
        home: Path,
        settings: GatewaySettings,
        known: str,
    ) -> None:
        self._spool = spool
        self._dialect = dialect
        self._stations = stations
        self._home = home
        self._settings = settings
        self._known = known
        self._wake = threading.Event()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="publisher", daemon=True)
        self._client: Client | None = None

    def start(self) -> None:
        """Begin; what an earlier run left behind comes first."""
        self._thread.start()
        self._wake.set()

    def wake(self) -> None:
        """There is a new segment."""
        self._wake.set()

    def stop(self, seconds: float) -> None:
        """One attempt at what is left, then end; what the hub does not take stays in the spool."""
        self._stop.set()
        self._wake.set()
        self._thread.join(seconds)

    def _run(self) -> None:
        wait = self._settings.retry_seconds
        while True:
            self._wake.clear()
            failed = not self._all_published()
            metrics.SPOOL.set(self._spool.waiting_bytes())
            if self._stop.is_set():
                break
            if failed:
                self._disconnect()
                self._stop.wait(wait)
                wait = min(wait * 2, self._settings.retry_limit_seconds)
            else:
                wait = self._settings.retry_seconds
                self._wake.wait()
        self._disconnect()

    def _all_published(self) -> bool:
        try:
            for segment in self._spool.sealed():
                try:
                    self._publish(segment)
                except InvalidInputError as error:
                    metrics.FAILURES.labels(error.code).inc()
                    _log.error("refused", segment=segment.stem, code=error.code, reason=error.message[:500])
                    self._spool.refused(segment)
                    self._mark(segment).unlink(missing_ok=True)
        except HechuanError as error:
            metrics.FAILURES.labels(error.code).inc()
            _log.warning("not published", code=error.code, reason=error.message[:200])
        except Exception:
            metrics.FAILURES.labels("INTERNAL").inc()
            _log.exception("not published", code="INTERNAL")
        else:
            return True
        return False

    def _mark(self, segment: Path) -> Path:
        """Says that all batches of a segment are in the outbox."""
        return self._spool.root / "outbox" / (segment.stem + _WRITTEN)

    def _publish(self, segment: Path) -> None:
        # (1)
        mark = self._mark(segment)
        if not mark.exists():
            self._write(segment)
            _replace(mark, b"")
        # (2)
        for path in self._spool.outbox(segment):
            contract = path.name.split(".")[1]
            done = self._connected().publish(contract, path, key=f"{self._known}-{segment.stem}-{contract}")
            _told(contract, segment, done)
        # (3)
        self._spool.finished(segment)
        mark.unlink(missing_ok=True)

    def _write(self, segment: Path) -> None:
        found = self._dialect.rows(entries_of(segment), self._stations)
        for name in _LEFT:
            if count := found.counts.get(name, 0):
                metrics.LEFT.labels(name).inc(count)
        for contract, rows in found.batches.items():
            if rows.num_rows:
                parsed = self._connected().contract(contract)
                data = encode(pa.Table.from_batches([rows]), parsed.stored)
                _replace(self._spool.root / "outbox" / f"{segment.stem}.{contract}.parquet", data)
        _log.info("segment read", segment=segment.stem, **found.counts)

    def _connected(self) -> Client:
        if self._client is None:
            self._client = connect(self._home)
        return self._client

    def _disconnect(self) -> None:
        if self._client is not None:
            self._client.channel.close()
            self._client = None


def _told(contract: str, segment: Path, done: Published) -> None:
    verdict = done.batch.verdict
    if not done.duplicate:
        metrics.BATCHES.labels(contract).inc()
        metrics.ROWS.labels(contract, "accepted").inc(verdict.accepted)
        metrics.ROWS.labels(contract, "rejected").inc(verdict.rejected)
    _log.info(
        "published",
        segment=segment.stem,
        contract=contract,
        batch=done.id,
        rows=verdict.rows,
        rejected=verdict.rejected,
        again=done.duplicate,
    )


def _replace(path: Path, data: bytes) -> None:
    """A whole file or none, on the disk on return."""
    beside = path.with_name(path.name + ".new")
    with beside.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
    handle = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
