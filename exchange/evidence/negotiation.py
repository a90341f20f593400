"""An agreement of a pack: its moves are played again, and must lead to the document that both sides signed.

(1) each move's envelope is its entry's, its id the digest of its payload, and it is signed by a key of its side
(2) where a move was entered at another hub first and the pack has that receipt, both entries hold the same envelope
(3) the state machine allows every move, in ledger order
(4) signatures over the terms check, each by a key of its side
(5) terms and signed document are those that the moves lead to

A deadline that a side let pass leaves no entry, so it is not judged here; the term's end is.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from exchange.agreement.move import MOVE_TYPE, Move
from exchange.agreement.negotiation import Negotiation, State, begin, follow, signed_document
from exchange.agreement.terms import TERMS_TYPE
from exchange.errors import EvidenceIncompleteError, ProofInvalidError, SignatureInvalidError
from exchange.evidence.facts import AgreementFacts, MoveFacts
from exchange.evidence.manifest import PackManifest, text_of
from exchange.evidence.proof import Entries, Proven
from exchange.evidence.reading import Reading, about
from exchange.evidence.signer import Signers
from exchange.ids import digest_of
from exchange.trust.canonical import canonical
from exchange.trust.envelope import Envelope, pae, verify
from exchange.trust.keys import VerifyKey

_NEVER: Final = datetime(9999, 12, 31, tzinfo=UTC)


def terms_name(agreement: str) -> str:
    """The file of the terms."""
    return f"agreements/{agreement}/terms.json"


def document_name(agreement: str) -> str:
    """The file of the terms with both sides' signatures, a DSSE envelope."""
    return f"agreements/{agreement}/agreement.dsse.json"


@dataclass(frozen=True, slots=True)
class _Told:
    """A move whose entry has checked."""

    move: Move
    key: VerifyKey
    entry: Proven
    origin: tuple[str, int] | None


def read_agreement(
    reading: Reading, pack: PackManifest, entries: Entries, signers: Signers
) -> AgreementFacts:
    """Steps (1) to (5); raises SignatureInvalidError, ProofInvalidError, WrongStateError, EvidenceIncompleteError."""
    here = [_told(pack, entry, signers) for entry in entries.of("agreement") if entry.hub == pack.hub]
    elsewhere = {
        (entry.hub, entry.index): entry for entry in entries.of("agreement") if entry.hub != pack.hub
    }
    shown = {told.entry.index: _same(told, elsewhere) for told in here}
    for entry in elsewhere.values():
        raise ProofInvalidError(f"{entry.file}: 与本协议无关 / no move of the pack began there")
    negotiation, signatures = _play(pack, here)
    _check_files(reading, negotiation)
    return AgreementFacts(
        terms=negotiation.terms,
        state=negotiation.state_at(pack.created_at),
        moves=tuple(_facts(told, shown[told.entry.index]) for told in here),
        signers=tuple(signatures),
    )


def _told(pack: PackManifest, entry: Proven, signers: Signers) -> _Told:
    with about(entry.file):
        envelope = Envelope.from_json(entry.body["envelope"])
        move = Move.parse(envelope.payload)
        key = VerifyKey.parse(text_of(entry.body, "public_key"))
        said = entry.body["origin"]
        origin = None if said is None else (str(said["hub"]), int(said["index"]))
        home, before = origin or (entry.hub, entry.index)
        if signers.shown(home, key.keyid):
            payload = verify(envelope, MOVE_TYPE, signers.resolve(home, move.by, before))  # (1)
        else:
            signers.unshown(pack, move.by, key, home)
            payload = verify(envelope, MOVE_TYPE, lambda key_id: _only(key, key_id))
        if digest_of(payload) != entry.body["move"] or move.agreement != pack.subject.id:
            raise ProofInvalidError("the move is not that of its statement, or of another agreement")
        return _Told(move, key, entry, origin)


def _only(key: VerifyKey, key_id: str) -> VerifyKey:
    if key_id != key.keyid:
        raise SignatureInvalidError("the move is signed by another key than the entry names")
    return key


def _same(told: _Told, elsewhere: dict[tuple[str, int], Proven]) -> bool:
    """Whether the pack shows where a move was entered first; what is shown is taken out of `elsewhere`."""
    first = elsewhere.pop(told.origin, None) if told.origin else None
    if first is None:
        return False
    with about(first.file):
        if canonical(first.body["envelope"]) != canonical(told.entry.body["envelope"]):  # (2)
            raise ProofInvalidError("the two hubs have other words of this move")
    return True


def _play(pack: PackManifest, here: list[_Told]) -> tuple[Negotiation, list[tuple[str, str]]]:
    known: Negotiation | None = None
    signatures: list[tuple[str, str]] = []
    for told in here:
        with about(told.entry.file):
            move = told.move
            after = begin(move, _never) if known is None else follow(known, move, _never)  # (3)
            if move.signature is not None:
                message = pae(TERMS_TYPE, after.terms.to_bytes())
                _only(told.key, move.signature.keyid).verify(message, move.signature.sig)  # (4)
                signatures.append((str(move.by), move.signature.keyid))
            body = told.entry.body
            if (body["agreement"], body["dataset"], body["consumer"]) != (
                after.id,
                str(after.terms.dataset),
                str(after.terms.consumer),
            ):
                raise ProofInvalidError("the entry names another agreement than its move")
            known = after
    if known is None:
        raise EvidenceIncompleteError(
            f"没有协议 {pack.subject.id} 的条目 / no entry of agreement {pack.subject.id}"
        )
    return known, signatures


def _never(state: State, at: datetime) -> datetime:
    return _NEVER


def _check_files(reading: Reading, negotiation: Negotiation) -> None:
    name = terms_name(negotiation.id)
    with about(name):
        if reading.read(name) != negotiation.terms.to_bytes():  # (5)
            raise ProofInvalidError("与账本不符 / not the terms that the moves lead to")
    document, name = signed_document(negotiation), document_name(negotiation.id)
    if document is not None or reading.has(name):
        with about(name):
            if reading.read(name) != document:
                raise ProofInvalidError("与账本不符 / not the document that both sides signed")


def _facts(told: _Told, shown: bool) -> MoveFacts:
    move, entry = told.move, told.entry
    return MoveFacts(
        id=move.digest,
        act=move.act.value,
        by=str(move.by),
        key=told.key.keyid,
        at=move.at,
        index=entry.index,
        recorded_at=entry.recorded_at,
        reason=move.reason,
        origin=told.origin,
        origin_shown=shown,
        checkpoint=entry.checkpoint,
        cosigned=entry.cosigned,
    )
