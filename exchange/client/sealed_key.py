"""A batch key on its way to one reader: wrapped by HPKE, in an envelope that its publisher signed."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable
from typing import Final

from exchange.errors import MalformedError, SignatureInvalidError
from exchange.trust.envelope import Envelope, parse_canonical, sign, verify
from exchange.trust.keys import Signer, VerifyKey
from exchange.trust.seal import BatchKey, Recipient, RecipientKey, unwrap_key, wrap_key
from exchange.v1 import member_pb2

SEALED_KEY_TYPE: Final = "application/vnd.hechuan.sealed-key+json"


def sealed_key(key: BatchKey, recipient: Recipient, agreement: str, signer: Signer) -> bytes:
    """The envelope (JSON) of a batch key for one recipient under one agreement."""
    claim = {
        "agreement": agreement,
        "dataset": key.dataset,
        "key": key.keyid,
        "recipient": recipient.keyid,
        "v": 1,
        "wrapped": base64.b64encode(wrap_key(key, recipient, agreement)).decode(),
    }
    return sign(claim, SEALED_KEY_TYPE, signer).to_json_bytes()


def opened_key(
    envelope: bytes, own: RecipientKey, dataset: str, signers: Iterable[member_pb2.Key]
) -> BatchKey | None:
    """The batch key in an envelope, once its publisher's signature has checked; None where it is for another recipient.

    Raises SignatureInvalidError, MalformedError.
    """
    known = {key.id: VerifyKey.parse(key.public_key) for key in signers if not key.revoked}

    def resolve(key_id: str) -> VerifyKey:
        if key_id not in known:
            raise SignatureInvalidError(f"signing key {key_id[:80]} is not the publisher's")
        return known[key_id]

    claim = parse_canonical(verify(Envelope.from_json_bytes(envelope), SEALED_KEY_TYPE, resolve))
    if not isinstance(claim, dict) or claim.get("dataset") != dataset:
        raise MalformedError(f"the sealed key is not one of {dataset}")
    if claim["recipient"] != own.keyid:
        return None
    try:
        wrapped = base64.b64decode(claim["wrapped"], validate=True)
    except (binascii.Error, ValueError):
        raise MalformedError("the sealed key is not base64") from None
    return unwrap_key(wrapped, own, claim["key"], dataset, claim["agreement"])
