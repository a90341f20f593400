"""A slice of a large dataset against DuckDB on the same files."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path
from typing import Final

import duckdb
import pyarrow as pa

from benchmarks.figure import Figure, bench
from benchmarks.hub import running_hub, write_rows
from demo.sample import water_quality
from exchange.client import Filter, connect

_BATCHES: Final = 10
_ROWS: Final = 1_000_000
_COLUMNS: Final = ("section_code", "sampled_at", "item_code", "value", "unit")
_TIMES: Final = 3


@bench("query.slice")
def measure(scratch: Path) -> Iterable[Figure]:
    """1 M of 10 M rows by time, five columns, to an Arrow table at the reader's; best of three."""
    first, last = _instant(4 * _ROWS + _ROWS // 2), _instant(5 * _ROWS + _ROWS // 2)
    files = [scratch / f"{number}.parquet" for number in range(_BATCHES)]
    with running_hub(scratch) as (_, home), connect(home) as client:
        for number, path in enumerate(files):
            write_rows(path, _ROWS, number * _ROWS)
            client.publish("water-quality", path)
        filters = [
            Filter("sampled_at", "ge", (first.isoformat(),)),
            Filter("sampled_at", "lt", (last.isoformat(),)),
        ]
        ours, table = _best(
            lambda: client.query("500000/ecology/water-quality", columns=_COLUMNS, filters=filters).table()
        )
    peer, same = _best(lambda: _by_duckdb(files, first, last))
    if table.num_rows != same.num_rows or abs(table.num_rows - _ROWS) > _ROWS // 100:
        raise AssertionError(f"the hub gives {table.num_rows} rows, DuckDB {same.num_rows}")
    yield Figure("query.slice", ours, "s", "DuckDB on the same files", peer, 2.5)


def _instant(row: int) -> datetime:
    found: datetime = water_quality(1, row)["sampled_at"][0].as_py()
    return found


def _best(act: Callable[[], pa.Table]) -> tuple[float, pa.Table]:
    times = []
    for _ in range(_TIMES):
        started = time.perf_counter()
        table = act()
        times.append(time.perf_counter() - started)
    return min(times), table


def _by_duckdb(files: list[Path], first: datetime, last: datetime) -> pa.Table:
    listed = ", ".join(f"'{path}'" for path in files)
    query = (
        f"SELECT {', '.join(_COLUMNS)} FROM read_parquet([{listed}]) "
        f"WHERE sampled_at >= TIMESTAMPTZ '{first.isoformat()}' AND sampled_at < TIMESTAMPTZ '{last.isoformat()}'"
    )
    with duckdb.connect() as session:
        return session.sql(query).to_arrow_table()
