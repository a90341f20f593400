"""A gateway as a process of its own, and stations that talk to it; used by the tests and the benchmarks."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

from adapters.hj212.frame import Message, encode

_START_SECONDS = 60.0


class GatewayProcess:
    """`hechuan gateway <protocol>` on a directory."""

    def __init__(self, root: Path, protocol: str, home: Path, mapping: str, settings: str = "") -> None:
        self.root = root
        self.spool = root / "spool"
        self.log = root / "gateway.log"
        self._protocol = protocol
        self._home = home
        root.mkdir(parents=True, exist_ok=True)
        (root / "stations.yaml").write_text(mapping, encoding="utf-8")
        (root / "gateway.toml").write_text(f"[gateway]\n{settings}", encoding="utf-8")
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start, and wait until it listens."""
        command = [sys.executable, "-m", "exchange.cli", "gateway", self._protocol, "--listen", "127.0.0.1:0"]
        command += ["--home", str(self._home), "--mapping", str(self.root / "stations.yaml")]
        command += ["--spool", str(self.spool), "--settings", str(self.root / "gateway.toml")]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=dict(os.environ)
            )
        deadline = time.monotonic() + _START_SECONDS
        while self._process.poll() is None and time.monotonic() < deadline:
            if self._where().get("pid") == self._process.pid:
                return
            time.sleep(0.02)
        raise RuntimeError(f"the gateway did not start:\n{self.log.read_text()[-2000:]}")

    @property
    def pid(self) -> int:
        """Process id."""
        assert self._process is not None
        return self._process.pid

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._where()["port"])

    def _where(self) -> dict[str, int]:
        try:
            found: dict[str, int] = json.loads((self.spool / "gateway.json").read_text())
        except (OSError, ValueError):
            return {}
        return found

    def kill(self) -> None:
        """As a power cut would."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def stop(self) -> int:
        """Ask it to drain, and wait; its exit code."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        return self._process.wait(60)

    def waiting(self) -> int:
        """Segments that the hub has not taken."""
        return sum(1 for room in ("open", "sealed") for _ in (self.spool / room).glob("*.entries"))

    def connect(self) -> socket.socket:
        """A station's connection."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=30)


def report(station: str, number: int, value: str = "0.35", flag: int = 5) -> bytes:
    """An hourly report of HJ 212 with two items; `number` says which hour, and its QN."""
    day, hour = divmod(number, 24)
    time_ = f"2026{3 + day // 28:02}{day % 28 + 1:02}{hour:02}0000"
    header = {
        "QN": f"{time_}{number % 1000:03}",
        "ST": "21",
        "CN": "2061",
        "PW": "1",
        "MN": station,
        "Flag": str(flag),
    }
    data = {
        "DataTime": time_,
        "w21003-Avg": value,
        "w21003-Flag": "N",
        "w01001-Avg": "7.8",
        "w01001-Flag": "N",
    }
    return encode(Message(header, data))


def read_answers(connection: socket.socket, count: int) -> bytes:
    """So many frames of HJ 212, or what came until the other side closed."""
    data = b""
    while data.count(b"\r\n") < count:
        try:
            piece = connection.recv(65536)
        except ConnectionResetError:
            break
        if not piece:
            break
        data += piece
    return data
