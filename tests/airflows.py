"""An Airflow of the tests' own: home, database, connections, and a process that runs DAGs in it."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

ROOT = Path(__file__).resolve().parent.parent


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


class Driver:
    """A process in an Airflow that answers questions one after another, a line of JSON each.

    It makes the home's database while others start their hubs.
    """

    def __init__(self, airflow: AirflowHome, module: str) -> None:
        self.airflow = airflow
        self.log = airflow.home / f"{module}.log"
        self._log = self.log.open("wb")
        self._process = subprocess.Popen(
            [sys.executable, "-m", module],
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

    def ask(self, question: object) -> Any:
        """Its answer; raises AssertionError with the end of its log where it has ended."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(json.dumps(question), file=self._process.stdin, flush=True)
        line = self._process.stdout.readline()
        assert line, self.said()
        return json.loads(line)

    def said(self) -> str:
        """The end of its log."""
        return self.log.read_text(encoding="utf-8")[-6000:]


class Dags(Driver):
    """Runs DAGs, with all of Airflow but its scheduler."""

    def __init__(self, airflow: AirflowHome) -> None:
        super().__init__(airflow, "tests.dag_driver")

    def run(self, dag: str, **conf: Any) -> dict[str, Any]:
        """Run a DAG to its end: `state`, and per task its state and what it returned."""
        answer: dict[str, Any] = self.ask({"dag": dag, "conf": conf})
        assert not answer["import_errors"], answer["import_errors"]
        return answer

    def returned(self, dag: str, task: str, **conf: Any) -> list[Any]:
        """Run a DAG that must succeed; what the task's instances returned, in order."""
        answer = self.run(dag, **conf)
        assert answer["state"] == "success", f"{answer}\n{self.said()}"
        found = [(name, each) for name, each in answer["tasks"].items() if name.partition("[")[0] == task]
        order = sorted(found, key=lambda item: int(item[0].partition("[")[2].rstrip("]")))
        return [each["returned"] for _, each in order if each["state"] == "success"]


class Pages(Driver):
    """Airflow's API server application, asked as somebody logged in or as nobody."""

    def __init__(self, airflow: AirflowHome) -> None:
        super().__init__(airflow, "tests.page_driver")

    def get(self, *questions: dict[str, Any]) -> list[dict[str, Any]]:
        """{"path", "role", "form", "language"} each: {"status", "text", "headers"}."""
        answers: list[dict[str, Any]] = self.ask(questions)
        return answers
