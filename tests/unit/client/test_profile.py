"""What an agency keeps: strict modes, clear words, steps that can be repeated."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from exchange.client.profile import Home, Profile
from exchange.errors import (
    ConflictError,
    HechuanError,
    InvalidInputError,
    MalformedError,
    NotFoundError,
    UnauthenticatedError,
    UntrustedError,
)
from exchange.ids import AgencyId
from exchange.ledger import SignatureType, VerifierKey
from exchange.member import HubCard, log_origin
from exchange.trust.authority import Authority, new_key_and_csr
from exchange.trust.keys import SigningKey

NOW = datetime.now(UTC).replace(microsecond=0)
ECOLOGY = AgencyId.parse("500000/ecology")
CHONGQING = Authority.create("500000", 30, NOW)
SICHUAN = Authority.create("510000", 30, NOW)


def card_of(authority: Authority, address: str = "localhost:8443") -> HubCard:
    return HubCard(
        authority.jurisdiction,
        address,
        authority.certificate_pem.decode(),
        str(VerifierKey(log_origin(authority.jurisdiction), SigningKey.generate().verify_key.public)),
        str(SigningKey.generate().verify_key),
    )


CARD = card_of(CHONGQING)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "ecology")


@pytest.fixture
def enrolled(home: Home) -> Home:
    csr = home.prepare(ECOLOGY)
    home.install(CARD, CHONGQING.sign_agency(csr, ECOLOGY, 10, NOW), NOW)
    return home


def test_a_profile_is_read_back(enrolled: Home) -> None:
    profile = Profile.load(enrolled.root)
    assert (profile.agency, profile.hub, profile.joined()) == (ECOLOGY, "localhost:8443", ["500000"])
    assert (profile.log_key, profile.statement_key) == (CARD.log_key, CARD.statement_key)
    assert profile.authorities() == CHONGQING.certificate_pem
    assert b"PRIVATE KEY" in profile.tls_key()
    assert profile.tls_chain().startswith(b"-----BEGIN CERTIFICATE-----")
    assert profile.certificate()[1] == NOW + timedelta(days=10)
    assert profile.signing_key().verify_key.algorithm == "ed25519"
    for path in (enrolled.root, *enrolled.root.rglob("*")):
        assert path.stat().st_mode & 0o077 == 0, path


def test_preparing_again_keeps_the_keys(home: Home) -> None:
    home.prepare(ECOLOGY)
    before = (home.tls_key.read_bytes(), home.signing_key.read_bytes())
    home.prepare(ECOLOGY)
    assert before == (home.tls_key.read_bytes(), home.signing_key.read_bytes())
    with pytest.raises(ConflictError, match="500000/ecology"):
        home.prepare(AgencyId.parse("500000/water"))


def test_a_certificate_that_is_not_what_was_asked_for(home: Home) -> None:
    csr = home.prepare(ECOLOGY)
    water = AgencyId.parse("500000/water")
    other_key = new_key_and_csr(ECOLOGY)[1]
    imposter = Authority.create("500000", 30, NOW)
    for card, chain, error in (
        (CARD, CHONGQING.sign_agency(csr, water, 10, NOW), UnauthenticatedError),
        (CARD, CHONGQING.sign_agency(other_key, ECOLOGY, 10, NOW), UnauthenticatedError),
        (CARD, imposter.sign_agency(csr, ECOLOGY, 10, NOW), UnauthenticatedError),
        (CARD, b"junk", MalformedError),
        (card_of(SICHUAN), CHONGQING.sign_agency(csr, ECOLOGY, 10, NOW), InvalidInputError),
    ):
        with pytest.raises(error):
            home.install(card, chain, NOW)
    assert not home.tls_chain.exists()
    assert not list(home.hubs.iterdir())


def test_another_hub_can_be_joined(enrolled: Home) -> None:
    enrolled.add_hub(card_of(SICHUAN, "sichuan.example:443"))
    assert Profile.load(enrolled.root).hub == "localhost:8443"
    assert Profile.load(enrolled.root, "510000").hub == "sichuan.example:443"
    assert Profile.load(enrolled.root).joined() == ["500000", "510000"]


def test_a_hub_may_move_but_not_change_its_keys(enrolled: Home) -> None:
    moved = HubCard(CARD.jurisdiction, "elsewhere:1", CARD.authority, CARD.log_key, CARD.statement_key)
    enrolled.add_hub(moved)
    assert Profile.load(enrolled.root).hub == "elsewhere:1"
    with pytest.raises(ConflictError, match="telephone"):
        enrolled.add_hub(card_of(CHONGQING))


def test_a_hubs_log_may_get_a_second_key_and_not_lose_or_change_it(enrolled: Home) -> None:
    with_second, with_third = (
        replace(
            CARD,
            log_mldsa_key=str(
                VerifierKey(
                    log_origin("500000"),
                    SigningKey.generate("ml-dsa-44").verify_key.public,
                    SignatureType.ML_DSA_44,
                )
            ),
        )
        for _ in range(2)
    )
    enrolled.add_hub(with_second)
    assert Profile.load(enrolled.root).log_keys == with_second.log_keys
    for card in (CARD, with_third):
        with pytest.raises(ConflictError, match="telephone"):
            enrolled.add_hub(card)


def test_an_expired_certificate_says_what_to_do(enrolled: Home) -> None:
    profile = Profile.load(enrolled.root)
    with pytest.raises(UnauthenticatedError, match=r"新邀请 / .*new invitation"):
        profile.tls_chain(NOW + timedelta(days=11))


def _broken(home: Home, defect: str) -> None:
    match defect:
        case "nothing there":
            home.profile.unlink()
        case "no hub":
            (home.hubs / "500000.json").unlink()
        case "directory open":
            home.root.chmod(0o755)
        case "profile is no TOML":
            home.profile.write_text("agency")
        case "profile with more":
            home.profile.write_text('agency = "500000/ecology"\nhub = "500000"\nkey = "x"\n')
        case "profile climbs":
            home.profile.write_text('agency = "500000/ecology"\nhub = "../500000"\n')
        case "card is junk":
            (home.hubs / "500000.json").write_bytes(b"{}")


@pytest.mark.parametrize(
    ("defect", "error"),
    [
        ("nothing there", NotFoundError),
        ("no hub", NotFoundError),
        ("directory open", UntrustedError),
        ("profile is no TOML", MalformedError),
        ("profile with more", MalformedError),
        ("profile climbs", MalformedError),
        ("card is junk", MalformedError),
    ],
)
def test_a_broken_directory_names_its_defect(enrolled: Home, defect: str, error: type[HechuanError]) -> None:
    _broken(enrolled, defect)
    with pytest.raises(error) as caught:
        Profile.load(enrolled.root)
    assert type(caught.value) is error


def test_key_files_must_be_private(enrolled: Home) -> None:
    profile = Profile.load(enrolled.root)
    enrolled.tls_key.chmod(0o644)
    enrolled.signing_key.chmod(0o604)
    with pytest.raises(UntrustedError, match="chmod 600"):
        profile.tls_key()
    with pytest.raises(UntrustedError):
        profile.signing_key()


def test_prepared_but_without_certificate(home: Home) -> None:
    home.prepare(ECOLOGY)
    home.add_hub(CARD)
    profile = Profile.load(home.root)
    with pytest.raises(NotFoundError, match="尚无证书"):
        profile.tls_chain()
