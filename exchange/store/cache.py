"""Local copies of remote objects, bounded, least recently used out first, never one that is in use.

A cache directory belongs to one process at a time: processes that share `root` take different slots below it, so
that none removes what another reads.
"""

from __future__ import annotations

import fcntl
import os
import re
import threading
import uuid
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Final

_HEX = re.compile(r"[0-9a-f]{64}")
_PARTIAL: Final = ".partial"


class ObjectCache:
    """Files by digest, at most `limit` bytes of them beside those in use; after a restart only where `kept`."""

    def __init__(self, root: Path, limit: int, kept: bool = True) -> None:
        self._limit = limit
        self._kept = kept
        self._directory = self._take_slot(root)
        self._mutex = threading.Lock()
        self._loading: dict[str, threading.Lock] = {}
        self._pinned: Counter[str] = Counter()
        self._sizes: OrderedDict[str, int] = OrderedDict()
        for path in sorted(self._directory.iterdir(), key=lambda path: path.stat().st_mtime):
            if kept and _HEX.fullmatch(path.name):
                self._sizes[f"sha256:{path.name}"] = path.stat().st_size
            else:
                path.unlink()
        self._total = sum(self._sizes.values())

    @contextmanager
    def file(self, digest: str, load: Callable[[Path], None]) -> Iterator[Path]:
        """The object's file; `load` fetches and checks it where it is not here yet. Kept while the context lasts."""
        path = self._directory / digest.removeprefix("sha256:")
        self._pin(digest)
        try:
            with self._alone(digest):
                if digest not in self._sizes:
                    self._add(digest, path, load)
                else:
                    os.utime(path)
            yield path
        finally:
            self._unpin(digest)

    def close(self) -> None:
        """Give the slot back."""
        os.close(self._lock)

    def _take_slot(self, root: Path) -> Path:
        for number in count():
            directory = root / str(number)
            directory.mkdir(parents=True, exist_ok=True)
            self._lock = os.open(root / f"{number}.lock", os.O_CREAT | os.O_RDWR, 0o600)
            try:
                fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(self._lock)
            else:
                return directory
        raise AssertionError("count() never ends")

    @contextmanager
    def _alone(self, digest: str) -> Iterator[None]:
        """One thread at a time fetches an object; the others wait for it."""
        with self._mutex:
            lock = self._loading.setdefault(digest, threading.Lock())
        with lock:
            yield

    def _add(self, digest: str, path: Path, load: Callable[[Path], None]) -> None:
        scratch = self._directory / f"{uuid.uuid4().hex}{_PARTIAL}"
        try:
            load(scratch)
            if self._kept:
                with scratch.open("rb") as file:
                    os.fsync(file.fileno())
            size = scratch.stat().st_size
            scratch.rename(path)
        finally:
            scratch.unlink(missing_ok=True)
        with self._mutex:
            self._sizes[digest] = size
            self._total += size
            self._evict()

    def _pin(self, digest: str) -> None:
        with self._mutex:
            self._pinned[digest] += 1
            if digest in self._sizes:
                self._sizes.move_to_end(digest)

    def _unpin(self, digest: str) -> None:
        with self._mutex:
            self._pinned[digest] -= 1
            if not self._pinned[digest]:
                del self._pinned[digest]
                self._loading.pop(digest, None)
            self._evict()

    def _evict(self) -> None:
        for digest in list(self._sizes) if self._total > self._limit else ():
            if self._total <= self._limit:
                break
            if not self._pinned[digest]:
                self._total -= self._sizes.pop(digest)
                (self._directory / digest.removeprefix("sha256:")).unlink(missing_ok=True)
