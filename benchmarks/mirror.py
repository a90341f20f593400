"""How fast one hub catches up with another, against a plain copy of the same files over the same line.

The line joins two network namespaces, a host each, and carries what a provincial government's line does. The copy is
the harshest there is: bare TCP with sendfile, neither encrypted nor checked. Where the machine cannot make hosts, both
run over loopback.
"""

from __future__ import annotations

import os
import shutil
import socket
import statistics
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Final

from benchmarks.federation import DATASET, Pair, agree, running_pair, wait
from benchmarks.figure import Figure, bench
from benchmarks.hub import write_rows
from demo.hosts import Host, Hosts, possible
from demo.sample import water_quality
from exchange.agreement.move import Act
from exchange.client.agreement import get_agreement
from exchange.v1 import agreement_pb2

_MILLION: Final = 1_000_000
_BATCHES: Final = 10
_TIMES: Final = 5
_TRIES: Final = 3
_MEGABITS: Final = 1000
_TERMINATED: Final = agreement_pb2.AGREEMENT_STATE_TERMINATED


@bench("mirror.catchup", "mirror.visible")
def line(scratch: Path) -> Iterable[Figure]:
    """10 M rows in ten batches over a line of 1 Gbit/s; then one batch more, five times."""
    where = f"over {_MEGABITS} Mbit/s" if possible() else "over loopback"
    with _pair(scratch, _MEGABITS) as (pair, hosts):
        yield _caught_up("mirror.catchup", f"TCP copy, file to file, {where}", scratch, pair, hosts, 0.5)
        yield Figure("mirror.visible", _visible(pair), "s", "submit to visible on the peer", None, 5.0)


@bench("mirror.unshaped")
def unshaped(scratch: Path) -> Iterable[Figure]:
    """The same where the line is no limit: told, for there it is processors that are compared."""
    with _pair(scratch, None) as (pair, hosts):
        yield _caught_up("mirror.unshaped", "TCP copy, no line between", scratch, pair, hosts, None)


@contextmanager
def _pair(scratch: Path, megabits: int | None) -> Iterator[tuple[Pair, Hosts | None]]:
    with (
        Hosts(megabits) if possible() else nullcontext() as hosts,
        running_pair(scratch, hosts) as pair,
    ):
        yield pair, hosts


def _caught_up(
    id: str, peer: str, scratch: Path, pair: Pair, hosts: Hosts | None, bar: float | None
) -> Figure:
    """Bytes a second of the mirror and of the copy, the best of three each."""
    files, objects = [], []
    for number in range(_BATCHES):
        files.append(scratch / f"{number}.parquet")
        write_rows(files[-1], _MILLION, number * _MILLION, noise=True)
        objects.append(pair.owner.publish("water-quality", files[-1]).batch.object)
    size = sum(path.stat().st_size for path in files)
    places = [_place(pair.reader_hub.directory, digest) for digest in objects]
    ours = size / min(_mirrored(pair, places, again) for again in reversed(range(_TRIES)))
    copy = size / min(_copy(files, scratch / "copy", hosts) for _ in range(_TRIES))
    return Figure(id, ours / 1e6, "MB/s", peer, copy / 1e6, bar, "higher")


def _mirrored(pair: Pair, places: list[Path], again: int) -> float:
    """Seconds from the signature that puts the agreement in force to the last object at the reader's hub.

    Where it is done `again`, the agreement ends and the hub loses what it has, so the next try begins with nothing.
    """
    agreement = agree(pair, last=False, mirror=True)
    pair.owner.sign(agreement)
    for place in places:
        wait(place.exists)
    ended = time.time()
    began = get_agreement(pair.owner, agreement).moves[-1].at.ToNanoseconds() / 1e9
    if again:
        pair.owner.sign(agreement, Act.TERMINATE)
        wait(lambda: get_agreement(pair.reader, agreement).state == _TERMINATED)
        pair.reader_hub.stop()
        shutil.rmtree(pair.reader_hub.directory / "state" / "objects")
        pair.reader_hub.start()
        wait(lambda: get_agreement(pair.reader, agreement).moves)
    return ended - began


def _place(hub: Path, digest: str) -> Path:
    name = digest.removeprefix("sha256:")
    return hub / "state" / "objects" / name[:2] / name[2:4] / name


def _visible(pair: Pair) -> float:
    took = []
    for number in range(_TIMES):
        start = _BATCHES * _MILLION + number
        started = time.perf_counter()
        index = pair.owner.publish("water-quality", water_quality(1, start)).index

        def seen(index: int = index) -> bool:
            rows = pair.reader.query(DATASET, columns=["value"], limit=1)
            rows.table()
            assert rows.statement is not None
            return rows.statement["origin"]["statement"] is None and rows.statement["tree_size"] > index

        wait(seen)
        took.append(time.perf_counter() - started)
    return statistics.median(took)


def _copy(files: list[Path], target: Path, hosts: Hosts | None) -> float:
    """Seconds that a plain copy from the owner's host to the reader's takes, durable there."""
    target.mkdir(exist_ok=True)
    address = hosts.far.inner if hosts else "127.0.0.1"
    with _on(hosts.far if hosts else None, lambda: socket.create_server((address, 0))) as server:
        receiver = threading.Thread(target=_receive, args=(server, files, target))
        receiver.start()
        place = server.getsockname()
        link = _on(hosts.near if hosts else None, lambda: socket.create_connection(place))
        started = time.perf_counter()
        with link:
            for path in files:
                with path.open("rb") as file:
                    link.sendfile(file)
        receiver.join()
    return time.perf_counter() - started


def _on(host: Host | None, act: Callable[[], socket.socket]) -> socket.socket:
    return host.run(act) if host else act()


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
