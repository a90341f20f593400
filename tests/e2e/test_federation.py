"""Hubs of a federation as processes: founded by commands, followed over gRPC, obeyed by open streams."""

from __future__ import annotations

import json
import shutil
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import grpc
import pytest
from cryptography import x509

from demo.hub import HubProcess, hechuan
from demo.sample import monitoring_sections
from exchange.client import connect
from exchange.client.call import error_of
from exchange.errors import (
    FederationExpiredError,
    HechuanError,
    MalformedError,
    NotFoundError,
    PermissionDeniedError,
    SignatureInvalidError,
    UnauthenticatedError,
    UnavailableError,
)
from exchange.home import HubDirectory
from exchange.store.tuf import FederationDirectory, LastRoster
from exchange.trust.canonical import canonical
from exchange.v1 import exchange_pb2, federation_pb2, federation_pb2_grpc, member_pb2

pytestmark = pytest.mark.e2e
FAST = {
    "HECHUAN_FEDERATION_REFRESH_SECONDS": "0.2",
    "HECHUAN_SERVE_HEARTBEAT_SECONDS": "0.2",
    "HECHUAN_IDENTITY_REVOCATION_REFRESH_SECONDS": "0.1",
}
SECONDS = 30.0
_T = TypeVar("_T")


def free_port() -> int:
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        port: int = server.getsockname()[1]
        return port


def eventually(attempt: Callable[[], _T], *errors: type[Exception]) -> _T:
    """The first result; errors of these kinds are waited out."""
    deadline = time.monotonic() + SECONDS
    while True:
        try:
            return attempt()
        except errors:
            if time.monotonic() > deadline:
                raise


def until_error(attempt: Callable[[], object]) -> HechuanError:
    """The first error."""
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        try:
            attempt()
        except HechuanError as error:
            return error
        except grpc.RpcError as error:
            return error_of(error)
    raise AssertionError("it never failed")


def hub_at(root: Path, jurisdiction: str) -> HubProcess:
    options = ["--listen", f"127.0.0.1:{free_port()}", "--names", "localhost,127.0.0.1"]
    return HubProcess(root, jurisdiction, options, FAST)


@dataclass
class Basin:
    """Chongqing keeps the repository, Sichuan signs, Guizhou comes later."""

    root: Path
    chongqing: HubProcess
    sichuan: HubProcess
    guizhou: HubProcess
    ecology: Path
    water: Path
    deaf: Path

    def card(self, hub: HubProcess) -> Path:
        path = self.root / f"{hub.jurisdiction}.card.json"
        if not path.exists():
            hechuan("hub", "card", hub.directory, "-o", path)
        return path

    def proposal(self) -> Path:
        return self.chongqing.directory / "federation/publish/proposal.json"

    def publish(self) -> None:
        """Sichuan's signature comes to Chongqing's."""
        hechuan("federation", "sign", self.sichuan.directory, self.proposal(), "--yes")
        hechuan("federation", "publish", self.chongqing.directory)

    def roster_version(self, hub: HubProcess) -> int:
        roster = LastRoster(FederationDirectory(hub.directory / "federation").last).read()
        return roster.version if roster else 0


def found(basin: Basin) -> None:
    hubs = (basin.chongqing, basin.sichuan)
    arguments: list[str | Path] = []
    for hub in hubs:
        keys = basin.root / f"{hub.jurisdiction}.keys.json"
        hechuan("federation", "root-key", hub.directory, "-o", keys)
        arguments += ["--holder", keys, "--card", basin.card(hub)]
    hechuan("federation", "found", basin.chongqing.directory, *arguments)
    basin.publish()
    hechuan("federation", "join", basin.chongqing.directory)
    join(basin, basin.sichuan)


def join(basin: Basin, hub: HubProcess) -> None:
    root = basin.chongqing.directory / "federation/publish/metadata/1.root.json"
    arguments = ("federation", "join", hub.directory, "--root", root, "--card", basin.card(basin.chongqing))
    eventually(lambda: hechuan(*arguments), UnavailableError)


