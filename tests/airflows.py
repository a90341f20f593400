"""An Airflow of the tests' own: home, database, connections, and a process that runs DAGs in it."""

from __future__ import annotations

import atexit
import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Any, Self

ROOT = Path(__file__).resolve().parent.parent


@cache
def _database() -> Path:
    """An empty Airflow's database, made once: later homes begin with a copy."""
    memory = Path("/dev/shm")
    home = Path(tempfile.mkdtemp(prefix="airflow-", dir=memory if memory.is_dir() else None))
    atexit.register(shutil.rmtree, home, ignore_errors=True)
    AirflowHome(home, {}, {}).airflow("db", "migrate")
    return home / "airflow.db"


class AirflowHome:
    """AIRFLOW_HOME in a directory; `connections` name the agencies' directories, `feeds` what is watched."""

    def __init__(
        self, home: Path, connections: Mapping[str, Path], feeds: Mapping[str, str], more: str = ""
    ) -> None:
        self.home = home
        home.mkdir(parents=True, exist_ok=True)
        listed = [f'[[feeds]]\ndataset = "{name}"\nconnection = "{of}"\n' for name, of in feeds.items()]
        (home / "stewards.toml").write_text(
            "\n".join([*listed, "[watch]\ntask_retries = 0\n", more]), encoding="utf-8"
        )
        self.environment = {
            **os.environ,
            "AIRFLOW_HOME": str(home),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "false",
            "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags"),
            "AIRFLOW__API_AUTH__JWT_SECRET": secrets.token_hex(64),
            "AIRFLOW__LOGGING__LOGGING_LEVEL": "WARNING",
            "HECHUAN_STEWARDS": str(home / "stewards.toml"),
            "PYTHONPATH": str(ROOT),
            "PYTHONWARNINGS": "ignore",
            **{
                f"AIRFLOW_CONN_{name.upper()}": json.dumps(
                    {"conn_type": "hechuan", "extra": {"home": str(path)}}
                )
                for name, path in connections.items()
            },
        }

    def airflow(self, *words: str, timeout: float = 120) -> str:
        """One command of Airflow's; what it prints. Raises CalledProcessError with its output."""
        return self.python("-m", "airflow", *words, timeout=timeout)

    def python(self, *words: str, timeout: float = 120) -> str:
        """Python in this Airflow's environment; what it prints."""
        done = subprocess.run(
            [sys.executable, *words],
            env=self.environment,
            cwd=self.home,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        assert done.returncode == 0, f"{words} ends with {done.returncode}:\n{done.stdout}\n{done.stderr}"
        return done.stdout


def airflow_database(airflow: AirflowHome) -> None:
    """Give a home its database."""
    shutil.copy(_database(), airflow.home / "airflow.db")


class Dags:
    """A process that runs DAGs one after another; the database is made when it starts."""

    def __init__(self, airflow: AirflowHome) -> None:
        airflow_database(airflow)
        self.airflow = airflow
        self._log = (airflow.home / "driver.log").open("wb")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.dag_driver"],
            env=airflow.environment,
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(60)
        assert self._process.stdout is not None
        self._process.stdout.close()
        self._log.close()

    def run(self, dag: str, **conf: Any) -> dict[str, Any]:
        """Run a DAG to its end: `state`, and per task its state and what it returned."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(json.dumps({"dag": dag, "conf": conf}), file=self._process.stdin, flush=True)
        line = self._process.stdout.readline()
        assert line, (self.airflow.home / "driver.log").read_text(encoding="utf-8")[-4000:]
        answer: dict[str, Any] = json.loads(line)
        assert not answer["import_errors"], answer["import_errors"]
        return answer

    def returned(self, dag: str, task: str, **conf: Any) -> list[Any]:
        """Run a DAG that must succeed; what the task's instances returned, in order."""
        answer = self.run(dag, **conf)
        log = (self.airflow.home / "driver.log").read_text(encoding="utf-8")[-6000:]
        assert answer["state"] == "success", f"{answer}\n{log}"
        found = [(name, each) for name, each in answer["tasks"].items() if name.partition("[")[0] == task]
        order = sorted(found, key=lambda item: int(item[0].partition("[")[2].rstrip("]")))
        return [each["returned"] for _, each in order if each["state"] == "success"]
