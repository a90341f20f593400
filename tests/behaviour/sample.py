"""Records for the drivers to keep. They look at none of the hashes: the trees here are real, the bodies short."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from exchange.batch.manifest import Kind
from exchange.ids import AgencyId, ContractRef, DatasetId, digest_of
from exchange.ledger import extend, leaf_hash, load_edge
from exchange.ports import (
    BatchRecord,
    ContractRecord,
    Entry,
    EntryKind,
    Head,
    KeyRecord,
    LedgerStore,
    Record,
    RevocationRecord,
    Sequencer,
    StatementRecord,
)

START = datetime(2026, 3, 19, 1, 30, 0, 123456, UTC)
ECOLOGY = AgencyId.parse("500000/ecology")
WATER = AgencyId.parse("500000/water")
QUALITY = DatasetId(ECOLOGY, "water-quality")
HYDROLOGY = DatasetId(WATER, "hydrology")

Make = Callable[[int, datetime], Record]
_KINDS = {
    BatchRecord: EntryKind.BATCH,
    ContractRecord: EntryKind.CONTRACT,
    KeyRecord: EntryKind.KEY,
    RevocationRecord: EntryKind.REVOCATION,
}


def _kind(record: Record) -> EntryKind:
    return record.kind if isinstance(record, StatementRecord) else _KINDS[type(record)]


def batch(
    key: str, dataset: DatasetId = QUALITY, rejected: int = 0, day: int | None = 1, version: str = "1.0.0"
) -> Make:
    """A batch of ten rows, of one day."""
    period = None if day is None else datetime(2026, 3, day, tzinfo=UTC)

    def make(index: int, at: datetime) -> Record:
        return BatchRecord(
            index=index,
            id=digest_of(f"manifest {key}".encode()),
            publisher=dataset.owner,
            idempotency_key=key,
            dataset=dataset,
            contract=ContractRef.parse(f"{dataset.contract}@{version}"),
            kind=Kind.CORRECTION if rejected else Kind.OBSERVATION,
            object=digest_of(f"object {key}".encode()),
            object_bytes=1000,
            source=digest_of(f"source {key}".encode()),
            encoded_by_hub=bool(rejected),
            report=digest_of(f"report {key}".encode()) if rejected else None,
            rows=10,
            accepted=10 - rejected,
            rejected=rejected,
            counts={"断面-known": rejected, "range": 0} if rejected else {},
            corrects=(digest_of(b"other"),) if rejected else (),
            period_from=period,
            period_until=period and period + timedelta(hours=20),
            recorded_at=at,
        )

    return make


def contract(ref: str) -> Make:
    """A registered contract version."""
    return lambda index, at: ContractRecord(
        index, ContractRef.parse(ref), digest_of(ref.encode()), f"id: {ref} 水质".encode(), "hub", at
    )


def key(id: str, agency: AgencyId = ECOLOGY) -> Make:
    """A registered signing key."""
    return lambda index, at: KeyRecord(index, id, agency, f"ed25519:{id}", at)


def revocation(serial: str | None = None, key_id: str | None = None, agency: AgencyId = ECOLOGY) -> Make:
    """A certificate or key that no longer counts."""
    return lambda index, at: RevocationRecord(index, agency, serial, key_id, at)


def statement(
    subject: str, kind: EntryKind = EntryKind.REFERRAL, origin: tuple[str, int] | None = None
) -> Make:
    """An agency's word on something that concerns another as well."""
    parties = (ECOLOGY, AgencyId.parse("510000/ecology"))
    id = digest_of(f"{subject} {origin}".encode())
    return lambda index, at: StatementRecord(
        index, kind, id, subject, parties, b"{}", "ed25519:k", origin, at
    )


def note_of(size: int) -> str:
    """What stands for the signed checkpoint of a tree size."""
    return f"hechuan/500000\n{size}\n\n— hechuan/500000 签名\n"


def write_group(turn: Sequencer, *makes: Make, at: datetime = START) -> list[Record]:
    """Append one group in a turn already taken."""
    size = turn.size + len(makes)
    records = [make(turn.size + offset, at) for offset, make in enumerate(makes)]
    entries = []
    for record in records:
        data = f"entry {record.index} of {at.isoformat()}".encode()
        entries.append(Entry(record.index, _kind(record), data, leaf_hash(data), at, size))
    _, tiles = extend(load_edge(turn.size, turn.tile), [entry.leaf for entry in entries])
    turn.write(
        entries, records, [(tile.level, tile.index, tile.hashes) for tile in tiles], Head(size, note_of(size))
    )
    return records


def append(ledger: LedgerStore, *makes: Make, at: datetime = START) -> list[Record]:
    """Append one group."""
    with ledger.sequence() as turn:
        return write_group(turn, *makes, at=at)
