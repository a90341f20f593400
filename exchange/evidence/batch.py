"""Batches of a pack, and the contracts that they were checked against.

For each batch:
(1) its publisher signed the manifest, with a key that the hub had registered for it and not revoked
(2) the batch's id is the manifest's digest, and the pack's envelope is the entry's
(3) object, source and report have the digests of entry and manifest, or the pack says why they are not there
(4) the verdict names a contract version, whose text the pack has and whose entry is older than the batch
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from exchange.batch.manifest import PAYLOAD_TYPE, Manifest, MediaType, parse_instant
from exchange.contract.load import load_contract
from exchange.contract.model import CONTRACT_TYPE, Contract
from exchange.errors import DigestMismatchError, EvidenceIncompleteError, HechuanError, ProofInvalidError
from exchange.evidence.facts import BatchFacts, ContractFacts, PartFacts, RuleFacts
from exchange.evidence.manifest import PackManifest, text_of, whole_of
from exchange.evidence.proof import Entries, Proven
from exchange.evidence.reading import Reading, about
from exchange.evidence.signer import Signers
from exchange.ids import AgencyId, ContractRef, digest_of, parse_digest
from exchange.trust.canonical import canonical, parse_canonical
from exchange.trust.envelope import Envelope, verify

_SUFFIX: Final = {
    MediaType.PARQUET: "parquet",
    MediaType.ARROW_STREAM: "arrow",
    MediaType.CSV: "csv",
    MediaType.NDJSON: "ndjson",
}


def folder_of(index: int) -> str:
    """The folder of a batch."""
    return f"batches/{index:010}"


def part_name(index: int, part: str, media_type: MediaType = MediaType.PARQUET) -> str:
    """The file of object, source or report."""
    return f"{folder_of(index)}/{part}.{_SUFFIX[media_type] if part == 'source' else 'parquet'}"


def contract_name(ref: ContractRef) -> str:
    """The file of a contract version."""
    return f"contracts/{ref}.yaml"


@dataclass(frozen=True, slots=True)
class Known:
    """A contract version of the pack; `parsed` is None where this software cannot read it."""

    facts: ContractFacts
    parsed: Contract | None


def read_contracts(reading: Reading, entries: Entries, signers: Signers) -> dict[tuple[str, str], Known]:
    """(hub, ref) → contract; raises ProofInvalidError, SignatureInvalidError, EvidenceIncompleteError."""
    found: dict[tuple[str, str], Known] = {}
    for entry in entries.of("contract"):
        with about(entry.file):
            ref, text = (
                ContractRef.parse(text_of(entry.body, "contract")),
                text_of(entry.body, "text").encode(),
            )
            by, envelope = text_of(entry.body, "registered_by"), entry.body["envelope"]
            if digest_of(text) != entry.body["digest"] or (entry.hub, str(ref)) in found:
                raise ProofInvalidError("the contract's text is not that of its digest, or it is there twice")
            if envelope is not None:
                resolve = signers.resolve(entry.hub, AgencyId.parse(by), entry.index)
                claim = parse_canonical(verify(Envelope.from_json(envelope), CONTRACT_TYPE, resolve))
                if (claim["contract"], claim["digest"]) != (str(ref), digest_of(text)):
                    raise ProofInvalidError("the contract is not that of its statement")
        with about(contract_name(ref)):
            if reading.read(contract_name(ref)) != text:
                raise ProofInvalidError("与账本条目不符 / it is not the text of the ledger entry")
        parsed = _parsed(text)
        facts = ContractFacts(
            ref=str(ref),
            digest=digest_of(text),
            title_zh=parsed.title_zh if parsed else "",
            title_en=parsed.title_en if parsed else "",
            registered_by=by,
            signed=envelope is not None,
            index=entry.index,
            recorded_at=entry.recorded_at,
        )
        found[entry.hub, str(ref)] = Known(facts, parsed)
    return found


def _parsed(text: bytes) -> Contract | None:
    """What a later version of this software can no longer read still stands, only its rules' texts are not shown."""
    try:
        return load_contract(text)
    except HechuanError:
        return None


