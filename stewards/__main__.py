"""`python -m stewards`: Airflow standalone with this project's DAGs, against the hub of the agency at HECHUAN_HOME.

Everything can be said beforehand in Airflow's own environment variables; what is not said gets a value that works.
"""

from __future__ import annotations

import json
import os
import secrets
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from exchange.errors import HechuanError, InvalidInputError
from exchange.trust.secret import write_private
from stewards.options import DEFAULT_CONNECTION
from stewards.settings import VARIABLE

_ROOT: Final = Path(__file__).resolve().parent.parent
_SECRET_BYTES: Final = 64


def main() -> None:
    """Set what is not set yet, then become `airflow standalone`."""
    home = Path(os.environ.get("AIRFLOW_HOME") or _ROOT / "build" / "airflow").resolve()
    home.mkdir(parents=True, exist_ok=True)
    port = os.environ.get("AIRFLOW__API__PORT", "8080")
    for name, value in environment(home, port):
        os.environ.setdefault(name, value)
    agency = os.environ.get("HECHUAN_HOME", "")
    if agency:
        connection = {"conn_type": "hechuan", "extra": {"home": str(Path(agency).resolve())}}
        os.environ.setdefault(f"AIRFLOW_CONN_{DEFAULT_CONNECTION.upper()}", json.dumps(connection))
    feeds = Path(os.environ[VARIABLE])
    if not feeds.exists():
        if not agency:
            raise InvalidInputError("HECHUAN_HOME 未设 / name the steward's agency directory in HECHUAN_HOME")
        feeds.write_text(listed(Path(agency)), encoding="utf-8")
    # its parts are started as `airflow …`, which has to be this one
    os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    print(f"AIRFLOW_HOME {home} · {feeds} · http://localhost:{port}/", flush=True)
    os.execv(sys.executable, [sys.executable, "-m", "airflow", "standalone"])


def environment(home: Path, port: str) -> Iterator[tuple[str, str]]:
    """Airflow's settings for one machine, and why."""
    yield "AIRFLOW_HOME", str(home)
    yield "AIRFLOW__CORE__DAGS_FOLDER", str(_ROOT / "dags")
    yield "AIRFLOW__CORE__LOAD_EXAMPLES", "false"
    yield "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION", "false"
    yield "AIRFLOW__CORE__TEST_CONNECTION", "Enabled"
    yield "AIRFLOW__CORE__PARALLELISM", "4"  # each is a process that waits, with all of Airflow in memory
    yield "AIRFLOW__API__PORT", port
    yield "AIRFLOW__API__HOST", "127.0.0.1"
    yield "AIRFLOW__API__BASE_URL", f"http://localhost:{port}"  # workers call back there
    yield "AIRFLOW__API_AUTH__JWT_SECRET", kept_secret(home / "jwt.secret")
    yield "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL", "30"
    yield "GX_ANALYTICS_ENABLED", "false"
    yield VARIABLE, str(home / "stewards.toml")
    yield "PYTHONPATH", os.pathsep.join(filter(None, [str(_ROOT), os.environ.get("PYTHONPATH", "")]))


def kept_secret(path: Path) -> str:
    """A secret that survives a restart; made when it is first asked for."""
    if not path.exists():
        write_private(path, secrets.token_hex(_SECRET_BYTES).encode())
    return path.read_text(encoding="ascii")


def listed(agency: Path) -> str:
    """A stewards.toml that watches every dataset of the hub; raises as the client does."""
    from exchange.client import connect
    from exchange.client.search import list_datasets

    with connect(agency) as client:
        found = [each.id for each in list_datasets(client)]
    return "".join(f'[[feeds]]\ndataset = "{id}"\n\n' for id in found) or "# no dataset yet: add [[feeds]]\n"


if __name__ == "__main__":
    try:
        main()
    except HechuanError as error:
        sys.exit(f"{error.code}: {error.message}")