@pytest.fixture(scope="module")
def basin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Basin]:
    root = tmp_path_factory.mktemp("basin")
    with ExitStack() as stack:
        hubs = [stack.enter_context(hub_at(root, name)) for name in ("500000", "510000", "520000")]
        chongqing, sichuan, guizhou = hubs
        ecology, water, deaf = chongqing.enroll("ecology"), sichuan.enroll("water"), sichuan.enroll("deaf")
        basin = Basin(root, chongqing, sichuan, guizhou, ecology, water, deaf)
        # Sichuan cannot fetch before Chongqing trusts it: the roster has to reach Chongqing's hub first
        found(basin)
        for home in (basin.water, basin.deaf):
            arguments = ("agency", "join", basin.card(basin.chongqing), "--home", home)
            eventually(lambda arguments=arguments: hechuan(*arguments), UnavailableError)  # type: ignore[misc]
        yield basin


def test_members_of_both_hubs_are_known_at_each(basin: Basin) -> None:
    with connect(basin.water, "500000") as client:
        assert client.member.GetSelf(member_pb2.GetSelfRequest()).agency == "510000/water"
    hechuan("agency", "join", basin.card(basin.sichuan), "--home", basin.ecology)


def test_one_more_hub(basin: Basin, capsys: pytest.CaptureFixture[str]) -> None:
    before = basin.roster_version(basin.sichuan)
    hechuan("federation", "add", basin.chongqing.directory, basin.card(basin.guizhou))
    basin.publish()
    join(basin, basin.guizhou)
    eventually(lambda: _require(basin.roster_version(basin.sichuan) == before + 1), AssertionError)
    capsys.readouterr()
    hechuan("federation", "show", basin.guizhou.directory)
    shown = capsys.readouterr().out
    assert "贵州" in shown
    assert "510000" in shown


def _require(fact: bool) -> None:
    assert fact


def test_a_denial_ends_an_open_watch(basin: Basin) -> None:
    with connect(basin.deaf, "500000") as client:
        stream = client.exchange.Watch(exchange_pb2.WatchRequest())
        next(stream)
        hechuan("federation", "deny", basin.chongqing.directory, "--agency", "510000/deaf")
        basin.publish()
        with pytest.raises(grpc.RpcError) as caught:
            for _ in stream:
                pass
        error = error_of(caught.value)
        assert isinstance(error, UnauthenticatedError)
        assert error.detail["reason"] == "DENIED"
    with connect(basin.deaf) as own:
        found = until_error(lambda: own.member.GetSelf(member_pb2.GetSelfRequest()))
        assert found.detail["reason"] == "DENIED"


def test_a_denied_signing_key_signs_nothing_more(basin: Basin) -> None:
    home = basin.chongqing.enroll("key-lost")
    rows = monitoring_sections()
    with connect(home) as client:
        client.publish("monitoring-section", rows)
        keyid = client.profile.signing_key().keyid
        hechuan("federation", "deny", basin.chongqing.directory, "--key", keyid)
        basin.publish()
        error = until_error(lambda: client.publish("monitoring-section", rows))
    assert isinstance(error, SignatureInvalidError)


def test_a_revocation_ends_an_open_watch(basin: Basin) -> None:
    home = basin.chongqing.enroll("passing")
    with connect(home) as client:
        stream = client.exchange.Watch(exchange_pb2.WatchRequest())
        next(stream)
        hechuan("hub", "revoke", basin.chongqing.directory, "500000/passing")
        with pytest.raises(grpc.RpcError) as caught:
            for _ in stream:
                pass
        assert error_of(caught.value).detail["reason"] == "REVOKED"


def served_certificate(hub: HubProcess, home: Path) -> int:
    context = ssl.create_default_context(cafile=str(HubDirectory(hub.directory).ca_certificate))
    context.set_alpn_protocols(["h2"])
    context.load_cert_chain(home / "tls.pem", home / "tls.key")
    with (
        socket.create_connection(("127.0.0.1", hub.ports["exchange"])) as raw,
        context.wrap_socket(raw, server_hostname="localhost") as secure,
    ):
        der = secure.getpeercert(binary_form=True)
    assert der
    return x509.load_der_x509_certificate(der).serial_number


