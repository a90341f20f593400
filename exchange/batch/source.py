"""Bytes that are looked at in places, from a file or from memory."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

Source = Path | bytes


@dataclass(frozen=True, slots=True)
class Pieces:
    """`read_at(offset, size)` gives at most so many bytes."""

    size: int
    read_at: Callable[[int, int], bytes | memoryview]


@contextmanager
def pieces(source: Source) -> Iterator[Pieces]:
    """Open a source for reading in places."""
    if isinstance(source, bytes):
        view = memoryview(source)
        yield Pieces(len(view), lambda offset, size: view[offset : offset + size])
        return
    with source.open("rb") as file:
        number = file.fileno()
        yield Pieces(os.fstat(number).st_size, lambda offset, size: os.pread(number, size, offset))
