"""The records that cross the ports: ledger entries, the index rows they stand for, and what is kept beside them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from exchange.batch.manifest import Kind
from exchange.ids import AgencyId, ContractRef, DatasetId


class EntryKind(StrEnum):
    """What a ledger entry states."""

    BATCH = "batch"
    CONTRACT = "contract"
    KEY = "key"
    REVOCATION = "revocation"
    AGREEMENT = "agreement"
    RECIPIENT = "recipient"
    VERDICT = "verdict"
    REFERRAL = "referral"
    SETTLEMENT = "settlement"
    REPORT = "report"
    ACCORD = "accord"

    @property
    def is_statement(self) -> bool:
        """Whether such entries are statements; see StatementRecord."""
        kinds = (EntryKind.REFERRAL, EntryKind.SETTLEMENT, EntryKind.REPORT, EntryKind.ACCORD)
        return self in kinds


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


@dataclass(frozen=True, slots=True)
class VerdictRecord:
    """What a steward decided about a batch; `envelope` is the signed statement."""

    index: int
    # Digest of the payload.
    id: str
    batch: str
    dataset: DatasetId
    by: AgencyId
    decision: str
    # What was asked: digest of the suites, and the tree size they were asked at.
    suite: str
    tree_size: int
    envelope: bytes
    public_key: str
    recorded_at: datetime


@dataclass(frozen=True, slots=True)
class StatementRecord:
    """An agency's signed word on a subject that concerns several agencies: in the ledger of the hub of each of them."""

    index: int
    # Which kind of subject; its payload type and meaning follow from that.
    kind: EntryKind
    # Digest of the payload.
    id: str
    subject: str
    parties: tuple[AgencyId, ...]
    envelope: bytes
    public_key: str
    # Hub and index of the entry that this one repeats.
    origin: tuple[str, int] | None
    recorded_at: datetime


Record = (
    BatchRecord
    | ContractRecord
    | KeyRecord
    | RevocationRecord
    | MoveRecord
    | RecipientRecord
    | StatementRecord
    | VerdictRecord
)


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


@dataclass(frozen=True, slots=True)
class CertificateRecord:
    """A certificate this hub issued; `serial` in lower-case hex."""

    serial: str
    agency: AgencyId
    issued_at: datetime
    not_after: datetime


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


@dataclass(frozen=True, slots=True)
class ReadEnd:
    """How a recorded read ended: rows and bytes delivered, and the outcome as in its AccessRecord."""

    id: str
    ended_at: datetime
    rows: int
    bytes: int
    outcome: str


@dataclass(frozen=True, slots=True)
class SealedKey:
    """A batch key wrapped for one recipient under one agreement; `envelope` is the publisher's, with the key inside."""

    key: str
    dataset: DatasetId
    agreement: str
    recipient: str
    envelope: bytes


@dataclass(frozen=True, slots=True)
class Alarm:
    """Something that a person must look at; `evidence` holds what proves it, such as both heads of a fork."""

    id: str
    kind: str
    origin: str
    raised_at: datetime
    evidence: Mapping[str, str]
