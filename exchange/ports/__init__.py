"""What the flows need from the outside world, as Protocols, and the records that cross them.

Drivers live in `exchange.store` and `exchange.client`; one behaviour suite holds those of the stores
(`tests/behaviour`).
"""

from exchange.ports.engine import (
    Condition,
    Part,
    Plan,
    TableEngine,
)
from exchange.ports.federation import (
    AccessLog,
    AttachmentStore,
    PartHeader,
    Peer,
    PeerPage,
    SealStore,
    WantedPart,
    WitnessStore,
)
from exchange.ports.record import (
    AccessRecord,
    Alarm,
    BatchRecord,
    CertificateRecord,
    ContractRecord,
    DatasetRecord,
    Entry,
    EntryKind,
    Head,
    KeyRecord,
    MoveRecord,
    ReadEnd,
    RecipientRecord,
    Record,
    RevocationRecord,
    SealedKey,
    StatementRecord,
    VerdictRecord,
)
from exchange.ports.segment import Segment, SegmentIndex
from exchange.ports.store import (
    CertificateStore,
    Clock,
    InvitationStore,
    LedgerArchive,
    LedgerStore,
    ObjectStore,
    Sequencer,
)

__all__ = [
    "AccessLog",
    "AccessRecord",
    "Alarm",
    "AttachmentStore",
    "BatchRecord",
    "CertificateRecord",
    "CertificateStore",
    "Clock",
    "Condition",
    "ContractRecord",
    "DatasetRecord",
    "Entry",
    "EntryKind",
    "Head",
    "InvitationStore",
    "KeyRecord",
    "LedgerArchive",
    "LedgerStore",
    "MoveRecord",
    "ObjectStore",
    "Part",
    "PartHeader",
    "Peer",
    "PeerPage",
    "Plan",
    "ReadEnd",
    "RecipientRecord",
    "Record",
    "RevocationRecord",
    "SealStore",
    "SealedKey",
    "Segment",
    "SegmentIndex",
    "Sequencer",
    "StatementRecord",
    "TableEngine",
    "VerdictRecord",
    "WantedPart",
    "WitnessStore",
]
