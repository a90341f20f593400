"""A set of rows over many parts, one bit a row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from exchange.errors import StorageError

Positions = npt.NDArray[np.int64]

SHIFT: Final = 40
"""A position is `part << SHIFT | row`: the part's place in the plan and the row's number in its file."""
_ROW: Final = (1 << SHIFT) - 1


class RowSet:
    """Rows of the parts of one plan, by position. `sizes`: rows of each part. Takes an eighth of a byte a row."""

    def __init__(self, sizes: Sequence[int]) -> None:
        self._sizes = np.array(sizes, np.int64)
        ends = np.cumsum(self._sizes)
        self._starts = ends - self._sizes
        self._total = int(ends[-1]) if len(ends) else 0
        self._bits: npt.NDArray[np.uint8] | None = None

    def __bool__(self) -> bool:
        """False where nothing was ever added."""
        return self._bits is not None

    def add(self, positions: Positions) -> None:
        """Raises StorageError for a row beyond its part's end."""
        if len(positions):
            at = self._place(positions)
            np.bitwise_or.at(self._room(), at >> 3, _bit(at))

    def remove(self, positions: Positions) -> None:
        """Raises StorageError for a row beyond its part's end."""
        if len(positions):
            at = self._place(positions)
            np.bitwise_and.at(self._room(), at >> 3, ~_bit(at))

    def add_part(self, part: int) -> None:
        """Every row of a part."""
        start = int(self._starts[part])
        end = start + int(self._sizes[part])
        bits = self._room()
        first, last = -(-start >> 3), end >> 3
        if first < last:
            bits[first:last] = 0xFF
        edges = np.array([*range(start, min(first << 3, end)), *range(max(last << 3, start), end)], np.int64)
        np.bitwise_or.at(bits, edges >> 3, _bit(edges))

    def holds(self, positions: Positions) -> npt.NDArray[np.bool_]:
        """Which of these rows are in the set. Raises StorageError for a row beyond its part's end."""
        at = self._place(positions)
        found: npt.NDArray[np.bool_] = (self._room()[at >> 3] & _bit(at)) != 0
        return found

    def positions(self) -> Positions:
        """All rows of the set, ascending."""
        if self._bits is None:
            return np.empty(0, np.int64)
        at = np.flatnonzero(np.unpackbits(self._bits, count=self._total, bitorder="little"))
        part = np.searchsorted(self._starts, at, side="right") - 1
        return (part << SHIFT) | (at - self._starts[part])

    def copy(self) -> RowSet:
        """A set of its own with the same rows."""
        other = RowSet(self._sizes.tolist())
        other._bits = None if self._bits is None else self._bits.copy()
        return other

    def _room(self) -> npt.NDArray[np.uint8]:
        if self._bits is None:
            self._bits = np.zeros((self._total + 7) >> 3, np.uint8)
        return self._bits

    def _place(self, positions: Positions) -> Positions:
        part, row = part_of(positions), positions & _ROW
        if np.any(row >= self._sizes[part]):
            raise StorageError("a stored batch or its report has rows beyond those the ledger counts")
        place: Positions = self._starts[part] + row
        return place


def part_of(positions: Positions) -> Positions:
    """The part that each position lies in."""
    part: Positions = positions >> SHIFT
    return part


def row_of(positions: Positions) -> Positions:
    """The row number within its part."""
    row: Positions = positions & _ROW
    return row


def _bit(at: Positions) -> Any:
    return np.left_shift(np.uint8(1), (at & 7).astype(np.uint8), dtype=np.uint8)
