"""A change that waits for signatures: one file that travels from jurisdiction to jurisdiction.

It carries the new targets metadata, the roster that it names and, where keys change, the new root metadata. Nobody
signs what cannot be read: `sign` looks at the roster itself, not at a digest of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Self, TypeVar

from securesystemslib.signer import CryptoSigner
from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import Metadata, Root, Snapshot, Targets, Timestamp

from exchange.errors import (
    ConflictError,
    InvalidInputError,
    LimitExceededError,
    MalformedError,
    UntrustedError,
)
from exchange.store.tuf.holder import HolderKeys, jurisdiction_of
from exchange.store.tuf.layout import MAX_METADATA_BYTES, TARGET
from exchange.trust.canonical import canonical, parse_json
from exchange.trust.roster import MAX_ROSTER_BYTES, Roster

PROPOSAL_KIND: Final = "hechuan-federation-proposal"
_T = TypeVar("_T", Root, Snapshot, Targets, Timestamp)
_MAX_BYTES = MAX_ROSTER_BYTES + 2 * MAX_METADATA_BYTES + 4096


@dataclass(frozen=True, slots=True)
class Proposal:
    """New metadata with the signatures that it has so far."""

    targets: Metadata[Targets]
    document: bytes
    root: Metadata[Root] | None = None

    def __post_init__(self) -> None:
        signed = self.targets.signed
        if signed.delegations is not None or signed.targets.keys() != {TARGET}:
            raise InvalidInputError(f"targets metadata names {TARGET}, nothing else")
        try:
            signed.targets[TARGET].verify_length_and_hashes(self.document)
        except RepositoryError:
            raise InvalidInputError("the roster is not the one that the targets metadata names") from None
        self.roster()

    def roster(self) -> Roster:
        """The roster that is proposed; raises MalformedError, InvalidInputError, LimitExceededError."""
        return Roster.parse(self.document, self.targets.signed.version, self.targets.signed.expires)

    def sign(self, keys: HolderKeys, jurisdiction: str, root: Root) -> Self:
        """With a jurisdiction's signatures added; `root` is the newest root, proposed or published.

        Raises UntrustedError where root does not know the jurisdiction's key.
        """
        signer = keys.signer("targets")
        _require(root, "targets", signer, jurisdiction)
        targets = _copy(self.targets, Targets)
        targets.sign(signer, append=True)
        if self.root is None:
            return type(self)(targets, self.document)
        mended = _copy(self.root, Root)
        signer = keys.signer("root")
        _require(mended.signed, "root", signer, jurisdiction)
        mended.sign(signer, append=True)
        return type(self)(targets, self.document, mended)

    def merge(self, other: Proposal) -> Self:
        """With the signatures of another copy; raises ConflictError where it proposes something else."""
        if self.document != other.document or (self.root is None) != (other.root is None):
            raise ConflictError("提案内容不同 / the copies propose different things")
        root = None if self.root is None or other.root is None else _merged(self.root, other.root, Root)
        return type(self)(_merged(self.targets, other.targets, Targets), self.document, root)

    def signed_by(self, root: Root) -> list[str]:
        """Jurisdictions whose targets signature checks under `root`."""
        result = root.get_verification_result(
            Targets.type, self.targets.signed_bytes, self.targets.signatures
        )
        return sorted(jurisdiction_of(key) for key in result.signed.values())

    def to_bytes(self) -> bytes:
        """The file: canonical JSON and a newline."""
        value: dict[str, Any] = {
            "document": parse_json(self.document),
            "kind": PROPOSAL_KIND,
            "root": self.root.to_dict() if self.root else None,
            "targets": self.targets.to_dict(),
            "v": 1,
        }
        return canonical(value) + b"\n"

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Read the file; raises MalformedError, LimitExceededError, InvalidInputError."""
        if len(data) > _MAX_BYTES:
            raise LimitExceededError(f"a proposal has at most {_MAX_BYTES} bytes")
        value = parse_json(data)
        if not isinstance(value, dict) or value.keys() != {"document", "kind", "root", "targets", "v"}:
            raise MalformedError(f"not a JSON object of kind {PROPOSAL_KIND}")
        if value["kind"] != PROPOSAL_KIND or value["v"] != 1:
            raise MalformedError(f"not a JSON object of kind {PROPOSAL_KIND}, v 1")
        root = None if value["root"] is None else parse_metadata(canonical(value["root"]), Root)
        return cls(parse_metadata(canonical(value["targets"]), Targets), canonical(value["document"]), root)


def parse_metadata(data: bytes, kind: type[_T]) -> Metadata[_T]:
    """Metadata of one role, unverified; raises MalformedError."""
    try:
        metadata = Metadata[_T].from_bytes(data)
    except RepositoryError:
        raise MalformedError(f"not TUF metadata of {kind.type}") from None
    if not isinstance(metadata.signed, kind):
        raise MalformedError(f"TUF metadata of {metadata.signed.type}, not of {kind.type}")
    return metadata


def _require(root: Root, role: str, signer: CryptoSigner, jurisdiction: str) -> None:
    keyid = signer.public_key.keyid
    known = root.keys.get(keyid) if keyid in root.roles[role].keyids else None
    if known is None or jurisdiction_of(known) != jurisdiction:
        raise UntrustedError(
            f"此密钥不在联盟的 {role} 角色中 / this key of {jurisdiction} does not hold the role {role}"
        )


def _copy(metadata: Metadata[_T], kind: type[_T]) -> Metadata[_T]:
    return parse_metadata(metadata.to_bytes(), kind)


def _merged(first: Metadata[_T], second: Metadata[_T], kind: type[_T]) -> Metadata[_T]:
    if first.signed_bytes != second.signed_bytes:
        raise ConflictError("提案内容不同 / the copies propose different things")
    merged = _copy(first, kind)
    merged.signatures.update(second.signatures)
    return merged
