"""A hub as a process of its own, with agencies enrolled at it; used by the demo, the tests and the benchmarks."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from demo.hosts import Host
from exchange.cli.main import app

_START_SECONDS = 60.0
_STOP_SECONDS = 60.0
_POLL_SECONDS = 0.02
_PORT = 8443


def hechuan(*arguments: str | Path) -> int:
    """Run a command in this process; its exit code. Raises what the command raises."""
    return int(app([str(argument) for argument in arguments], standalone_mode=False) or 0)


class HubProcess:
    """`hechuan hub serve` on a directory; agencies' homes lie beside it."""

    def __init__(
        self,
        root: Path,
        jurisdiction: str,
        options: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
        host: Host | None = None,
    ) -> None:
        """`host` is where it runs, if not here; other hubs reach it there by the host's inner address."""
        self.root = root
        self.jurisdiction = jurisdiction
        self.directory = root / f"hub-{jurisdiction}"
        self.log = root / f"hub-{jurisdiction}.log"
        self.environment = dict(environment or {})
        self.host = host
        self._process: subprocess.Popen[bytes] | None = None
        if not self.directory.exists():
            names = ["--names", f"{host.outer},{host.inner}"] if host else []
            hechuan("hub", "init", self.directory, "--jurisdiction", jurisdiction, *names, *options)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        """Process id of the running hub."""
        assert self._process is not None
        return self._process.pid

    @property
    def ports(self) -> dict[str, int]:
        """Where it listens: exchange, enrolment."""
        found: dict[str, int] = json.loads((self.directory / "state" / "ports.json").read_text())
        return found

    @property
    def address(self) -> str:
        """For members."""
        return f"{self.host.outer if self.host else 'localhost'}:{self.ports['exchange']}"

    def start(self) -> None:
        """Start, and wait until it listens; raises RuntimeError with the end of its log."""
        line = [sys.executable, "-m", "exchange.cli", "hub", "serve", str(self.directory)]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self.host.command(*line) if self.host else line,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, **self.environment},
            )
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                break
            if self._listens():
                return
            time.sleep(_POLL_SECONDS)
        raise RuntimeError(f"the hub did not start:\n{self.log.read_text()[-2000:]}")

    def _listens(self) -> bool:
        try:
            return self.ports.get("pid") == self.pid
        except (OSError, ValueError):
            return False

    def stop(self) -> int:
        """Ask it to drain, and wait; its exit code."""
        if self._process is None:
            return 0
        self._process.send_signal(signal.SIGTERM)
        code = self._process.wait(_STOP_SECONDS)
        self._process = None
        return code

    def kill(self) -> None:
        """As a power cut would, as far as the process can tell."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()
        self._process = None

    def enroll(self, name: str) -> Path:
        """Invite an agency and enrol it; its home."""
        home, invitation = (
            self.root / f"agency-{self.jurisdiction}-{name}",
            self.root / f"{self.jurisdiction}-{name}.invitation.json",
        )
        hechuan("hub", "invite", self.directory, f"{self.jurisdiction}/{name}", "-o", invitation)
        hechuan("agency", "enroll", invitation, "--home", home)
        return home


def fixed_ports(host: Host | None = None) -> list[str]:
    """Options for a hub whose address others must know before it runs: two ports that are free now."""
    if host:
        # nobody else listens there
        return ["--listen", f"0.0.0.0:{_PORT}", "--listen-enrolment", f"0.0.0.0:{_PORT + 1}"]
    with socket.socket() as first, socket.socket() as second:
        for probe in (first, second):
            probe.bind(("127.0.0.1", 0))
        ports = [probe.getsockname()[1] for probe in (first, second)]
    return ["--listen", f"127.0.0.1:{ports[0]}", "--listen-enrolment", f"127.0.0.1:{ports[1]}"]


def introduce(root: Path, *hubs: HubProcess, addresses: Mapping[str, str] | None = None) -> None:
    """Let hubs with fixed ports federate by their cards, before they run; `addresses` go into cards in their place."""
    inner = {hub.jurisdiction: f"{hub.host.inner}:{_PORT}" for hub in hubs if hub.host}
    known = {**inner, **(addresses or {})}
    for hub in hubs:
        card = root / f"card-{hub.jurisdiction}.json"
        address = ["--address", known[hub.jurisdiction]] if hub.jurisdiction in known else []
        hechuan("hub", "card", hub.directory, *address, "-o", card)
        for other in hubs:
            if other is not hub:
                hechuan("hub", "peer", other.directory, card)
