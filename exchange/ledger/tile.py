"""Where the tree's hashes and entries live: C2SP tlog-tiles coordinates, paths and entry bundles.

Tile (level, index) holds up to 256 hashes; each is the root of 256**level entries. An entry bundle holds the
entries under one level-0 tile.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final, Self

from exchange.errors import LimitExceededError, MalformedError
from exchange.ledger.merkle import HASH_BYTES

TILE_WIDTH: Final = 256
TILE_BITS: Final = 8
TILE_BYTES: Final = TILE_WIDTH * HASH_BYTES
MAX_ENTRY_BYTES: Final = 0xFFFF
_MAX_LEVEL = 63
_MAX_INDEX = 1 << 63
_MAX_PATH = 64
_LENGTH_BYTES = 2
_PATH = re.compile(
    r"tile/(?P<level>entries|0|[1-9][0-9]?)/(?P<index>(?:x[0-9]{3}/)*[0-9]{3})(?:\.p/(?P<width>[1-9][0-9]{0,2}))?"
)


@dataclass(frozen=True, slots=True)
class TilePath:
    """Name of one tile, or with `level` None of one entry bundle; `width` 256 means full."""

    level: int | None
    index: int
    width: int = TILE_WIDTH

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `tile/0/x001/234.p/5` or `tile/entries/000`; raises MalformedError. tlog-tiles § APIs."""
        match = _PATH.fullmatch(text) if len(text) <= _MAX_PATH else None
        if not match:
            raise MalformedError(f"{text[:80]!r} is not a tile path")
        level = None if match["level"] == "entries" else int(match["level"])
        index = int(match["index"].replace("x", "").replace("/", ""))
        parsed = cls(level, index, int(match["width"] or TILE_WIDTH))
        if (level or 0) > _MAX_LEVEL or index >= _MAX_INDEX or str(parsed) != text:
            raise MalformedError(f"{text[:80]!r} is not a tile path in its only form")
        return parsed

    def __str__(self) -> str:
        digits = str(self.index)
        digits = digits.zfill(-(-len(digits) // 3) * 3)
        *upper, last = (digits[at : at + 3] for at in range(0, len(digits), 3))
        index = "".join(f"x{part}/" for part in upper) + last
        suffix = "" if self.width == TILE_WIDTH else f".p/{self.width}"
        return f"tile/{'entries' if self.level is None else self.level}/{index}{suffix}"


@dataclass(frozen=True, slots=True)
class Tile:
    """The hashes of one tile, concatenated: 32 to 8,192 bytes."""

    level: int
    index: int
    hashes: bytes

    @property
    def width(self) -> int:
        """How many hashes there are, 1 to 256."""
        return len(self.hashes) // HASH_BYTES

    @property
    def path(self) -> TilePath:
        """The tile's name."""
        return TilePath(self.level, self.index, self.width)


def tile_paths(size: int) -> Iterator[TilePath]:
    """Every tile of a tree of `size`, full and partial, level by level from 0; entry bundles not included."""
    level, hashes = 0, size
    while hashes:
        full, rest = divmod(hashes, TILE_WIDTH)
        yield from (TilePath(level, index) for index in range(full))
        if rest:
            yield TilePath(level, full, rest)
        level, hashes = level + 1, full


def encode_bundle(entries: Iterable[bytes]) -> bytes:
    """Entries as tlog-tiles serves them: each behind its length in 2 bytes; raises LimitExceededError."""
    bundle = list(entries)
    if len(bundle) > TILE_WIDTH:
        raise LimitExceededError(f"a bundle holds at most {TILE_WIDTH} entries")
    if any(len(entry) > MAX_ENTRY_BYTES for entry in bundle):
        raise LimitExceededError(f"an entry holds at most {MAX_ENTRY_BYTES} bytes")
    return b"".join(len(entry).to_bytes(_LENGTH_BYTES, "big") + entry for entry in bundle)


def decode_bundle(data: bytes) -> list[bytes]:
    """Undo `encode_bundle`; raises MalformedError."""
    entries: list[bytes] = []
    at = 0
    while at < len(data):
        start = at + _LENGTH_BYTES
        end = start + int.from_bytes(data[at:start], "big")
        if start > len(data) or end > len(data) or len(entries) == TILE_WIDTH:
            raise MalformedError("entry bundle is cut short or too long")
        entries.append(data[start:end])
        at = end
    return entries
