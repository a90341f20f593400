"""Between records and table rows. Every function here is total on what the other direction writes."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, Final

from exchange.batch.manifest import Kind
from exchange.ids import AgencyId, ContractRef, DatasetId, Version
from exchange.ports import (
    BatchRecord,
    CertificateRecord,
    ContractRecord,
    DatasetRecord,
    Entry,
    EntryKind,
    KeyRecord,
    MoveRecord,
    RecipientRecord,
    RevocationRecord,
    StatementRecord,
    VerdictRecord,
)

Row = dict[str, Any]
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
# rows name few agencies and datasets, but name them often
_agency = lru_cache(4096)(AgencyId.parse)
_dataset = lru_cache(4096)(DatasetId.parse)
_version = lru_cache(4096)(Version.parse)
_kind: Final = {kind.value: kind for kind in Kind}
_entry_kind: Final = {kind.value: kind for kind in EntryKind}


def micros(instant: datetime) -> int:
    """Whole microseconds since 1970 UTC."""
    return (instant - _EPOCH) // _MICROSECOND


def instant(value: int) -> datetime:
    """Undo `micros`."""
    return _EPOCH + timedelta(microseconds=value)


def raw(digest: str) -> bytes:
    """The 32 bytes of a `sha256:<hex>`."""
    return bytes.fromhex(digest[len("sha256:") :])


def digest(data: bytes) -> str:
    """Undo `raw`."""
    return f"sha256:{data.hex()}"


def _optional_micros(value: datetime | None) -> int | None:
    return None if value is None else micros(value)


def _optional_instant(value: int | None) -> datetime | None:
    return None if value is None else instant(value)


def entry_row(entry: Entry) -> Row:
    """Row of `entry`."""
    return {
        "idx": entry.index,
        "kind": entry.kind.value,
        "data": entry.data,
        "leaf": entry.leaf,
        "recorded_at": micros(entry.recorded_at),
        "checkpoint_size": entry.checkpoint_size,
    }


def to_entry(row: Sequence[Any]) -> Entry:
    """Undo `entry_row`; columns in the table's order, here and below."""
    index, kind, data, leaf, recorded_at, checkpoint_size = row
    return Entry(index, _entry_kind[kind], data, leaf, instant(recorded_at), checkpoint_size)


def batch_row(record: BatchRecord) -> Row:
    """Row of `batch`."""
    return {
        "idx": record.index,
        "id": raw(record.id),
        "publisher": str(record.publisher),
        "idempotency_key": record.idempotency_key,
        "dataset": str(record.dataset),
        "contract": record.contract.name,
        "version": str(record.contract.version),
        "kind": record.kind.value,
        "object": raw(record.object),
        "object_bytes": record.object_bytes,
        "source": raw(record.source),
        "encoded_by_hub": int(record.encoded_by_hub),
        "report": None if record.report is None else raw(record.report),
        "rows": record.rows,
        "accepted": record.accepted,
        "rejected": record.rejected,
        "counts": json.dumps(dict(record.counts)),
        "corrects": json.dumps(record.corrects),
        "period_from": _optional_micros(record.period_from),
        "period_until": _optional_micros(record.period_until),
        "recorded_at": micros(record.recorded_at),
    }


def to_batch(row: Sequence[Any]) -> BatchRecord:
    """Undo `batch_row`."""
    index, id, publisher, key, dataset, contract, version, kind = row[:8]
    object, object_bytes, source, encoded_by_hub, report = row[8:13]
    rows, accepted, rejected, counts, corrects, period_from, period_until, recorded_at = row[13:]
    return BatchRecord(
        index=index,
        id=digest(id),
        publisher=_agency(publisher),
        idempotency_key=key,
        dataset=_dataset(dataset),
        contract=ContractRef(contract, _version(version)),
        kind=_kind[kind],
        object=digest(object),
        object_bytes=object_bytes,
        source=digest(source),
        encoded_by_hub=bool(encoded_by_hub),
        report=None if report is None else digest(report),
        rows=rows,
        accepted=accepted,
        rejected=rejected,
        counts=json.loads(counts),
        corrects=tuple(json.loads(corrects)),
        period_from=_optional_instant(period_from),
        period_until=_optional_instant(period_until),
        recorded_at=instant(recorded_at),
    )


def dataset_rows(records: Iterable[BatchRecord]) -> list[Row]:
    """What a group of batches adds to `dataset`, one row a dataset."""
    sums: dict[DatasetId, Row] = {}
    for record in records:
        period = [micros(at) for at in (record.period_from, record.period_until) if at is not None]
        row = sums.setdefault(
            record.dataset,
            {
                "id": str(record.dataset),
                "batches": 0,
                "accepted": 0,
                "rejected": 0,
                "period_from": None,
                "period_until": None,
            },
        )
        row["contract"], row["version"] = record.contract.name, str(record.contract.version)
        row["batches"] += 1
        row["accepted"] += record.accepted
        row["rejected"] += record.rejected
        if period:
            row["period_from"] = min(period if row["period_from"] is None else [row["period_from"], *period])
            row["period_until"] = max(
                period if row["period_until"] is None else [row["period_until"], *period]
            )
        row["updated_at"] = micros(record.recorded_at)
    return list(sums.values())


def to_dataset(row: Sequence[Any]) -> DatasetRecord:
    """A row of `dataset`."""
    id, contract, version, batches, accepted, rejected, period_from, period_until, updated_at = row
    return DatasetRecord(
        id=_dataset(id),
        contract=ContractRef(contract, _version(version)),
        batches=batches,
        accepted=accepted,
        rejected=rejected,
        period_from=_optional_instant(period_from),
        period_until=_optional_instant(period_until),
        updated_at=instant(updated_at),
    )


