"""A MariaDB of its own for tests, on a port that the system chooses."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa

MARIADB = shutil.which("mariadbd", path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")


@contextmanager
def mariadb(directory: Path) -> Iterator[str]:
    """The URL of a server that lives as long as the context; loopback and a password-less account of its own."""
    assert MARIADB is not None
    data = directory / "data"
    install = [
        "mariadb-install-db",
        "--no-defaults",
        f"--datadir={data}",
        "--auth-root-authentication-method=normal",
    ]
    subprocess.run([*install, "--skip-test-db", "--user=root"], check=True, capture_output=True)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    words = [
        MARIADB,
        "--no-defaults",
        f"--datadir={data}",
        f"--port={port}",
        "--bind-address=127.0.0.1",
        "--user=root",
    ]
    words += [f"--socket={directory / 'm.sock'}", f"--pid-file={directory / 'm.pid'}", "--skip-name-resolve"]
    with (directory / "log").open("wb") as log:
        server = subprocess.Popen(words, stdout=log, stderr=log)
    try:
        url = f"mysql+pymysql://root@127.0.0.1:{port}/"
        _wait(url, server, directory / "log")
        engine = sa.create_engine(url)
        with engine.begin() as connection:
            connection.execute(sa.text("CREATE DATABASE gauges CHARACTER SET utf8mb4"))
        engine.dispose()
        yield url + "gauges?charset=utf8mb4"
    finally:
        server.terminate()
        server.wait(30)


def _wait(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 60
    engine = sa.create_engine(url)
    while True:
        try:
            engine.connect().close()
            engine.dispose()
            return
        except sa.exc.OperationalError:
            if server.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(log.read_text(errors="replace")[-2000:]) from None
            time.sleep(0.05)
