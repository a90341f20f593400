"""Group commit: whatever waits is appended in one transaction, under one signed checkpoint.

(0) store the group's small objects; take the turn to append: nobody else appends until it ends
(1) drop what the ledger holds already (same idempotency key)
(2) form the entries, hash them into the tree
(3) sign the checkpoint of the grown tree
(4) write entries, index, tiles and checkpoint; commit
(5) only now build receipts and answer

Nothing leaves this module before (4) has returned, so a checkpoint that anybody ever saw is a committed one.
"""

from __future__ import annotations

import itertools
import queue
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from exchange.errors import DrainingError, ReplayError, StorageError
from exchange.flow.entry import Body, derive, entry_bytes
from exchange.ids import AgencyId
from exchange.ledger import (
    MAX_ENTRY_BYTES,
    Checkpoint,
    LogSigner,
    Receipt,
    RightEdge,
    Tile,
    TiledTree,
    extend,
    leaf_hash,
    load_edge,
)
from exchange.ports import (
    BatchRecord,
    Clock,
    Entry,
    EntryKind,
    Head,
    LedgerStore,
    ObjectStore,
    Record,
    Sequencer,
    WitnessStore,
)

IdempotencyKey = tuple[AgencyId, str]


@dataclass(frozen=True, slots=True)
class Draft:
    """What is to be appended. A batch carries its id and idempotency key, the rest neither."""

    body: Body
    batch_id: str | None = None
    key: IdempotencyKey | None = None
    # Small objects, (data, digest), that the entry speaks of; large ones are stored by the caller.
    objects: tuple[tuple[bytes, str], ...] = ()
    # Its key was looked up after this process appended last: only another process can have entered it since.
    looked_up: bool = False


@dataclass(frozen=True, slots=True)
class Appended:
    """An entry with its index row and receipt; `duplicate` where the ledger held it before."""

    record: Record
    receipt: str
    duplicate: bool = False


Prepare = Callable[[], "Draft | Appended"]
Outcome = Appended | Exception
PrepareAll = Callable[[Sequence[Any]], Sequence[Draft | Outcome]]


@dataclass(frozen=True, slots=True)
class _Job:
    """Items that one caller waits for together."""

    prepare_all: PrepareAll
    items: Sequence[Any]
    done: Callable[[Sequence[Outcome]], None]


class Appender:
    """One thread that appends for the whole process. Callers hand in a draft, or a function that makes one.

    `on_append` hears of every committed group's records, before the callers do.
    """

    def __init__(
        self,
        ledger: LedgerStore,
        objects: ObjectStore,
        log: LogSigner,
        hub: str,
        clock: Clock,
        group_max: int,
        on_append: Callable[[Sequence[Record]], None] = lambda records: None,
        group_wait: float = 0.0,
    ) -> None:
        """A group has up to `group_max` items, and waits `group_wait` seconds for as many jobs as the last one had."""
        self._ledger = ledger
        self._objects = objects
        self._log = log
        self._hub = hub
        self._clock = clock
        self._group_max = group_max
        self._on_append = on_append
        self._group_wait = group_wait
        self._edge = RightEdge()
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="appender", daemon=True)
        self._thread.start()

    def submit(self, prepare: Prepare) -> Future[Appended]:
        """Append what `prepare` returns; it runs in the appender's thread, so let it be quick."""
        return self.submit_to(_each, prepare)

    def submit_to(self, prepare_all: PrepareAll, item: object) -> Future[Appended]:
        """Append what `prepare_all` makes of the item together with all others that wait for the same function.

        It gives, for each, a draft, what the ledger holds already, or the error.
        """
        future: Future[Appended] = Future()
        self._put(_Job(prepare_all, (item,), lambda outcomes: _settle(future, outcomes[0])))
        return future

    def submit_all(self, prepare_all: PrepareAll, items: Sequence[object]) -> Future[Sequence[Outcome]]:
        """The same for several items, whose outcomes come together, in their order."""
        future: Future[Sequence[Outcome]] = Future()
        self._put(_Job(prepare_all, items, future.set_result))
        return future

    def _put(self, job: _Job) -> None:
        if self._closed:
            raise DrainingError("the hub is shutting down")
        self._jobs.put(job)

    def append(self, draft: Draft) -> Appended:
        """Append and wait."""
        return self.submit(lambda: draft).result()

    def close(self) -> None:
        """Finish what waits, then stop."""
        self._closed = True
        self._jobs.put(None)
        self._thread.join()

    def _run(self) -> None:
        running, expected = True, 1
        while running:
            waiting = self._waiting(expected)
            jobs = [job for job in waiting if job is not None]
            running, expected = len(jobs) == len(waiting), len(jobs)
            if jobs:
                self._group(jobs)

    def _waiting(self, expected: int) -> list[_Job | None]:
        """What waits, at least one; None, which is the end, only as the last."""
        jobs, deadline = [job := self._jobs.get()], time.monotonic() + self._group_wait
        size = len(job.items) if job else 0
        while job is not None and size < self._group_max:
            left = deadline - time.monotonic() if len(jobs) < expected else 0
            try:
                jobs.append(job := self._jobs.get(left > 0, left))
            except queue.Empty:
                break
            size += len(job.items) if job else 0
        return jobs

    def _group(self, jobs: Sequence[_Job]) -> None:
        prepared = _prepared(jobs)
        drafts = [each for each in prepared if isinstance(each, Draft)]
        try:
            committed = iter(self._commit(drafts) if drafts else ())
        except Exception as error:
            self._edge = RightEdge()
            committed = iter([error] * len(drafts))
        outcomes = (next(committed) if isinstance(each, Draft) else each for each in prepared)
        for job in jobs:
            job.done(list(itertools.islice(outcomes, len(job.items))))

    def _commit(self, drafts: Sequence[Draft]) -> list[Outcome]:
        self._objects.put_many([item for draft in drafts for item in draft.objects])
        with self._ledger.sequence() as turn:  # (0)
            alone = turn.size == self._edge.size
            known = turn.batches_by_key(
                draft.key for draft in drafts if draft.key and not (alone and draft.looked_up)
            )
            fresh = _first_of_each(drafts, known)  # (1)
            edge = self._edge if self._edge.size == turn.size else load_edge(turn.size, turn.tile)
            entries, records, grown, tiles = self._form([drafts[i] for i in fresh], turn, edge)  # (2)
            if entries:
                checkpoint = Checkpoint(self._log.verifier.name, grown.size, grown.root())
                note = self._log.note(checkpoint, entries[-1].recorded_at)  # (3)
                written = [(tile.level, tile.index, tile.hashes) for tile in tiles]
                turn.write(entries, records, written, Head(grown.size, note))  # (4)
        if entries:
            self._edge = grown
            self._on_append(records)
        tree = TiledTree(grown.size, self._ledger.tile, grown)
        made: dict[int, Appended] = {}
        for at, entry, record in zip(fresh, entries, records, strict=True):  # (5)
            receipt = Receipt(entry.index, tuple(tree.inclusion_path(entry.index)), note, entry.data)
            made[at] = Appended(record, str(receipt))
        return [made.get(at) or self._held(draft, known, made, drafts) for at, draft in enumerate(drafts)]

    def _form(
        self, drafts: Sequence[Draft], turn: Sequencer, edge: RightEdge
    ) -> tuple[list[Entry], list[Record], RightEdge, list[Tile]]:
        now = self._clock.now()
        recorded_at = max(now, turn.last_recorded_at or now)
        entries: list[Entry] = []
        records: list[Record] = []
        for at, draft in enumerate(drafts):
            index = edge.size + at
            data = entry_bytes(draft.body, self._hub, recorded_at)
            if len(data) > MAX_ENTRY_BYTES:
                raise StorageError(f"an entry of {len(data)} bytes does not fit the ledger")
            kind = EntryKind(draft.body["kind"])
            entries.append(Entry(index, kind, data, leaf_hash(data), recorded_at, edge.size + len(drafts)))
            records.append(derive(draft.body, index, recorded_at))
        grown, tiles = extend(edge, [entry.leaf for entry in entries])
        return entries, records, grown, tiles

    def _held(
        self,
        draft: Draft,
        known: Mapping[IdempotencyKey, BatchRecord],
        made: Mapping[int, Appended],
        drafts: Sequence[Draft],
    ) -> Outcome:
        """What the ledger already says under this draft's key."""
        assert draft.key is not None
        record = known.get(draft.key)
        if record is None:
            twin = next(at for at in made if drafts[at].key == draft.key)
            found = made[twin].record
            assert isinstance(found, BatchRecord)
            record = found
        return answer_known(self._ledger, record, draft.batch_id)


