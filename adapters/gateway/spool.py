"""The gateway's spool: what is acknowledged is here first, synced to the disk.

    spool/
      open/<number>.entries             being written to
      sealed/<number>.entries           complete; waits to become batches
      outbox/<number>.<contract>.parquet  the batch as it will be published, the same bytes at each attempt
      done/<number>.entries             at the hub, kept to recognise what stations repeat; the oldest go first
      refused/<number>.entries          what the hub will never take as it is, with its batches; for people to look at

A segment moves on by renaming, each step once: open → sealed → (outbox written, published) → done. A crash between two
steps repeats the step, and the batch's idempotency key is its segment's number and contract, so nothing counts twice.
One process at a time holds a spool.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import IO, Final

from adapters.gateway.segment import packed, read_segment
from exchange.errors import BusyError, StorageError
from exchange.trust.secret import make_private_directory, write_private

_SUFFIX: Final = ".entries"
_ROOMS: Final = ("open", "sealed", "outbox", "done", "refused")
_MARK_BYTES: Final = 16


class Spool:
    """Writes entries; `append` and `seal` are one thread's, what follows `seal` is the publisher's."""

    def __init__(self, root: Path, remembered: int, done_bytes: int) -> None:
        self.root = root
        self._limit = remembered
        self._done_bytes = done_bytes
        make_private_directory(root)
        for name in _ROOMS:
            make_private_directory(root / name)
        self._lock = _locked(root / "lock")
        self._marks: OrderedDict[bytes, None] = OrderedDict()
        self._number = 0
        self._file: IO[bytes] | None = None
        self.written = 0
        self._recover()

    def fresh(self, entry: bytes) -> bool:
        """Whether an entry is new; remembers it."""
        mark = blake2b(entry, digest_size=_MARK_BYTES).digest()
        if mark in self._marks:
            return False
        self._marks[mark] = None
        if len(self._marks) > self._limit:
            self._marks.popitem(last=False)
        return True

    def forget(self, entries: Sequence[bytes]) -> None:
        """Entries that were not written after all."""
        for entry in entries:
            self._marks.pop(blake2b(entry, digest_size=_MARK_BYTES).digest(), None)

    def append(self, entries: Sequence[bytes]) -> None:
        """Write entries and return when they are on the disk; raises StorageError."""
        data = packed(entries)
        try:
            if self._file is None:
                self._file = (self.root / "open" / self._name()).open("xb", buffering=0)
                _sync(self.root / "open")
            _write_all(self._file, data)
            os.fdatasync(self._file.fileno())
        except OSError as error:
            self._give_up()
            raise StorageError(f"cannot write to the spool {self.root}: {error.strerror}") from error
        self.written += len(data)

    def seal(self) -> bool:
        """Close the segment that is written to; whether there was one."""
        if self._file is None:
            return False
        self._file.close()
        self._file, self.written = None, 0
        self._move(self._name(), "open", "sealed")
        self._number += 1
        return True

    def sealed(self) -> list[Path]:
        """Segments that wait, oldest first."""
        return sorted((self.root / "sealed").glob(f"*{_SUFFIX}"))

    def outbox(self, segment: Path) -> list[Path]:
        """Batches written for a segment."""
        return sorted((self.root / "outbox").glob(f"{segment.stem}.*.parquet"))

    def finished(self, segment: Path) -> None:
        """All of a segment is at the hub; old segments beyond what is remembered go."""
        self._move(segment.name, "sealed", "done")
        for path in self.outbox(segment):
            path.unlink()
        kept = 0
        for path in sorted((self.root / "done").glob(f"*{_SUFFIX}"), reverse=True):
            kept += path.stat().st_size
            if kept > self._done_bytes and path.name != segment.name:
                path.unlink()

    def refused(self, segment: Path) -> None:
        """The hub says no for good: the segment and its batches are put aside."""
        for path in self.outbox(segment):
            path.replace(self.root / "refused" / path.name)
        self._move(segment.name, "sealed", "refused")

    def waiting_bytes(self) -> int:
        """Bytes that the hub has not taken."""
        found = self.written
        for path in self.sealed():
            with contextlib.suppress(FileNotFoundError):  # done in between
                found += path.stat().st_size
        return found

    def identity(self) -> str:
        """A name that this spool's batches go by at the hub; made once."""
        path = self.root / "identity"
        if not path.exists():
            write_private(path, secrets.token_hex(8).encode())
        return path.read_text(encoding="ascii")

    def close(self) -> None:
        """Seal what is open, and let go."""
        self.seal()
        self._lock.close()

    def _give_up(self) -> None:
        # what was half written is cut off when the segment is read; the next entry begins a new one
        if self._file is not None:
            self._file.close()
            self._file, self.written = None, 0
            self._move(self._name(), "open", "sealed")
            self._number += 1

    def _recover(self) -> None:
        for path in sorted((self.root / "open").glob(f"*{_SUFFIX}")):
            self._move(path.name, "open", "sealed")
        found = [
            path for room in ("done", "refused", "sealed") for path in (self.root / room).glob(f"*{_SUFFIX}")
        ]
        for path in sorted(found, key=lambda each: each.name):
            for entry in read_segment(path):
                self.fresh(entry)
            self._number = int(path.stem) + 1

    def _name(self) -> str:
        return f"{self._number:012}{_SUFFIX}"

    def _move(self, name: str, source: str, target: str) -> None:
        (self.root / source / name).replace(self.root / target / name)
        _sync(self.root / target)
        _sync(self.root / source)


def entries_of(segment: Path) -> Iterator[bytes]:
    """The entries of a sealed segment."""
    return read_segment(segment)


def _locked(path: Path) -> IO[bytes]:
    file = path.open("ab")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        raise BusyError(f"另一进程正在使用 / another process holds {path.parent}") from None
    return file


def _write_all(file: IO[bytes], data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[file.write(view) :]


def _sync(directory: Path) -> None:
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
