"""What can go wrong between two hubs, and what each fault leaves behind: nothing lost, nothing shown unverified.

docs/faults.md is the table of it; the last test holds the two together.
"""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from concurrent import futures
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pyarrow as pa
import pytest

from demo.hosts import Hosts, possible
from demo.hub import HubProcess, fixed_ports, hechuan, introduce
from demo.sample import monitoring_sections, water_quality
from exchange.agreement.move import Act
from exchange.client import Client, connect
from exchange.client.agreement import get_agreement
from exchange.errors import HechuanError, InvalidInputError
from exchange.home import HubDirectory
from exchange.ledger import verify_checkpoint
from exchange.ports import Alarm
from exchange.settings import Store
from exchange.store import open_ledger
from exchange.v1 import exchange_pb2, ledger_pb2_grpc, peer_pb2, peer_pb2_grpc
from tests.e2e.test_agreement import until
from tests.e2e.test_two_hubs import IN_FORCE, eventually
from tests.relay import Door, Relay

pytestmark = pytest.mark.e2e
ROOT = Path(__file__).resolve().parents[2]
QUALITY = "500000/ecology/water-quality"
SECONDS = 40.0
FAKETIME = [*Path("/usr/lib").glob("*/faketime/libfaketime.so.1")]


@dataclass(frozen=True)
class Basin:
    """Chongqing owns, Sichuan reads; what Sichuan hears of Chongqing comes through the relay."""

    root: Path
    chongqing: HubProcess
    sichuan: HubProcess
    relay: Relay
    owner_home: Path
    reader_home: Path
    owner: Client
    reader: Client

    def alarms(self) -> dict[str, Alarm]:
        """Of Sichuan's hub, by kind."""
        ledger = open_ledger(Store(), self.sichuan.directory / "state")
        with closing(ledger):
            return {alarm.kind: alarm for alarm in ledger.federation().alarms()}

    def shown(self) -> int:
        """How many entries of Chongqing's ledger Sichuan has verified."""
        path = self.sichuan.directory / "state" / "peers" / "500000" / "ledger.sqlite"
        with closing(sqlite3.connect(path)) as database:
            [(size,)] = database.execute("SELECT size FROM head").fetchall()
            return int(size)

    def from_mirror(self) -> int:
        """Rows of the mirror; -1 where the owner's hub has answered."""
        rows = self.reader.query(QUALITY, columns=["value"])
        table = rows.table()
        assert rows.statement is not None
        mine = rows.statement["origin"] == {"hub": "500000", "statement": None}
        return table.num_rows if mine else -1


@pytest.fixture
def basin(tmp_path: Path) -> Iterator[Basin]:
    """Each hub on a host of its own where the machine can make hosts, else both on loopback."""
    with ExitStack() as stack:
        hosts = stack.enter_context(Hosts()) if possible() else None
        places = (hosts.near, hosts.far) if hosts else (None, None)
        relay = stack.enter_context(Door(hosts) if hosts else Relay())
        chongqing, sichuan = hubs = [
            HubProcess(tmp_path, code, fixed_ports(place), host=place)
            for code, place in zip(("500000", "510000"), places, strict=True)
        ]
        door = f"{hosts.near.inner if hosts else 'localhost'}:{relay.port}"
        introduce(tmp_path, *hubs, addresses={"500000": door})
        for hub in hubs:
            stack.enter_context(hub)
        relay.target = address_of(chongqing)
        homes = [hub.enroll("ecology") for hub in hubs]
        clients = [stack.enter_context(connect(home)) for home in homes]
        clients[0].publish("monitoring-section", monitoring_sections())
        yield Basin(tmp_path, chongqing, sichuan, relay, homes[0], homes[1], clients[0], clients[1])


def address_of(hub: HubProcess) -> tuple[str, int]:
    """Where it listens, as seen from here."""
    host, _, port = hub.address.rpartition(":")
    return host, int(port)


def noisy(rows: int, start: int) -> pa.Table:
    """Rows as hard to compress as a sensor's."""
    table = water_quality(rows, start)
    at = table.schema.get_field_index("value")
    drawn = np.round(np.random.default_rng(start).normal(8, 0.9, rows), 3)
    return table.set_column(at, table.schema.field(at), pa.array(drawn))


