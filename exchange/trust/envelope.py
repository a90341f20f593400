"""DSSE envelopes over canonical JSON: what somebody signed, and who.

DSSE v1.0.0 (protocol.md, envelope.md). The payload is canonical JSON and is refused in any other form, so one value
has one digest. The envelope around it may be laid out freely, for its bytes are never signed; `to_json_bytes` writes
the canonical form of that, too.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

from exchange.errors import (
    LimitExceededError,
    MalformedError,
    NotFoundError,
    SignatureInvalidError,
    UntrustedError,
)
from exchange.trust.canonical import canonical, parse_canonical, parse_json
from exchange.trust.keys import Signer, VerifyKey

__all__ = [
    "MAX_ENVELOPE_BYTES",
    "MAX_SIGNATURES",
    "Envelope",
    "Resolve",
    "Signature",
    "canonical",
    "pae",
    "parse_canonical",
    "sign",
    "verify",
    "verify_signatures",
    "verify_signers",
]

MAX_ENVELOPE_BYTES: Final = 1 << 20
MAX_SIGNATURES: Final = 8
_MAX_KEYID = 256
_TYPE = re.compile(r"[\x21-\x7e]{1,256}")
_URL_SAFE = str.maketrans("-_", "+/")

Resolve = Callable[[str], VerifyKey]
"""Key id → the key that counts under it; raises SignatureInvalidError or NotFoundError where none does."""


@dataclass(frozen=True, slots=True)
class Signature:
    """A signature and the id of the key said to have made it."""

    keyid: str
    sig: bytes


@dataclass(frozen=True, slots=True)
class Envelope:
    """Signed bytes; nothing about them counts before `verify`. `payload_type` is a media type or URI."""

    payload: bytes
    payload_type: str
    signatures: tuple[Signature, ...]

    def __post_init__(self) -> None:
        if len(self.payload) > MAX_ENVELOPE_BYTES:
            raise LimitExceededError(f"an envelope has at most {MAX_ENVELOPE_BYTES} bytes")
        if len(self.signatures) > MAX_SIGNATURES:
            raise LimitExceededError(f"an envelope has at most {MAX_SIGNATURES} signatures")
        if not _TYPE.fullmatch(self.payload_type):
            raise MalformedError("a payload type is printable ASCII without spaces")

    @classmethod
    def from_json(cls, value: object) -> Self:
        """Read the JSON value of an envelope; raises MalformedError, LimitExceededError. envelope.md.

        Unknown members are passed over, and a signature may lack its key id, as DSSE says.
        """
        if not isinstance(value, dict) or not isinstance(value.get("signatures"), list):
            raise MalformedError("an envelope is a JSON object with a list of signatures")
        signatures = value["signatures"]
        if len(signatures) > MAX_SIGNATURES:
            raise LimitExceededError(f"an envelope has at most {MAX_SIGNATURES} signatures")
        return cls(
            _base64(value, "payload"),
            _text(value, "payloadType"),
            tuple(_parse_signature(signature) for signature in signatures),
        )

    @classmethod
    def from_json_bytes(cls, data: bytes) -> Self:
        """Read the JSON form; raises MalformedError, LimitExceededError."""
        if len(data) > MAX_ENVELOPE_BYTES:
            raise LimitExceededError(f"an envelope has at most {MAX_ENVELOPE_BYTES} bytes")
        return cls.from_json(parse_json(data))

    def to_json(self) -> dict[str, Any]:
        """The JSON value: standard base64, members `payload`, `payloadType`, `signatures` of `keyid` and `sig`."""
        return {
            "payload": base64.b64encode(self.payload).decode(),
            "payloadType": self.payload_type,
            "signatures": [
                {"keyid": signature.keyid, "sig": base64.b64encode(signature.sig).decode()}
                for signature in self.signatures
            ],
        }

    def to_json_bytes(self) -> bytes:
        """The JSON form, canonical."""
        return canonical(self.to_json())


def pae(payload_type: str, payload: bytes) -> bytes:
    """Pre-authentication encoding: the bytes that are signed. DSSE protocol.md § Signature Definition."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def sign(payload: object, payload_type: str, key: Signer, *others: Signer) -> Envelope:
    """Sign a JSON value, or bytes that are canonical JSON already; raises MalformedError, LimitExceededError."""
    data = payload if isinstance(payload, bytes) else canonical(payload)
    if data is payload:
        parse_canonical(data)
    message = pae(payload_type, data)
    signatures = tuple(Signature(each.verify_key.keyid, each.sign(message)) for each in (key, *others))
    return Envelope(data, payload_type, signatures)


def verify(envelope: Envelope, payload_type: str, resolve: Resolve) -> bytes:
    """The payload, once one signature of a key that counts has checked; see `verify_signers`."""
    return verify_signers(envelope, payload_type, resolve)[0]


def verify_signers(
    envelope: Envelope, payload_type: str, resolve: Resolve
) -> tuple[bytes, tuple[VerifyKey, ...]]:
    """The payload, and every key whose signature over it checks (at least one, each once).

    (1) the payload is of the type that the caller expects
    (2) each signature is tried under the key that its id resolves to; those that fail do not count
    (3) the payload is canonical JSON

    Raises SignatureInvalidError where no signature counts, MalformedError for another type or form.
    """
    signers = verify_signatures(envelope, payload_type, resolve)
    parse_canonical(envelope.payload)  # (3)
    return envelope.payload, signers


def verify_signatures(envelope: Envelope, payload_type: str, resolve: Resolve) -> tuple[VerifyKey, ...]:
    """Steps (1) and (2) of `verify_signers`, for who parses the payload anyway."""
    if envelope.payload_type != payload_type:  # (1)
        raise MalformedError(f"payload is {envelope.payload_type!r}, expected is {payload_type!r}")
    message = pae(payload_type, envelope.payload)
    signers: dict[str, VerifyKey] = {}
    reasons: list[str] = []
    for signature in envelope.signatures:  # (2)
        try:
            key = resolve(signature.keyid)
            key.verify(message, signature.sig)
            signers[key.keyid] = key
        except (UntrustedError, NotFoundError) as error:
            reasons.append(error.message)
    if not signers:
        raise SignatureInvalidError("; ".join(reasons) or "the envelope is not signed")
    return tuple(signers.values())


def _parse_signature(value: object) -> Signature:
    if not isinstance(value, dict):
        raise MalformedError("a signature is a JSON object")
    keyid = _text(value, "keyid") if "keyid" in value else ""
    if len(keyid) > _MAX_KEYID:
        raise LimitExceededError(f"a key id has at most {_MAX_KEYID} characters")
    return Signature(keyid, _base64(value, "sig"))


def _text(value: Mapping[str, object], name: str) -> str:
    text = value.get(name)
    if not isinstance(text, str):
        raise MalformedError(f"envelope member {name!r} is not a string")
    return text


def _base64(value: Mapping[str, object], name: str) -> bytes:
    # DSSE lets signers use either alphabet and demands that verifiers take both
    text = _text(value, name).translate(_URL_SAFE)
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise MalformedError(f"envelope member {name!r} is not base64") from None
