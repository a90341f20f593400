"""Checking a receipt with nothing but the log's public keys: every one that the caller knows."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from exchange.batch.manifest import PAYLOAD_TYPE, Manifest
from exchange.errors import DigestMismatchError, HechuanError, ProofInvalidError
from exchange.ids import digest_of
from exchange.ledger import Checkpoint, Receipt, VerifierKey, verify_receipt_signers
from exchange.trust.envelope import Envelope, parse_canonical, verify
from exchange.trust.keys import VerifyKey


@dataclass(frozen=True, slots=True)
class Verified:
    """What a receipt proves. `batch` and `manifest` only where the entry is a batch.

    `algorithms` are those under which a known key of the log signed the checkpoint, as `ed25519`, `ml-dsa-44`. A
    caller who holds the log's ML-DSA key and wants what it gives against quantum computers looks for it there: a
    checkpoint from before the log had that key carries no such line.
    """

    index: int
    checkpoint: Checkpoint
    entry: dict[str, Any]
    batch: str | None
    manifest: Manifest | None
    algorithms: tuple[str, ...] = ()


def verify_receipt_text(receipt: str | bytes, log_key: str | Sequence[str]) -> Verified:
    """Check a receipt under the log's verifier key, or several; raises ProofInvalidError, MalformedError.

    (1) the log signed the checkpoint, and the entry carried in the receipt is in that tree
    (2) the entry's manifest is signed by the publisher's key that the entry names
    (3) the entry's batch id is the digest of that manifest
    """
    parsed = Receipt.parse(receipt)
    keys = [VerifierKey.parse(text) for text in ([log_key] if isinstance(log_key, str) else log_key)]
    checkpoint, signers = verify_receipt_signers(parsed, parsed.extra, *keys)  # (1)
    algorithms = tuple(sorted({key.type.algorithm for key in signers}))
    try:
        entry = json.loads(parsed.extra)
        if entry["kind"] != "batch":
            return Verified(parsed.index, checkpoint, entry, None, None, algorithms)
        key = VerifyKey.parse(entry["public_key"])
        payload = verify(
            Envelope.from_json(entry["envelope"]), PAYLOAD_TYPE, lambda key_id: _only(key, key_id)
        )  # (2)
        manifest = Manifest.from_json(parse_canonical(payload))
    except (ValueError, KeyError, TypeError, HechuanError) as error:
        raise ProofInvalidError(f"entry: {error}", detail={"step": "entry"}) from error
    if entry["batch"] != digest_of(payload):  # (3)
        raise ProofInvalidError("entry: its batch id is not its manifest's", detail={"step": "entry"})
    return Verified(parsed.index, checkpoint, entry, entry["batch"], manifest, algorithms)


def verify_receipt_file(receipt: Path, log_key: str | Sequence[str], batch: Path | None = None) -> Verified:
    """Check a receipt file and, where given, that a file holds the batch it speaks of.

    The file may be what the publisher sent or what the hub stored. Raises DigestMismatchError besides.
    """
    verified = verify_receipt_text(receipt.read_bytes(), log_key)
    if batch is not None:
        with batch.open("rb") as file:
            digest = "sha256:" + hashlib.file_digest(file, "sha256").hexdigest()
        if verified.manifest is None:
            raise ProofInvalidError(f"the receipt is of a {verified.entry['kind']}, not of a batch")
        if digest not in (verified.manifest.digest, verified.entry["object"]["digest"]):
            raise DigestMismatchError(
                f"{batch.name} is not the batch of this receipt: it has digest {digest}"
            )
    return verified


def _only(key: VerifyKey, key_id: str) -> VerifyKey:
    if key_id != key.keyid:
        raise ProofInvalidError("the manifest is signed by another key than the entry names")
    return key
