"""Building proofs from stored tiles."""

from __future__ import annotations

from collections.abc import Iterable

from exchange.errors import InvalidInputError
from exchange.ledger.edge import RightEdge, Rows, TileReader, read_rows
from exchange.ledger.merkle import EMPTY_ROOT, HASH_BYTES, node_hash
from exchange.ledger.tile import TILE_BITS, TILE_WIDTH, Tile


class TiledTree:
    """The tree as it was at `size`, read through its tiles; each tile is read and hashed once.

    `edge` of the same size, if given, stands in for the partial tiles, which then are not read.
    """

    def __init__(self, size: int, read: TileReader, edge: RightEdge | None = None) -> None:
        if edge is not None and edge.size != size:
            raise InvalidInputError(f"edge is of size {edge.size}, the tree of size {size}")
        self.size = size
        self._read = read
        self._rows: dict[tuple[int, int], Rows] = {}
        if edge is not None:
            for level, rows in enumerate(edge.levels):
                self._rows[level, size >> TILE_BITS * (level + 1)] = rows
        self._ragged: list[bytes] | None = None

    def node(self, height: int, index: int) -> bytes:
        """Root of the complete subtree over entries [index · 2**height, (index + 1) · 2**height)."""
        level, row = divmod(height, TILE_BITS)
        per_tile = TILE_BITS - row
        tile, at = index >> per_tile, index & (1 << per_tile) - 1
        rows = self._rows.get((level, tile))
        if rows is None:
            width = min(TILE_WIDTH, (self.size >> TILE_BITS * level) - tile * TILE_WIDTH)
            rows = self._rows[level, tile] = read_rows(self._read, level, tile, width)
        return rows[row][HASH_BYTES * at : HASH_BYTES * (at + 1)]

    def root(self) -> bytes:
        """Merkle tree hash (RFC 6962 §2.1)."""
        return self._right_remainder(self.size.bit_length()) if self.size else EMPTY_ROOT

    def inclusion_path(self, index: int) -> list[bytes]:
        """Path of entry `index` (RFC 6962 §2.1.1); raises InvalidInputError outside the tree."""
        if not 0 <= index < self.size:
            raise InvalidInputError(f"entry {index} is outside a tree of size {self.size}")
        return self._siblings(0, index)

    def consistency_path(self, size1: int) -> list[bytes]:
        """Path from the tree of `size1` to this one (RFC 6962 §2.1.2); raises InvalidInputError."""
        if not 0 <= size1 <= self.size:
            raise InvalidInputError(f"a tree of size {size1} is no older state of one of size {self.size}")
        if size1 in (0, self.size):
            return []
        height = (size1 & -size1).bit_length() - 1
        index = (size1 >> height) - 1
        # where size1 is a power of two the verifier starts from the older root, which it knows
        start = [self.node(height, index)] if index else []
        return start + self._siblings(height, index)

    def _siblings(self, height: int, index: int) -> list[bytes]:
        path: list[bytes] = []
        while 1 << height < self.size:
            sibling = index ^ 1
            if (sibling + 1) << height <= self.size:
                path.append(self.node(height, sibling))
            elif sibling << height < self.size:
                path.append(self._right_remainder(height))
            height, index = height + 1, index >> 1
        return path

    def _right_remainder(self, height: int) -> bytes:
        """Hash of the ragged right end, the last `size mod 2**height` entries; there is at least one."""
        if self._ragged is None:
            self._ragged = [b""]
            for lower in range(self.size.bit_length()):
                below = self._ragged[lower]
                if self.size >> lower & 1:
                    left = self.node(lower, (self.size >> lower) - 1)
                    below = node_hash(left, below) if below else left
                self._ragged.append(below)
        return self._ragged[height]


def inclusion_path(index: int, size: int, read: TileReader) -> list[bytes]:
    """Path of an entry in the tree of `size` (RFC 6962 §2.1.1); raises InvalidInputError, StorageError."""
    return TiledTree(size, read).inclusion_path(index)


def consistency_path(size1: int, size2: int, read: TileReader) -> list[bytes]:
    """Path from the tree of `size1` to that of `size2` (RFC 6962 §2.1.2); raises as `inclusion_path`."""
    return TiledTree(size2, read).consistency_path(size1)


def paths_for(
    indices: Iterable[int], size: int, read: TileReader, edge: RightEdge | None = None
) -> list[list[bytes]]:
    """Inclusion paths of several entries in one tree, sharing all work; raises as `inclusion_path`."""
    tree = TiledTree(size, read, edge)
    return [tree.inclusion_path(index) for index in indices]


def overlay(tiles: Iterable[Tile], read: TileReader) -> TileReader:
    """A reader that sees tiles not yet stored before those that are."""
    fresh = {(tile.level, tile.index): tile.hashes for tile in tiles}

    def overlaid(level: int, index: int) -> bytes:
        return fresh[level, index] if (level, index) in fresh else read(level, index)

    return overlaid
