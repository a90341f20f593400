"""Two hubs on one machine: how fast one follows the other, and what an agreement's row filter costs."""

from __future__ import annotations

import io
import statistics
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from benchmarks.figure import Figure, bench
from benchmarks.hub import write_rows
from demo.hosts import Hosts
from demo.hub import HubProcess, fixed_ports, introduce
from demo.sample import monitoring_sections, water_quality
from exchange.agreement.move import Act
from exchange.client import Client, connect
from exchange.client.agreement import get_agreement
from exchange.errors import HechuanError

DATASET: Final = "500000/ecology/water-quality"
_MILLION: Final = 1_000_000
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
def running_pair(scratch: Path, hosts: Hosts | None = None) -> Iterator[Pair]:
    """Chongqing and Sichuan, federated, each on a host of its own where there are some; sections are registered."""
    places = (hosts.near, hosts.far) if hosts else (None, None)
    with ExitStack() as stack:
        with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
            hubs = [
                HubProcess(scratch, code, fixed_ports(place), host=place)
                for code, place in zip(("500000", "510000"), places, strict=True)
            ]
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
    id = pair.reader.propose(DATASET, purpose="benchmark", until=until, **terms).agreement.id
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
            wait(lambda id=id: pair.reader.query(DATASET, limit=1, agreement=id).table().num_rows)  # type: ignore[misc]
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
        wait(lambda: reader.query(DATASET, limit=1, agreement=id).table().num_rows)
        ours = _best(lambda: reader.query(DATASET, columns=columns, agreement=id).table().num_rows)
        peer = _best(lambda: reader.query(DATASET, columns=columns).table().num_rows)
        yield Figure("policy.cost", ours, "s", "the same rows without a filter", peer, 1.3)


def _best(act: Callable[[], int]) -> float:
    took = []
    for _ in range(_TIMES):
        started = time.perf_counter()
        if act() != _MILLION:
            raise AssertionError("the filter has left rows out")
        took.append(time.perf_counter() - started)
    return min(took)
