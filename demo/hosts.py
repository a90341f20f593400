"""Two hosts on one machine: network namespaces with a line between them, as two provinces' machine rooms have.

Linux, root and iproute2 are needed; `possible` says whether a machine can make them. From here each host is reached by
a line of its own, which stays up when the one between them is cut.
"""

from __future__ import annotations

import ctypes
import ipaddress
import os
import secrets
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Final, Self, TypeVar

_T = TypeVar("_T")
_CLONE_NEWNET: Final = 0x40000000
_NAMESPACES: Final = Path("/run/netns")
# RFC 2544: set aside for measuring between networks
_NETWORK: Final = ipaddress.ip_network("198.18.0.0/15")


@dataclass(frozen=True, slots=True)
class Host:
    """One host: its address as seen from here, and as the other host sees it."""

    namespace: str
    outer: str
    inner: str

    def command(self, *line: str) -> list[str]:
        """A command line that runs on this host."""
        return ["ip", "netns", "exec", self.namespace, *line]

    def run(self, act: Callable[[], _T]) -> _T:
        """Call something on this host; a socket that it makes stays there, whoever uses it later."""

        def inside() -> _T:
            handle = os.open(_NAMESPACES / self.namespace, os.O_RDONLY)
            try:
                libc = ctypes.CDLL(None, use_errno=True)
                if libc.setns(handle, _CLONE_NEWNET):
                    raise OSError(ctypes.get_errno(), f"cannot enter {self.namespace}")
            finally:
                os.close(handle)
            return act()

        # a namespace is a thread's own; this one ends with the call
        with ThreadPoolExecutor(1, self.namespace) as pool:
            return pool.submit(inside).result()


class Hosts:
    """A pair of hosts, `near` and `far`; `megabits` a second is what the line between them carries each way."""

    def __init__(self, megabits: int | None = None) -> None:
        self._tag = secrets.token_hex(3)
        self._megabits = megabits
        start = secrets.randbelow(_NETWORK.num_addresses // 16) * 16
        names = [f"hechuan-{self._tag}-{side}" for side in "ab"]
        outer, self._here, inner = ([str(_NETWORK[start + at + step]) for step in (0, 4)] for at in (1, 2, 9))
        inner[1] = str(_NETWORK[start + 10])
        self.near, self.far = (Host(*each) for each in zip(names, outer, inner, strict=True))

    def __enter__(self) -> Self:
        try:
            for at, host in enumerate((self.near, self.far)):
                _ip("netns", "add", host.namespace)
                _ip("-n", host.namespace, "link", "set", "lo", "up")
                self._join_here(host, f"hc{self._tag}{at}", self._here[at])
            self._join()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for host in (self.near, self.far):
            with suppress(subprocess.CalledProcessError):
                _ip("netns", "del", host.namespace)

    def cut(self) -> None:
        """Pull the cable between them: what is sent is lost, nobody is told."""
        _ip("-n", self.near.namespace, "link", "set", "line", "down")

    def mend(self) -> None:
        """Plug it in again."""
        _ip("-n", self.near.namespace, "link", "set", "line", "up")

    def _join_here(self, host: Host, name: str, address: str) -> None:
        _ip("link", "add", name, "type", "veth", "peer", "name", "here", "netns", host.namespace)
        _ip("addr", "add", f"{address}/30", "dev", name)
        _ip("link", "set", name, "up")
        _ip("-n", host.namespace, "addr", "add", f"{host.outer}/30", "dev", "here")
        _ip("-n", host.namespace, "link", "set", "here", "up")

    def _join(self) -> None:
        near, far = self.near.namespace, self.far.namespace
        _ip("-n", near, "link", "add", "line", "type", "veth", "peer", "name", "line", "netns", far)
        for host in (self.near, self.far):
            _ip("-n", host.namespace, "addr", "add", f"{host.inner}/30", "dev", "line")
            _ip("-n", host.namespace, "link", "set", "line", "up")
            if self._megabits:
                shape = f"tc qdisc add dev line root tbf rate {self._megabits}mbit burst 256kb latency 50ms"
                _run(*host.command(*shape.split()))


@cache
def possible() -> bool:
    """Whether this machine can make hosts; tries it."""
    try:
        with Hosts(megabits=1000) as hosts:
            hosts.near.run(os.getpid)
    except (OSError, subprocess.CalledProcessError):
        return False
    return True


def _ip(*arguments: str) -> None:
    _run("ip", *arguments)


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True, text=True)
