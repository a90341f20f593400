"""A journal that makes a group of small objects durable with one fsync.

A record is the object's SHA-256 (32 bytes), its length (4 bytes, big-endian) and its bytes. A journal belongs to the
process that holds its lock; one whose lock is free was left behind by a process that died, and is replayed.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

_DIGEST_BYTES: Final = 32
_LENGTH_BYTES: Final = 4
_SUFFIX: Final = ".journal"


def is_journal(path: Path) -> bool:
    """Whether a file is one by its name."""
    return path.suffix == _SUFFIX


class Journal:
    """One open journal, locked by this process. Not thread-safe; OSError comes out as it is."""

    def __init__(self, directory: Path) -> None:
        self.digests: list[str] = []
        self.bytes = 0
        while True:
            self.path = directory / f"{uuid.uuid4().hex}{_SUFFIX}"
            self._fd = os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
            fcntl.flock(self._fd, fcntl.LOCK_EX)
            # whoever looks for abandoned journals may have found and removed it before it was locked
            if self.path.exists():
                break
            os.close(self._fd)
        os.fsync(self._fd)
        sync_directory(directory)

    def append(self, items: Sequence[tuple[bytes, str]]) -> None:
        """Write (data, digest) records; durable on return. After an error the journal takes no more."""
        record = b"".join(
            part
            for data, digest in items
            for part in (raw_digest(digest), len(data).to_bytes(_LENGTH_BYTES, "big"), data)
        )
        view = memoryview(record)
        while view:
            view = view[os.write(self._fd, view) :]
        os.fdatasync(self._fd)
        self.bytes += len(record)
        self.digests.extend(digest for _, digest in items)

    def release(self) -> None:
        """Let go of it; whoever looks next may replay it."""
        os.close(self._fd)

    def remove(self) -> None:
        """Everything in it is durable elsewhere."""
        self.path.unlink()
        os.close(self._fd)


@contextmanager
def abandoned(directory: Path) -> Iterator[list[Path]]:
    """The journals whose owners are gone, locked for as long as the context lasts; remove what was replayed."""
    found: list[Path] = []
    locks: list[int] = []
    try:
        for path in sorted(directory.glob(f"*{_SUFFIX}")):
            with suppress(FileNotFoundError, BlockingIOError):
                fd = os.open(path, os.O_RDONLY)
                locks.append(fd)
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if path.exists():
                    found.append(path)
        yield found
    finally:
        for fd in locks:
            os.close(fd)


def replay(path: Path) -> Iterator[tuple[bytes, str]]:
    """The (data, digest) records of a journal, up to the first that is cut short: nobody relies on that one."""
    with path.open("rb") as file:
        while len(header := file.read(_DIGEST_BYTES + _LENGTH_BYTES)) == _DIGEST_BYTES + _LENGTH_BYTES:
            length = int.from_bytes(header[_DIGEST_BYTES:], "big")
            if length > os.fstat(file.fileno()).st_size - file.tell():
                return
            data = file.read(length)
            if hashlib.sha256(data).digest() != header[:_DIGEST_BYTES]:
                return
            yield data, "sha256:" + header[:_DIGEST_BYTES].hex()


def raw_digest(digest: str) -> bytes:
    """The 32 bytes of a `sha256:<hex>` that has been parsed before."""
    return bytes.fromhex(digest[len("sha256:") :])


def sync_directory(path: Path) -> None:
    """Make the names in a directory durable."""
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
