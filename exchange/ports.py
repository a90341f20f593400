"""What the flows need from the outside world, as Protocols, and the records that cross them.

Drivers live in `exchange.store`; one behaviour suite holds all of them (`tests/behaviour`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Protocol

import pyarrow as pa

from exchange.batch.manifest import Kind
from exchange.contract.model import Contract
from exchange.ids import AgencyId, ContractRef, DatasetId
from exchange.trust.condition import RowFilter


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


class EntryKind(StrEnum):
    """What a ledger entry states."""

    BATCH = "batch"
    CONTRACT = "contract"
    KEY = "key"
    REVOCATION = "revocation"
    AGREEMENT = "agreement"
    RECIPIENT = "recipient"


@dataclass(frozen=True, slots=True)
class Entry:
    """One ledger entry: `data` is the canonical JSON that was hashed into the leaf."""

    index: int
    kind: EntryKind
    data: bytes
    leaf: bytes
    recorded_at: datetime
    # Size of the tree whose checkpoint its receipt carries.
    checkpoint_size: int


@dataclass(frozen=True, slots=True)
class BatchRecord:
    """One row of the batch index; all of it can be rebuilt from the entry at `index`."""

    index: int
    id: str
    publisher: AgencyId
    idempotency_key: str
    dataset: DatasetId
    contract: ContractRef
    kind: Kind
    object: str
    object_bytes: int
    source: str
    encoded_by_hub: bool
    report: str | None
    rows: int
    accepted: int
    rejected: int
    counts: Mapping[str, int]
    corrects: tuple[str, ...]
    period_from: datetime | None
    period_until: datetime | None
    recorded_at: datetime


@dataclass(frozen=True, slots=True)
class ContractRecord:
    """A registered contract version; `text` is the YAML as registered."""

    index: int
    ref: ContractRef
    digest: str
    text: bytes
    registered_by: str
    recorded_at: datetime


@dataclass(frozen=True, slots=True)
class KeyRecord:
    """A signing key of an agency. `revoked_index` is the entry that revoked it."""

    index: int
    id: str
    agency: AgencyId
    public_key: str
    recorded_at: datetime
    revoked_index: int | None = None


@dataclass(frozen=True, slots=True)
class RevocationRecord:
    """A certificate (`serial`, lower-case hex) or a signing key (`key_id`) that no longer counts."""

    index: int
    agency: AgencyId
    serial: str | None
    key_id: str | None
    recorded_at: datetime


@dataclass(frozen=True, slots=True)
class MoveRecord:
    """One move of an agreement: the signed envelope, and where it was entered first, if not here."""

    index: int
    # Digest of the payload.
    id: str
    agreement: str
    dataset: DatasetId
    consumer: AgencyId
    envelope: bytes
    public_key: str
    # Hub and index of the entry that this one repeats.
    origin: tuple[str, int] | None
    recorded_at: datetime


@dataclass(frozen=True, slots=True)
class RecipientRecord:
    """A public key that an agency lets batch keys be wrapped for."""

    index: int
    id: str
    agency: AgencyId
    public_key: str
    recorded_at: datetime


Record = BatchRecord | ContractRecord | KeyRecord | RevocationRecord | MoveRecord | RecipientRecord


@dataclass(frozen=True, slots=True)
class Head:
    """The newest checkpoint; size 0 with an empty note before the first entry."""

    size: int
    note: str


@dataclass(frozen=True, slots=True)
class DatasetRecord:
    """Sums over a dataset's batches."""

    id: DatasetId
    contract: ContractRef
    batches: int
    accepted: int
    rejected: int
    period_from: datetime | None
    period_until: datetime | None
    updated_at: datetime


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

    def batches(self, dataset: DatasetId, size: int) -> Sequence[BatchRecord]:
        """All batches of a dataset with index < size, in ledger order."""

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

    def wait_past(self, size: int, timeout: float) -> int:
        """Block until the tree is larger than size, or timeout seconds pass; the size now."""


