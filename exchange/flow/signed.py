"""Whether what a ledger entry says of an agency is that agency's own word: what a reader of another's ledger checks.

A batch, a key, a recipient key, a contract version, a move of an agreement, a statement and a steward's verdict each
carry the envelope of whoever made them. Revocations, and contracts that came with the software, are the hub's own word.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from exchange.agreement.move import MOVE_TYPE
from exchange.batch.manifest import PAYLOAD_TYPE
from exchange.batch.verdict import VERDICT_TYPE
from exchange.contract.model import CONTRACT_TYPE
from exchange.errors import ProofInvalidError
from exchange.flow.form import FORMS
from exchange.flow.sealing import RECIPIENT_TYPE
from exchange.ids import AgencyId, digest_of
from exchange.member import KEY_TYPE
from exchange.ports import (
    BatchRecord,
    ContractRecord,
    KeyRecord,
    MoveRecord,
    RecipientRecord,
    Record,
    RevocationRecord,
    StatementRecord,
    VerdictRecord,
)
from exchange.trust.envelope import Envelope, parse_canonical, verify
from exchange.trust.keys import VerifyKey

Resolve = Callable[[AgencyId, str], VerifyKey]
"""(agency, key id) → the key that counts in that ledger; raises SignatureInvalidError."""


def check_signed(body: Mapping[str, Any], record: Record, resolve: Resolve) -> None:
    """Raise ProofInvalidError, SignatureInvalidError or MalformedError unless the entry is what its maker signed."""
    if body.get("envelope") is None:
        if isinstance(record, RevocationRecord | ContractRecord):
            return
        raise ProofInvalidError("the entry carries no envelope")
    envelope = Envelope.from_json(body["envelope"])
    if isinstance(record, BatchRecord):
        _batch(record, envelope, resolve)
    elif isinstance(record, KeyRecord):
        _key(record, envelope)
    elif isinstance(record, RecipientRecord):
        _recipient(record, envelope, resolve)
    elif isinstance(record, ContractRecord):
        _contract(body, envelope, resolve)
    elif isinstance(record, MoveRecord):
        _move(record, envelope)
    elif isinstance(record, VerdictRecord):
        _verdict(record, envelope, resolve)
    elif isinstance(record, StatementRecord):
        _statement(record, envelope)


def _batch(record: BatchRecord, envelope: Envelope, resolve: Resolve) -> None:
    payload = verify(envelope, PAYLOAD_TYPE, lambda key_id: resolve(record.publisher, key_id))
    if digest_of(payload) != record.id or record.dataset.owner != record.publisher:
        raise ProofInvalidError("the batch is not that of its manifest")


def _key(record: KeyRecord, envelope: Envelope) -> None:
    own = VerifyKey.parse(record.public_key)
    claim = parse_canonical(verify(envelope, KEY_TYPE, lambda key_id: own))
    if (claim["agency"], claim["key"], own.keyid) != (str(record.agency), record.public_key, record.id):
        raise ProofInvalidError("the key is not that of its statement")


def _recipient(record: RecipientRecord, envelope: Envelope, resolve: Resolve) -> None:
    signed = verify(envelope, RECIPIENT_TYPE, lambda key_id: resolve(record.agency, key_id))
    claim = parse_canonical(signed)
    if (claim["agency"], claim["recipient"]) != (str(record.agency), record.public_key):
        raise ProofInvalidError("the recipient key is not that of its statement")


def _contract(body: Mapping[str, Any], envelope: Envelope, resolve: Resolve) -> None:
    steward = AgencyId.parse(body["registered_by"])
    claim = parse_canonical(verify(envelope, CONTRACT_TYPE, lambda key_id: resolve(steward, key_id)))
    if claim["digest"] != digest_of(body["text"].encode()):
        raise ProofInvalidError("the contract is not that of its statement")


def _move(record: MoveRecord, envelope: Envelope) -> None:
    # the key may be another hub's to know; whoever acts on the move resolves it there
    own = VerifyKey.parse(record.public_key)
    if digest_of(verify(envelope, MOVE_TYPE, lambda key_id: own)) != record.id:
        raise ProofInvalidError("the move is not that of its statement")


def _verdict(record: VerdictRecord, envelope: Envelope, resolve: Resolve) -> None:
    if digest_of(verify(envelope, VERDICT_TYPE, lambda key_id: resolve(record.by, key_id))) != record.id:
        raise ProofInvalidError("the verdict is not that of its statement")


def _statement(record: StatementRecord, envelope: Envelope) -> None:
    # as for moves, whose key it is is known where the statement counts
    own, form = VerifyKey.parse(record.public_key), FORMS[record.kind]
    payload = verify(envelope, form.payload_type, lambda key_id: own)
    stated = form.read(payload)
    if (digest_of(payload), stated.subject, stated.parties) != (record.id, record.subject, record.parties):
        raise ProofInvalidError("the statement is not that of its entry")
