"""Clock, objects, the ledger, and who belongs to the hub."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path
from typing import Protocol

from exchange.ids import AgencyId, DatasetId
from exchange.ports.record import (
    BatchRecord,
    CertificateRecord,
    ContractRecord,
    DatasetRecord,
    Entry,
    EntryKind,
    Head,
    KeyRecord,
    MoveRecord,
    RecipientRecord,
    Record,
    RevocationRecord,
    StatementRecord,
    VerdictRecord,
)


class Clock(Protocol):
    """Where the time comes from; read once per flow."""

    def now(self) -> datetime:
        """The current instant, UTC, microseconds."""


class ObjectStore(Protocol):
    """Immutable bytes under their digest. Puts are durable on return and harmless to repeat."""

    def put_file(self, path: Path, digest: str) -> None:
        """Take over a file whose digest is known: it is moved, or uploaded and removed."""

    def put_bytes(self, data: bytes, digest: str) -> None:
        """Store bytes whose digest is known."""

    def put_many(self, items: Sequence[tuple[bytes, str]]) -> None:
        """Store a group of small objects, (data, digest) each; far cheaper than one by one."""

    def read(self, digest: str) -> bytes:
        """All bytes; raises NotFoundError, or StorageError where they do not have that digest any more."""

    def chunks(self, digest: str, offset: int = 0, size: int = 1 << 20) -> Iterator[bytes]:
        """Bytes from offset on, in pieces of `size`; raises NotFoundError."""

    def local(self, digest: str) -> AbstractContextManager[Path]:
        """A readable file with the bytes, for as long as the context lasts; raises NotFoundError."""

    def size(self, digest: str) -> int:
        """Size in bytes; raises NotFoundError."""

    def digests(self) -> Iterator[tuple[str, int, datetime]]:
        """(digest, bytes, last put at) of every object; the hub's fsck walks this."""

    def delete(self, digest: str, before: datetime | None = None) -> bool:
        """Remove an object that nothing refers to, unless it was put again at or after `before`; absent is fine.

        Whether it was removed. Putting an object that is there already counts as putting it again, so a sweep
        with a grace period cannot take what a publish in progress relies on.
        """

    def discard_incoming(self, before: datetime) -> int:
        """Remove what interrupted puts left behind, last touched before the instant; returns how many."""


class Sequencer(Protocol):
    """The right to append, held by one process at a time until the context ends."""

    @property
    def size(self) -> int:
        """Tree size when the right was taken."""

    @property
    def last_recorded_at(self) -> datetime | None:
        """When the newest entry was recorded; entries never go back in time."""

    def tile(self, level: int, index: int) -> bytes:
        """Hashes of one tile, concatenated, full or partial; empty where there is none."""

    def batches_by_key(
        self, keys: Iterable[tuple[AgencyId, str]]
    ) -> Mapping[tuple[AgencyId, str], BatchRecord]:
        """Batches that already hold these idempotency keys."""

    def write(
        self,
        entries: Sequence[Entry],
        records: Sequence[Record],
        tiles: Sequence[tuple[int, int, bytes]],
        head: Head,
    ) -> None:
        """Everything of one group, in this transaction; durable when the context ends without an error."""