class InvitationStore(Protocol):
    """Outstanding invitations. Only the SHA-256 of a secret is kept, as `sha256:<hex>`."""

    def add_invitation(self, secret_hash: str, agency: AgencyId, expires_at: datetime) -> None:
        """Durable on return."""

    def use_invitation(self, secret_hash: str, agency: AgencyId, now: datetime) -> bool:
        """Spend it, in one atomic step: False where it is unknown, another agency's, spent or expired."""


@dataclass(frozen=True, slots=True)
class CertificateRecord:
    """A certificate this hub issued; `serial` in lower-case hex."""

    serial: str
    agency: AgencyId
    issued_at: datetime
    not_after: datetime


class CertificateStore(Protocol):
    """What was issued to whom, so that it can be revoked."""

    def add_certificate(self, certificate: CertificateRecord) -> None:
        """Durable on return; raises ConflictError for a serial that is there already."""

    def certificates(self, agency: AgencyId | None = None) -> Sequence[CertificateRecord]:
        """In the order of issue."""


@dataclass(frozen=True, slots=True)
class AccessRecord:
    """One read of one dataset by somebody else than its owner; written before the first byte, closed after the last."""

    id: str
    dataset: DatasetId
    reader: AgencyId
    # The hub that asked on the reader's behalf; empty where the reader asked here.
    via: str
    # query or fetch
    act: str
    # Empty where the dataset is shared without conditions.
    agreement: str
    columns: tuple[str, ...]
    tree_size: int
    # Digest of the question, or of the bytes fetched.
    question: str
    started_at: datetime
    # None while it runs, or where the hub died with it.
    ended_at: datetime | None = None
    rows: int | None = None
    bytes: int | None = None
    # complete, or the code of the error that ended it
    outcome: str = ""


class AccessLog(Protocol):
    """Who read what. Kept outside the ledger: readers are not the public's business."""

    def begin_read(self, record: AccessRecord) -> None:
        """Durable on return."""

    def end_read(self, id: str, ended_at: datetime, rows: int, bytes: int, outcome: str) -> None:
        """Close a record."""

    def reads(
        self, owner: AgencyId, dataset: DatasetId | None, before: datetime | None, limit: int
    ) -> Sequence[AccessRecord]:
        """Reads of an owner's datasets, newest first."""


@dataclass(frozen=True, slots=True)
class SealedKey:
    """A batch key wrapped for one recipient under one agreement; `envelope` is the publisher's, with the key inside."""

    key: str
    dataset: DatasetId
    agreement: str
    recipient: str
    envelope: bytes


class SealStore(Protocol):
    """Wrapped batch keys. Outside the ledger, which forgets nothing."""

    def keep_keys(self, keys: Sequence[SealedKey]) -> None:
        """Durable on return; the same key for the same recipient and agreement again takes its place."""

    def sealed_keys(self, dataset: DatasetId, agreements: Sequence[str]) -> Sequence[SealedKey]:
        """Wrapped keys of a dataset under these agreements."""

    def erase_key(self, key: str, dataset: DatasetId, at: datetime) -> int:
        """Remove every wrapped copy, remember that the key is erased, in one step; how many copies there were."""

    def is_erased(self, key: str) -> bool: ...


@dataclass(frozen=True, slots=True)
class Alarm:
    """Something that a person must look at; `evidence` holds what proves it, such as both heads of a fork."""

    id: str
    kind: str
    origin: str
    raised_at: datetime
    evidence: Mapping[str, str]


