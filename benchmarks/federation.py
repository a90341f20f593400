"""Two hubs on one machine: how fast one follows the other, and what an agreement's row filter costs."""

from __future__ import annotations

import io
import os
import socket
import statistics
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from benchmarks.figure import Figure, bench
from benchmarks.hub import write_rows
from demo.hub import HubProcess, fixed_ports, introduce
from demo.sample import monitoring_sections, water_quality
from exchange.agreement.move import Act
from exchange.client import Client, connect
from exchange.client.agreement import get_agreement
from exchange.errors import HechuanError

_DATASET: Final = "500000/ecology/water-quality"
_MILLION: Final = 1_000_000
_BATCHES: Final = 10
_TIMES: Final = 5
_WAIT_SECONDS: Final = 120.0
_PASSES_ALL: Final = "row.value > -1000.0 && row.unit != 'none'"


@dataclass(frozen=True, slots=True)
class Pair:
    """The hub that owns and the hub that reads, with one agency connected to each."""

    origin: HubProcess
    reader_hub: HubProcess
    owner: Client
    reader: Client


@contextmanager
def running_pair(scratch: Path) -> Iterator[Pair]:
    """Chongqing and Sichuan, federated; 500000/ecology's sections are registered."""
    with ExitStack() as stack:
        with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
            hubs = [HubProcess(scratch, code, fixed_ports()) for code in ("500000", "510000")]
            introduce(scratch, *hubs)
            for hub in hubs:
                stack.enter_context(hub)
            homes = [hub.enroll("ecology") for hub in hubs]
        owner, reader = connect(homes[0]), connect(homes[1])
        stack.callback(owner.channel.close)
        stack.callback(reader.channel.close)
        owner.publish("monitoring-section", monitoring_sections())
        yield Pair(hubs[0], hubs[1], owner, reader)


def agree(pair: Pair, last: bool = True, **terms: Any) -> str:
    """Everything up to the provider's last word, and that too where `last`; the agreement's id."""
    until = datetime.now(UTC) + timedelta(days=30)
    id = pair.reader.propose(_DATASET, purpose="benchmark", until=until, **terms).agreement.id
    for moves, side in enumerate((pair.owner, pair.reader), start=1):
        wait(lambda side=side, moves=moves: len(get_agreement(side, id).moves) == moves)  # type: ignore[misc]
        side.sign(id)
    wait(lambda: len(get_agreement(pair.owner, id).moves) == 3)
    if last:
        pair.owner.sign(id)
    return id


def wait(found: Callable[[], object]) -> float:
    """Seconds until something has come about at another hub."""
    started = time.perf_counter()
    while time.perf_counter() - started < _WAIT_SECONDS:
        try:
            if found():
                return time.perf_counter() - started
        except HechuanError:
            pass
        time.sleep(0.002)
    raise AssertionError("it did not come about")


@bench("mirror.catchup", "mirror.visible")
def mirror(scratch: Path) -> Iterable[Figure]:
    """Bytes a second of 10 M rows in ten batches, agreement in force to last object; then one more, five times."""
    with running_pair(scratch) as pair:
        files = []
        for number in range(_BATCHES):
            path = scratch / f"{number}.parquet"
            write_rows(path, _MILLION, number * _MILLION, noise=True)
            pair.owner.publish("water-quality", path)
            files.append(path)
        size = sum(path.stat().st_size for path in files)
        objects = pair.reader_hub.directory / "state" / "objects"
        have = _bytes(objects)
        id = agree(pair, last=False, mirror=True)
        started = time.perf_counter()
        pair.owner.sign(id)
        wait(lambda: _bytes(objects) - have >= size)
        ours = size / (time.perf_counter() - started)
        peer = size / min(_copy(files, scratch / "copy") for _ in range(3))
        yield Figure(
            "mirror.catchup", ours / 1e6, "MB/s", "TCP copy, file to file", peer / 1e6, 0.5, "higher"
        )
        yield Figure("mirror.visible", _visible(pair), "s", "submit to visible on the peer", None, 5.0)


def _visible(pair: Pair) -> float:
    took = []
    for number in range(_TIMES):
        start = _BATCHES * _MILLION + number
        started = time.perf_counter()
        index = pair.owner.publish("water-quality", water_quality(1, start)).index

        def seen(index: int = index) -> bool:
            rows = pair.reader.query(_DATASET, columns=["value"], limit=1)
            rows.table()
            assert rows.statement is not None
            return rows.statement["origin"]["statement"] is None and rows.statement["tree_size"] > index

        wait(seen)
        took.append(time.perf_counter() - started)
    return statistics.median(took)


def _bytes(directory: Path) -> int:
    return sum(path.stat().st_size for path in directory.rglob("*") if path.is_file())


def _copy(files: list[Path], target: Path) -> float:
    """What a plain copy over a loopback connection takes, durable on the other side."""
    target.mkdir(exist_ok=True)
    with socket.create_server(("127.0.0.1", 0)) as server:
        receiver = threading.Thread(target=_receive, args=(server, files, target))
        started = time.perf_counter()
        receiver.start()
        with socket.create_connection(server.getsockname()) as link:
            for path in files:
                with path.open("rb") as file:
                    link.sendfile(file)
        receiver.join()
    return time.perf_counter() - started


def _receive(server: socket.socket, files: list[Path], target: Path) -> None:
    link, _ = server.accept()
    buffer = memoryview(bytearray(1 << 20))
    with link:
        for path in files:
            left = path.stat().st_size
            with (target / path.name).open("wb") as copy:
                while left:
                    count = link.recv_into(buffer[: min(left, len(buffer))])
                    copy.write(buffer[:count])
                    left -= count
                copy.flush()
                os.fsync(copy.fileno())


@bench("agreement.first_row")
def first_row(scratch: Path) -> Iterable[Figure]:
    """From the provider's signature at its hub to the first row at the reader, through the reader's hub; median."""
    with running_pair(scratch) as pair:
        pair.owner.publish("water-quality", water_quality(10_000))
        took = []
        for _ in range(_TIMES):
            id = agree(pair, last=False, columns=["section_code", "sampled_at", "item_code", "value"])
            started = time.perf_counter()
            pair.owner.sign(id)
            wait(lambda id=id: pair.reader.query(_DATASET, limit=1, agreement=id).table().num_rows)  # type: ignore[misc]
            took.append(time.perf_counter() - started)
            pair.owner.sign(id, Act.TERMINATE)
        yield Figure("agreement.first_row", statistics.median(took), "s", "signed to first row", None, 1.0)


@bench("policy.cost")
def policy(scratch: Path) -> Iterable[Figure]:
    """1 M rows under a row filter that lets all of them through, against the same question without; best of five."""
    with running_pair(scratch) as pair:
        path = scratch / "rows.parquet"
        write_rows(path, _MILLION)
        pair.owner.publish("water-quality", path)
        reader, columns = pair.reader, ["section_code", "sampled_at", "item_code", "value", "unit"]
        id = agree(pair, row_filter=_PASSES_ALL)
        wait(lambda: reader.query(_DATASET, limit=1, agreement=id).table().num_rows)
        ours = _best(lambda: reader.query(_DATASET, columns=columns, agreement=id).table().num_rows)
        peer = _best(lambda: reader.query(_DATASET, columns=columns).table().num_rows)
        yield Figure("policy.cost", ours, "s", "the same rows without a filter", peer, 1.3)


def _best(act: Callable[[], int]) -> float:
    took = []
    for _ in range(_TIMES):
        started = time.perf_counter()
        if act() != _MILLION:
            raise AssertionError("the filter has left rows out")
        took.append(time.perf_counter() - started)
    return min(took)
