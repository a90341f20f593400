"""DSSE envelopes: the specification's example, several signers, and every way to be refused."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from exchange.errors import (
    HechuanError,
    LimitExceededError,
    MalformedError,
    NotFoundError,
    SignatureInvalidError,
)
from exchange.trust import (
    Envelope,
    Signature,
    SigningKey,
    VerifyKey,
    canonical,
    pae,
    sign,
    verify,
    verify_signers,
)

TYPE = "application/vnd.hechuan.manifest+json"
KEY, OTHER = SigningKey.generate(), SigningKey.generate("ecdsa-p256")
KNOWN = {KEY.keyid: KEY.verify_key, OTHER.keyid: OTHER.verify_key}
VALUE = {"dataset": "500000/ecology/water-quality", "rows": 3, "断面": "金子"}
ENVELOPE = sign(VALUE, TYPE, KEY)


def resolve(keyid: str) -> VerifyKey:
    if keyid not in KNOWN:
        raise NotFoundError(f"no key {keyid}")
    return KNOWN[keyid]


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


@pytest.mark.parametrize(
    ("kind", "payload", "encoded"),
    [
        (
            "http://example.com/HelloWorld",
            b"hello world",
            b"DSSEv1 29 http://example.com/HelloWorld 11 hello world",
        ),
        ("", b"", b"DSSEv1 0  0 "),
        ("a", b"12 x", b"DSSEv1 1 a 4 12 x"),
        ("类型", b"\0\xff", "DSSEv1 6 类型 2 ".encode() + b"\0\xff"),
    ],
)
def test_pae_counts_bytes(kind: str, payload: bytes, encoded: bytes) -> None:
    assert pae(kind, payload) == encoded


def test_the_specifications_envelope_has_a_good_signature_but_no_canonical_payload() -> None:
    text = {
        "payload": "aGVsbG8gd29ybGQ=",
        "payloadType": "http://example.com/HelloWorld",
        "signatures": [
            {
                "sig": "A3JqsQGtVsJ2O2xqrI5IcnXip5GToJ3F+FnZ+O88SjtR6rDAajabZKciJTfUiHqJPcIAriEGAHTVeCUjW2JIZA=="
            }
        ],
    }
    secret = 97358161215184420915383655311931858321456579547487070936769975997791359926199
    key = SigningKey(ec.derive_private_key(secret, ec.SECP256R1())).verify_key
    envelope = Envelope.from_json_bytes(json.dumps(text).encode())
    assert envelope.payload == b"hello world"
    key.verify(pae(envelope.payload_type, envelope.payload), envelope.signatures[0].sig)
    with pytest.raises(MalformedError):
        verify(envelope, envelope.payload_type, lambda keyid: key)


def test_a_signed_value_comes_back() -> None:
    assert ENVELOPE.payload == canonical(VALUE)
    assert verify(ENVELOPE, TYPE, resolve) == canonical(VALUE)
    assert sign(canonical(VALUE), TYPE, KEY) == ENVELOPE


def test_the_json_form() -> None:
    expected = {
        "payload": _b64(ENVELOPE.payload),
        "payloadType": TYPE,
        "signatures": [{"keyid": KEY.keyid, "sig": _b64(ENVELOPE.signatures[0].sig)}],
    }
    assert ENVELOPE.to_json() == expected
    assert ENVELOPE.to_json_bytes() == canonical(expected)
    assert Envelope.from_json_bytes(ENVELOPE.to_json_bytes()) == Envelope.from_json(expected) == ENVELOPE


def test_layout_alphabet_and_unknown_members_are_free() -> None:
    payload = canonical({"x": "ÿþ?>"})
    envelope = sign(payload, TYPE, KEY)
    loose = {**envelope.to_json(), "later": 1, "payload": base64.urlsafe_b64encode(payload).decode()}
    assert loose["payload"] != envelope.to_json()["payload"]
    assert Envelope.from_json_bytes(json.dumps(loose, indent=2).encode()) == envelope


def test_every_signer_is_told_once() -> None:
    both = sign(VALUE, TYPE, KEY, OTHER, KEY)
    assert verify_signers(both, TYPE, resolve)[1] == (KEY.verify_key, OTHER.verify_key)


def test_signatures_that_do_not_count_are_passed_over() -> None:
    good = ENVELOPE.signatures[0]
    crowd = (Signature("unknown", b"x"), Signature(OTHER.keyid, good.sig), Signature("", b""), good)
    payload, signers = verify_signers(Envelope(ENVELOPE.payload, TYPE, crowd), TYPE, resolve)
    assert payload == ENVELOPE.payload
    assert signers == (KEY.verify_key,)


def signed(payload: bytes) -> Envelope:
    return Envelope(payload, TYPE, (Signature(KEY.keyid, KEY.sign(pae(TYPE, payload))),))


REFUSED: dict[str, tuple[Envelope, type[HechuanError], str]] = {
    "no signature": (Envelope(ENVELOPE.payload, TYPE, ()), SignatureInvalidError, "not signed"),
    "unknown key": (sign(VALUE, TYPE, SigningKey.generate()), SignatureInvalidError, "no key"),
    "another payload": (
        Envelope(canonical({}), TYPE, ENVELOPE.signatures),
        SignatureInvalidError,
        "does not check",
    ),
    "key id of another key": (
        Envelope(ENVELOPE.payload, TYPE, (Signature(OTHER.keyid, ENVELOPE.signatures[0].sig),)),
        SignatureInvalidError,
        "does not check",
    ),
    "another payload type": (sign(VALUE, "application/json", KEY), MalformedError, "expected is"),
    "signed without PAE": (
        Envelope(ENVELOPE.payload, TYPE, (Signature(KEY.keyid, KEY.sign(ENVELOPE.payload)),)),
        SignatureInvalidError,
        "does not check",
    ),
    "spaces": (signed(b'{"a": 1}'), MalformedError, "canonical"),
    "members out of order": (signed(b'{"b":1,"a":1}'), MalformedError, "canonical"),
    "duplicate members": (signed(b'{"a":1,"a":1}'), MalformedError, "two members"),
    "NaN": (signed(b'{"a":NaN}'), MalformedError, "NaN"),
    "whole number too large": (signed(b"9007199254740992"), MalformedError, "beyond"),
    "not JSON": (signed(b"hello"), MalformedError, "not JSON"),
    "not UTF-8": (signed(b'"\xff"'), MalformedError, "UTF-8"),
    "nested too deep": (signed(b"[" * 40 + b"]" * 40), LimitExceededError, "deeper"),
}


@pytest.mark.parametrize("case", REFUSED.values(), ids=REFUSED)
def test_envelopes_that_are_refused(case: tuple[Envelope, type[HechuanError], str]) -> None:
    envelope, error, reason = case
    with pytest.raises(error, match=reason):
        verify(envelope, TYPE, resolve)


def test_a_payload_is_not_parsed_before_a_signature_checks() -> None:
    with pytest.raises(SignatureInvalidError):
        verify(Envelope(b"not JSON", TYPE, ENVELOPE.signatures), TYPE, resolve)


def changed(**members: Any) -> Callable[[], Envelope]:
    return lambda: Envelope.from_json({**ENVELOPE.to_json(), **members})


def without(member: str) -> Callable[[], Envelope]:
    kept = {name: value for name, value in ENVELOPE.to_json().items() if name != member}
    return lambda: Envelope.from_json(kept)


SIG = ENVELOPE.to_json()["signatures"][0]


@pytest.mark.parametrize(
    "make",
    {
        "no payload": without("payload"),
        "no type": without("payloadType"),
        "no signatures": without("signatures"),
        "payload not a string": changed(payload=1),
        "payload not base64": changed(payload="*"),
        "payload base64 cut short": changed(payload="YQ"),
        "payload base64 not ASCII": changed(payload="ÿÿÿÿ"),
        "type not a string": changed(payloadType=None),
        "type empty": changed(payloadType=""),
        "type with a space": changed(payloadType="a b"),
        "type not ASCII": changed(payloadType="类型"),
        "type endless": changed(payloadType="a" * 257),
        "signatures not a list": changed(signatures={}),
        "signature not an object": changed(signatures=["x"]),
        "signature without sig": changed(signatures=[{"keyid": "x"}]),
        "sig not base64": changed(signatures=[{**SIG, "sig": "*"}]),
        "key id not a string": changed(signatures=[{**SIG, "keyid": 1}]),
        "not an object": lambda: Envelope.from_json([]),
        "null": lambda: Envelope.from_json_bytes(b"null"),
        "not JSON": lambda: Envelope.from_json_bytes(b"{"),
        "duplicate member": lambda: Envelope.from_json_bytes(
            ENVELOPE.to_json_bytes()[:-1] + b',"payload":""}'
        ),
    }.values(),
)
def test_json_that_is_no_envelope(make: Callable[[], Envelope]) -> None:
    with pytest.raises(MalformedError):
        make()


@pytest.mark.parametrize(
    "make",
    {
        "too many signatures": changed(signatures=[SIG] * 9),
        "endless key id": changed(signatures=[{**SIG, "keyid": "x" * 257}]),
        "too many bytes": lambda: Envelope.from_json_bytes(b" " * ((1 << 20) + 1)),
        "deep JSON": lambda: Envelope.from_json_bytes(b"[" * 500_000),
        "payload too large": lambda: sign("x" * (1 << 20), TYPE, KEY),
        "nine signers": lambda: sign(VALUE, TYPE, *[KEY] * 9),
    }.values(),
)
def test_envelopes_have_limits(make: Callable[[], Envelope]) -> None:
    with pytest.raises(LimitExceededError):
        make()


@pytest.mark.parametrize("payload", [b"{ }", b"", b"\xff", {"a": float("nan")}, {1: 2}])
def test_nothing_else_is_signed(payload: object) -> None:
    with pytest.raises(MalformedError):
        sign(payload, TYPE, KEY)
