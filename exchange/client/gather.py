"""Receipts, registrations, checkpoints and keys, as a pack of evidence wants them: each once, by file name."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from exchange.client.call import retried
from exchange.errors import NotFoundError, ProofInvalidError
from exchange.evidence.keys import HubKeys, keys_name
from exchange.evidence.manifest import Absent
from exchange.evidence.proof import checkpoint_name, consistency_name, consistency_text, receipt_name
from exchange.ids import AgencyId
from exchange.ledger import Checkpoint, Note, Receipt
from exchange.member import HubCard, witness_name
from exchange.trust.canonical import parse_canonical
from exchange.trust.envelope import Envelope
from exchange.v1 import catalog_pb2, ledger_pb2, member_pb2

if TYPE_CHECKING:
    from exchange.client.session import Session

_TIMEOUT: Final = 30


class Gatherer:
    """What has been gathered so far: `parts` by file name, `absent` for what could not be had."""

    def __init__(self, client: Session) -> None:
        self.hub = client.profile.card.jurisdiction
        self.parts: dict[str, bytes | Path] = {}
        self.absent: set[Absent] = set()
        self._client = client
        self._sizes: dict[str, set[int]] = {}
        self._signers: set[str] = set()
        self._keys: set[tuple[str, str]] = set()

    def lacks(self, what: str, code: str, reason: str) -> None:
        """Note that something is not to be had."""
        self.absent.add(Absent(what, code, reason[:500]))

    def receipt(self, request: ledger_pb2.GetReceiptRequest) -> tuple[int, Mapping[str, Any]]:
        """Take an entry's receipt; its index and the entry. Raises NotFoundError, ProofInvalidError."""
        hub = request.hub or self.hub
        if request.hub == self.hub:
            request.ClearField("hub")
        text = retried(lambda: self._client.ledger.GetReceipt(request, timeout=_TIMEOUT)).receipt
        found = Receipt.parse(text)
        body = parse_canonical(found.extra)
        if not isinstance(body, dict):
            raise ProofInvalidError("the receipt's entry is not an object")
        self.parts[receipt_name(hub, found.index)] = text.encode()
        self._sizes.setdefault(hub, set()).add(self._note(found.checkpoint).size)
        return found.index, body

    def receipt_if_any(self, request: ledger_pb2.GetReceiptRequest) -> tuple[int, Mapping[str, Any]] | None:
        """As `receipt`, None where this hub has none to give: it is another's, and no copy is here."""
        try:
            return self.receipt(request)
        except NotFoundError:
            return None

    def keys(self, agency: AgencyId, envelope: Envelope, hub: str = "") -> None:
        """Take the registration of every key that signed an envelope, in the ledger of the hub that took it."""
        for signature in envelope.signatures:
            if not self._key(agency, signature.keyid, hub):
                reason = f"{agency} registered it at a hub of which no copy is here"
                self.lacks(signature.keyid, NotFoundError.code, reason)

    def own_key(self, agency: AgencyId, key_id: str) -> None:
        """Take the registration of the key that will sign the pack; raises NotFoundError."""
        if not self._key(agency, key_id, "") and not self._key(agency, key_id, agency.jurisdiction):
            raise NotFoundError(
                f"签名密钥尚未登记，请执行 hechuan agency register / this hub does not know the signing key {key_id}"
            )

    def _key(self, agency: AgencyId, key_id: str, hub: str) -> bool:
        place = (hub or self.hub, key_id)
        if place in self._keys:
            return True
        found = self.receipt_if_any(ledger_pb2.GetReceiptRequest(key=key_id, hub=hub))
        if found is None:
            return False
        self._keys.add(place)
        listed = retried(
            lambda: self._client.member.ListKeys(
                member_pb2.ListKeysRequest(agency=str(agency)), timeout=_TIMEOUT
            )
        ).keys
        for key in listed:
            if (key.id, key.index) == (key_id, found[0]) and key.revoked:
                self.receipt(ledger_pb2.GetReceiptRequest(index=key.revoked_index, hub=hub))
        return True

    def head(self) -> int:
        """The size of this hub's ledger now."""
        request = ledger_pb2.GetCheckpointRequest()
        note = retried(lambda: self._client.ledger.GetCheckpoint(request, timeout=_TIMEOUT)).note
        return Checkpoint.parse_body(Note.parse(note).text).size

    def tie(self) -> None:
        """Take each log's newest checkpoint, and what leads from the receipts' checkpoints into it."""
        for hub, sizes in sorted(self._sizes.items()):
            other = "" if hub == self.hub else hub
            note = self._newest(other)
            newest = self._note(note).size
            self.parts[checkpoint_name(hub)] = note.encode()
            for size in sorted(sizes - {newest}):
                request = ledger_pb2.GetConsistencyProofRequest(first=size, second=newest, hub=other)
                proof = retried(
                    lambda request=request: self._client.ledger.GetConsistencyProof(request, timeout=_TIMEOUT)  # type: ignore[misc]
                )
                self.parts[consistency_name(hub, size)] = consistency_text(proof.hashes)

    def _newest(self, hub: str) -> str:
        """The newest checkpoint; this hub's own as the newest receipt has it, for that brings cosignatures."""
        if hub:
            asked = ledger_pb2.GetCheckpointRequest(hub=hub)
            return retried(lambda: self._client.ledger.GetCheckpoint(asked, timeout=_TIMEOUT)).note
        request = ledger_pb2.GetReceiptRequest(index=self.head() - 1)
        text = retried(lambda: self._client.ledger.GetReceipt(request, timeout=_TIMEOUT)).receipt
        return Receipt.parse(text).checkpoint

    def hub_keys(self, cards: Mapping[str, HubCard]) -> None:
        """Take the keys of every hub that a receipt is from or that cosigned: its card where it is at hand."""
        told = retried(lambda: self._client.catalog.GetHub(catalog_pb2.GetHubRequest(), timeout=_TIMEOUT))
        for peer in told.peers:
            texts = (peer.witness_key, peer.statement_key)
            known = HubKeys.make(peer.jurisdiction, (peer.log_key, peer.log_mldsa_key), *texts)
            if peer.jurisdiction in self._sizes or witness_name(peer.jurisdiction) in self._signers:
                self.parts[keys_name(peer.jurisdiction)] = known.to_bytes()
        for hub, card in cards.items():
            if hub in self._sizes or witness_name(hub) in self._signers:
                self.parts[keys_name(hub)] = card.to_bytes()

    def _note(self, text: str) -> Checkpoint:
        note = Note.parse(text)
        self._signers |= {line.name for line in note.signatures}
        return Checkpoint.parse_body(note.text)