class WitnessStore(Protocol):
    """What others cosigned of this log, what this hub witnessed of others, and alarms."""

    def add_cosignature(self, size: int, witness: str, line: str) -> None:
        """A witness's signature line over this log's checkpoint of that size; durable on return."""

    def cosigned(self, least: int) -> tuple[int, Sequence[str]]:
        """The smallest cosigned size >= least, with its signature lines; (0, ()) where there is none."""

    def witnessed(self, origin: str) -> tuple[int, str]:
        """Size and note of the newest checkpoint of a log that this hub cosigned; (0, "") where none."""

    def witness(self, origin: str, size: int, note: str) -> None:
        """Remember it, durably, before the cosignature is given away."""

    def raise_alarm(self, alarm: Alarm) -> None:
        """Keep an alarm; the same id again changes nothing."""

    def alarms(self, limit: int = 1000) -> Sequence[Alarm]:
        """Newest first."""


@dataclass(frozen=True, slots=True)
class PeerPage:
    """Entries of another hub's ledger, as they were hashed, and the checkpoint of the ledger that ends with them."""

    entries: tuple[tuple[int, bytes], ...]
    note: str


class Peer(Protocol):
    """Another hub, reached as this one; nothing it says counts before it has been verified."""

    def follow(self, start: int) -> Iterator[PeerPage]:
        """Its ledger from an entry on, live; ends only with an error, UnavailableError among them."""

    def checkpoint(self) -> str:
        """Its newest checkpoint, as a note."""

    def consistency(self, first: int, second: int) -> Sequence[bytes]:
        """A consistency proof between two sizes."""

    def add_checkpoint(self, body: bytes) -> bytes:
        """Ask for cosignatures; raises WitnessConflictError and what else the witness says."""

    def fetch(self, batch: str, part: str, reader: AgencyId, offset: int) -> Iterator[bytes]:
        """Bytes of one part of a batch (object or report), on behalf of a reader."""

    def close(self) -> None:
        """Let go of the connection; what is under way ends with an error."""


class LedgerArchive(LedgerStore, Protocol):
    """A ledger store that can be checked from below, copied while it is in use, and filled from a copy."""

    def damage(self) -> Sequence[str]:
        """What the database itself finds wrong with its files, a line each; nothing where it cannot tell."""

    def snapshot(self, path: Path) -> AbstractContextManager[LedgerStore]:
        """Write all tables of one moment to a new SQLite file, whatever the driver, and open it for reading."""

    def load(self, path: Path) -> None:
        """Fill an empty store from a snapshot; raises ConflictError where there is anything in it."""


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition on one column; `values` are already of the column's type."""

    column: str
    operator: str  # eq ne lt le gt ge in is_null not_null
    values: tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Part:
    """One stored batch as a query reads it: its file, and which of its rows do not count."""

    record: BatchRecord
    path: Path
    report: Path | None


@dataclass(frozen=True, slots=True)
class Plan:
    """What to read: `parts` in ledger order, all under `contract`'s major version."""

    contract: Contract
    parts: tuple[Part, ...]
    columns: tuple[str, ...]
    conditions: tuple[Condition, ...]
    history: bool
    limit: int | None
    # What the reader's agreement lets through, on top of the conditions.
    row_filter: RowFilter | None = None


class TableEngine(Protocol):
    """Reads stored batches as one table. The same plan gives the same rows in the same order, always."""

    def schema(self, plan: Plan) -> pa.Schema:
        """Schema of every batch that `standing` yields for this plan; also where it yields none."""

    def quarantine_schema(self, plan: Plan) -> pa.Schema:
        """The same for `quarantined`."""

    def standing(self, plan: Plan) -> Iterator[pa.RecordBatch]:
        """Rows that stand: accepted, not superseded or retracted by a later part with the same primary key.

        With plan.history: every accepted row of every part, plus `_index` (int64), `_kind` (string) and
        `_recorded_at` (timestamp us UTC).
        """

    def quarantined(self, plan: Plan, corrected: bool) -> Iterator[pa.RecordBatch]:
        """Rejected rows, one row per violation of severity error: `_index`, `_batch`, `_row`, `_rule`, `_column`,
        `_value`, `_corrected` (bool), then the contract's columns. Without `corrected`, only the open ones."""