class LedgerStore(Protocol):
    """The ledger, its tiles and checkpoints, and the indexes over it, behind one transaction."""

    def sequence(self) -> AbstractContextManager[Sequencer]:
        """Take the right to append; waits for whoever holds it, raises BusyError past the limit."""

    def head(self) -> Head: ...

    def checkpoint(self, size: int) -> str:
        """The note signed at that tree size; raises NotFoundError."""

    def size_at(self, instant: datetime) -> int:
        """How many entries were recorded at or before the instant."""

    def tile(self, level: int, index: int) -> bytes:
        """As in Sequencer.tile, from committed state."""

    def entry(self, index: int) -> Entry:
        """Raises NotFoundError."""

    def entries(self, start: int, end: int) -> Iterator[Entry]:
        """Entries start ≤ index < end in order, streamed in bounded memory."""

    def batch(self, id: str) -> BatchRecord:
        """By batch id; raises NotFoundError."""

    def batches_by_key(
        self, keys: Iterable[tuple[AgencyId, str]]
    ) -> Mapping[tuple[AgencyId, str], BatchRecord]:
        """As in Sequencer.batches_by_key, from committed state."""

    def batches(
        self, dataset: DatasetId, size: int, skip: int = 0, most: int = 1 << 62
    ) -> Sequence[BatchRecord]:
        """Batches of a dataset with index < size, in ledger order: all, or at most so many behind the first `skip`."""

    def batches_under(self, contract: str, size: int) -> Sequence[BatchRecord]:
        """All batches under any version of a contract, of any owner, with index < size, in ledger order."""

    def newest_batches(
        self, dataset: DatasetId | None, publisher: AgencyId | None, before: int, limit: int
    ) -> Sequence[BatchRecord]:
        """Newest first, index < before."""

    def datasets(
        self, owner: AgencyId | None, contract: str | None, after: str, limit: int
    ) -> Sequence[DatasetRecord]:
        """In order of id, id > after; from sums kept per dataset, never by walking its batches."""

    def dataset(self, id: DatasetId) -> DatasetRecord:
        """Raises NotFoundError."""

    def contracts(self, name: str | None = None) -> Sequence[ContractRecord]:
        """All registered versions, of one name or of all, by name and version."""

    def keys(self, agency: AgencyId | None = None) -> Sequence[KeyRecord]: ...

    def key(self, id: str) -> KeyRecord:
        """Raises NotFoundError."""

    def revocations(self) -> Sequence[RevocationRecord]: ...

    def recipients(self, agency: AgencyId | None = None) -> Sequence[RecipientRecord]:
        """Recipient keys, newest first."""

    def moves(self, start: int = 0) -> Sequence[MoveRecord]:
        """All moves of agreements with index >= start, in ledger order."""

    def verdicts(
        self, dataset: DatasetId | None, batch: str | None, before: int, limit: int
    ) -> Sequence[VerdictRecord]:
        """Stewards' verdicts on a dataset, on a batch, or all, newest first, index < before."""

    def statements(self, kind: EntryKind, start: int = 0) -> Sequence[StatementRecord]:
        """All statements of one kind with index >= start, in ledger order."""

    def wait_past(self, size: int, timeout: float) -> int:
        """Block until the tree is larger than size, or timeout seconds pass; the size now."""


class InvitationStore(Protocol):
    """Outstanding invitations. Only the SHA-256 of a secret is kept, as `sha256:<hex>`."""

    def add_invitation(self, secret_hash: str, agency: AgencyId, expires_at: datetime) -> None:
        """Durable on return."""

    def use_invitation(self, secret_hash: str, agency: AgencyId, now: datetime) -> bool:
        """Spend it, in one atomic step: False where it is unknown, another agency's, spent or expired."""


class CertificateStore(Protocol):
    """What was issued to whom, so that it can be revoked."""

    def add_certificate(self, certificate: CertificateRecord) -> None:
        """Durable on return; raises ConflictError for a serial that is there already."""

    def certificates(self, agency: AgencyId | None = None) -> Sequence[CertificateRecord]:
        """In the order of issue."""


class LedgerArchive(LedgerStore, Protocol):
    """A ledger store that can be checked from below, copied while it is in use, and filled from a copy."""

    def damage(self) -> Sequence[str]:
        """What the database itself finds wrong with its files, a line each; nothing where it cannot tell."""

    def snapshot(self, path: Path) -> AbstractContextManager[LedgerStore]:
        """Write all tables of one moment to a new SQLite file, whatever the driver, and open it for reading."""

    def load(self, path: Path) -> None:
        """Fill an empty store from a snapshot; raises ConflictError where there is anything in it."""
