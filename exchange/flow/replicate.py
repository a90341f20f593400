"""A copy of another hub's ledger that is held to it entry by entry, and of the objects that agreements let be mirrored.

Each page of entries is taken in one transaction or not at all:
(0) it continues the copy without a gap
(1) the peer's log signed the checkpoint, of the size that the copy will then have
(2) the leaves of copy and page together have the checkpoint's root; else the peer has forked, or what came is garbage
(3) every entry is one of the known forms, and what it says is signed by whom it names
(4) entries, indexes, tiles and checkpoint are committed

The copy is a ledger store like the hub's own, so everything that reads a ledger reads a copy of one. It is never
written by anything else.
"""

from __future__ import annotations

import hashlib
import json
import os
import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from exchange.agreement.negotiation import Negotiation
from exchange.batch.manifest import parse_instant
from exchange.errors import (
    DigestMismatchError,
    HechuanError,
    NotFoundError,
    ProofInvalidError,
)
from exchange.flow.entry import derive
from exchange.flow.registry import ContractRegistry, KeyRing
from exchange.flow.signed import check_signed
from exchange.flow.witness import fork_of
from exchange.ids import AgencyId, DatasetId
from exchange.ledger import (
    Checkpoint,
    RightEdge,
    VerifierKey,
    extend,
    leaf_hash,
    load_edge,
    verify_checkpoint,
    verify_consistency,
)
from exchange.ports import (
    BatchRecord,
    Clock,
    Entry,
    EntryKind,
    Head,
    KeyRecord,
    LedgerStore,
    ObjectStore,
    Peer,
    PeerPage,
    Record,
    WitnessStore,
)
from exchange.trust.keys import VerifyKey

_AT_ONCE = 4


class Replica:
    """The verified copy of one peer's ledger."""

    def __init__(
        self, hub: str, ledger: LedgerStore, store: WitnessStore, clock: Clock, refresh: float
    ) -> None:
        self.hub = hub
        self.ledger = ledger
        self.contracts = ContractRegistry(ledger)
        self.keys = KeyRing(ledger, refresh)
        self._store = store
        self._clock = clock
        self._edge = RightEdge()

    @property
    def size(self) -> int:
        """How many entries have been verified."""
        return self.ledger.head().size

    def take(self, peer: Peer, log: VerifierKey, page: PeerPage) -> Sequence[Record]:
        """Steps (0) to (4); raises ProofInvalidError, SignatureInvalidError, MalformedError, and takes nothing."""
        with self.ledger.sequence() as turn:
            if not page.entries or page.entries[0][0] != turn.size:  # (0)
                raise ProofInvalidError(
                    f"{log.name}: the page does not continue a ledger of {turn.size} entries"
                )
            edge = self._edge if self._edge.size == turn.size else load_edge(turn.size, turn.tile)
            checkpoint = verify_checkpoint(page.note, log)  # (1)
            leaves = [leaf_hash(data) for _, data in page.entries]
            grown, tiles = extend(edge, leaves)
            if (checkpoint.size, checkpoint.root) != (grown.size, grown.root()):  # (2)
                self._refuse(peer, log, page.note, checkpoint)
            entries, records = self._read(page, leaves, grown.size)  # (3)
            written = [(tile.level, tile.index, tile.hashes) for tile in tiles]
            turn.write(entries, records, written, Head(grown.size, page.note))  # (4)
        self._edge = grown
        self.keys.observe(records)
        return records

    def compare(self, peer: Peer, log: VerifierKey) -> None:
        """Hold the peer's newest checkpoint against the copy, where the peer has fewer entries; raises as `take`."""
        note, head = peer.checkpoint(), self.ledger.head()
        checkpoint = verify_checkpoint(note, log)
        if checkpoint.size >= head.size:
            return
        kind = "rolled back" if self._root_at(checkpoint.size) == checkpoint.root else "fork"
        self._store.raise_alarm(fork_of(log.name, head.note, note, self._clock.now(), kind))
        raise ProofInvalidError(
            f"{log.name} shows {checkpoint.size} entries, it has shown {head.size} before: {kind}",
            detail={"reason": "FORK" if kind == "fork" else "ROLLED_BACK"},
        )

    def _refuse(self, peer: Peer, log: VerifierKey, note: str, checkpoint: Checkpoint) -> None:
        """The root is another: tell a fork, which the log has signed, from garbage, which it has not."""
        head = self.ledger.head()
        if head.size:
            known = verify_checkpoint(head.note, log)
            try:
                path = peer.consistency(head.size, checkpoint.size)
                verify_consistency(head.size, known.root, checkpoint.size, checkpoint.root, path)
            except HechuanError as error:
                if error.retryable:
                    raise
                self._store.raise_alarm(fork_of(log.name, head.note, note, self._clock.now()))
                raise ProofInvalidError(
                    f"{log.name} has forked: its head of {checkpoint.size} entries does not continue {head.size}",
                    detail={"reason": "FORK"},
                ) from error
        raise ProofInvalidError(
            f"{log.name}: the entries are not those of the checkpoint", detail={"reason": "GARBAGE"}
        )

    def _root_at(self, size: int) -> bytes:
        return load_edge(size, self.ledger.tile).root()

    def _read(self, page: PeerPage, leaves: Iterable[bytes], size: int) -> tuple[list[Entry], list[Record]]:
        entries: list[Entry] = []
        records: list[Record] = []
        fresh: dict[str, KeyRecord] = {}
        resolve = self._resolve(fresh)
        for (index, data), leaf in zip(page.entries, leaves, strict=True):
            try:
                body = json.loads(data)
                at = parse_instant(body["recorded_at"])
                record = derive(body, index, at)
                if body["hub"] != self.hub:
                    raise ProofInvalidError("it is another hub's")
                check_signed(body, record, resolve)
            except (ValueError, KeyError, TypeError, AttributeError, HechuanError) as error:
                raise ProofInvalidError(
                    f"entry {index} of hub {self.hub}: {error}", detail={"reason": "UNSIGNED_ENTRY"}
                ) from error
            if isinstance(record, KeyRecord):
                fresh[record.id] = record
            entries.append(Entry(index, EntryKind(body["kind"]), data, leaf, at, size))
            records.append(record)
        return entries, records

    def _resolve(self, fresh: dict[str, KeyRecord]) -> Callable[[AgencyId, str], VerifyKey]:
        def found(agency: AgencyId, key_id: str) -> VerifyKey:
            if key_id in fresh and fresh[key_id].agency == agency:
                return VerifyKey.parse(fresh[key_id].public_key)
            return self.keys.resolve(agency, key_id)

        return found


