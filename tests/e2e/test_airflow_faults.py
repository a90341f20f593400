"""What can go wrong while a real Airflow validates: nothing lost, nothing done twice, and the page says what happened.

docs/airflow.md is the table of it. HECHUAN_AWAY_SECONDS and HECHUAN_BAD_ROWS are what `make soak` makes ten minutes
and a million.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

import pytest

from demo.hub import HubProcess, fixed_ports
from demo.sample import monitoring_sections, water_quality
from exchange.client import Client, connect
from exchange.client.publish import Published
from exchange.client.steward import list_verdicts
from tests.airflows import ROOT
from tests.e2e.test_two_hubs import eventually
from tests.standalone import Standalone

pytestmark = [pytest.mark.e2e, pytest.mark.airflow, pytest.mark.timeout(2400)]
AWAY = float(os.environ.get("HECHUAN_AWAY_SECONDS", "10"))
BAD = int(os.environ.get("HECHUAN_BAD_ROWS", "20000"))
QUALITY = "500000/ecology/water-quality"
PATIENCE = 180.0
SET = f"""
[[feeds]]
dataset = "{QUALITY}"

[watch]
retry_limit_seconds = 2.0
task_retry_seconds = 1.0
settle_seconds = 1.0
"""
_T = TypeVar("_T")


@dataclass(slots=True)
class Watched:
    """A hub, its publisher and steward, and the steward's Airflow."""

    hub: HubProcess
    owner: Client
    steward: Client
    airflow: Standalone
    published: int = 0

    def publish(self, rows: int = 90) -> Published:
        """The next good rows."""
        done = self.owner.publish("water-quality", water_quality(rows, self.published))
        self.published += rows
        return done

    def verdicts(self, batch: str) -> int:
        return len(list(list_verdicts(self.steward, batch=batch)))

    def judged(self, batch: str) -> None:
        """Wait for its verdict; there is one, and the page shows it."""
        eventually(lambda: self.verdicts(batch), PATIENCE)
        assert self.verdicts(batch) == 1
        page = self.airflow.page(f"/stewards/batch?dataset={QUALITY}&id={batch}&lang=en")
        assert "awaits validation" not in page

    def caught(self, task: str) -> tuple[str, int]:
        """The run and the process of the next instance of a task, while it runs."""
        return found_soon(lambda: next(iter(self.airflow.running(task)), None))


def found_soon(look: Callable[[], _T | None]) -> _T:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if (found := look()) is not None:
            return found
    raise AssertionError(f"it did not come about in {PATIENCE} s")


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    root = tmp_path_factory.mktemp("faults")
    with HubProcess(root, "500000", [*fixed_ports(), "--stewards", "joint-office"]) as hub:
        homes = [hub.enroll(name) for name in ("ecology", "joint-office")]
        dags = {"validate_batches.py": ROOT / "dags" / "validate_batches.py"}
        with (
            connect(homes[0]) as owner,
            connect(homes[1]) as steward,
            Standalone(root / "airflow", homes[1], SET, dags) as airflow,
        ):
            owner.publish("monitoring-section", monitoring_sections())
            made = Watched(hub, owner, steward, airflow)
            try:
                made.judged(made.publish().id)
                yield made
            except AssertionError as error:
                raise AssertionError(airflow.said()) from error


def test_the_same_batch_announced_twice(watched: Watched) -> None:
    """By the feed and by two people; one of the runs has something to do."""
    eventually(watched.airflow.is_idle, PATIENCE)
    before = len(watched.airflow.tries("validate"))
    done = watched.publish()
    for _ in range(2):
        watched.airflow.trigger("validate_batches")
    watched.judged(done.id)
    eventually(watched.airflow.is_idle, PATIENCE)
    assert watched.airflow.tries("validate")[before:] == [("success", 1)]
    assert watched.verdicts(done.id) == 1


def test_a_worker_killed_in_the_middle(watched: Watched) -> None:
    done = watched.publish()
    _, pid = watched.caught("validate")
    os.kill(pid, signal.SIGKILL)
    watched.judged(done.id)
    assert watched.airflow.tries("validate")[-1][1] >= 2


def test_the_scheduler_killed_in_the_middle(watched: Watched) -> None:
    done = watched.publish()
    watched.caught("validate")
    scheduler = watched.airflow.part("scheduler")
    assert scheduler is not None
    for each in (*scheduler.children(recursive=True), scheduler):
        each.kill()
    watched.airflow.start_scheduler()
    watched.judged(done.id)


def test_a_hub_that_is_away(watched: Watched) -> None:
    """What was published just before, and what comes after, are judged once it is back."""
    before = watched.publish()
    assert watched.hub.stop() == 0
    gone = time.monotonic()
    assert "the hub cannot be reached" in watched.airflow.page("/stewards/?lang=en")
    eventually(lambda: time.monotonic() - gone > AWAY, AWAY + 60)
    assert "枢纽不可达" in watched.airflow.page("/stewards/?lang=zh")
    watched.hub.start()
    after = watched.publish()
    for done in (before, after):
        watched.judged(done.id)
    assert "the hub cannot be reached" not in watched.airflow.page("/stewards/?lang=en")


def test_very_many_bad_rows(watched: Watched) -> None:
    """Judged and told once; the page stays quick, and says how much it leaves out."""
    rows = water_quality(2 * BAD, 10_000_000)  # a contract lets half of a batch be bad
    at = rows.column_names.index("data_flag")
    bad = watched.owner.publish("water-quality", rows.set_column(at, "data_flag", [["N", "X"] * BAD]))
    assert bad.batch.verdict.rejected == BAD
    eventually(lambda: watched.verdicts(bad.id), 20 * PATIENCE)
    assert watched.verdicts(bad.id) == 1
    started = time.monotonic()
    page = watched.airflow.page(f"/stewards/batch?dataset={QUALITY}&id={bad.id}&lang=en")
    assert time.monotonic() - started < 5
    assert f"the first 200 of {BAD} rows" in page
    assert "data_flag.enum" in page
    assert "is to be referred: look, then send" in watched.airflow.page("/stewards/?lang=en")
