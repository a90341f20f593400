"""Two banks' ten million rows: paired with tolerances, judged, every difference explained; against a bare join.

The floor is DuckDB's full outer join of the same files on the key, both values into a table: no tolerance, no verdict.
datacompy's Polars engine gets the same files and the same work as far as it goes: join on the key, compare the values
with a tolerance, say which rows are in one file only. One row in ten is up to twenty minutes off on the right side, one
in two hundred is missing on either, and in 10 of 500 sections the right side has a unit wrong.
"""

from __future__ import annotations

import multiprocessing
import multiprocessing.connection
import resource
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.faults import banks, score
from benchmarks.figure import Figure, bench
from exchange.reconcile.boundary import compare, crosswalk
from exchange.reconcile.cause import Cause
from exchange.reconcile.engine.duck import DuckEngine
from exchange.reconcile.terms import shipped_terms

_SECTIONS: Final = 500
_ITEMS: Final = (
    "w01001",
    "w01009",
    "w01014",
    "w01003",
    "w01019",
    "w21003",
    "w21011",
    "w21001",
    "w01018",
    "w01010",
)
_UNITS: Final = {"w01001": "1", "w01014": "uS/cm", "w01003": "NTU", "w01010": "degC"}
_LARGE: Final = 10_000_000
_SMALL: Final = 1_000_000
_GIB: Final = 1 << 30
_MEMORY: Final = 3 * _GIB
_KEY: Final = ("section_code", "sampled_at", "item_code", "monitoring_mode")
_SERIOUS: Final = (Cause.UNIT, Cause.TIME_ZONE, Cause.SWAP, Cause.STUCK)
_FAULTS: Final = 40


@bench("reconcile.join", "reconcile.memory", "reconcile.growth", "reconcile.datacompy")
def measure(scratch: Path) -> Iterable[Figure]:
    """Each in a process of its own, so that peaks of memory are its own."""
    large, small = scratch / "large", scratch / "small"
    for directory, rows in ((large, _LARGE), (small, _SMALL)):
        directory.mkdir()
        make_files(directory, rows)
    ours, peak = _apart(reconcile, large)
    floor, _ = _apart(bare_join, large)
    little, _ = _apart(reconcile, small)
    yield Figure("reconcile.join", ours, "s", "DuckDB, bare outer join", floor, 2.5)
    yield Figure("reconcile.memory", peak / _GIB, "GiB", "", None, 4)
    yield Figure("reconcile.growth", ours, "s", "1 M × 1 M rows", little, 11)
    theirs, _ = _apart(by_datacompy, large)
    yield Figure("reconcile.datacompy", 1 / ours, "runs/s", "datacompy on Polars", 1 / theirs, 1.5, "higher")


@bench("cause.hits", "cause.false_alarms", "cause.matrix")
def causes(scratch: Path) -> Iterable[Figure]:
    """Forty faults of each cause at 5 % noise on both sides; `cause.matrix.<put>.<named>` counts them."""
    made = banks({cause: _FAULTS for cause in Cause if cause is not Cause.MISSING}, clean=100, seed=7)
    with DuckEngine(scratch, _MEMORY) as engine:
        found = compare(engine, shipped_terms(), crosswalk(made.crosswalk), made.left, made.right)
        pairs = engine.table(found.pairs.agg(rows=found.pairs.count()))["rows"][0].as_py()
        told = score(made, engine.table(found.all_differences()), pairs)
    yield Figure("cause.hits", 100 * told.hits(_SERIOUS), "%", "", None, 95, "higher")
    yield Figure("cause.false_alarms", 100 * told.false_alarms, "%", "", None, 2)
    for (put, named), count in sorted(told.matrix.items()):
        yield Figure(f"cause.matrix.{put}.{named}", count, "faults", "", None, None)