@dataclass(frozen=True, slots=True)
class Wanted:
    """A dataset that this hub mirrors, and the reader under whose agreement it does."""

    dataset: DatasetId
    reader: AgencyId


def wanted_mirrors(agreements: Iterable[Negotiation], hub: str, peer: str, clock: Clock) -> list[Wanted]:
    """What agreements in force let this hub mirror from a peer."""
    now = clock.now()
    found = {
        each.terms.dataset: Wanted(each.terms.dataset, each.terms.consumer)
        for each in agreements
        if each.terms.mirror
        and each.grants_at(now)
        and each.terms.consumer.jurisdiction == hub
        and each.terms.provider.jurisdiction == peer
    }
    return list(found.values())


class Mirror:
    """Objects of a replica's batches, in the hub's own object store."""

    def __init__(self, replica: Replica, objects: ObjectStore, spool: Path) -> None:
        self._replica = replica
        self._objects = objects
        self._spool = spool
        self._have: set[str] = set()
        self._lock = threading.Lock()

    def complete(self, dataset: DatasetId) -> bool:
        """Whether every batch of the dataset that the replica knows of can be read here."""
        batches = self._replica.ledger.batches(dataset, self._replica.size)
        return bool(batches) and all(self._has(digest) for batch in batches for _, digest in _parts(batch))

    def fill(self, peer: Peer, wanted: Wanted) -> int:
        """Fetch what is missing, going on where an earlier try broke off; how many bytes came."""
        with self._lock:
            missing = {
                digest: (batch.id, part)
                for batch in self._replica.ledger.batches(wanted.dataset, self._replica.size)
                for part, digest in _parts(batch)
                if not self._has(digest)
            }
            if not missing:
                return 0

            def fetch(item: tuple[str, tuple[str, str]]) -> int:
                digest, (batch, part) = item
                return self._fetch(peer, wanted.reader, batch, part, digest)

            # the disk's waits on both sides hide behind each other
            with ThreadPoolExecutor(_AT_ONCE, "mirror") as pool:
                return sum(pool.map(fetch, missing.items()))

    def _has(self, digest: str) -> bool:
        if digest not in self._have:
            try:
                self._objects.size(digest)
            except NotFoundError:
                return False
            self._have.add(digest)
        return True

    def _fetch(self, peer: Peer, reader: AgencyId, batch: str, part: str, digest: str) -> int:
        path = self._spool / f"mirror-{digest.removeprefix('sha256:')}"
        hasher = hashlib.sha256()
        with path.open("a+b") as file:
            file.seek(0)
            while known := file.read(1 << 20):
                hasher.update(known)
            offset = file.tell()
            for chunk in peer.fetch(batch, part, reader, offset):
                hasher.update(chunk)
                file.write(chunk)
            size = file.tell()
            file.flush()
            os.fsync(file.fileno())
        if "sha256:" + hasher.hexdigest() != digest:
            path.unlink()
            raise DigestMismatchError(
                f"{part} of batch {batch} came with other bytes than its publisher signed"
            )
        self._objects.put_file(path, digest)
        with suppress(FileNotFoundError):
            path.unlink()
        self._have.add(digest)
        return size - offset


def _parts(batch: BatchRecord) -> list[tuple[str, str]]:
    """What it takes to read a batch: its object, and the report that says which rows do not count."""
    parts = [("object", batch.object)]
    return parts if batch.report is None else [*parts, ("report", batch.report)]
