"""The gateway with five thousand stations: reports a second that are durable, how long a station waits, memory."""

from __future__ import annotations

import asyncio
import multiprocessing
import statistics
import time
from collections.abc import Iterable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Final

from adapters.hj212.frame import Message, encode
from benchmarks.figure import Figure, bench
from benchmarks.hub import MemoryWatch, running_hub
from demo.gateway import GatewayProcess
from demo.sample import SECTIONS

_STATIONS: Final = 5000
_REPORTS: Final = 8
_ITEMS: Final = ("w01010", "w01001", "w01009", "w01014", "w01003", "w01019", "w21003", "w21011", "w21001")


@bench("gateway.frames", "gateway.p50", "gateway.p99", "gateway.memory")
def frames(scratch: Path) -> Iterable[Figure]:
    """Each station sends its next report when the last was acknowledged; a process of its own plays them all."""
    stations = "\n".join(f"  S{number}: {{section: {SECTIONS[number % 6]}}}" for number in range(_STATIONS))
    with running_hub(scratch) as (_, home):
        mapping = f"protocol: hj212\nstations:\n{stations}\n"
        gateway = GatewayProcess(scratch / "gateway", "hj212", home, mapping)
        gateway.start()
        try:
            with MemoryWatch(gateway.pid) as memory:
                rate, waits = _measured(gateway.port)
        finally:
            gateway.stop()
    yield Figure("gateway.frames", rate, "durable/s", "", None, None, "higher")
    yield Figure("gateway.p50", statistics.median(waits) * 1000, "ms", "", None, None)
    yield Figure("gateway.p99", statistics.quantiles(waits, n=100)[98] * 1000, "ms", "", None, None)
    yield Figure("gateway.memory", memory.mebibytes, "MiB", "", None, None)


def _measured(port: int) -> tuple[float, list[float]]:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_play, args=(port, theirs))
    process.start()
    found: tuple[float, list[float]] = ours.recv()
    process.join()
    return found


def _play(port: int, told: Connection) -> None:
    told.send(asyncio.run(_all(port)))


async def _all(port: int) -> tuple[float, list[float]]:
    links = [await asyncio.open_connection("127.0.0.1", port) for _ in range(_STATIONS)]
    waits: list[float] = []
    started = time.perf_counter()
    await asyncio.gather(*(_station(number, *link, waits) for number, link in enumerate(links)))
    took = time.perf_counter() - started
    for _, writer in links:
        writer.close()
    if len(waits) != _STATIONS * _REPORTS:
        raise AssertionError(f"{len(waits)} reports were acknowledged of {_STATIONS * _REPORTS}")
    return len(waits) / took, waits


async def _station(
    number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, waits: list[float]
) -> None:
    for turn in range(_REPORTS):
        moment = f"202603{turn + 1:02}{number % 24:02}0000"
        header = {
            "QN": f"{moment}{number % 1000:03}",
            "ST": "21",
            "CN": "2061",
            "PW": "1",
            "MN": f"S{number}",
        }
        data = {"DataTime": moment}
        for item in _ITEMS:
            data |= {f"{item}-Avg": f"{number % 900 / 100:.3f}", f"{item}-Flag": "N"}
        sent = time.perf_counter()
        writer.write(encode(Message({**header, "Flag": "5"}, data)))
        if b"CN=9014" not in await reader.readuntil(b"\r\n"):
            raise AssertionError("a report was not acknowledged")
        waits.append(time.perf_counter() - sent)
