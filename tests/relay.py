"""A line between two hubs that can be cut: through a TCP relay, one thread a direction."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from types import TracebackType
from typing import Self

from demo.hosts import Hosts

_BLOCK = 64 << 10


class Relay:
    """Listens on a port of its own and passes bytes on to `target`; counts what flows back from there.

    On loopback a cut is told to both ends: their connections are closed, new ones are refused.
    """

    def __init__(self, server: socket.socket | None = None) -> None:
        self.target: tuple[str, int] = ("127.0.0.1", 0)
        self._server = server or socket.create_server(("127.0.0.1", 0))
        self.port: int = self._server.getsockname()[1]
        self.received = 0
        self._cut_after: int | None = None
        self._up = threading.Event()
        self._up.set()
        self._open: set[socket.socket] = set()
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self.was_cut = threading.Event()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._up.clear()
        self._close_all()
        with suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()

    def cut_after(self, received: int) -> None:
        """Cut once so many more bytes have come back."""
        self._cut_after = self.received + received
        self.was_cut.clear()

    def cut(self) -> None:
        """Cut the line."""
        self._cut_after = None
        self._part()
        self.was_cut.set()

    def mend(self) -> None:
        """Join it again."""
        self._up.set()

    def switch(self, target: tuple[str, int]) -> None:
        """Let somebody else answer: connections are closed, new ones lead to the new target."""
        self.target = target
        self._close_all()

    def _part(self) -> None:
        self._up.clear()
        self._close_all()

    def _close_all(self) -> None:
        for end in list(self._open):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._server.accept()
            except OSError:
                return
            if not self._up.is_set():
                near.close()
                continue
            try:
                far = socket.create_connection(self.target)
            except OSError:
                near.close()
                continue
            self._open |= {near, far}
            for source, sink, back in ((near, far, False), (far, near, True)):
                threading.Thread(target=self._pass_on, args=(source, sink, back), daemon=True).start()

    def _pass_on(self, source: socket.socket, sink: socket.socket, back: bool) -> None:
        with suppress(OSError):
            while block := source.recv(_BLOCK):
                if back:
                    self.received += len(block)
                    if self._cut_after is not None and self.received > self._cut_after:
                        self.cut()
                sink.sendall(block)
        for end in (source, sink):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()
        self._open -= {source, sink}


class Door(Relay):
    """A relay at the near host's door. A cut pulls the cable to the far host: what is sent is lost, nobody is told."""

    def __init__(self, hosts: Hosts) -> None:
        self._hosts = hosts
        super().__init__(hosts.near.run(lambda: socket.create_server((hosts.near.inner, 0))))

    def mend(self) -> None:
        self._hosts.mend()

    def _part(self) -> None:
        self._hosts.cut()
