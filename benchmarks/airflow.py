"""[airflow]: how long a landed batch waits for its verdict in a real Airflow, and how much of that is Airflow's own.

One `airflow standalone` with SQLite and the LocalExecutor runs two DAGs on the same asset, `validate_batches` and one
of the same two tasks that do nothing. Batches land one after another, each once both DAGs are done with the last.
"""

from __future__ import annotations

import io
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, redirect_stderr, redirect_stdout
from datetime import UTC, datetime
from pathlib import Path
from statistics import median, quantiles
from typing import Final, TypeVar

from benchmarks.figure import Figure, bench
from demo.hub import HubProcess
from demo.sample import monitoring_sections, water_quality
from exchange.client import Client, connect
from exchange.client.steward import list_verdicts

_ROOT: Final = Path(__file__).resolve().parent.parent
_DATASET: Final = "500000/ecology/water-quality"
_BATCHES: Final = int(os.environ.get("HECHUAN_BENCH_BATCHES", "50"))
_ROWS: Final = 54
_PATIENCE: Final = 300.0
_POLL: Final = 0.1
_STOP_SECONDS: Final = 60.0
_EMPTY: Final = """
from airflow.sdk import DAG, task

from stewards.asset import landed

with DAG("empty", schedule=landed(), catchup=False, max_active_runs=1):

    @task
    def pending() -> list[int]:
        return [1]

    @task
    def nothing(one: int) -> int:
        return one

    nothing.expand(one=pending())
"""
_T = TypeVar("_T")


@bench("airflow.latency.p50", "airflow.latency.p95", "airflow.share")
def latency(scratch: Path) -> Iterator[Figure]:
    """Seconds from a batch's entry in the ledger to the end of the run that validated it; the same of the empty DAG."""
    with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
        hub = HubProcess(scratch, "500000", ["--stewards", "joint-office"])
        with hub:
            owner_home, steward_home = (hub.enroll(name) for name in ("ecology", "joint-office"))
            with (
                connect(owner_home) as owner,
                connect(steward_home) as steward,
                _standalone(scratch / "airflow", steward_home),
            ):
                owner.publish("monitoring-section", monitoring_sections())
                found = list(_measured(owner, steward, scratch / "airflow" / "airflow.db"))
    validated, empty = ([pair[at] for pair in found] for at in (0, 1))
    yield Figure("airflow.latency.p50", median(validated), "s", "empty DAG", median(empty), None)
    yield Figure("airflow.latency.p95", _p95(validated), "s", "empty DAG", _p95(empty), None)
    yield Figure("airflow.share", median(empty) / median(validated), "of p50", "", None, None)


def _measured(owner: Client, steward: Client, database: Path) -> Iterator[tuple[float, float]]:
    """(validation, empty) of each batch; the first is not told: it waits for Airflow to have read its DAGs."""
    for at in range(_BATCHES + 1):
        done = owner.publish("water-quality", water_quality(_ROWS, at * _ROWS))
        landed = done.batch.recorded_at.ToDatetime(tzinfo=UTC)
        _until(lambda id=done.id: _judged(steward, id))  # type: ignore[misc]
        ends = [
            _until(lambda dag=dag, landed=landed: _ended(database, dag, landed))  # type: ignore[misc]
            for dag in ("validate_batches", "empty")
        ]
        if at:
            yield tuple((end - landed).total_seconds() for end in ends)  # type: ignore[misc]


def _judged(steward: Client, batch: str) -> bool:
    return any(True for _ in list_verdicts(steward, batch=batch))


def _ended(database: Path, dag: str, landed: datetime) -> datetime | None:
    """When the last run that began after an instant ended; None while any is under way, or none has begun."""
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        rows = connection.execute(
            "SELECT queued_at, end_date FROM dag_run WHERE dag_id = ? ORDER BY id DESC LIMIT 1", (dag,)
        ).fetchall()
    if not rows or rows[0][1] is None:
        return None
    queued, ended = (datetime.fromisoformat(text).replace(tzinfo=UTC) for text in rows[0])
    return ended if queued >= landed else None


def _until(found: Callable[[], _T | None]) -> _T:
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline:
        if value := found():
            return value
        time.sleep(_POLL)
    raise TimeoutError(f"Airflow has not come to it within {_PATIENCE:.0f} s")


@contextmanager
def _standalone(home: Path, agency: Path) -> Iterator[None]:
    """Airflow as `make airflow` starts it, with the empty DAG beside ours."""
    dags = home / "dags"
    dags.mkdir(parents=True)
    (dags / "validate_batches.py").symlink_to(_ROOT / "dags" / "validate_batches.py")
    (dags / "empty.py").write_text(_EMPTY, encoding="utf-8")
    (home / "stewards.toml").write_text(f'[[feeds]]\ndataset = "{_DATASET}"\n', encoding="utf-8")
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    environment = {
        **os.environ,
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__API__PORT": str(port),
        "AIRFLOW__CORE__DAGS_FOLDER": str(dags),
        "HECHUAN_HOME": str(agency),
    }
    with (home / "standalone.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "stewards"],
            env=environment,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        try:
            yield
        finally:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(_STOP_SECONDS)
            finally:
                _end_all(process.pid)


def _end_all(group: int) -> None:
    """What a part that did not hear of the end has left."""
    try:
        os.killpg(group, signal.SIGKILL)
    except ProcessLookupError:
        return


def _p95(values: list[float]) -> float:
    return quantiles(values, n=20, method="inclusive")[-1] if len(values) > 1 else values[0]
