"""The gate over real TLS: a stream ends with its reader's standing; new authorities count at the next handshake."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest

from exchange.app import SystemClock
from exchange.client.call import error_of
from exchange.errors import FederationExpiredError, UnauthenticatedError, UnavailableError
from exchange.flow.federation import Standing
from exchange.flow.registry import KeyRing
from exchange.home import HubDirectory, found_hub
from exchange.ids import AgencyId
from exchange.serve.caller import Gate
from exchange.serve.status import streams
from exchange.serve.tls import TlsFiles, credentials
from exchange.settings import Store
from exchange.store import open_ledger
from exchange.trust.authority import Authority, new_key_and_csr
from exchange.trust.roster import Denied, Roster
from tests.federations import entry

Context = grpc.aio.ServicerContext[Any, Any]
NOW = datetime.now(UTC)
SICHUAN = Authority.create("510000", 30, NOW)
WATER = AgencyId.parse("510000/water")
DENIED = Denied(agencies=frozenset({WATER}))


class Ticks(grpc.GenericRpcHandler):
    """A stream without end behind the gate."""

    def __init__(self, gate: Gate) -> None:
        self.gate = gate
        self.closed = False

    def service(self, details: object) -> grpc.RpcMethodHandler[Any, Any]:
        return grpc.unary_stream_rpc_method_handler(self.Tick)

    @streams
    async def Tick(self, request: bytes, context: Context) -> AsyncIterator[bytes]:  # noqa: N802
        self.gate.agency(context)
        async for tick in self.gate.while_welcome(context, self.ticks()):
            yield tick

    async def ticks(self) -> AsyncGenerator[bytes, None]:
        try:
            while True:
                yield b"tick"
        finally:
            self.closed = True


@dataclass
class Setting:
    standing: Standing
    ticks: Ticks
    home: HubDirectory
    port: int

    def call(self) -> Any:
        key, csr = new_key_and_csr(WATER)
        chain = SICHUAN.sign_agency(csr, WATER, 5, NOW)
        roots = self.home.ca_certificate.read_bytes()
        channel = grpc.aio.secure_channel(
            f"localhost:{self.port}", grpc.ssl_channel_credentials(roots, key, chain)
        )
        stub: Any = channel.unary_stream("/test/Tick")
        return stub(b"")


@asynccontextmanager
async def serving(root: Path) -> AsyncIterator[Setting]:
    home = HubDirectory(root / "hub")
    found_hub(home, "500000", ["localhost"], '[hub]\njurisdiction = "500000"\n', NOW, 3650, 365)
    standing = Standing("500000", home.trusted)
    with closing(open_ledger(Store(), home.state)) as ledger:
        gate = Gate(standing, KeyRing(ledger, 0.0), SystemClock())
        ticks = Ticks(gate)
        server = grpc.aio.server()
        server.add_generic_rpc_handlers((ticks,))
        mutual = credentials(TlsFiles(home.hub_key, home.hub_certificate, standing), mutual=True)
        port = server.add_secure_port("127.0.0.1:0", mutual)
        await server.start()
        try:
            yield Setting(standing, ticks, home, port)
        finally:
            await server.stop(None)


async def to_the_end(call: Any) -> None:
    while await call.read() is not grpc.aio.EOF:
        pass


def roster(denied: Denied, until: datetime) -> Roster:
    return Roster({"510000": entry("510000", authority=SICHUAN)}, denied, 1, until)


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (roster(DENIED, NOW + timedelta(days=1)), UnauthenticatedError),
        (roster(Denied(), NOW), FederationExpiredError),
    ],
    ids=["denied", "expired"],
)
def test_an_open_stream_ends(tmp_path: Path, change: Roster, error: type[Exception]) -> None:
    async def scenario() -> None:
        async with serving(tmp_path) as setting:
            setting.standing.accept(roster(Denied(), NOW + timedelta(days=1)))
            call = setting.call()
            assert await call.read() == b"tick"
            setting.standing.accept(change)
            with pytest.raises(grpc.RpcError) as caught:
                await to_the_end(call)
            assert isinstance(error_of(caught.value), error)
            assert setting.ticks.closed

    asyncio.run(scenario())


def test_a_new_authority_counts_at_the_next_handshake(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with serving(tmp_path) as setting:
            with pytest.raises(grpc.RpcError) as caught:
                async for _ in setting.call():
                    pass
            assert isinstance(error_of(caught.value), UnavailableError)
            setting.standing.accept(roster(Denied(), NOW + timedelta(days=1)))
            call = setting.call()
            async for tick in call:
                assert tick == b"tick"
                break
            call.cancel()

    asyncio.run(scenario())