def contract_row(record: ContractRecord) -> Row:
    """Row of `contract`."""
    return {
        "idx": record.index,
        "name": record.ref.name,
        "version": str(record.ref.version),
        "digest": record.digest,
        "text": record.text,
        "registered_by": record.registered_by,
        "recorded_at": micros(record.recorded_at),
    }


def to_contract(row: Sequence[Any]) -> ContractRecord:
    """Undo `contract_row`."""
    index, name, version, digest, text, registered_by, recorded_at = row
    ref = ContractRef(name, _version(version))
    return ContractRecord(index, ref, digest, text, registered_by, instant(recorded_at))


def key_row(record: KeyRecord) -> Row:
    """Row of `key`."""
    return {
        "idx": record.index,
        "id": record.id,
        "agency": str(record.agency),
        "public_key": record.public_key,
        "recorded_at": micros(record.recorded_at),
        "revoked_index": record.revoked_index,
    }


def to_key(row: Sequence[Any]) -> KeyRecord:
    """Undo `key_row`."""
    index, id, agency, public_key, recorded_at, revoked_index = row
    return KeyRecord(index, id, _agency(agency), public_key, instant(recorded_at), revoked_index)


def revocation_row(record: RevocationRecord) -> Row:
    """Row of `revocation`."""
    return {
        "idx": record.index,
        "agency": str(record.agency),
        "serial": record.serial,
        "key_id": record.key_id,
        "recorded_at": micros(record.recorded_at),
    }


def to_revocation(row: Sequence[Any]) -> RevocationRecord:
    """Undo `revocation_row`."""
    index, agency, serial, key_id, recorded_at = row
    return RevocationRecord(index, _agency(agency), serial, key_id, instant(recorded_at))


def move_row(record: MoveRecord) -> Row:
    """Row of `move`."""
    hub, index = record.origin or (None, None)
    return {
        "idx": record.index,
        "id": record.id,
        "agreement": record.agreement,
        "dataset": str(record.dataset),
        "consumer": str(record.consumer),
        "envelope": record.envelope,
        "public_key": record.public_key,
        "origin_hub": hub,
        "origin_idx": index,
        "recorded_at": micros(record.recorded_at),
    }


def to_move(row: Sequence[Any]) -> MoveRecord:
    """Undo `move_row`."""
    index, id, agreement, dataset, consumer, envelope, public_key, hub, at, recorded_at = row
    origin = None if hub is None else (hub, at)
    return MoveRecord(
        index,
        id,
        agreement,
        _dataset(dataset),
        _agency(consumer),
        bytes(envelope),
        public_key,
        origin,
        instant(recorded_at),
    )


def statement_row(record: StatementRecord) -> Row:
    """Row of `statement`."""
    hub, index = record.origin or (None, None)
    return {
        "idx": record.index,
        "kind": record.kind.value,
        "id": record.id,
        "subject": record.subject,
        "parties": json.dumps([str(party) for party in record.parties]),
        "envelope": record.envelope,
        "public_key": record.public_key,
        "origin_hub": hub,
        "origin_idx": index,
        "recorded_at": micros(record.recorded_at),
    }


def to_statement(row: Sequence[Any]) -> StatementRecord:
    """Undo `statement_row`."""
    index, kind, id, subject, parties, envelope, public_key, hub, at, recorded_at = row
    return StatementRecord(
        index,
        _entry_kind[kind],
        id,
        subject,
        tuple(map(_agency, json.loads(parties))),
        bytes(envelope),
        public_key,
        None if hub is None else (hub, at),
        instant(recorded_at),
    )


def recipient_row(record: RecipientRecord) -> Row:
    """Row of `recipient`."""
    return {
        "idx": record.index,
        "id": record.id,
        "agency": str(record.agency),
        "public_key": record.public_key,
        "recorded_at": micros(record.recorded_at),
    }


def to_recipient(row: Sequence[Any]) -> RecipientRecord:
    """Undo `recipient_row`."""
    index, id, agency, public_key, recorded_at = row
    return RecipientRecord(index, id, _agency(agency), public_key, instant(recorded_at))


def verdict_row(record: VerdictRecord) -> Row:
    """Row of `verdict`."""
    return {
        "idx": record.index,
        "id": record.id,
        "batch": record.batch,
        "dataset": str(record.dataset),
        "agency": str(record.by),
        "decision": record.decision,
        "suite": record.suite,
        "tree_size": record.tree_size,
        "envelope": record.envelope,
        "public_key": record.public_key,
        "recorded_at": micros(record.recorded_at),
    }


def to_verdict(row: Sequence[Any]) -> VerdictRecord:
    """Undo `verdict_row`."""
    index, id, batch, dataset, agency, decision, suite, tree_size, envelope, public_key, recorded_at = row
    return VerdictRecord(
        index,
        id,
        batch,
        _dataset(dataset),
        _agency(agency),
        decision,
        suite,
        tree_size,
        bytes(envelope),
        public_key,
        instant(recorded_at),
    )


def certificate_row(record: CertificateRecord) -> Row:
    """Row of `certificate`."""
    return {
        "serial": record.serial,
        "agency": str(record.agency),
        "issued_at": micros(record.issued_at),
        "not_after": micros(record.not_after),
    }


def to_certificate(row: Sequence[Any]) -> CertificateRecord:
    """Undo `certificate_row`."""
    serial, agency, issued_at, not_after = row
    return CertificateRecord(serial, _agency(agency), instant(issued_at), instant(not_after))
