"""Callers who should not get a word in: plaintext, no certificate, a foreign one, a revoked one."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import grpc
import pytest

from demo.hub import hechuan
from exchange.client import connect
from exchange.client.call import error_of
from exchange.client.profile import Profile
from exchange.errors import UnauthenticatedError, UnavailableError
from exchange.ids import AgencyId
from exchange.trust.authority import Authority, new_key_and_csr
from exchange.v1 import catalog_pb2, catalog_pb2_grpc
from tests.hubs import Site

pytestmark = pytest.mark.e2e
SECONDS = 10


def ask(channel: grpc.Channel) -> None:
    """Any call; raises the error as a class."""
    with channel:
        try:
            catalog_pb2_grpc.CatalogServiceStub(channel).ListContracts(
                catalog_pb2.ListContractsRequest(), timeout=SECONDS
            )
        except grpc.RpcError as error:
            raise error_of(error) from error


def plaintext(site: Site) -> grpc.Channel:
    return grpc.insecure_channel(site.hub.address)


def without_certificate(site: Site) -> grpc.Channel:
    roots = Profile.load(site.ecology).authorities()
    return grpc.secure_channel(site.hub.address, grpc.ssl_channel_credentials(roots))


def of_another_authority(site: Site) -> grpc.Channel:
    """The right name, vouched for by somebody who calls himself Chongqing too."""
    now = datetime.now(UTC)
    key, request = new_key_and_csr(AgencyId.parse("500000/ecology"))
    chain = Authority.create("500000", 30, now).sign_agency(
        request, AgencyId.parse("500000/ecology"), 30, now
    )
    roots = Profile.load(site.ecology).authorities()
    return grpc.secure_channel(site.hub.address, grpc.ssl_channel_credentials(roots, key, chain))


STRANGERS: dict[str, Callable[[Site], grpc.Channel]] = {
    "plaintext": plaintext,
    "no certificate": without_certificate,
    "a foreign certificate": of_another_authority,
}


@pytest.mark.parametrize("name", STRANGERS)
def test_strangers_do_not_get_past_the_handshake(name: str, site: Site) -> None:
    with pytest.raises(UnavailableError):
        ask(STRANGERS[name](site))
    with connect(site.ecology) as client:
        assert client.contract("water-quality").primary_key


def test_a_client_that_is_lied_to_by_another_server(site: Site, tmp_path: Path) -> None:
    other = Authority.create("510000", 30, datetime.now(UTC))
    profile = Profile.load(site.ecology)
    credentials = grpc.ssl_channel_credentials(other.certificate_pem, profile.tls_key(), profile.tls_chain())
    with pytest.raises(UnavailableError):
        ask(grpc.secure_channel(site.hub.address, credentials))


def test_a_revoked_certificate(site: Site) -> None:
    home = site.hub.enroll("agriculture")
    with connect(home) as client:
        assert client.contract("water-quality")
        hechuan("hub", "revoke", site.hub.directory, "500000/agriculture")
        with pytest.raises(UnauthenticatedError, match="revoked"):
            _until_refused(lambda: list(client.batches()))
    with connect(site.ecology) as client:
        assert client.contract("hydrology")


def _until_refused(act: Callable[[], object]) -> None:
    deadline = datetime.now(UTC).timestamp() + SECONDS
    while datetime.now(UTC).timestamp() < deadline:
        act()
