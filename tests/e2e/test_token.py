"""A hub and an agency whose signing keys are in a token: nothing of them is in a file, and everything verifies."""

from __future__ import annotations

from pathlib import Path

import pytest

from demo.hub import HubProcess, hechuan
from demo.sample import monitoring_sections
from exchange.client import connect
from exchange.client.profile import Profile
from exchange.client.verify import verify_receipt_text
from exchange.errors import ConflictError, InvalidInputError, NotFoundError, UntrustedError
from exchange.home import HubDirectory
from exchange.settings import load_settings
from exchange.trust.keys import SigningKey, VerifyKey
from exchange.v1 import catalog_pb2, catalog_pb2_grpc
from tests.tokens import SoftToken, token

__all__ = ["token"]
pytestmark = pytest.mark.e2e
SECONDS = 30.0
DATASET = "500000/ecology/monitoring-section"


def test_a_hub_with_its_keys_in_a_token(
    token: SoftToken, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log, statement, agency = (token.uri(f"e2e-{name}") for name in ("log", "statement", "agency"))
    hechuan("key", "new", log)
    hechuan("key", "new", statement, "--algorithm", "ecdsa-p256")
    hechuan("key", "new", agency)
    made = [VerifyKey.parse(line) for line in capsys.readouterr().out.splitlines()]
    options = ["--log-key", log, "--statement-key", statement]
    with HubProcess(tmp_path, "500000", options) as hub:
        home = HubDirectory(hub.directory)
        settings = load_settings(home.settings)
        assert (settings.keys.log, settings.keys.statement) == (log, statement)
        assert not home.log_key.exists()
        assert not home.statement_key.exists()
        card = home.card(hub.address)
        assert card.statement_key == str(made[1])
        assert home.log_verifier().public == made[0].public
        invitation, ecology = tmp_path / "ecology.json", tmp_path / "ecology"
        hechuan("hub", "invite", hub.directory, "500000/ecology", "-o", invitation)
        hechuan("agency", "enroll", invitation, "--home", ecology, "--signing", agency)
        assert not (ecology / "signing.key").exists()
        assert Profile.load(ecology).signing_key().verify_key == made[2]
        with connect(ecology) as client:
            done = client.publish("monitoring-section", monitoring_sections())
            assert client.query(DATASET).table().num_rows
        verified = verify_receipt_text(done.receipt, card.log_keys)
        assert verified.algorithms == ("ed25519", "ml-dsa-44")
        assert verified.entry["public_key"] == str(made[2])
        _publishes_with_sm2(hub, tmp_path / "water")


def _publishes_with_sm2(hub: HubProcess, home: Path) -> None:
    """An agency that brings a key of another algorithm is a member as any other."""
    invitation = home.with_suffix(".json")
    hechuan("hub", "invite", hub.directory, "500000/water", "-o", invitation)
    home.mkdir(mode=0o700)
    hechuan("key", "new", home / "signing.key", "--algorithm", "sm2")
    hechuan("agency", "enroll", invitation, "--home", home)
    with connect(home) as client:
        done = client.publish("monitoring-section", monitoring_sections())
        facts = catalog_pb2_grpc.CatalogServiceStub(client.channel).GetHub(
            catalog_pb2.GetHubRequest(), timeout=SECONDS
        )
    assert (facts.log_key, facts.log_mldsa_key) == client.profile.log_keys
    verified = verify_receipt_text(done.receipt, [facts.log_key, facts.log_mldsa_key])
    assert verified.entry["public_key"].startswith("sm2:")


def test_a_hub_refuses_another_key_than_its_card_shows(token: SoftToken, tmp_path: Path) -> None:
    first, second = token.uri("card-first"), token.uri("card-second")
    directory = tmp_path / "hub"
    with pytest.raises(NotFoundError, match="hechuan key new"):
        hechuan("hub", "init", directory, "--jurisdiction", "500000", "--log-key", first)
    assert not directory.exists()
    for uri in (first, second):
        hechuan("key", "new", uri)
    hechuan("hub", "init", directory, "--jurisdiction", "500000", "--log-key", first)
    home = HubDirectory(directory)
    home.signer(home.log_key, first)
    with pytest.raises(UntrustedError):
        home.signer(home.log_key, second)
    SigningKey.generate().save(home.log_key)
    with pytest.raises(UntrustedError):
        home.signer(home.log_key, "file")


def test_a_log_key_must_be_ed25519(token: SoftToken, tmp_path: Path) -> None:
    uri = token.uri("log-p256")
    hechuan("key", "new", uri, "--algorithm", "ecdsa-p256")
    with pytest.raises(InvalidInputError, match="ed25519"):
        hechuan("hub", "init", tmp_path / "hub", "--jurisdiction", "500000", "--log-key", uri)
    assert not (tmp_path / "hub").exists()


def test_keys_made_in_files_and_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for algorithm in ("ed25519", "ml-dsa-44", "sm2"):
        path = tmp_path / f"{algorithm}.key"
        hechuan("key", "new", path, "--algorithm", algorithm)
        hechuan("key", "show", path)
        first, second = capsys.readouterr().out.splitlines()
        assert first == second == str(SigningKey.load(path).verify_key)
        with pytest.raises(ConflictError):
            hechuan("key", "new", path)
