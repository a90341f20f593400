"""Journals of small objects, as version 0.1 kept them: what one of them holds may be nowhere else.

A record is the object's SHA-256 (32 bytes), its length (4 bytes, big-endian) and its bytes. A journal belongs to the
process that holds its lock; one whose lock is free was left behind by a process that died.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

_DIGEST_BYTES: Final = 32
_LENGTH_BYTES: Final = 4
_SUFFIX: Final = ".journal"


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
