"""From an empty directory to members, by the commands alone, against a hub that runs as its own process."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from typer.testing import CliRunner

from exchange.cli.main import app
from exchange.errors import HechuanError, NotFoundError, UnauthenticatedError

pytestmark = pytest.mark.e2e
_PATIENCE = 30.0


def _run(*words: str | Path) -> str:
    """One command; raises what it raised."""
    result = CliRunner().invoke(app, [str(word) for word in words], env={"COLUMNS": "200"})
    if isinstance(result.exception, HechuanError):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.stdout


@dataclass(frozen=True)
class Place:
    """A running hub of 500000 that trusts 510000, whose own hub does not run."""

    root: Path

    @property
    def hub(self) -> Path:
        return self.root / "chongqing"

    @property
    def sichuan(self) -> Path:
        return self.root / "sichuan"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    place = Place(tmp_path_factory.mktemp("federation"))
    _run("hub", "init", place.hub, "--jurisdiction", "500000")
    _run("hub", "init", place.sichuan, "--jurisdiction", "510000")
    card = place.root / "sichuan.json"
    _run("hub", "card", place.sichuan, "--address", "localhost:1", "-o", card)
    _run("hub", "trust", place.hub, "--jurisdiction", "510000", "--ca", card)
    command = [sys.executable, "-m", "exchange.cli", "hub", "serve", str(place.hub)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as hub:
        try:
            _wait_for(place.hub / "state" / "ports.json", hub)
            yield place
        finally:
            hub.terminate()
            assert hub.wait(30) == 0


def _wait_for(ports: Path, hub: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + _PATIENCE
    while not ports.exists() or json.loads(ports.read_bytes())["pid"] != hub.pid:
        if hub.poll() is not None:
            pytest.fail(f"the hub ended: {hub.stderr.read() if hub.stderr else ''}")
        assert time.monotonic() < deadline, "the hub did not come up"
        time.sleep(0.05)


def test_by_invitation_then_revoked(place: Place) -> None:
    home, invitation = place.root / "ecology", place.root / "ecology.json"
    _run("hub", "invite", place.hub, "500000/ecology", "-o", invitation)
    assert invitation.stat().st_mode & 0o777 == 0o600
    said = _run("agency", "enroll", invitation, "--home", home)
    assert "500000/ecology" in said
    assert _run("agency", "show", "--home", home) in said
    with pytest.raises(UnauthenticatedError, match="not accepted"):
        _run("agency", "enroll", invitation, "--home", home)
    assert _run("hub", "members", place.hub).count("500000/ecology") == 2
    assert _run("hub", "revoke", place.hub, "500000/ecology").count("✓") == 2
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline:
        try:
            _run("agency", "register", "--home", home)
        except UnauthenticatedError as error:
            assert error.detail["reason"] == "REVOKED"  # noqa: PT017
            return
        time.sleep(0.1)
    pytest.fail("a revoked certificate is still good")


def test_by_hand_without_the_enrolment_port(place: Place) -> None:
    home, root = place.root / "water", place.root
    _run("agency", "csr", "--agency", "500000/water", "--home", home, "-o", root / "water.csr")
    _run("hub", "sign", place.hub, root / "water.csr", "--agency", "500000/water", "-o", root / "water.pem")
    _run("hub", "card", place.hub, "-o", root / "card.json")
    assert "500000/water" in _run(
        "agency", "install", root / "water.pem", "--home", home, "--hub", root / "card.json"
    )


def test_a_member_of_another_jurisdiction_joins(place: Place) -> None:
    home, root = place.root / "sichuan-water", place.root
    _run("agency", "csr", "--agency", "510000/water", "--home", home, "-o", root / "s.csr")
    _run("hub", "sign", place.sichuan, root / "s.csr", "--agency", "510000/water", "-o", root / "s.pem")
    card = root / "sichuan.json"
    _run("agency", "install", root / "s.pem", "--home", home, "--hub", card, "--no-register")
    _run("hub", "card", place.hub, "-o", root / "chongqing.json")
    assert "hub 500000" in _run("agency", "join", root / "chongqing.json", "--home", home)


def test_a_directory_that_is_none_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="agency enroll"):
        _run("agency", "show", "--home", tmp_path / "nowhere")
