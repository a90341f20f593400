"""Objects of a peer's batches that agreements let this hub keep, in its own object store.

(0) what is missing of the datasets whose agreements in force let them be mirrored
(1) the peer is asked for many parts in one call, each from the byte that an earlier try reached
(2) what comes is hashed and written while more comes; small parts wait in memory
(3) bytes without the digest that their publisher signed are thrown away
(4) the object store takes the others: large ones beside what still comes, small ones by the group
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Collection, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from exchange.agreement.negotiation import Negotiation
from exchange.errors import DigestMismatchError, LimitExceededError, NotFoundError
from exchange.flow.replicate import Replica
from exchange.ids import AgencyId, DatasetId, digest_of
from exchange.ports import BatchRecord, Clock, ObjectStore, PartHeader, Peer, WantedPart
from exchange.settings import Limit

_PARTS_OF_A_CALL = 256
_BESIDE = 4
_STEP = 1 << 20
# small parts in memory before they are stored together
_GROUP_BYTES = 4 << 20


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

    def __init__(self, replica: Replica, objects: ObjectStore, spool: Path, limit: Limit) -> None:
        self._replica = replica
        self._objects = objects
        self._spool = spool
        self._limit = limit
        self._have: dict[DatasetId, set[str]] = {}
        self._lock = threading.Lock()

    def complete(self, dataset: DatasetId) -> bool:
        """Whether every batch of the dataset that the replica knows of can be read here."""
        batches = self._replica.ledger.batches(dataset, self._replica.size)
        here = self._have.get(dataset, set())
        return bool(batches) and all(
            self._has(here, digest) for batch in batches for _, digest in parts_of(batch)
        )

    def keep_to(self, datasets: Collection[DatasetId]) -> None:
        """Forget what is here of others: once no agreement lets it be mirrored it may be swept at any time."""
        with self._lock:
            for dataset in self._have.keys() - set(datasets):
                del self._have[dataset]

    def fill(self, peer: Peer, wanted: Wanted) -> int:
        """Fetch what is missing, going on where an earlier try broke off; how many bytes came."""
        with self._lock:
            missing = self._missing(wanted.dataset)  # (0)
            calls = [missing[at : at + _PARTS_OF_A_CALL] for at in range(0, len(missing), _PARTS_OF_A_CALL)]
            return sum(self._fetch(peer, wanted, call) for call in calls)

    def _missing(self, dataset: DatasetId) -> list[Missing]:
        prefix, here = f"mirror-{self._replica.hub}-", self._have.setdefault(dataset, set())
        found = {
            digest: Missing(batch.id, part, digest, self._spool / f"{prefix}{digest.removeprefix('sha256:')}")
            for batch in self._replica.ledger.batches(dataset, self._replica.size)
            for part, digest in parts_of(batch)
            if not self._has(here, digest)
        }
        return list(found.values())

    def _has(self, here: set[str], digest: str) -> bool:
        if digest not in here:
            try:
                self._objects.size(digest)
            except NotFoundError:
                return False
            here.add(digest)
        return True

    def _fetch(self, peer: Peer, wanted: Wanted, call: Sequence[Missing]) -> int:
        with _Arrivals(self._objects, self._limit) as arrivals:
            answer = peer.fetch(wanted.reader, [each.wanted() for each in call])  # (1)
            for each in call:
                arrivals.take(each, answer)
        self._have[wanted.dataset].update(each.digest for each in call)
        return arrivals.received


@dataclass(frozen=True, slots=True)
class Missing:
    """A part that is not here yet; `path` is where an earlier try left what it had of it."""

    batch: str
    part: str
    digest: str
    path: Path

    @property
    def offset(self) -> int:
        """How many bytes are here."""
        return self.path.stat().st_size if self.path.exists() else 0

    def wanted(self) -> WantedPart:
        """What to ask for."""
        return WantedPart(self.batch, self.part, self.offset)


class _Arrivals:
    """The parts of one call on their way into the store; when it ends, all that came whole are there."""

    def __init__(self, objects: ObjectStore, limit: Limit) -> None:
        self._objects = objects
        self._limit = limit
        self._pool = ThreadPoolExecutor(_BESIDE, "mirror")
        self._stored: list[Future[None]] = []
        self._small: list[tuple[bytes, str]] = []
        self.received = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._store_small()
        self._pool.shutdown()
        if error is None:
            for stored in self._stored:
                stored.result()

    def take(self, part: Missing, answer: Iterator[PartHeader | memoryview]) -> None:
        """Steps (2) to (4) for the next part; raises DigestMismatchError, LimitExceededError, what the peer says."""
        header = next(answer, None)
        if not isinstance(header, PartHeader) or header.digest != part.digest:
            raise DigestMismatchError(f"another part than {part.part} of batch {part.batch} came")
        if header.bytes > self._limit.batch_bytes:
            raise LimitExceededError(f"{part.part} of batch {part.batch} has {header.bytes} bytes")
        offset = part.offset
        if offset > header.bytes:
            part.path.unlink()
            raise _other_bytes(part)
        data = self._counted(part, answer, header.bytes - offset)
        if offset == 0 and header.bytes <= self._limit.small_batch_bytes:
            self._take_small(part, b"".join(data))
        else:
            self._take_large(part, data)

    def _counted(
        self, part: Missing, answer: Iterator[PartHeader | memoryview], left: int
    ) -> Iterator[memoryview]:
        while left:
            chunk = next(answer, None)
            if not isinstance(chunk, memoryview) or len(chunk) > left:
                raise _other_bytes(part)
            left -= len(chunk)
            self.received += len(chunk)
            yield chunk

    def _take_small(self, part: Missing, data: bytes) -> None:
        if digest_of(data) != part.digest:  # (3)
            raise _other_bytes(part)
        self._small.append((data, part.digest))
        if sum(len(data) for data, _ in self._small) > _GROUP_BYTES:
            self._store_small()

    def _take_large(self, part: Missing, data: Iterator[memoryview]) -> None:
        hasher = hashlib.sha256()
        with part.path.open("a+b", buffering=0) as file:
            file.seek(0)
            while known := file.read(_STEP):
                hasher.update(known)
            for chunk in data:  # (2)
                hasher.update(chunk)
                file.write(chunk)
        if "sha256:" + hasher.hexdigest() != part.digest:  # (3)
            part.path.unlink()
            raise _other_bytes(part)
        self._stored.append(self._pool.submit(self._objects.put_file, part.path, part.digest))  # (4)

    def _store_small(self) -> None:
        small, self._small = self._small, []
        if small:
            self._stored.append(self._pool.submit(self._objects.put_many, small))


def _other_bytes(part: Missing) -> DigestMismatchError:
    return DigestMismatchError(
        f"{part.part} of batch {part.batch} came with other bytes than its publisher signed"
    )


def parts_of(batch: BatchRecord) -> list[tuple[str, str]]:
    """What it takes to read a batch: its object, and the report that says which rows do not count."""
    parts = [("object", batch.object)]
    return parts if batch.report is None else [*parts, ("report", batch.report)]
