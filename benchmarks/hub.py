"""A hub to measure: a process of its own with one agency, its sections registered, its memory watched."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Final

import numpy as np
import psutil
import pyarrow as pa

from demo.hub import HubProcess
from demo.sample import monitoring_sections, water_quality
from exchange.batch.encode import Writer
from exchange.client import connect

_SAMPLE_SECONDS: Final = 0.02
_STEP: Final = 1 << 17


@contextmanager
def running_hub(scratch: Path) -> Iterator[tuple[HubProcess, Path]]:
    """The hub and the home of 500000/ecology, whose sections are registered."""
    with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
        hub = HubProcess(scratch, "500000")
        hub.start()
        home = hub.enroll("ecology")
    try:
        with connect(home) as client:
            client.publish("monitoring-section", monitoring_sections())
        yield hub, home
    finally:
        hub.stop()


def write_rows(path: Path, rows: int, start: int = 0, noise: bool = False) -> None:
    """A Parquet file of made water-quality rows, as the client would encode them.

    With `noise`, values are as hard to compress as those of real sensors.
    """
    sample = water_quality(1)
    writer = Writer(path, sample.schema)
    for at in range(start, start + rows, _STEP):
        table = water_quality(min(_STEP, start + rows - at), at)
        if noise:
            column = table.schema.get_field_index("value")
            drawn = np.round(np.random.default_rng(at).normal(8, 2, table.num_rows), 3)
            table = table.set_column(column, table.schema.field(column), pa.array(drawn))
        for batch in table.to_batches():
            writer.write(batch)
    writer.close()


class MemoryWatch:
    """The highest resident size of a process above what it had at first, MiB."""

    def __init__(self, pid: int) -> None:
        self._process = psutil.Process(pid)
        self._idle = self._process.memory_info().rss
        self._highest = self._idle
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> MemoryWatch:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._stop.set()
        self._thread.join()

    @property
    def mebibytes(self) -> float:
        """What has been found so far."""
        return (self._highest - self._idle) / (1 << 20)

    def _run(self) -> None:
        while not self._stop.wait(_SAMPLE_SECONDS):
            self._highest = max(self._highest, self._process.memory_info().rss)
