"""What a checked pack proves, as values: the cover page is written from these alone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from exchange.agreement.negotiation import State
from exchange.agreement.terms import Terms
from exchange.evidence.keys import HubKeys
from exchange.evidence.manifest import PackManifest

Cosigned = tuple[tuple[str, datetime], ...]
"""(witness, when it cosigned), by name."""


@dataclass(frozen=True, slots=True)
class LogFacts:
    """One hub's ledger as far as the pack shows it: the newest checkpoint, into which every receipt's leads."""

    hub: str
    origin: str
    size: int
    root: str
    algorithms: tuple[str, ...]
    cosigned: Cosigned
    receipts: int
    links: int


@dataclass(frozen=True, slots=True)
class KeyFacts:
    """An agency's signing key and its registration; `index` is None where the pack has no receipt of it."""

    agency: str
    key: str
    hub: str
    index: int | None
    recorded_at: datetime | None
    revoked_index: int | None = None
    revoked_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ContractFacts:
    """A contract version; `signed` where its department's signature is in the entry."""

    ref: str
    digest: str
    title_zh: str
    title_en: str
    registered_by: str
    signed: bool
    index: int
    recorded_at: datetime


@dataclass(frozen=True, slots=True)
class RuleFacts:
    """How many rows broke a rule, and what it says."""

    rule: str
    rows: int
    severity: str
    zh: str
    en: str


@dataclass(frozen=True, slots=True)
class PartFacts:
    """Bytes of a batch: object, source or report; `absent` says why they are not in the pack."""

    part: str
    file: str
    digest: str
    bytes: int | None
    absent: str


@dataclass(frozen=True, slots=True)
class BatchFacts:
    """One batch: who signed what, when it was recorded, what the hub found."""

    id: str
    index: int
    dataset: str
    publisher: str
    contract: str
    kind: str
    key: str
    created_at: datetime
    recorded_at: datetime
    period: tuple[datetime, datetime] | None
    rows: int
    accepted: int
    rejected: int
    counts: tuple[RuleFacts, ...]
    parts: tuple[PartFacts, ...]
    sealed: tuple[str, ...]
    checkpoint: int
    cosigned: Cosigned


@dataclass(frozen=True, slots=True)
class MoveFacts:
    """One move; `origin` is (hub, index) where it was entered first, if not here, and whether that is shown too."""

    id: str
    act: str
    by: str
    key: str
    at: datetime
    index: int
    recorded_at: datetime
    reason: str
    origin: tuple[str, int] | None
    origin_shown: bool
    checkpoint: int
    cosigned: Cosigned


@dataclass(frozen=True, slots=True)
class AgreementFacts:
    """An agreement: terms, moves in ledger order, state when the pack was made; `signers` of the document."""

    terms: Terms
    state: State
    moves: tuple[MoveFacts, ...]
    signers: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class RowsFacts:
    """The rows that stood at a tree size, as the hub signed them."""

    file: str
    tree_size: int
    rows: int
    bytes: int
    digest: str
    created_at: datetime
    agreement: str
    key: str


@dataclass(frozen=True, slots=True)
class PackFacts:
    """Everything."""

    manifest: PackManifest
    hubs: tuple[HubKeys, ...]
    logs: tuple[LogFacts, ...]
    keys: tuple[KeyFacts, ...]
    contracts: tuple[ContractFacts, ...]
    batches: tuple[BatchFacts, ...]
    agreement: AgreementFacts | None
    rows: RowsFacts | None
