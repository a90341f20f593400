"""A Spark standalone cluster: a master and two workers, each a process of its own, on loopback."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from shutil import which
from typing import Final

import pytest

WORKERS: Final = 2
_READY: Final = re.compile(r"(?:Starting Spark master at|Successfully registered with master) (\S+)")


def java() -> None:
    """Skip where there is no Java to run Spark with."""
    if which("java") is None:
        pytest.skip("no java in PATH: Spark needs Java 17 (Debian: openjdk-17-jre-headless)")


@contextmanager
def standalone(root: Path) -> Iterator[str]:
    """The address of the master, once both workers have registered."""
    with ExitStack() as stack:
        master = stack.enter_context(_started("master.Master", root, "--port", "0", "--webui-port", "0"))
        for number in range(WORKERS):
            options = ("--cores", "1", "--memory", "1g", "--webui-port", "0", master)
            stack.enter_context(_started("worker.Worker", root / str(number), *options))
        yield master


@contextmanager
def _started(name: str, work: Path, *options: str) -> Iterator[str]:
    """A process of Spark's, and the address that its log speaks of when it is ready."""
    import pyspark

    home = Path(pyspark.__file__).parent
    work.mkdir(exist_ok=True)
    command = [str(home / "bin" / "spark-class"), f"org.apache.spark.deploy.{name}", "--host", "127.0.0.1"]
    directory = ["--work-dir", str(work)] if name.startswith("worker") else []
    environment = {
        **os.environ, "SPARK_HOME": str(home), "SPARK_LOCAL_IP": "127.0.0.1", "PYSPARK_PYTHON": sys.executable,
    }  # fmt: skip
    process = subprocess.Popen(
        [*command, *directory, *options], env=environment, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL,
        text=True,
    )  # fmt: skip
    assert process.stderr is not None
    reader: threading.Thread | None = None
    try:
        said = []
        for line in process.stderr:
            said.append(line)
            if found := _READY.search(line):
                # who does not read on stops the process once its pipe is full
                reader = threading.Thread(target=deque, args=(process.stderr, 0), daemon=True)
                reader.start()
                yield found[1]
                return
        raise AssertionError("".join(said))
    finally:
        process.terminate()
        process.wait()
        if reader is not None:
            reader.join()
        process.stderr.close()
