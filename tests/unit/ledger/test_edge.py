"""What an append writes, and what it costs."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import pytest

from exchange.errors import InvalidInputError, MalformedError, StorageError
from exchange.ledger import (
    RightEdge,
    TiledTree,
    TileReader,
    edge,
    extend,
    leaf_hash,
    load_edge,
    overlay,
    path,
    paths_for,
    tile_root,
    verify_inclusion,
)
from exchange.ledger.tile import Tile


def leaves(start: int, end: int) -> list[bytes]:
    return [leaf_hash(b"entry %d" % number) for number in range(start, end)]


def absent(level: int, index: int) -> bytes:
    raise AssertionError(f"tile {level}/{index} is not to be read")


def grown(size: int) -> tuple[RightEdge, TileReader]:
    right, tiles = extend(RightEdge(), leaves(0, size))
    return right, overlay(tiles, absent)


class Counter:
    """SHA-256 that counts its calls."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, data: bytes) -> Any:
        self.calls += 1
        return sha256(data)


@pytest.fixture
def counter(monkeypatch: pytest.MonkeyPatch) -> Counter:
    counting = Counter()
    monkeypatch.setattr(edge, "sha256", counting)
    monkeypatch.setattr("exchange.ledger.merkle.sha256", counting)
    return counting


def names(tiles: list[Tile]) -> list[str]:
    return [str(tile.path) for tile in tiles]


def test_an_append_writes_the_tiles_it_touches_and_no_other() -> None:
    right, _ = grown(254)
    right, tiles = extend(right, leaves(254, 255))
    assert names(tiles) == ["tile/0/000.p/255"]
    right, tiles = extend(right, leaves(255, 256))
    assert names(tiles) == ["tile/0/000", "tile/1/000.p/1"]
    right, tiles = extend(right, leaves(256, 257))
    assert names(tiles) == ["tile/0/001.p/1"]
    right, tiles = extend(right, leaves(257, 1025))
    assert names(tiles) == ["tile/0/001", "tile/0/002", "tile/0/003", "tile/0/004.p/1", "tile/1/000.p/4"]
    assert right == grown(1025)[0]


def test_levels_close_together_at_65536() -> None:
    right, _ = grown(65_535)
    right, tiles = extend(right, leaves(65_535, 65_536))
    assert names(tiles) == ["tile/0/255", "tile/1/000", "tile/2/000.p/1"]
    assert tiles[2].hashes == tile_root(tiles[1].hashes) == right.root()


def test_appending_nothing_changes_nothing() -> None:
    right, _ = grown(5)
    assert extend(right, []) == (right, [])


def test_a_hash_of_another_length_is_refused() -> None:
    with pytest.raises(MalformedError):
        extend(RightEdge(), [b"short", b"x" * 59])


@pytest.mark.parametrize("size", [99, 99_999])
def test_appending_one_leaf_costs_the_same_in_a_large_tree(size: int, counter: Counter) -> None:
    right, _ = grown(size)
    counter.calls = 0
    extend(right, [b"x" * 32])
    # as many nodes become complete as the new size has trailing zero bits
    assert counter.calls == ((size + 1) & -(size + 1)).bit_length() - 1 <= 5


def test_a_group_costs_a_hash_a_leaf(counter: Counter) -> None:
    right, _ = grown(70_000)
    counter.calls = 0
    extend(right, leaves(70_000, 70_500))
    assert counter.calls <= 2 * 500 + 16


def test_paths_of_a_fresh_group_read_no_tile_and_hash_next_to_nothing(counter: Counter) -> None:
    right, _ = grown(99_980)
    fresh = leaves(99_980, 99_996)
    right, _ = extend(right, fresh)
    root = right.root()
    counter.calls = 0
    found = paths_for(range(99_980, 99_996), right.size, absent, right)
    assert counter.calls <= 17
    for at, found_path in enumerate(found):
        verify_inclusion(fresh[at], 99_980 + at, right.size, found_path, root)


def test_each_tile_is_read_once() -> None:
    right, read = grown(70_000)
    reads: list[tuple[int, int]] = []

    def noted(level: int, index: int) -> bytes:
        reads.append((level, index))
        return read(level, index)

    paths_for([*range(300, 500), 69_999], right.size, noted)
    assert len(reads) == len(set(reads)) <= 6


@pytest.mark.parametrize("size", [0, 1, 255, 256, 257, 65_535, 65_536, 65_537, 66_000])
def test_an_edge_is_rebuilt_from_tiles(size: int) -> None:
    right, read = grown(size)
    assert load_edge(size, read) == right
    assert TiledTree(size, read).root() == right.root()


@pytest.mark.parametrize("cut", [0, 32, 63, 8193])
def test_a_tile_that_is_too_short_or_torn_is_a_storage_error(cut: int) -> None:
    def short(level: int, index: int) -> bytes:
        return b"x" * cut

    with pytest.raises(StorageError):
        load_edge(3, short)
    with pytest.raises(StorageError):
        path.inclusion_path(0, 3, short)


def test_an_edge_of_another_size_is_refused() -> None:
    with pytest.raises(InvalidInputError):
        TiledTree(6, absent, grown(5)[0])


@pytest.mark.parametrize("index", [-1, 5, 1 << 70])
def test_an_entry_outside_the_tree_has_no_path(index: int) -> None:
    with pytest.raises(InvalidInputError):
        path.inclusion_path(index, 5, absent)


@pytest.mark.parametrize("size1", [-1, 6])
def test_a_newer_tree_is_no_older_state(size1: int) -> None:
    with pytest.raises(InvalidInputError):
        path.consistency_path(size1, 5, absent)


def test_only_full_tiles_stand_for_a_hash_above() -> None:
    with pytest.raises(MalformedError):
        tile_root(b"x" * 32)
