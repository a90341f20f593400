"""A whole `airflow standalone`, as `make airflow` starts it: its parts are processes that a test may kill."""

from __future__ import annotations

import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import urllib.request
from collections.abc import Mapping
from contextlib import closing, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psutil

from tests.airflows import ROOT

_QUICK = {
    # so that a part that was killed is missed in seconds
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_SEC": "2",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "10",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "2",
    "AIRFLOW__SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "5",
    "AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_THRESHOLD": "10",
}


class Standalone:
    """Runs while its context lasts; `stewards` is the text of stewards.toml, `dags` the files that it has."""

    def __init__(self, home: Path, agency: Path, stewards: str, dags: Mapping[str, Path]) -> None:
        self.home = home
        folder = home / "dags"
        folder.mkdir(parents=True)
        for name, path in dags.items():
            (folder / name).symlink_to(path)
        (home / "stewards.toml").write_text(stewards, encoding="utf-8")
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port = probe.getsockname()[1]
        self.environment = {
            **os.environ,
            **_QUICK,
            "AIRFLOW_HOME": str(home),
            "AIRFLOW__API__PORT": str(self.port),
            "AIRFLOW__CORE__DAGS_FOLDER": str(folder),
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "true",
            "HECHUAN_HOME": str(agency),
            "PYTHONWARNINGS": "ignore",
        }
        self._started: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Self:
        self._start("-m", "stewards")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in self._started:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def part(self, name: str) -> psutil.Process | None:
        """The process of `airflow <name>`, None while there is none."""
        for started in self._started:
            with suppress(psutil.NoSuchProcess):
                top = psutil.Process(started.pid)
                for each in (top, *top.children(recursive=True)):
                    if each.cmdline()[-1:] == [name] or name in each.cmdline()[2:3]:
                        return each
        return None

    def start_scheduler(self) -> None:
        """A new one in the place of one that was killed, with what standalone has set."""
        secret = (self.home / "jwt.secret").read_text(encoding="ascii")
        from stewards.__main__ import environment

        for name, value in environment(self.home, str(self.port)):
            self.environment.setdefault(name, value)
        agency = {"conn_type": "hechuan", "extra": {"home": self.environment["HECHUAN_HOME"]}}
        self.environment |= {
            "AIRFLOW__API_AUTH__JWT_SECRET": secret,
            "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
            "AIRFLOW_CONN_HECHUAN_DEFAULT": json.dumps(agency),
        }
        self._start("-m", "airflow", "scheduler")

    def running(self, task: str) -> list[tuple[str, int]]:
        """(run, process id) of the instances of a task that run now."""
        found = self._rows(
            "SELECT run_id, pid FROM task_instance WHERE task_id = ? AND state = 'running' AND pid > 0", task
        )
        return [(str(run), int(pid)) for run, pid in found]

    def tries(self, task: str) -> list[tuple[str, int]]:
        """(state, how many times it was begun) of every instance of a task, in the order of their runs."""
        found = self._rows(
            "SELECT t.state, t.try_number FROM task_instance t JOIN dag_run r USING (dag_id, run_id)"
            " WHERE t.task_id = ? AND t.map_index >= 0 ORDER BY r.id, t.map_index",
            task,
        )
        return [(str(state), int(tries)) for state, tries in found]

    def page(self, path: str) -> str:
        """A page as somebody logged in sees it."""
        return self._asked(path)

    def trigger(self, dag: str) -> None:
        """Start a run, as the button of that name does."""
        self._asked(f"/api/v2/dags/{dag}/dagRuns", b'{"logical_date": null}')

    def is_idle(self) -> bool:
        """Whether no run is under way or waits."""
        return self._rows("SELECT 1 FROM dag_run WHERE end_date IS NULL") == []

    def _asked(self, path: str, data: bytes | None = None) -> str:
        base = f"http://127.0.0.1:{self.port}"
        with urllib.request.urlopen(f"{base}/auth/token", timeout=60) as answer:
            token = json.load(answer)["access_token"]
        headers = {
            "Cookie": f"_token={token}",
            "Authorization": f"Bearer {token}",
            "Content-Type": "application/json",
        }
        request = urllib.request.Request(f"{base}{path}", data, headers)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return str(answer.read().decode())

    def said(self) -> str:
        """The end of its log."""
        return (self.home / "standalone.log").read_text(encoding="utf-8", errors="replace")[-4000:]

    def _start(self, *words: str) -> None:
        with (self.home / "standalone.log").open("ab") as log:
            self._started.append(
                subprocess.Popen(
                    [sys.executable, *words],
                    env=self.environment,
                    cwd=ROOT,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )
            )

    def _rows(self, statement: str, *values: Any) -> list[Any]:
        path = self.home / "airflow.db"
        if not path.exists():
            return []
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=30)) as connection:
            try:
                return connection.execute(statement, values).fetchall()
            except sqlite3.OperationalError:  # its tables are not there yet
                return []
