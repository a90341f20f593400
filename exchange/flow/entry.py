"""The JSON forms of ledger entries, and the index record that each one stands for.

An entry is RFC 8785 JSON with the members hub, kind, recorded_at, v and those of its kind, and nothing else is ever
hashed into the ledger. `record_of` is the only way from an entry to an index row, at append and in fsck alike, so an
index can never say more than the ledger. PROTOCOL.md, section Ledger entries.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, Final

from exchange.agreement.terms import Terms
from exchange.batch.manifest import Manifest, format_instant, parse_instant
from exchange.batch.verdict import Verdict
from exchange.errors import StorageError
from exchange.ids import AgencyId, ContractRef, DatasetId, digest_of
from exchange.ports import (
    BatchRecord,
    ContractRecord,
    Entry,
    EntryKind,
    KeyRecord,
    MoveRecord,
    RecipientRecord,
    Record,
    RevocationRecord,
    StatementRecord,
    VerdictRecord,
)
from exchange.trust.envelope import Envelope, canonical, parse_canonical
from exchange.trust.seal import Recipient

VERSION: Final = 1
Body = Mapping[str, Any]


def batch_body(
    manifest_id: str,
    envelope: Envelope,
    public_key: str,
    stored: Mapping[str, Any],
    verdict: Mapping[str, Any],
) -> Body:
    """What the ledger says about a batch: the publisher's own envelope, what was stored, what the check found."""
    return {
        "batch": manifest_id,
        "envelope": envelope.to_json(),
        "kind": EntryKind.BATCH.value,
        "object": stored,
        "public_key": public_key,
        "verdict": verdict,
    }


def contract_body(ref: ContractRef, text: bytes, registered_by: str, envelope: Envelope | None) -> Body:
    """A contract version came into force here; without an envelope it was shipped with the hub."""
    return {
        "contract": str(ref),
        "digest": digest_of(text),
        "envelope": envelope and envelope.to_json(),
        "kind": EntryKind.CONTRACT.value,
        "registered_by": registered_by,
        "text": text.decode("utf-8"),
    }


def key_body(agency: AgencyId, key_id: str, public_key: str, envelope: Envelope) -> Body:
    """An agency's signing key, in a statement signed by that key."""
    return {
        "agency": str(agency),
        "envelope": envelope.to_json(),
        "key": key_id,
        "kind": EntryKind.KEY.value,
        "public_key": public_key,
    }


def revocation_body(agency: AgencyId, serial: str | None, key_id: str | None) -> Body:
    """A certificate or a signing key that no longer counts."""
    return {"agency": str(agency), "key": key_id, "kind": EntryKind.REVOCATION.value, "serial": serial}


def move_body(
    terms: Terms, move_id: str, envelope: Envelope, public_key: str, origin: tuple[str, int] | None
) -> Body:
    """A move of an agreement; `origin` is the hub and index where it was entered first, if not here."""
    return {
        "agreement": terms.agreement,
        "consumer": str(terms.consumer),
        "dataset": str(terms.dataset),
        "envelope": envelope.to_json(),
        "kind": EntryKind.AGREEMENT.value,
        "move": move_id,
        "origin": origin and {"hub": origin[0], "index": origin[1]},
        "public_key": public_key,
    }


def statement_body(
    kind: EntryKind,
    subject: str,
    parties: Sequence[AgencyId],
    statement_id: str,
    envelope: Envelope,
    public_key: str,
    origin: tuple[str, int] | None,
) -> Body:
    """An agency's word on what concerns several; `origin` as in `move_body`."""
    return {
        "envelope": envelope.to_json(),
        "kind": kind.value,
        "origin": origin and {"hub": origin[0], "index": origin[1]},
        "parties": [str(party) for party in parties],
        "public_key": public_key,
        "statement": statement_id,
        "subject": subject,
    }


def recipient_body(agency: AgencyId, recipient: Recipient, envelope: Envelope) -> Body:
    """A key that batch keys may be wrapped for, in a statement signed by the agency."""
    return {
        "agency": str(agency),
        "envelope": envelope.to_json(),
        "key": recipient.keyid,
        "kind": EntryKind.RECIPIENT.value,
        "public_key": str(recipient),
    }


def verdict_body(verdict: Verdict, envelope: Envelope, public_key: str) -> Body:
    """A steward's verdict on a batch."""
    return {
        "batch": verdict.batch,
        "envelope": envelope.to_json(),
        "kind": EntryKind.VERDICT.value,
        "public_key": public_key,
        "verdict": verdict.digest,
    }


