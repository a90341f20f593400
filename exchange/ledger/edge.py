"""Growing the tree: the state a sequencer keeps, and which tiles each append must store.

The state is the partial tile of every level together with its inner nodes, so that appending hashes only what
is new, and the paths of fresh entries need no hashing at all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from exchange.errors import MalformedError, StorageError
from exchange.ledger.merkle import HASH_BYTES, Frontier
from exchange.ledger.tile import TILE_BITS, TILE_BYTES, TILE_WIDTH, Tile

Rows = tuple[bytes, ...]
"""Inner nodes of one tile: row h holds, concatenated, the roots of its complete subtrees of 2**h hashes."""

TileReader = Callable[[int, int], bytes]
"""(level, index) → the tile's hashes, concatenated; it may hold more than asked for, never less."""

EMPTY_ROWS: Final[Rows] = (b"",) * (TILE_BITS + 1)


def grow(rows: Rows, hashes: bytes) -> Rows:
    """Add hashes at the right of a tile that has room for them, hashing only nodes that become complete."""
    grown = [rows[0] + hashes, *rows[1:]]
    for height in range(TILE_BITS):
        below, row = grown[height], grown[height + 1]
        start, end = 2 * len(row), len(below) - len(below) % (2 * HASH_BYTES)
        if start == end:
            break
        grown[height + 1] = row + b"".join(
            sha256(b"\x01" + below[at : at + 2 * HASH_BYTES]).digest()
            for at in range(start, end, 2 * HASH_BYTES)
        )
    return tuple(grown)


def tile_root(hashes: bytes) -> bytes:
    """Root of a full tile, the hash that stands for it one level up; raises MalformedError."""
    if len(hashes) != TILE_BYTES:
        raise MalformedError(f"a full tile has {TILE_BYTES} bytes, this one {len(hashes)}")
    return grow(EMPTY_ROWS, hashes)[TILE_BITS]


@dataclass(frozen=True, slots=True)
class RightEdge:
    """A tree's size and the inner nodes of its partial tile at each level (empty where that tile is full)."""

    size: int = 0
    levels: tuple[Rows, ...] = ()

    def frontier(self) -> Frontier:
        """The same edge as a compact range."""
        heights = [height for height in range(self.size.bit_length()) if self.size >> height & 1]
        return Frontier(
            self.size,
            tuple(
                self.levels[height // TILE_BITS][height % TILE_BITS][-HASH_BYTES:]
                for height in reversed(heights)
            ),
        )

    def root(self) -> bytes:
        """Merkle tree hash (RFC 6962 §2.1)."""
        return self.frontier().root()


def extend(edge: RightEdge, leaf_hashes: Iterable[bytes]) -> tuple[RightEdge, list[Tile]]:
    """Append leaves; returns the new edge and the whole content of every tile they touched, to be upserted.

    Costs about one hash a leaf, whatever the tree's size. Raises MalformedError for a hash of another length.
    """
    leaves = list(leaf_hashes)
    if any(len(leaf) != HASH_BYTES for leaf in leaves):
        raise MalformedError(f"a leaf hash is not {HASH_BYTES} bytes")
    levels: list[Rows] = []
    tiles: list[Tile] = []
    added = b"".join(leaves)
    while added:
        level = len(levels)
        rows = edge.levels[level] if level < len(edge.levels) else EMPTY_ROWS
        index = edge.size >> TILE_BITS * (level + 1)
        at, carried = 0, []
        while at < len(added):
            room = TILE_BYTES - len(rows[0])
            rows = grow(rows, added[at : at + room])
            at += room
            tiles.append(Tile(level, index, rows[0]))
            if len(rows[0]) == TILE_BYTES:
                carried.append(rows[TILE_BITS])
                rows, index = EMPTY_ROWS, index + 1
        levels.append(rows)
        added = b"".join(carried)
    return RightEdge(edge.size + len(leaves), (*levels, *edge.levels[len(levels) :])), tiles


def load_edge(size: int, read: TileReader) -> RightEdge:
    """Rebuild the edge of a tree of `size` from stored tiles; raises StorageError where one is too short."""
    levels: list[Rows] = []
    hashes = size
    while hashes:
        index, width = divmod(hashes, TILE_WIDTH)
        levels.append(read_rows(read, len(levels), index, width) if width else EMPTY_ROWS)
        hashes = index
    return RightEdge(size, tuple(levels))


def read_rows(read: TileReader, level: int, index: int, width: int) -> Rows:
    """Inner nodes over the first `width` hashes of a stored tile; raises StorageError if it holds fewer."""
    hashes = read(level, index)
    if len(hashes) < width * HASH_BYTES or len(hashes) > TILE_BYTES or len(hashes) % HASH_BYTES:
        raise StorageError(f"tile {level}/{index} has {len(hashes)} bytes, needed are {width * HASH_BYTES}")
    return grow(EMPTY_ROWS, hashes[: width * HASH_BYTES])
