"""Keeps the search index in step with the ledgers: this hub's own, and the copies of its peers'.

Each round, in a thread of its own, so that nobody who publishes waits for it:
(1) every ledger that has grown: its datasets are listed anew, those alone that have new batches where they are few
(2) this hub's own datasets that have become quiet: where they have rows, from their objects
A round that took long is followed by a longer pause. What the index holds is never asked for anywhere else than in a
search; an index that is lost is filled again from the first entry on.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Final

import structlog

from exchange.contract.model import Contract, Sla
from exchange.errors import HechuanError
from exchange.flow.coverage import coverable, extended
from exchange.flow.registry import ContractRegistry
from exchange.ids import AgencyId, DatasetId, digest_of
from exchange.names import DEPARTMENTS, PROVINCES
from exchange.ports import Clock, DatasetRecord, LedgerStore, ObjectStore, TableEngine
from exchange.ports.search import Coverage, Known, Listing, SearchIndex
from exchange.settings import Search

_PAGE: Final = 1000
_ROUND: Final = 100
# one part work, four parts rest
_REST: Final = 4
_UNITS: Final = {
    **dict.fromkeys(("min", "minute", "minutes"), timedelta(minutes=1)),
    **dict.fromkeys(("h", "hour", "hours"), timedelta(hours=1)),
    **dict.fromkeys(("d", "day", "days"), timedelta(days=1)),
    **dict.fromkeys(("w", "week", "weeks"), timedelta(weeks=1)),
}
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Source:
    """A ledger whose datasets are listed, and the contracts in it."""

    hub: str
    ledger: LedgerStore
    contracts: ContractRegistry


class Projection:
    """One thread that fills the index."""

    def __init__(
        self,
        index: SearchIndex,
        own: Source,
        peers: Callable[[], Sequence[Source]],
        objects: ObjectStore,
        engine: TableEngine,
        clock: Clock,
        settings: Search,
    ) -> None:
        self._index = index
        self._own = own
        self._peers = peers
        self._objects = objects
        self._engine = engine
        self._clock = clock
        self._settings = settings
        self._waiting: dict[DatasetId, float] = {}
        self._failed: dict[DatasetId, int] = {}
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="search", daemon=True)

    def start(self) -> None:
        """Begin; returns at once."""
        self._thread.start()

    def close(self) -> None:
        """Stop after what is under way."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join()

    def round(self) -> None:
        """Steps (1) and (2), once; raises what the stores raise."""
        for source in (self._own, *self._peers()):
            try:
                self._list(source)  # (1)
            except HechuanError as error:  # one hub's ledger must not keep the others out
                _log.warning("datasets of a hub are not listed", hub=source.hub, error=error.message)
        found = {id: coverage for id in self._due() if (coverage := self._cover(id)) is not None}
        if found:
            self._index.cover(self._own.hub, found)  # (2)

    def _run(self) -> None:
        while not self._stopped.is_set():
            started = time.monotonic()
            try:
                self.round()
            except HechuanError as error:
                _log.warning("the search index is behind", code=error.code, error=error.message)
            except Exception as error:  # whatever it is, the next round must come
                _log.error("the search index is behind", exc_info=error)
            pause = max(self._settings.refresh_seconds, _REST * (time.monotonic() - started))
            self._stopped.wait(pause)

    def _list(self, source: Source) -> None:
        size, known = source.ledger.head().size, self._index.known(source.hub)
        if size == known.size:
            return
        contracts = {
            record.ref.name: source.contracts.get(record.ref)
            for record in sorted(source.ledger.contracts(), key=lambda record: record.ref)
        }
        state = digest_of("\n".join(str(each.ref) for each in contracts.values()).encode())
        whole = size < known.size or state != known.contracts or size - known.size >= known.listed
        records = _every(source.ledger) if whole else _changed(source.ledger, known, size)
        listings = [
            listing_of(source.hub, record, contracts[record.id.contract])
            for record in records
            if record.id.contract in contracts
        ]
        self._index.put(source.hub, listings, size, state, whole)

    def _due(self) -> Iterator[DatasetId]:
        """Own datasets that are quiet, or have waited for too long."""
        now, waited = self._clock.now(), time.monotonic()
        settle = timedelta(seconds=self._settings.settle_seconds)
        found = self._index.uncovered(self._own.hub, _ROUND + len(self._failed))
        self._waiting = {each.id: self._waiting.get(each.id, waited) for each in found}
        for each in found:
            if self._stopped.is_set():
                return
            patient = waited - self._waiting[each.id] < self._settings.settle_limit_seconds
            if now - each.updated_at >= settle or not patient:
                yield each.id

    def _cover(self, id: DatasetId) -> Coverage | None:
        ledger = self._own.ledger
        size, batches = ledger.head().size, ledger.dataset(id).batches
        if self._failed.get(id) == batches:
            return None
        contract = self._own.contracts.newest(id.contract)
        known = self._index.coverage(self._own.hub, id)
        try:
            read = partial(ledger.batches, id, size)
            found = extended(known, contract, read, self._objects, self._engine, self._settings)
        except HechuanError as error:
            # it is looked at again once there is another batch
            self._failed[id] = batches
            _log.warning("sections of a dataset are not known", dataset=str(id), error=error.message)
            return None
        self._failed.pop(id, None)
        return found


def _every(ledger: LedgerStore) -> Iterator[DatasetRecord]:
    after = ""
    while page := ledger.datasets(None, None, after, _PAGE):
        yield from page
        after = str(page[-1].id)


def _changed(ledger: LedgerStore, known: Known, size: int) -> Iterator[DatasetRecord]:
    before, seen = size, set[DatasetId]()
    while page := ledger.newest_batches(None, None, before, _PAGE):
        seen |= {batch.dataset for batch in page if batch.index >= known.size}
        before = page[-1].index
        if before < known.size:
            break
    return (ledger.dataset(id) for id in seen)


def listing_of(hub: str, record: DatasetRecord, contract: Contract) -> Listing:
    """How a dataset is listed: under the newest version of its contract, which says who may read it."""
    return Listing(
        hub,
        record,
        contract.sharing,
        contract.title_zh,
        contract.title_en,
        promised_pause(contract.sla),
        coverable(contract),
        " ".join(_words(record.id.owner)),
    )


def promised_pause(sla: Collection[Sla]) -> timedelta | None:
    """The longest pause between updates under a contract's `frequency` and `latency`; None without a frequency.

    A contract without one (a register, cases) promises to publish what changes, which nothing here can judge.
    """
    found = {each.name: each for each in sla}
    frequency = _span(found.get("frequency"))
    return frequency and frequency + (_span(found.get("latency")) or timedelta())


def _span(sla: Sla | None) -> timedelta | None:
    if sla is None or sla.unit not in _UNITS or isinstance(sla.value, str | bool | None):
        return None
    return _UNITS[sla.unit] * sla.value


def _words(owner: AgencyId) -> Iterator[str]:
    for names in (PROVINCES.get(owner.jurisdiction), DEPARTMENTS.get(owner.name)):
        yield from names or ()
