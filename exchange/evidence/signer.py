"""Signing keys of agencies: whose a key is, is the hub's word, in its ledger before anything signed with it.

A key's entry carries the agency's own statement, signed by that key. A revocation counts from its entry on.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from exchange.errors import EvidenceIncompleteError, ProofInvalidError, SignatureInvalidError
from exchange.evidence.facts import KeyFacts
from exchange.evidence.manifest import PackManifest, text_of
from exchange.evidence.proof import Entries, Proven
from exchange.evidence.reading import about
from exchange.ids import AgencyId
from exchange.member import KEY_TYPE
from exchange.trust.canonical import parse_canonical
from exchange.trust.envelope import Envelope, verify
from exchange.trust.keys import VerifyKey


@dataclass(frozen=True, slots=True)
class Registered:
    """A key as its entry has it."""

    key: VerifyKey
    agency: AgencyId
    entry: Proven


@dataclass(slots=True)
class Signers:
    """Registered keys by (hub, key id), revocations, and which of them were asked for."""

    keys: dict[tuple[str, str], Registered] = field(default_factory=dict)
    revoked: dict[tuple[str, str], Proven] = field(default_factory=dict)
    facts: dict[tuple[str, str], KeyFacts] = field(default_factory=dict)

    def resolve(self, hub: str, agency: AgencyId, before: int) -> Callable[[str], VerifyKey]:
        """Key id → the agency's key, if that hub had registered it, and not revoked it, before an index.

        The function raises EvidenceIncompleteError where the pack does not show it, SignatureInvalidError.
        """

        def found(key_id: str) -> VerifyKey:
            known = self.keys.get((hub, key_id))
            if known is None:
                raise EvidenceIncompleteError(
                    f"包内没有密钥 {key_id} 的登记回执 / the pack has no receipt of the registration of {key_id}"
                )
            if known.agency != agency or known.entry.index >= before:
                raise SignatureInvalidError(f"key {key_id} was not {agency}'s at that time")
            revoked = self.revoked.get((hub, key_id))
            if revoked is not None and revoked.index < before:
                raise SignatureInvalidError(f"key {key_id} had been revoked by then")
            return known.key

        return found

    def shown(self, hub: str, key_id: str) -> bool:
        """Whether the pack has the key's registration in a hub's ledger."""
        return (hub, key_id) in self.keys

    def unshown(self, manifest: PackManifest, agency: AgencyId, key: VerifyKey, hub: str) -> None:
        """Take a key whose registration the pack says it lacks; raises EvidenceIncompleteError where it does not."""
        if manifest.absence(key.keyid) is None:
            raise EvidenceIncompleteError(
                f"包内没有密钥 {key.keyid} 的登记回执 / the pack has no receipt of the registration of {key.keyid}"
            )
        self.facts.setdefault((hub, key.keyid), KeyFacts(str(agency), key.keyid, hub, None, None))


def read_signers(entries: Entries) -> Signers:
    """Every key registration and revocation of a pack; raises SignatureInvalidError, ProofInvalidError."""
    signers = Signers()
    for entry in entries.of("revocation"):
        with about(entry.file):
            key_id = entry.body["key"]
            if not isinstance(key_id, str):
                raise ProofInvalidError("it revokes a certificate, which no signature here depends on")
            signers.revoked[entry.hub, key_id] = entry
    for entry in entries.of("key"):
        with about(entry.file):
            known = _registered(entry)
            key_id = known.key.keyid
            revoked = signers.revoked.get((entry.hub, key_id))
            signers.keys[entry.hub, key_id] = known
            signers.facts[entry.hub, key_id] = KeyFacts(
                agency=str(known.agency),
                key=key_id,
                hub=entry.hub,
                index=entry.index,
                recorded_at=entry.recorded_at,
                revoked_index=revoked.index if revoked else None,
                revoked_at=revoked.recorded_at if revoked else None,
            )
    for place, entry in signers.revoked.items():
        if place not in signers.keys:
            with about(entry.file):
                raise ProofInvalidError("the key that it revokes is none of the pack's")
    return signers


def _registered(entry: Proven) -> Registered:
    key, agency = (
        VerifyKey.parse(text_of(entry.body, "public_key")),
        AgencyId.parse(text_of(entry.body, "agency")),
    )
    claim = parse_canonical(verify(Envelope.from_json(entry.body["envelope"]), KEY_TYPE, lambda key_id: key))
    if (claim["agency"], claim["key"], entry.body["key"]) != (str(agency), str(key), key.keyid):
        raise ProofInvalidError("the key is not that of its statement")
    return Registered(key, agency, entry)