def read_batch(
    reading: Reading,
    pack: PackManifest,
    entry: Proven,
    signers: Signers,
    contracts: Mapping[tuple[str, str], Known],
) -> BatchFacts:
    """Steps (1) to (4); raises SignatureInvalidError, ProofInvalidError, DigestMismatchError and the like."""
    with about(entry.file):
        envelope = Envelope.from_json(entry.body["envelope"])
        unproven = Manifest.from_json(parse_canonical(envelope.payload))
        key = text_of(entry.body, "public_key").partition(" ")[0]
        resolve = signers.resolve(entry.hub, unproven.publisher, entry.index)
        payload = verify(envelope, PAYLOAD_TYPE, resolve)  # (1)
        if all(signature.keyid != key for signature in envelope.signatures):
            raise ProofInvalidError("the manifest is signed by another key than the entry names")
        manifest = Manifest.from_json(parse_canonical(payload))
        if digest_of(payload) != entry.body["batch"] or manifest.dataset.owner != manifest.publisher:  # (2)
            raise ProofInvalidError("its batch id is not its manifest's, or the dataset is another's")
        verdict = entry.body["verdict"]
        known = _contract(entry, manifest, verdict, contracts)  # (4)
    name = f"{folder_of(entry.index)}/envelope.json"
    with about(name):
        if reading.read(name) != canonical(entry.body["envelope"]):
            raise ProofInvalidError("与账本条目不符 / it is not the envelope of the ledger entry")
    parts = tuple(_part(reading, pack, *part) for part in _parts(entry, manifest, verdict))  # (3)
    return _facts(entry, manifest, verdict, known, key, parts)


def _contract(
    entry: Proven, manifest: Manifest, verdict: Mapping[str, Any], contracts: Mapping[tuple[str, str], Known]
) -> Known:
    known = contracts.get((entry.hub, str(manifest.contract)))
    if known is None:
        raise EvidenceIncompleteError(
            f"包内没有合约 {manifest.contract} / the pack has no contract {manifest.contract}"
        )
    if known.facts.digest != verdict["contract_digest"] or known.facts.index >= entry.index:
        raise ProofInvalidError(f"contract {manifest.contract} is not the one that the verdict names")
    return known


def _parts(
    entry: Proven, manifest: Manifest, verdict: Mapping[str, Any]
) -> list[tuple[str, str, str, int | None]]:
    """(part, file, digest, bytes) of what a batch consists of."""
    with about(entry.file):
        stored = entry.body["object"]
        size = whole_of(stored, "bytes")
        found: list[tuple[str, str, str, int | None]] = [
            ("object", part_name(entry.index, "object"), parse_digest(text_of(stored, "digest")), size)
        ]
        if stored["encoded_by"] == "hub":
            name = part_name(entry.index, "source", manifest.media_type)
            found.append(("source", name, manifest.digest, manifest.bytes))
        elif stored["digest"] != manifest.digest:
            raise ProofInvalidError("the object is not what the publisher signed, yet nobody encoded it")
        if verdict["report"] is not None:
            digest = parse_digest(text_of(verdict, "report"))
            found.append(("report", part_name(entry.index, "report"), digest, None))
        return found


def _part(
    reading: Reading, pack: PackManifest, part: str, name: str, digest: str, size: int | None
) -> PartFacts:
    absence = pack.absence(name)
    if not reading.has(name) and absence is not None:
        return PartFacts(part, name, digest, size, f"{absence.code}: {absence.reason}")
    with about(name):
        if reading.digest(name) != digest:
            raise DigestMismatchError(
                f"不是账本所记的文件 / not the {part} that the ledger speaks of: that has {digest}"
            )
    return PartFacts(part, name, digest, reading.files.size(name), "")


def _facts(
    entry: Proven,
    manifest: Manifest,
    verdict: Mapping[str, Any],
    known: Known,
    key: str,
    parts: tuple[PartFacts, ...],
) -> BatchFacts:
    with about(entry.file):
        period = verdict["period"]
        return BatchFacts(
            id=text_of(entry.body, "batch"),
            index=entry.index,
            dataset=str(manifest.dataset),
            publisher=str(manifest.publisher),
            contract=str(manifest.contract),
            kind=manifest.kind.value,
            key=key,
            created_at=manifest.created_at,
            recorded_at=entry.recorded_at,
            period=period and (parse_instant(period["from"]), parse_instant(period["until"])),
            rows=whole_of(verdict, "rows"),
            accepted=whole_of(verdict, "accepted"),
            rejected=whole_of(verdict, "rejected"),
            counts=_counts(verdict, known),
            parts=parts,
            sealed=manifest.seal.columns if manifest.seal else (),
            checkpoint=entry.checkpoint,
            cosigned=entry.cosigned,
        )


def _counts(verdict: Mapping[str, Any], known: Known) -> tuple[RuleFacts, ...]:
    """Rows by rule, with what the contract says about it."""
    rules = {rule.id: rule for rule in known.parsed.rules} if known.parsed else {}
    return tuple(
        RuleFacts(
            name,
            whole_of(verdict["counts"], name),
            str(rules[name].severity) if name in rules else "",
            rules[name].zh if name in rules else "",
            rules[name].en if name in rules else "",
        )
        for name in sorted(verdict["counts"])
    )