def make_files(directory: Path, rows: int) -> None:
    """left.parquet and right.parquet: so many rows each, by instant; the numbers are made."""
    codes = ", ".join(f"'{code}'" for code in _ITEMS)
    units = ", ".join(f"'{_UNITS.get(code, 'mg/L')}'" for code in _ITEMS)
    level = "exp(0.6 * sin(t * 0.07 + s * 1.7 + i) + 0.25 * sin(t * 0.61 + s * 0.9)) * (0.05 + 0.15 * i)"
    steps = rows // (_SECTIONS * len(_ITEMS))
    with duckdb.connect() as session:
        session.execute("SET TimeZone = 'UTC'; SET enable_progress_bar = false")
        for side, seed, off, wrong in (
            ("left", 1, "0", "1"),
            ("right", 2, f"CASE WHEN {_chance(4)} < 0.1 THEN ({_chance(5)} * 1200)::BIGINT ELSE 0 END",
             "CASE WHEN s < 10 AND i = 5 THEN 1000 ELSE 1 END"),
        ):  # fmt: skip
            session.execute(
                f"COPY (SELECT printf('S%04d', s) AS section_code, "
                f"make_timestamptz((1767225600 + t * 14400::BIGINT + {off}) * 1000000) AS sampled_at, "
                f"[{codes}][i + 1] AS item_code, 'automatic' AS monitoring_mode, "
                f"round({level} * (0.95 + 0.1 * {_chance(10 + seed)}), 4) * {wrong} AS value, "
                f"[{units}][i + 1] AS unit, NULL::DOUBLE AS detection_limit, 'N' AS data_flag "
                f"FROM range({steps}) a(t), range({_SECTIONS}) b(s), range({len(_ITEMS)}) c(i) "
                f"WHERE {_chance(seed)} > 0.005) "
                f"TO '{directory / side}.parquet' (FORMAT parquet, COMPRESSION zstd)"
            )


def _chance(number: int) -> str:
    """SQL for a number from 0 to 1 that follows from the row."""
    return f"((hash(t * 5000 + s * 10 + i, {number}) % 1000003) / 1000003.0)"


def reconcile(directory: Path) -> None:
    """Pairs, verdicts, bias, causes: all of them tables at the end."""
    walk = crosswalk({f"S{at:04}": f"S{at:04}" for at in range(_SECTIONS)})
    files = [[directory / f"{side}.parquet"] for side in ("left", "right")]
    with DuckEngine(directory / "spill", _MEMORY) as engine:
        found = compare(engine, shipped_terms(), walk, *files)
        counts = engine.table(found.differences.group_by("cause").agg(rows=found.differences.count()))
        named = dict(zip(counts["cause"].to_pylist(), counts["rows"].to_pylist(), strict=True))
        if set(named) < {"unit", "missing"}:
            raise AssertionError(f"causes are missing: {named}")


def bare_join(directory: Path) -> None:
    """The floor."""
    left, right = (f"'{directory / side}.parquet'" for side in ("left", "right"))
    with duckdb.connect() as session:
        session.execute(f"SET TimeZone = 'UTC'; SET memory_limit = '{_MEMORY >> 20} MiB'")
        session.execute(f"SET temp_directory = '{directory / 'spill'}'; SET preserve_insertion_order = false")
        session.execute("SET enable_progress_bar = false")
        session.execute(
            f"CREATE TABLE joined AS SELECT {', '.join(_KEY)}, l.value, r.value AS right_value "
            f"FROM {left} l FULL OUTER JOIN {right} r USING ({', '.join(_KEY)})"
        )
        [[rows]] = session.execute("SELECT count(*) FROM joined").fetchall()
    if rows < pq.read_metadata(directory / "left.parquet").num_rows:
        raise AssertionError(rows)


def by_datacompy(directory: Path) -> None:
    """Join and compare within 20 %."""
    import datacompy
    import polars

    columns = [*_KEY, "value"]
    left, right = (
        polars.read_parquet(directory / f"{side}.parquet", columns=columns) for side in ("left", "right")
    )
    compared = datacompy.PolarsCompare(left, right, join_columns=list(_KEY), rel_tol=0.2)
    if not compared.intersect_rows.height or not compared.df1_unq_rows.height:
        raise AssertionError("datacompy found no pairs, or nothing that stands alone")


def _apart(act: Callable[[Path], None], directory: Path) -> tuple[float, int]:
    """Seconds and peak bytes of an act in a process of its own, which has imported all before."""
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_timed, args=(act, directory, sender))
    process.start()
    sender.close()
    try:
        seconds, peak = receiver.recv()
    finally:
        process.join()
    return float(seconds), int(peak)


def _timed(
    act: Callable[[Path], None], directory: Path, sender: multiprocessing.connection.Connection
) -> None:
    if act is by_datacompy:
        import datacompy
        import polars

        assert datacompy.__name__
        assert polars.__name__
    # pyarrow imports pandas at the first list it is given
    pa.array([0])
    began = time.perf_counter()
    act(directory)
    seconds = time.perf_counter() - began
    # Linux counts in KiB
    sender.send((seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10))
