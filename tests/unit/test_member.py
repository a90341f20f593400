"""Cards, invitations and key statements: what is written is read back, and nothing else is."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.errors import HechuanError, InvalidInputError, LimitExceededError, MalformedError
from exchange.ids import AgencyId, parse_address
from exchange.ledger import SignatureType, VerifierKey
from exchange.member import (
    KEY_TYPE,
    HubCard,
    Invitation,
    hash_secret,
    key_statement,
    log_origin,
    new_secret,
    witness_name,
)
from exchange.trust.authority import Authority
from exchange.trust.canonical import parse_canonical
from exchange.trust.envelope import verify
from exchange.trust.keys import SigningKey

NOW = datetime(2026, 3, 19, 1, 30, tzinfo=UTC)
ECOLOGY = AgencyId.parse("500000/ecology")
STATEMENT = SigningKey.generate()
LOG = VerifierKey(log_origin("500000"), SigningKey.generate().verify_key.public)
LOG_MLDSA = VerifierKey(LOG.name, SigningKey.generate("ml-dsa-44").verify_key.public, SignatureType.ML_DSA_44)
AUTHORITY = Authority.create("500000", 30, NOW).certificate_pem.decode()
CARD = HubCard("500000", "hub.example:8443", AUTHORITY, str(LOG), str(STATEMENT.verify_key))
WITH_MLDSA = replace(CARD, log_mldsa_key=str(LOG_MLDSA))
INVITATION = Invitation(CARD, "hub.example:8444", ECOLOGY, new_secret(), NOW + timedelta(hours=72))


def test_files_are_read_back_as_they_were_written() -> None:
    assert HubCard.parse(CARD.to_bytes()) == CARD
    assert Invitation.parse(INVITATION.to_bytes()) == INVITATION
    reindented = json.dumps(json.loads(INVITATION.to_bytes()), indent=2).encode()
    assert Invitation.parse(reindented) == INVITATION


def test_a_card_with_two_log_keys() -> None:
    assert "log_mldsa_key" not in CARD.to_json()
    assert HubCard.parse(WITH_MLDSA.to_bytes()) == WITH_MLDSA
    assert CARD.log_keys == (str(LOG),)
    assert WITH_MLDSA.log_keys == (str(LOG), str(LOG_MLDSA))
    assert WITH_MLDSA.fingerprint != CARD.fingerprint
    elsewhere = VerifierKey("elsewhere", LOG_MLDSA.public, SignatureType.ML_DSA_44)
    for wrong in (str(LOG), str(elsewhere), "x", "a" * 100_000):
        with pytest.raises(MalformedError):
            replace(CARD, log_mldsa_key=wrong)
    with pytest.raises(MalformedError):
        replace(CARD, log_key=str(LOG_MLDSA))
    with pytest.raises(MalformedError):
        HubCard.from_json(CARD.to_json() | {"log_mldsa_key": 1})


def test_a_secret_shows_in_the_file_only() -> None:
    assert INVITATION.secret not in repr(INVITATION)
    assert INVITATION.secret.encode() in INVITATION.to_bytes()
    assert hash_secret(INVITATION.secret).startswith("sha256:")
    assert len({new_secret() for _ in range(100)}) == 100


def test_a_fingerprint_follows_the_keys_not_the_address() -> None:
    moved = HubCard("500000", "10.0.0.1:1", AUTHORITY, str(LOG), str(STATEMENT.verify_key))
    changed = HubCard("500000", CARD.address, AUTHORITY, str(LOG), str(SigningKey.generate().verify_key))
    assert moved.fingerprint == CARD.fingerprint != changed.fingerprint
    assert len(CARD.fingerprint.split()) == 8


def test_a_witness_key_may_come_later_and_never_change() -> None:
    def witness() -> str:
        key = SigningKey.generate().verify_key.public
        return str(VerifierKey(witness_name("500000"), key, SignatureType.COSIGNATURE))

    newer = replace(CARD, witness_key=witness())
    assert HubCard.parse(newer.to_bytes()) == newer
    assert b"witness_key" not in CARD.to_bytes()
    assert newer.continues(CARD)
    assert not CARD.continues(newer)
    assert not replace(CARD, witness_key=witness()).continues(newer)
    for key in (str(LOG), str(VerifierKey(witness_name("500000"), STATEMENT.verify_key.public)), "x"):
        with pytest.raises(MalformedError):
            replace(CARD, witness_key=key)


@pytest.mark.parametrize("text", ["localhost:1", "127.0.0.1:65535", "[::1]:8443", "a-b.example:443", "x:1"])
def test_addresses(text: str) -> None:
    assert parse_address(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "host",
        "host:0",
        "host:65536",
        "host:x",
        "::1:80",
        "unix:/tmp/s",
        "dns:///h:1",
        "h h:1",
        "h:1\n",
        "-h:1",
    ],
)
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(MalformedError):
        parse_address(text)


def _with(changes: dict[str, Any], hub: dict[str, Any] | None = None) -> bytes:
    value = json.loads(INVITATION.to_bytes())
    value.update(changes)
    value["hub"].update(hub or {})
    return json.dumps(value).encode()


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"", MalformedError),
        (b"[]", MalformedError),
        (b"\xff", MalformedError),
        (CARD.to_bytes(), MalformedError),
        (b" " * (300 << 10), LimitExceededError),
        (_with({"extra": 1}), MalformedError),
        (_with({"v": 2}), MalformedError),
        (_with({"secret": "short"}), MalformedError),
        (_with({"secret": 1}), MalformedError),
        (_with({"agency": "510000/ecology"}), InvalidInputError),
        (_with({"agency": "../../etc"}), MalformedError),
        (_with({"expires_at": "tomorrow"}), MalformedError),
        (_with({"enrolment": "nowhere"}), MalformedError),
        (_with({}, {"address": "unix:/x"}), MalformedError),
        (_with({}, {"authority": "none"}), MalformedError),
        (_with({}, {"jurisdiction": "510000"}), InvalidInputError),
        (_with({}, {"log_key": str(VerifierKey("elsewhere", LOG.public))}), MalformedError),
        (_with({}, {"statement_key": "x"}), MalformedError),
    ],
)
def test_a_changed_invitation_is_refused(data: bytes, error: type[HechuanError]) -> None:
    with pytest.raises(error):
        Invitation.parse(data)


@given(st.binary(max_size=300) | st.text(max_size=300).map(str.encode))
def test_no_bytes_raise_anything_but_our_errors(data: bytes) -> None:
    for parse in (HubCard.parse, Invitation.parse):
        with pytest.raises(HechuanError):
            parse(data)


def test_a_key_statement_is_signed_by_the_key_it_names() -> None:
    key = SigningKey.generate()
    envelope = key_statement(ECOLOGY, key, NOW)
    claim = parse_canonical(verify(envelope, KEY_TYPE, lambda keyid: key.verify_key))
    assert claim == {
        "agency": "500000/ecology",
        "created_at": "2026-03-19T01:30:00.000000Z",
        "key": str(key.verify_key),
        "v": 1,
    }
