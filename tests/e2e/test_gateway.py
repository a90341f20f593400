"""The gateway against a real hub: durable, through outages and kills; and connections that mean no good."""

from __future__ import annotations

import contextlib
import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import psutil
import pytest

from adapters.sl651.frame import Frame, encode
from adapters.sl651.frame import decode as decode_sl651
from demo.gateway import GatewayProcess, read_answers, report
from demo.hub import HubProcess
from demo.sample import SECTIONS, monitoring_sections
from exchange.client import connect
from tests.hubs import Site

pytestmark = pytest.mark.e2e
# HECHUAN_GATEWAY_KILLS sets how often the gateway is killed: 3 in the everyday suite, more in `make soak`.
KILLS = int(os.environ.get("HECHUAN_GATEWAY_KILLS", "3"))
FRAMES = 8 * KILLS
DATASET = "500000/ecology/water-quality"
FAST = "batch_seconds = 0.3\nretry_seconds = 0.1\nretry_limit_seconds = 0.3\n"


def stations(count: int = 6) -> str:
    lines = "\n".join(f"  S{number}: {{section: {SECTIONS[number % 6]}}}" for number in range(count))
    return f"protocol: hj212\nstations:\n{lines}\n"


def eventually(what: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.fixture(scope="module")
def registered(site: Site) -> Site:
    with site.client() as client:
        client.publish("monitoring-section", monitoring_sections())
    return site


@pytest.fixture
def gateway(registered: Site, tmp_path: Path) -> Iterator[GatewayProcess]:
    found = GatewayProcess(tmp_path, "hj212", registered.ecology, stations(), FAST)
    found.start()
    yield found
    if psutil.pid_exists(found.pid):
        found.stop()


def rows_of(home: Path, section: str, month: str) -> dict[tuple[str, str], float]:
    """Values that stand for a section in one month, by instant and item; a key that stands twice fails."""
    with connect(home) as client:
        found = client.query(DATASET).table().to_pylist()
    rows = [row for row in found if row["section_code"] == section and f"{row['sampled_at']:%Y-%m}" == month]
    held = {(str(row["sampled_at"]), row["item_code"]): row["value"] for row in rows}
    assert len(held) == len(rows)
    return held


def test_what_is_answered_stands_at_the_hub_once(registered: Site, gateway: GatewayProcess) -> None:
    with closing(gateway.connect()) as station:
        for number in range(24):
            station.sendall(report("S0", number, f"0.{number:02}"))
        station.sendall(report("S0", 5, "0.05"))  # what a station sends again
        answers = read_answers(station, 25)
    assert answers.count(b"CN=9014") == 25
    eventually(lambda: gateway.waiting() == 0)
    held = rows_of(registered.ecology, SECTIONS[0], "2026-02") | rows_of(
        registered.ecology, SECTIONS[0], "2026-03"
    )
    assert len(held) == 48
    assert held["2026-02-28 21:00:00+00:00", "w21003"] == 0.05
    assert gateway.stop() == 0


def test_an_outage_of_the_hub_costs_nothing(tmp_path: Path) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as probe:
        port = probe.getsockname()[1]
    hub = HubProcess(tmp_path, "500000", ["--listen", f"127.0.0.1:{port}"])
    hub.start()
    home = hub.enroll("ecology")
    with connect(home) as client:
        client.publish("monitoring-section", monitoring_sections())
    gateway = GatewayProcess(tmp_path / "gateway", "hj212", home, stations(), FAST)
    gateway.start()
    hub.kill()
    with closing(gateway.connect()) as station:
        for number in range(12):
            station.sendall(report("S1", number))
        assert read_answers(station, 12).count(b"CN=9014") == 12
        eventually(lambda: '"code": "UNAVAILABLE"' in gateway.log.read_text())
        gateway.kill()
        gateway.start()
    with closing(gateway.connect()) as station:
        for number in range(24):  # half of them again, by a station that did not hear
            station.sendall(report("S1", number))
        assert read_answers(station, 24).count(b"CN=9014") == 24
    hub.start()
    eventually(lambda: gateway.waiting() == 0)
    with connect(home) as client:
        batches = [batch.verdict.rows for batch in client.batches(DATASET)]
    assert sum(batches) == 48
    assert gateway.stop() == 0
    assert hub.stop() == 0


@pytest.mark.timeout(600)
def test_kill_after_kill_nothing_answered_is_lost(registered: Site, gateway: GatewayProcess) -> None:
    answered: list[int] = []
    killed: set[int] = set()
    while len(answered) < FRAMES:
        number = len(answered)
        with closing(gateway.connect()) as station:
            station.sendall(report("S2", number + 800))
            if number % (FRAMES // KILLS) == 1 and number not in killed:
                killed.add(number)
                gateway.kill()
                gateway.start()
            if b"CN=9014" in read_answers(station, 1):
                answered.append(number)
    eventually(lambda: gateway.waiting() == 0)
    with connect(registered.ecology) as client:
        found = client.query(DATASET).table().to_pylist()
        sent = sum(batch.verdict.rows for batch in client.batches(DATASET))
    mine = [row for row in found if row["section_code"] == SECTIONS[2]]
    assert len(mine) == 2 * FRAMES
    assert sent == len(found)  # no row came in two batches


def test_garbage_ends_its_own_connection_alone(gateway: GatewayProcess) -> None:
    for garbage in (b"\0" * 65536, b"##9999" * 5000, b"GET / HTTP/1.1\r\n\r\n" * 2000):
        with closing(gateway.connect()) as good, closing(gateway.connect()) as bad:
            with contextlib.suppress(OSError):
                for _ in range(50):
                    bad.sendall(garbage)
            good.sendall(report("S3", 1))
            assert b"CN=9014" in read_answers(good, 1)


def test_silence_half_frames_and_floods(registered: Site, tmp_path: Path) -> None:
    settings = FAST + "idle_seconds = 30\nfirst_frame_seconds = 0.5\nconnections = 20\nwrite_bytes = 4096\n"
    gateway = GatewayProcess(tmp_path, "hj212", registered.ecology, stations(), settings)
    gateway.start()
    frame = report("S4", 1)
    silent, half = gateway.connect(), gateway.connect()
    half.sendall(frame[:40])
    assert silent.recv(1) == b""
    assert half.recv(1) == b""
    many = [gateway.connect() for _ in range(25)]
    eventually(lambda: sum(map(_ended, many)) >= 5)
    for each in (*many, silent, half):
        each.close()
    slow = gateway.connect()
    with contextlib.suppress(OSError):
        for number in range(20_000):  # asks and never listens
            slow.sendall(report("S4", number % 600))
    slow.close()
    with closing(gateway.connect()) as good:
        good.sendall(frame[:40])
        good.sendall(frame[40:])
        assert b"CN=9014" in read_answers(good, 1)
    assert psutil.Process(gateway.pid).memory_info().rss < 400 << 20
    assert gateway.stop() == 0


def _ended(connection: socket.socket) -> bool:
    connection.setblocking(False)
    try:
        return connection.recv(1) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True


def test_sl651_reaches_hydrology(registered: Site, tmp_path: Path) -> None:
    mapping = 'protocol: sl651\nstations:\n  "0060105400": {stage_datum: "1985", discharge_method: rating}\n'
    gateway = GatewayProcess(tmp_path, "sl651", registered.water, mapping, FAST)
    gateway.start()
    body = bytes.fromhex("0001260319090000F1F1006010540048F0F02603190900392300196420272300003120")
    with closing(gateway.connect()) as station:
        station.sendall(encode(Frame(1, "0060105400", "1234", 0x34, body)))
        answer = decode_sl651(station.recv(4096))
    assert (answer.up, answer.end, answer.body[:2]) == (False, 0x1B, b"\0\1")
    assert gateway.stop() == 0  # drains to the hub
    assert gateway.waiting() == 0
    with connect(registered.water) as client:
        [row] = client.query("500000/water/hydrology").table().to_pylist()
    assert (row["station_code"], row["stage_m"], row["stage_datum"]) == ("60105400", 196.42, "1985")