def _each(items: Sequence[Prepare]) -> Sequence[Draft | Outcome]:
    found: list[Draft | Outcome] = []
    for prepare in items:
        try:
            found.append(prepare())
        except Exception as error:
            found.append(error)
    return found


def _prepared(jobs: Sequence[_Job]) -> list[Draft | Outcome]:
    """What each item of the jobs wants appended, functions called once for all theirs; in the order of the jobs."""
    items = [(job.prepare_all, item) for job in jobs for item in job.items]
    places: dict[PrepareAll, list[int]] = {}
    for at, (prepare_all, _) in enumerate(items):
        places.setdefault(prepare_all, []).append(at)
    found: dict[int, Draft | Outcome] = {}
    for prepare_all, mine in places.items():
        try:
            outcomes = prepare_all([items[at][1] for at in mine])
        except Exception as error:
            outcomes = [error] * len(mine)
        found.update(zip(mine, outcomes, strict=True))
    return [found[at] for at in range(len(items))]


def _settle(future: Future[Appended], outcome: Outcome) -> None:
    if isinstance(outcome, Exception):
        future.set_exception(outcome)
    else:
        future.set_result(outcome)


def answer_known(ledger: LedgerStore, record: BatchRecord, batch_id: str | None) -> Outcome:
    """The old receipt for the same batch again; ReplayError for another batch under the same key."""
    if record.id != batch_id:
        return ReplayError(
            f"idempotency key {record.idempotency_key!r} already stands for batch {record.id}; use a new key",
            detail={"batch": record.id},
        )
    return Appended(record, receipt_of(ledger, record.index), duplicate=True)


def receipt_of(ledger: LedgerStore, index: int, witnesses: WitnessStore | None = None) -> str:
    """The receipt of an entry; raises NotFoundError.

    Under the smallest checkpoint that peers have cosigned, if any covers it; else the same bytes every time.
    """
    entry = ledger.entry(index)
    size, lines = witnesses.cosigned(entry.checkpoint_size) if witnesses else (0, ())
    size = size or entry.checkpoint_size
    tree = TiledTree(size, ledger.tile)
    note = ledger.checkpoint(size) + "".join(lines)
    return str(Receipt(index, tuple(tree.inclusion_path(index)), note, entry.data))


def _first_of_each(drafts: Sequence[Draft], known: Mapping[IdempotencyKey, BatchRecord]) -> list[int]:
    taken = set(known)
    fresh: list[int] = []
    for at, draft in enumerate(drafts):
        if draft.key is None or draft.key not in taken:
            fresh.append(at)
            if draft.key is not None:
                taken.add(draft.key)
    return fresh
