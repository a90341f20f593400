"""What TLS serves follows the files, and never a key without its certificate."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from exchange.errors import StorageError
from exchange.flow.federation import Standing
from exchange.home import HubDirectory, found_hub, renew_hub_certificate
from exchange.serve.federation import standing_of
from exchange.serve.tls import TlsFiles
from exchange.store.tuf import FederationDirectory
from exchange.trust.authority import Authority
from exchange.trust.secret import replace_private

NOW = datetime(2026, 3, 19, 1, 30, tzinfo=UTC)


@pytest.fixture
def home(tmp_path: Path) -> HubDirectory:
    home = HubDirectory(tmp_path / "hub")
    found_hub(home, "500000", ["localhost"], '[hub]\njurisdiction = "500000"\n', NOW, 3650, 365)
    return home


def files(home: HubDirectory) -> TlsFiles:
    return TlsFiles(home.hub_key, home.hub_certificate, Standing("500000", home.trusted))


def test_nothing_changes_by_itself(home: HubDirectory) -> None:
    tls = files(home)
    assert tls() is tls()


def test_a_renewal_in_two_steps(home: HubDirectory) -> None:
    tls = files(home)
    before = tls()
    key, chain = home.authority().issue_hub(["localhost"], 30, NOW)
    replace_private(home.hub_key, key)
    assert tls() is before
    replace_private(home.hub_certificate, chain)
    assert (tls().key, tls().chain) == (key, chain)
    renew_hub_certificate(home, ["localhost"], 30, NOW)
    assert tls().chain == home.hub_certificate.read_bytes()


def test_damage_leaves_what_was_there(home: HubDirectory) -> None:
    tls = files(home)
    before = tls()
    home.hub_certificate.write_bytes(b"junk")
    assert tls() is before
    home.hub_certificate.unlink()
    assert tls() is before
    home.hub_key.chmod(0o644)
    assert tls() is before
    home.hub_key.chmod(0o600)
    replace_private(home.hub_certificate, b"junk")
    with pytest.raises(StorageError):
        files(home)


def test_a_new_authority_counts_at_once(home: HubDirectory) -> None:
    tls = files(home)
    sichuan = Authority.create("510000", 30, NOW)
    home.trust_authority("510000", sichuan.certificate_pem)
    assert sichuan.certificate_pem in tls().roots


def test_a_hub_that_lost_its_roster_trusts_its_own_alone(home: HubDirectory) -> None:
    home.trust_authority("510000", Authority.create("510000", 30, NOW).certificate_pem)
    assert set(standing_of(home).bundle.authorities) == {"500000", "510000"}
    place = FederationDirectory(home.federation)
    place.root.mkdir(mode=0o700)
    place.pinned.write_bytes(b"{}")
    assert set(standing_of(home).bundle.authorities) == {"500000"}