def mirrored(basin: Basin, last: bool = True) -> str:
    """An agreement that lets Sichuan mirror; in force where `last`."""
    id = basin.reader.propose(QUALITY, purpose="联合监测", until=until(), mirror=True).agreement.id
    for moves, side in enumerate((basin.owner, basin.reader), start=1):
        eventually(lambda side=side, moves=moves: len(get_agreement(side, id).moves) == moves)  # type: ignore[misc]
        side.sign(id)
    eventually(lambda: len(get_agreement(basin.owner, id).moves) == 3)
    if last:
        basin.owner.sign(id)
    return id


def published(basin: Basin, batches: int = 4, rows: int = 300_000) -> int:
    """Some megabytes in several batches; how many bytes."""
    return sum(
        basin.owner.publish("water-quality", noisy(rows, number * rows)).batch.object_bytes
        for number in range(batches)
    )


def stored(basin: Basin) -> int:
    """Bytes of objects at the reader's hub."""
    objects = basin.sichuan.directory / "state" / "objects"
    return sum(path.stat().st_size for path in objects.rglob("*") if path.is_file())


def arrived(basin: Basin) -> int:
    """Bytes of objects at the reader's hub, those of which it has a part included."""
    spool = basin.sichuan.directory / "state" / "spool"
    return stored(basin) + sum(path.stat().st_size for path in spool.glob("mirror-*"))


def same(basin: Basin) -> None:
    """Everything is at the reader's, whole, and both ledgers are clean."""
    own = basin.owner.query(QUALITY, columns=["value"]).table()
    eventually(lambda: basin.from_mirror() == own.num_rows, SECONDS)
    assert basin.reader.query(QUALITY, columns=["value"]).table().equals(own)
    for hub in (basin.chongqing, basin.sichuan):
        assert hechuan("fsck", hub.directory) == 0


