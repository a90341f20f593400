"""The same expressions on a Spark standalone cluster: master, two workers, and row for row what DuckDB gives."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from benchmarks.faults import Banks, banks
from exchange.reconcile.boundary import Compared, compare, crosswalk
from exchange.reconcile.cause import Cause
from exchange.reconcile.engine.duck import DuckEngine
from exchange.reconcile.engine.protocol import Engine
from exchange.reconcile.engine.spark import SparkEngine
from exchange.reconcile.terms import shipped_terms
from tests.clusters import WORKERS, java, standalone

pytestmark = [pytest.mark.e2e, pytest.mark.spark, pytest.mark.timeout(900)]
_PUT = (Cause.UNIT, Cause.TIME_ZONE, Cause.SWAP, Cause.STUCK, Cause.FILL, Cause.DUPLICATE)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkEngine]:
    java()
    settings = {"spark.sql.shuffle.partitions": "4", "spark.driver.host": "127.0.0.1"}
    settings["spark.driver.bindAddress"] = "127.0.0.1"
    with (
        standalone(tmp_path_factory.mktemp("spark")) as master,
        SparkEngine(master, {**settings, "spark.executor.memory": "768m"}) as engine,
    ):
        yield engine


def rows_of(engine: Engine, found: Compared) -> dict[str, list[dict[str, Any]]]:
    tables = {
        "pairs": (found.all_pairs(), ("compared_at", "left_section", "item_code", "pairing", "right_at")),
        "differences": (found.all_differences(), ("compared_at", "left_section", "item_code", "pairing")),
        "bias": (found.bias(), ("left_section", "item_code", "window")),
    }
    # what was fed twice is alike in these columns: the others decide, so that both engines give one order
    return {
        name: engine.table(
            table.order_by(*first, *(each for each in table.columns if each not in first))
        ).to_pylist()
        for name, (table, first) in tables.items()
    }


def run(engine: Engine, made: Banks, directory: Path) -> dict[str, list[dict[str, Any]]]:
    files = []
    for name, table in (("left", made.left), ("right", made.right)):
        path = directory / f"{name}.parquet"
        pq.write_table(table, path)
        files.append([path])
    return rows_of(engine, compare(engine, shipped_terms(), crosswalk(made.crosswalk), *files))


def alike(a: object, b: object) -> bool:
    """Equal; floats but for the order in which they were summed."""
    if isinstance(a, float) and isinstance(b, float):
        return a == pytest.approx(b, rel=1e-9, abs=1e-12)
    return a == b


def test_row_for_row(cluster: SparkEngine, tmp_path: Path) -> None:
    made = banks(dict.fromkeys(_PUT, 1), clean=1)
    with DuckEngine(tmp_path) as duck:
        here = run(duck, made, tmp_path)
    there = run(cluster, made, tmp_path)
    for name, rows in here.items():
        assert len(rows) == len(there[name]) > 0, name
        for mine, other in zip(rows, there[name], strict=True):
            assert all(alike(mine[key], other[key]) for key in mine), (name, mine, other)
    assert {row["cause"] for row in here["differences"]} >= {each.value for each in _PUT}


def test_both_workers_are_there(cluster: SparkEngine) -> None:
    table = cluster.give("numbers", pa.table({"n": list(range(8))}))
    assert cluster.table(table.agg(total=table.n.sum()))["total"].to_pylist() == [28]
    assert cluster.workers() == WORKERS