def test_a_renewed_server_certificate_is_served_at_once(basin: Basin) -> None:
    before = served_certificate(basin.chongqing, basin.ecology)
    hechuan("hub", "renew", basin.chongqing.directory)
    after = served_certificate(basin.chongqing, basin.ecology)
    assert before != after
    leaf = x509.load_pem_x509_certificate(
        HubDirectory(basin.chongqing.directory).hub_certificate.read_bytes()
    )
    assert leaf.serial_number == after


def test_an_agency_renews_over_its_own_certificate(basin: Basin) -> None:
    with connect(basin.ecology) as client:
        before = client.member.GetSelf(member_pb2.GetSelfRequest()).certificate_serial
        hechuan("agency", "renew", "--home", basin.ecology)
        assert client.member.GetSelf(member_pb2.GetSelfRequest()).certificate_serial == before
    with connect(basin.ecology) as client:
        assert client.member.GetSelf(member_pb2.GetSelfRequest()).certificate_serial != before


def test_another_jurisdictions_hub_renews_nothing(basin: Basin) -> None:
    with connect(basin.water, "500000") as client, pytest.raises(grpc.RpcError) as caught:
        client.member.Renew(member_pb2.RenewRequest(csr=(basin.water / "tls.pem").read_bytes()))
    assert isinstance(error_of(caught.value), PermissionDeniedError)


@pytest.mark.parametrize(
    ("path", "error"),
    [
        ("../keys/root.key", MalformedError),
        ("metadata/../../roster.json", MalformedError),
        ("metadata/999.root.json", NotFoundError),
        ("", MalformedError),
    ],
)
def test_nothing_but_metadata_is_given(basin: Basin, path: str, error: type[HechuanError]) -> None:
    with connect(basin.water, "500000") as client:
        stub = federation_pb2_grpc.FederationServiceStub(client.channel)
        data = stub.GetMetadata(federation_pb2.GetMetadataRequest(path="metadata/timestamp.json")).data
        assert json.loads(data)["signed"]["_type"] == "timestamp"
        with pytest.raises(grpc.RpcError) as caught:
            stub.GetMetadata(federation_pb2.GetMetadataRequest(path=path))
    assert isinstance(error_of(caught.value), error)


def test_an_expired_roster_shuts_others_out_until_it_is_refreshed(basin: Basin) -> None:
    hechuan("agency", "join", basin.card(basin.sichuan), "--home", basin.ecology)
    last = FederationDirectory(basin.sichuan.directory / "federation").last
    for hub in (basin.chongqing, basin.guizhou, basin.sichuan):
        hub.stop()
    value = json.loads(last.read_bytes())
    last.write_bytes(canonical({**value, "expires_at": "2026-01-01T00:00:00.000000Z"}))
    basin.sichuan.start()
    with connect(basin.ecology, "510000") as foreign, connect(basin.water) as own:
        request = member_pb2.GetSelfRequest()
        with pytest.raises(grpc.RpcError) as caught:
            foreign.member.GetSelf(request)
        assert isinstance(error_of(caught.value), FederationExpiredError)
        assert own.member.GetSelf(request).agency == "510000/water"
        basin.chongqing.start()
        basin.guizhou.start()
        assert eventually(lambda: foreign.member.GetSelf(request).agency, grpc.RpcError) == "500000/ecology"


def test_a_member_of_the_federation_comes_back_from_its_backup(basin: Basin) -> None:
    """The pinned root, the verified metadata and the roster come back with it, and it takes part as before."""
    hub, backup = basin.sichuan, basin.root / "backup"
    version = basin.roster_version(hub)
    hechuan("backup", hub.directory, backup, "--with-keys")
    hub.stop()
    shutil.rmtree(hub.directory)
    assert hechuan("restore", backup, hub.directory) == 0
    assert basin.roster_version(hub) == version
    hub.start()
    with connect(basin.ecology, "510000") as foreign:
        request = member_pb2.GetSelfRequest()
        assert eventually(lambda: foreign.member.GetSelf(request).agency, grpc.RpcError) == "500000/ecology"
    hechuan("federation", "deny", basin.chongqing.directory, "--key", "ed25519:" + "0" * 32)
    basin.publish()
    eventually(lambda: _require(basin.roster_version(hub) == version + 1), AssertionError)
