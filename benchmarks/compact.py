"""A dataset of very many batches of one row: a query over all of them, file by file and out of segments."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Final

from benchmarks.figure import Figure, bench
from benchmarks.hub import running_hub
from demo.hub import hechuan
from demo.sample import water_quality
from exchange.client import Client, connect
from exchange.client.many import Outgoing

_BATCHES: Final = 5_000
_DATASET: Final = "500000/ecology/water-quality"
_TIMES: Final = 3


@bench("compact.query", "compact.make")
def measure(scratch: Path) -> Iterable[Figure]:
    """All rows of 5,000 batches of one row at the reader's; best of three, after one that fills the caches."""
    with running_hub(scratch) as (hub, home), connect(home) as client:
        for done in client.publish_many(_batches()):
            if isinstance(done, Exception):
                raise done
        apart, said = _best(client)
        with redirect_stdout(StringIO()):
            started = time.perf_counter()
            hechuan("compact", hub.directory)
            took = time.perf_counter() - started
        together, same = _best(client)
    if said != same:
        raise AssertionError("the answer out of segments is another")
    yield Figure("compact.query", together, "s", "file by file", apart, 0.2)
    yield Figure("compact.make", took, "s", "", None, None)


def _batches() -> Iterator[Outgoing]:
    return (Outgoing("water-quality", water_quality(1, at)) for at in range(_BATCHES))


def _best(client: Client) -> tuple[float, str]:
    """Seconds, and the digest of the answer."""
    times, digest = [], ""
    for _ in range(_TIMES + 1):
        started = time.perf_counter()
        rows = client.query(_DATASET)
        found = rows.table().num_rows
        times.append(time.perf_counter() - started)
        if found != _BATCHES or rows.statement is None:
            raise AssertionError(f"{found} rows of {_BATCHES}")
        digest = str(rows.statement["digest"])
    return min(times[1:]), digest
