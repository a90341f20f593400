"""Publishing against physical floors: the disk and decoder for large batches, a bare echo for small ones."""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import statistics
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent import futures
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final, TypeVar

import grpc
import pyarrow.parquet as pq

from benchmarks.figure import Figure, bench
from benchmarks.hub import MemoryWatch, running_hub, write_rows
from benchmarks.message import Message, one_row_messages
from exchange.client import Client, connect
from exchange.v1 import exchange_pb2

_T = TypeVar("_T")

_MILLION: Final = 1_000_000
_SMALL: Final = 20_000
_SINGLE: Final = 4_000
_IN_A_CALL: Final = 32
_CLIENTS: Final = 16
_PROCESSES: Final = 2
_PROBES: Final = 200
_FEW, _MANY = 100, 100_000


@bench("publish.rows_1m", "publish.rows_10m", "publish.memory_10m")
def large(scratch: Path) -> Iterable[Figure]:
    """1 M and 10 M rows in one batch: client call to verified receipt, best of three (1 M) or one (10 M)."""
    with running_hub(scratch) as (hub, home), connect(home) as client:
        for name, rows, times in (("1m", _MILLION, 3), ("10m", 10 * _MILLION, 1)):
            took, floors = [], []
            for turn in range(times):
                path = scratch / f"{name}-{turn}.parquet"
                write_rows(path, rows, start=turn * rows)
                with MemoryWatch(hub.pid) as memory:
                    took.append(_seconds(client.publish, "water-quality", path))
                floors.append(_seconds(_floor, path, scratch / f"{name}-{turn}.copy"))
            what = "SHA-256 + decode + write + fsync"
            yield Figure(f"publish.rows_{name}", min(took), "s", what, min(floors), 2.0)
        yield Figure("publish.memory_10m", memory.mebibytes, "MiB", "over idle", None, 400)


def _seconds(act: Callable[..., object], *given: object) -> float:
    started = time.perf_counter()
    act(*given)
    return time.perf_counter() - started


def _floor(source: Path, target: Path) -> None:
    """What nobody can do without, in one process."""
    with source.open("rb") as file:
        hashlib.file_digest(file, "sha256")
    for _ in pq.ParquetFile(source, buffer_size=1 << 20).iter_batches(1 << 17):
        pass
    with source.open("rb") as file, target.open("wb") as copy:
        while block := file.read(1 << 20):
            copy.write(block)
        copy.flush()
        os.fsync(copy.fileno())


@bench("publish.small", "publish.single")
def small(scratch: Path) -> Iterable[Figure]:
    """20,000 one-row batches of 16 clients in two processes, signed beforehand, against as many echoes.

    Each batch is checked, made durable and given a receipt by itself; 32 of one client's go in a call (PublishMany).
    A call for each (Publish) is told beside it.
    """
    with running_hub(scratch) as (_, home):
        messages = one_row_messages(home, _SMALL + _SINGLE)
        ours = _rate(_publish_many, str(home), messages[:_SMALL])
        single = _rate(_publish_all, str(home), messages[_SMALL:])
        with connect(home) as client:
            held = client.query("500000/ecology/water-quality").table().num_rows
        if held != len(messages):
            raise AssertionError(f"{held} rows are held of {len(messages)} published")
    server = multiprocessing.get_context("spawn").Process(target=_serve_echo, args=(str(scratch / "port"),))
    server.start()
    try:
        peer = _rate(_echo_all, _port(scratch / "port"), messages[:_SMALL])
    finally:
        server.terminate()
        server.join()
    yield Figure("publish.small", ours, "batches/s", "bare grpcio unary echo", peer, 0.35, "higher")
    yield Figure("publish.single", single, "batches/s", "bare grpcio unary echo", peer, None, "higher")


def _rate(work: Callable[[str, Sequence[Message]], float], where: str, messages: Sequence[Message]) -> float:
    """Calls per second of all processes together, from the first to start to the last to end."""
    parts = [messages[number::_PROCESSES] for number in range(_PROCESSES)]
    context = multiprocessing.get_context("spawn")
    with futures.ProcessPoolExecutor(_PROCESSES, mp_context=context) as pool:
        list(pool.map(work, [where] * _PROCESSES, [part[:0] for part in parts]))
        started = time.perf_counter()
        list(pool.map(work, [where] * _PROCESSES, parts))
        return len(messages) / (time.perf_counter() - started)


def _publish_many(home: str, messages: Sequence[Message]) -> float:
    calls = [messages[start : start + _IN_A_CALL] for start in range(0, len(messages), _IN_A_CALL)]
    with connect(home) as client:
        return _shared(calls, lambda call: _publish_call(client, call))


def _publish_call(client: Client, messages: Sequence[Message]) -> None:
    request = exchange_pb2.PublishManyRequest(batches=[message.small() for message in messages])
    response = client.exchange.PublishMany(request, timeout=60)
    if not all(outcome.HasField("published") for outcome in response.outcomes):
        raise AssertionError(f"not every batch was published: {response}")


def _publish_all(home: str, messages: Sequence[Message]) -> float:
    with connect(home) as client:
        return _shared(messages, lambda message: _publish_one(client, message))


def _publish_one(client: Client, message: Message) -> None:
    client.publish_one(message.request(), timeout=60)


def _echo_all(port: str, messages: Sequence[Message]) -> float:
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        echo: Any = channel.unary_unary("/echo/Echo")
        return _shared(messages, lambda message: echo(message.data))


def _shared(messages: Sequence[_T], call: Callable[[_T], object]) -> float:
    started = time.perf_counter()
    with ThreadPoolExecutor(_CLIENTS // _PROCESSES) as pool:
        for _ in pool.map(call, messages):
            pass
    return time.perf_counter() - started


def _serve_echo(port_file: str) -> None:
    handler = grpc.method_handlers_generic_handler(
        "echo", {"Echo": grpc.unary_unary_rpc_method_handler(lambda request, context: request)}
    )
    server = grpc.server(ThreadPoolExecutor(_CLIENTS))
    server.add_generic_rpc_handlers((handler,))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    scratch = Path(port_file + ".new")
    scratch.write_text(str(port))
    scratch.rename(port_file)
    server.wait_for_termination()


def _port(path: Path) -> str:
    deadline = time.monotonic() + 30
    while not path.exists():
        if time.monotonic() > deadline:
            raise TimeoutError("the echo server did not start")
        time.sleep(0.01)
    return path.read_text()


@bench("publish.growth")
def growth(scratch: Path) -> Iterable[Figure]:
    """Median time of one small publish with 100,000 entries in the ledger against 100."""
    with running_hub(scratch) as (_, home):
        messages = one_row_messages(home, _MANY + 2 * _PROBES)
        probes, rest = messages[: 2 * _PROBES], messages[2 * _PROBES :]
        with connect(home) as client:
            for message in rest[:_FEW]:
                _publish_one(client, message)
            early = _median(client, probes[:_PROBES])
            _rate(_publish_many, str(home), rest[_FEW : _MANY - _PROBES])
            late = _median(client, probes[_PROBES:])
    yield Figure("publish.growth", late * 1000, "ms", "the same at 100 entries", early * 1000, 1.3)


def _median(client: Client, messages: Sequence[Message]) -> float:
    return statistics.median(_seconds(_publish_one, client, message) for message in messages)
