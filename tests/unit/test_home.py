"""A hub's directory: made once, read back, modes kept."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from exchange.errors import ConflictError, InvalidInputError, MalformedError, UntrustedError
from exchange.home import HubDirectory, found_hub, renew_hub_certificate
from exchange.ledger import VerifierKey
from exchange.trust.authority import Authority
from exchange.trust.identity import TrustBundle, identify
from exchange.trust.keys import SigningKey, VerifyKey

NOW = datetime(2026, 3, 19, 1, 30, tzinfo=UTC)
SETTINGS = '[hub]\njurisdiction = "500000"\n'


def _found(home: HubDirectory) -> None:
    found_hub(home, "500000", ["localhost", "127.0.0.1"], SETTINGS, NOW, 3650, 365)


@pytest.fixture
def home(tmp_path: Path) -> HubDirectory:
    home = HubDirectory(tmp_path / "hub")
    _found(home)
    return home


def test_a_new_hub_has_all_its_keys_and_no_file_open_to_others(home: HubDirectory) -> None:
    for path in home.root.rglob("*"):
        assert path.stat().st_mode & 0o077 == 0, path
    bundle = TrustBundle.parse(home.trusted())
    assert identify(home.hub_certificate.read_bytes(), bundle, NOW).is_hub
    assert home.settings.read_text() == SETTINGS
    assert SigningKey.load(home.log_key).verify_key.algorithm == "ed25519"
    assert SigningKey.load(home.log_mldsa_key).verify_key.algorithm == "ml-dsa-44"


def test_a_hub_is_made_once(home: HubDirectory) -> None:
    with pytest.raises(ConflictError):
        _found(home)
    home.settings.unlink()
    with pytest.raises(ConflictError):
        _found(home)


def test_the_card_says_what_the_keys_are(home: HubDirectory) -> None:
    card = home.card("localhost:8443")
    assert VerifierKey.parse(card.log_key) == home.log_verifier()
    assert home.log_verifier().name == "hechuan/500000"
    assert tuple(map(VerifierKey.parse, card.log_keys)) == home.log_verifiers()
    assert [key.type.algorithm for key in home.log_verifiers()] == ["ed25519", "ml-dsa-44"]
    assert VerifyKey.parse(card.statement_key) == SigningKey.load(home.statement_key).verify_key
    assert card.authority.encode() == home.ca_certificate.read_bytes()


def test_a_hub_from_before_gets_a_witness_key(home: HubDirectory) -> None:
    home.witness_key.unlink()
    card = home.card("localhost:8443")
    assert VerifierKey.parse(card.witness_key) == home.witness_verifier()
    assert home.witness_verifier().name == "hechuan/500000/witness"
    assert home.witness_key.stat().st_mode & 0o777 == 0o600


def test_another_jurisdiction_is_trusted_for_itself_only(home: HubDirectory) -> None:
    sichuan = Authority.create("510000", 30, NOW)
    home.trust_authority("510000", sichuan.certificate_pem)
    assert set(home.trusted()) == {"500000", "510000"}
    for jurisdiction, pem, error in (
        ("500000", sichuan.certificate_pem, ConflictError),
        ("520000", sichuan.certificate_pem, InvalidInputError),
        ("520000", b"junk", MalformedError),
        ("../x", sichuan.certificate_pem, MalformedError),
    ):
        with pytest.raises(error):
            home.trust_authority(jurisdiction, pem)
    assert set(home.trusted()) == {"500000", "510000"}


@pytest.mark.parametrize(
    ("names", "listen", "expected"),
    [
        ("hub.example,10.0.0.1", "0.0.0.0:8443", "hub.example:8443"),
        ("::1", "[::1]:8443", "[::1]:8443"),
        ("localhost", "127.0.0.1:0", "localhost:4711"),
    ],
)
def test_the_address_for_partners(home: HubDirectory, names: str, listen: str, expected: str) -> None:
    home.ports.write_text(json.dumps({"exchange": 4711, "enrolment": 4712}))
    assert home.address(names, listen, "exchange") == expected


def test_no_address_before_the_hub_has_run(home: HubDirectory) -> None:
    with pytest.raises(InvalidInputError, match="--address"):
        home.address("localhost", "127.0.0.1:0", "exchange")


def test_a_renewed_server_certificate(home: HubDirectory) -> None:
    before = home.hub_certificate.read_bytes()
    renew_hub_certificate(home, ["hub.example"], 365, NOW + timedelta(days=300))
    after = home.hub_certificate.read_bytes()
    assert after != before
    assert home.hub_key.stat().st_mode & 0o777 == 0o600
    later = NOW + timedelta(days=600)
    assert identify(after, TrustBundle.parse(home.trusted()), later).is_hub


def test_a_key_that_others_can_read_is_not_used(home: HubDirectory) -> None:
    home.ca_key.chmod(0o644)
    with pytest.raises(UntrustedError):
        home.authority()


def test_a_hub_from_before_ml_dsa_has_one_log_key(home: HubDirectory) -> None:
    home.log_mldsa_key.unlink()
    assert home.log_verifiers() == (home.log_verifier(),)
    assert home.card("localhost:8443").log_keys == (str(home.log_verifier()),)
    SigningKey.generate("ml-dsa-65").save(home.log_mldsa_key)
    with pytest.raises(InvalidInputError, match="ml-dsa-44"):
        home.log_verifiers()
