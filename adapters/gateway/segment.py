"""One file of the spool: entries one after another, each with its length and checksum.

    length 4 | CRC-32 4 | entry

A file that ends within an entry was cut off before that entry was acknowledged; reading ends there.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

_HEAD: Final = struct.Struct(">II")
MAX_ENTRY: Final = 1 << 20


def packed(entries: Iterable[bytes]) -> bytes:
    """Entries as they stand in a file."""
    return b"".join(_HEAD.pack(len(each), zlib.crc32(each)) + each for each in entries)


def read_segment(path: Path) -> Iterator[bytes]:
    """The whole entries of a file, in order."""
    with path.open("rb") as file:
        while len(head := file.read(_HEAD.size)) == _HEAD.size:
            size, crc = _HEAD.unpack(head)
            entry = file.read(size) if size <= MAX_ENTRY else b""
            if len(entry) != size or zlib.crc32(entry) != crc:
                return
            yield entry