def entry_bytes(body: Body, hub: str, recorded_at: datetime) -> bytes:
    """The canonical JSON that becomes the leaf."""
    return canonical({**body, "hub": hub, "recorded_at": format_instant(recorded_at), "v": VERSION})


@lru_cache(1024)
def manifest_of(payload: bytes) -> Manifest:
    """The manifest that a batch's publisher signed; raises MalformedError, LimitExceededError.

    It is asked for when a batch is admitted and again when it is entered.
    """
    return Manifest.from_json(parse_canonical(payload))


def record_of(entry: Entry) -> Record:
    """Derive the index row from an entry's bytes; raises StorageError where they are not an entry."""
    try:
        body = json.loads(entry.data)
        return derive(body, entry.index, parse_instant(body["recorded_at"]))
    except (ValueError, KeyError, TypeError) as error:
        raise StorageError(f"entry {entry.index} is not one of the known forms: {error!r}") from error


def derive(body: Body, index: int, recorded_at: datetime) -> Record:
    """The index row of an entry body."""
    kind = EntryKind(body["kind"])
    if kind is EntryKind.BATCH:
        return _batch(body, index, recorded_at)
    if kind is EntryKind.CONTRACT:
        ref = ContractRef.parse(body["contract"])
        text = body["text"].encode("utf-8")
        return ContractRecord(index, ref, body["digest"], text, body["registered_by"], recorded_at)
    if kind is EntryKind.AGREEMENT:
        return _move(body, index, recorded_at)
    if kind is EntryKind.VERDICT:
        return _verdict(body, index, recorded_at)
    if kind.is_statement:
        return _statement(kind, body, index, recorded_at)
    agency = AgencyId.parse(body["agency"])
    if kind is EntryKind.RECIPIENT:
        return RecipientRecord(index, body["key"], agency, body["public_key"], recorded_at)
    if kind is EntryKind.KEY:
        return KeyRecord(index, body["key"], agency, body["public_key"], recorded_at)
    return RevocationRecord(index, agency, body["serial"], body["key"], recorded_at)


def _move(body: Body, index: int, recorded_at: datetime) -> MoveRecord:
    origin = body["origin"]
    return MoveRecord(
        index=index,
        id=body["move"],
        agreement=body["agreement"],
        dataset=DatasetId.parse(body["dataset"]),
        consumer=AgencyId.parse(body["consumer"]),
        envelope=canonical(body["envelope"]),
        public_key=body["public_key"],
        origin=origin and (origin["hub"], origin["index"]),
        recorded_at=recorded_at,
    )


def _verdict(body: Body, index: int, recorded_at: datetime) -> VerdictRecord:
    verdict = Verdict.parse(base64.b64decode(body["envelope"]["payload"]))
    return VerdictRecord(
        index=index,
        id=body["verdict"],
        batch=body["batch"],
        dataset=verdict.dataset,
        by=verdict.by,
        decision=verdict.decision.value,
        suite=verdict.suite,
        tree_size=verdict.tree_size,
        envelope=canonical(body["envelope"]),
        public_key=body["public_key"],
        recorded_at=recorded_at,
    )


def _statement(kind: EntryKind, body: Body, index: int, recorded_at: datetime) -> StatementRecord:
    origin = body["origin"]
    return StatementRecord(
        index=index,
        kind=kind,
        id=body["statement"],
        subject=body["subject"],
        parties=tuple(AgencyId.parse(party) for party in body["parties"]),
        envelope=canonical(body["envelope"]),
        public_key=body["public_key"],
        origin=origin and (origin["hub"], origin["index"]),
        recorded_at=recorded_at,
    )


def _batch(body: Body, index: int, recorded_at: datetime) -> BatchRecord:
    manifest = manifest_of(base64.b64decode(body["envelope"]["payload"]))
    stored, verdict = body["object"], body["verdict"]
    period = verdict["period"]
    return BatchRecord(
        index=index,
        id=body["batch"],
        publisher=manifest.publisher,
        idempotency_key=manifest.idempotency_key,
        dataset=manifest.dataset,
        contract=manifest.contract,
        kind=manifest.kind,
        object=stored["digest"],
        object_bytes=stored["bytes"],
        source=manifest.digest,
        encoded_by_hub=stored["encoded_by"] == "hub",
        report=verdict["report"],
        rows=verdict["rows"],
        accepted=verdict["accepted"],
        rejected=verdict["rejected"],
        counts=verdict["counts"],
        corrects=manifest.corrects,
        period_from=period and parse_instant(period["from"]),
        period_until=period and parse_instant(period["until"]),
        recorded_at=recorded_at,
    )