def test_link_cut_while_mirroring(basin: Basin) -> None:
    size = published(basin)
    id = mirrored(basin, last=False)
    basin.relay.cut_after(size // 2)
    basin.owner.sign(id)
    assert basin.relay.was_cut.wait(SECONDS)
    with pytest.raises(HechuanError):
        basin.from_mirror()
    before, left = basin.relay.received, size - arrived(basin)
    basin.relay.mend()
    eventually(lambda: stored(basin) >= size, SECONDS)
    assert basin.relay.received - before < left + size // 10
    same(basin)


def test_reader_killed_while_mirroring(basin: Basin) -> None:
    size = published(basin)
    id = mirrored(basin, last=False)
    basin.relay.cut_after(size // 2)
    basin.owner.sign(id)
    assert basin.relay.was_cut.wait(SECONDS)
    basin.sichuan.kill()
    basin.relay.mend()
    basin.sichuan.start()
    same(basin)


def test_owner_killed_while_it_is_followed(basin: Basin) -> None:
    mirrored(basin)
    published(basin, batches=1, rows=2_000)
    basin.chongqing.kill()
    basin.chongqing.start()
    published(basin, batches=2, rows=2_000)
    same(basin)
    assert hechuan("alarms", basin.sichuan.directory) == 0


def test_restored_from_an_old_backup_and_then_forked(basin: Basin) -> None:
    mirrored(basin)
    published(basin, batches=1, rows=500)
    old = basin.root / "old"
    hechuan("backup", basin.chongqing.directory, old)
    basin.owner.publish("water-quality", water_quality(500, 9_000))
    eventually(lambda: basin.from_mirror() == 1000, SECONDS)
    held = basin.shown()

    basin.chongqing.stop()
    shutil.rmtree(basin.chongqing.directory / "state")
    assert hechuan("restore", old, basin.chongqing.directory) == 0
    basin.chongqing.start()
    eventually(lambda: "rolled back" in basin.alarms(), SECONDS)
    assert basin.from_mirror() == 1000
    assert basin.shown() == held

    for number in range(4):
        basin.owner.publish("water-quality", water_quality(3, 20_000 + 3 * number))
    eventually(lambda: "fork" in basin.alarms(), SECONDS)
    assert basin.from_mirror() == 1000
    assert basin.shown() == held
    alarm, log = basin.alarms()["fork"], HubDirectory(basin.chongqing.directory).log_verifier()
    heads = [verify_checkpoint(alarm.evidence[name], log) for name in ("known", "shown")]
    assert heads[0].root != heads[1].root
    assert hechuan("alarms", basin.sichuan.directory, "--evidence", basin.root / "evidence") == 1
    assert any(path.name.endswith("fork-shown.txt") for path in (basin.root / "evidence").iterdir())


@contextmanager
def garbage(basin: Basin, pages: list[peer_pb2.FollowResponse]) -> Iterator[None]:
    """In the place of Chongqing's hub, with its very certificate, something that answers Follow with these pages."""
    home = HubDirectory(basin.chongqing.directory)

    class Peer(peer_pb2_grpc.PeerServiceServicer):
        def Follow(self, request: Any, context: Any) -> Iterator[peer_pb2.FollowResponse]:  # noqa: N802
            yield from pages

    class Ledger(ledger_pb2_grpc.LedgerServiceServicer):
        pass

    server = grpc.server(futures.ThreadPoolExecutor(4))
    peer_pb2_grpc.add_PeerServiceServicer_to_server(Peer(), server)
    ledger_pb2_grpc.add_LedgerServiceServicer_to_server(Forward(basin), server)
    roots = (
        home.ca_certificate.read_bytes() + HubDirectory(basin.sichuan.directory).ca_certificate.read_bytes()
    )
    credentials = grpc.ssl_server_credentials(
        [(home.hub_key.read_bytes(), home.hub_certificate.read_bytes())], roots, require_client_auth=True
    )
    port = server.add_secure_port("127.0.0.1:0", credentials)
    server.start()
    basin.relay.switch(("127.0.0.1", port))
    try:
        yield
    finally:
        basin.relay.switch(address_of(basin.chongqing))
        server.stop(0).wait()


class Forward(ledger_pb2_grpc.LedgerServiceServicer):
    """The true hub's checkpoints and proofs."""

    def __init__(self, basin: Basin) -> None:
        self._ledger = basin.owner.ledger

    def GetCheckpoint(self, request: Any, context: Any) -> Any:  # noqa: N802
        return self._ledger.GetCheckpoint(request)

    def GetConsistencyProof(self, request: Any, context: Any) -> Any:  # noqa: N802
        return self._ledger.GetConsistencyProof(request)


def entry(index: int, data: bytes) -> exchange_pb2.LedgerEntry:
    return exchange_pb2.LedgerEntry(index=index, data=data)


def test_a_peer_that_sends_garbage(basin: Basin) -> None:
    published(basin, batches=1, rows=500)
    held = basin.owner.ledger.GetCheckpoint(exchange_checkpoint()).note
    size = verify_checkpoint(held, HubDirectory(basin.chongqing.directory).log_verifier()).size
    eventually(lambda: basin.shown() == size)
    other = HubDirectory(basin.sichuan.directory)
    foreign = basin.reader.ledger.GetCheckpoint(exchange_checkpoint()).note
    assert verify_checkpoint(foreign, other.log_verifier()).origin == "hechuan/510000"
    cases = {
        "wrong entries under a true checkpoint": ([entry(size, b'{"kind":"batch"}')], held),
        "a page that leaves a gap": ([entry(size + 3, b"{}")], held),
        "a checkpoint of another log": ([entry(size, b"{}")], foreign),
        "a note that is none": ([entry(size, b"{}")], "nonsense"),
    }
    for what, (entries, note) in cases.items():
        with garbage(basin, [peer_pb2.FollowResponse(entries=entries, note=note)]):
            eventually(lambda: basin.alarms(), SECONDS)
        assert basin.shown() == size, what
    basin.owner.publish("water-quality", water_quality(500, 5_000))
    eventually(lambda: basin.shown() > size, SECONDS)
    assert basin.reader.query(QUALITY, columns=["value"]).table().num_rows == 1000


def exchange_checkpoint() -> Any:
    from exchange.v1 import ledger_pb2

    return ledger_pb2.GetCheckpointRequest()


@pytest.mark.skipif(
    not FAKETIME, reason="libfaketime (Debian package faketime) is not here to set a clock wrong"
)
def test_a_clock_wrong_by_a_day(basin: Basin) -> None:
    """Sichuan's hub believes it is tomorrow: it takes no moves and says why; nothing is lost once it knows better."""
    basin.sichuan.stop()
    wrong = {"LD_PRELOAD": str(FAKETIME[0]), "FAKETIME": "+1d", "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
    basin.sichuan.environment.update(wrong)
    basin.sichuan.start()
    with pytest.raises(InvalidInputError, match="clock"):
        basin.reader.propose(QUALITY, purpose="联合监测", until=until())
    published(basin, batches=1, rows=500)
    eventually(lambda: basin.reader.query(QUALITY, columns=["value"]).table().num_rows == 500, SECONDS)
    basin.sichuan.stop()
    basin.sichuan.environment.clear()
    basin.sichuan.start()
    id = mirrored(basin)
    eventually(lambda: get_agreement(basin.reader, id).state == IN_FORCE)
    same(basin)
    basin.owner.sign(id, Act.TERMINATE)
