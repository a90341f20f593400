"""The ledger against RFC 6962 read literally: its recursive definitions, written here without any cleverness."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from hashlib import sha256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exchange.errors import HechuanError, ProofInvalidError
from exchange.ledger import (
    EMPTY_ROOT,
    Checkpoint,
    Frontier,
    Note,
    Receipt,
    RightEdge,
    TiledTree,
    TilePath,
    TileReader,
    VerifierKey,
    consistency_path,
    decode_bundle,
    encode_bundle,
    extend,
    inclusion_path,
    leaf_hash,
    load_edge,
    overlay,
    paths_for,
    tile_paths,
    tile_root,
    verify_consistency,
    verify_inclusion,
)

ENTRIES = [b"entry %d" % number for number in range(1500)]
LEAVES = [leaf_hash(entry) for entry in ENTRIES]
_ROOTS: dict[tuple[int, int], bytes] = {}


def mth(start: int, end: int) -> bytes:
    """MTH(D[start:end]) of RFC 6962 §2.1."""
    if (start, end) not in _ROOTS:
        if end == start:
            root = sha256(b"").digest()
        elif end == start + 1:
            root = sha256(b"\x00" + ENTRIES[start]).digest()
        else:
            k = split(end - start)
            root = sha256(b"\x01" + mth(start, start + k) + mth(start + k, end)).digest()
        _ROOTS[start, end] = root
    return _ROOTS[start, end]


def split(n: int) -> int:
    """The largest power of two smaller than n."""
    k = 1
    while 2 * k < n:
        k *= 2
    return k


def path(m: int, start: int, end: int) -> list[bytes]:
    """PATH(m, D[start:end]) of RFC 6962 §2.1.1."""
    if end == start + 1:
        return []
    k = split(end - start)
    if m < k:
        return [*path(m, start, start + k), mth(start + k, end)]
    return [*path(m - k, start + k, end), mth(start, start + k)]


def proof(m: int, n: int) -> list[bytes]:
    """PROOF(m, D[n]) of RFC 6962 §2.1.2."""
    return subproof(m, 0, n, whole=True) if 0 < m < n else []


def subproof(m: int, start: int, end: int, *, whole: bool) -> list[bytes]:
    """SUBPROOF(m, D[start:end], whole) of RFC 6962 §2.1.2."""
    if m == end - start:
        return [] if whole else [mth(start, end)]
    k = split(end - start)
    if m <= k:
        return [*subproof(m, start, start + k, whole=whole), mth(start + k, end)]
    return [*subproof(m - k, start + k, end, whole=False), mth(start, start + k)]


def no_tile(level: int, index: int) -> bytes:
    raise AssertionError(f"tile {level}/{index} was never written")


def stored(size: int, step: int | None = None) -> tuple[RightEdge, TileReader]:
    """The edge of a tree of `size`, appended in groups of `step`, and a reader of all its tiles."""
    edge, read = RightEdge(), no_tile
    tiles = {}
    for start in range(0, size, step or max(size, 1)):
        edge, touched = extend(edge, LEAVES[start : min(start + (step or size), size)])
        tiles.update({(tile.level, tile.index): tile for tile in touched})
    return edge, overlay(tiles.values(), read)


FULL_EDGE, FULL = stored(len(LEAVES))
sizes = st.integers(1, len(LEAVES)) | st.sampled_from([1, 2, 255, 256, 257, 511, 512, 513, 1024, 1280])


@st.composite
def positions(draw: st.DrawFn) -> tuple[int, int]:
    size = draw(sizes)
    return draw(st.integers(0, size - 1)), size


@st.composite
def size_pairs(draw: st.DrawFn) -> tuple[int, int]:
    newer = draw(sizes)
    return draw(st.integers(0, newer)), newer


@given(positions())
def test_inclusion_is_the_definition_and_verifies(position: tuple[int, int]) -> None:
    index, size = position
    built = inclusion_path(index, size, FULL)
    assert built == path(index, 0, size)
    verify_inclusion(LEAVES[index], index, size, built, mth(0, size))


@given(size_pairs())
def test_consistency_is_the_definition_and_verifies(pair: tuple[int, int]) -> None:
    older, newer = pair
    built = consistency_path(older, newer, FULL)
    assert built == proof(older, newer)
    verify_consistency(older, mth(0, older), newer, mth(0, newer), built)


def test_every_small_tree_exhaustively() -> None:
    for size in range(1, 34):
        for index in range(size):
            assert inclusion_path(index, size, FULL) == path(index, 0, size)
            verify_inclusion(LEAVES[index], index, size, path(index, 0, size), mth(0, size))
        for older in range(size + 1):
            assert consistency_path(older, size, FULL) == proof(older, size)
            verify_consistency(older, mth(0, older), size, mth(0, size), proof(older, size))


def flipped(data: bytes, bit: int) -> bytes:
    return (int.from_bytes(data, "big") ^ 1 << bit % (8 * len(data))).to_bytes(len(data), "big")


@given(positions(), st.integers(0), st.integers(0))
def test_any_flipped_bit_breaks_inclusion(position: tuple[int, int], part: int, bit: int) -> None:
    index, size = position
    parts = [LEAVES[index], mth(0, size), *path(index, 0, size)]
    parts[part % len(parts)] = flipped(parts[part % len(parts)], bit)
    with pytest.raises(ProofInvalidError):
        verify_inclusion(parts[0], index, size, parts[2:], parts[1])


@given(size_pairs(), st.integers(0), st.integers(0))
def test_any_flipped_bit_breaks_consistency(pair: tuple[int, int], part: int, bit: int) -> None:
    older, newer = pair
    parts = [mth(0, older), mth(0, newer), *proof(older, newer)]
    if older == 0:
        parts = parts[:1]  # an empty tree says nothing about the newer root
    parts[part % len(parts)] = flipped(parts[part % len(parts)], bit)
    parts += [mth(0, newer)] if older == 0 else []
    with pytest.raises(ProofInvalidError):
        verify_consistency(older, parts[0], newer, parts[1], parts[2:])


@given(positions(), st.integers(-2, 1502), st.integers(-2, 1502))
def test_a_path_fits_one_place_only(position: tuple[int, int], index: int, size: int) -> None:
    true_index, true_size = position
    # tree sizes that share the shape around an entry share its path: only another index must never fit
    if index == true_index:
        return
    for claimed in (size, true_size):
        with pytest.raises(ProofInvalidError):
            verify_inclusion(
                LEAVES[true_index], index, claimed, path(true_index, 0, true_size), mth(0, true_size)
            )


@given(size_pairs(), st.integers(0, 1501))
def test_consistency_fits_one_older_size_only(pair: tuple[int, int], claimed: int) -> None:
    older, newer = pair
    if claimed in (older, 0):
        return
    with pytest.raises(ProofInvalidError):
        verify_consistency(claimed, mth(0, older), newer, mth(0, newer), proof(older, newer))


@given(st.lists(st.integers(0, 300), max_size=8))
def test_growing_in_any_groups_is_the_same(groups: list[int]) -> None:
    edge, frontier, tiles, at = RightEdge(), Frontier(), {}, 0
    for group in groups:
        group = min(group, len(LEAVES) - at)
        edge, touched = extend(edge, LEAVES[at : at + group])
        frontier = frontier.append(LEAVES[at : at + group])
        tiles.update({(tile.level, tile.index): tile for tile in touched})
        at += group
    whole, _ = stored(at)
    assert edge == whole
    assert edge.frontier() == frontier
    assert edge.root() == frontier.root() == mth(0, at)
    assert Frontier.from_bytes(frontier.to_bytes()) == frontier
    read = overlay(tiles.values(), no_tile)
    assert load_edge(at, read) == edge
    assert TiledTree(at, read).root() == mth(0, at)
    assert sorted(map(str, tile_paths(at))) == sorted(str(tile.path) for tile in tiles.values())


@given(sizes)
def test_an_old_edge_is_read_from_later_tiles(size: int) -> None:
    assert load_edge(size, FULL) == stored(size)[0]


@given(sizes, st.data())
def test_batch_paths_equal_single_ones_with_and_without_edge(size: int, data: st.DataObject) -> None:
    indices = data.draw(st.lists(st.integers(0, size - 1), max_size=5))
    expected = [path(index, 0, size) for index in indices]
    assert paths_for(indices, size, FULL) == expected
    assert paths_for(indices, size, FULL, load_edge(size, FULL)) == expected


def test_each_hash_of_a_tile_is_the_root_of_the_tile_below() -> None:
    for index in range(5):
        assert (
            tile_root(FULL(0, index))
            == FULL(1, 0)[32 * index : 32 * index + 32]
            == mth(256 * index, 256 * index + 256)
        )


@given(st.lists(st.binary(max_size=40), max_size=12))
def test_bundles_read_what_they_write(entries: list[bytes]) -> None:
    assert decode_bundle(encode_bundle(entries)) == entries


@given(st.none() | st.integers(0, 63), st.integers(0, 2**62), st.integers(1, 256))
def test_tile_paths_read_what_they_write(level: int | None, index: int, width: int) -> None:
    name = TilePath(level, index, width)
    assert TilePath.parse(str(name)) == name


lines = st.text(st.characters(min_codepoint=32, exclude_categories=["Cs"]), min_size=1, max_size=20)
checkpoints = st.builds(
    Checkpoint,
    lines,
    st.integers(0, 2**63 - 1),
    st.binary(min_size=32, max_size=32),
    st.lists(lines, max_size=3).map(tuple),
)
receipts = st.builds(
    Receipt,
    st.integers(0, 2**63 - 1),
    st.lists(st.binary(min_size=32, max_size=32), max_size=63).map(tuple),
    checkpoints.map(lambda checkpoint: checkpoint.body() + "\n— a.example AAAAAAAA\n"),
    st.binary(max_size=80),
)


@given(checkpoints)
def test_checkpoints_read_what_they_write(checkpoint: Checkpoint) -> None:
    assert Checkpoint.parse_body(checkpoint.body()) == checkpoint


@given(receipts)
def test_receipts_read_what_they_write(receipt: Receipt) -> None:
    assert Receipt.parse(str(receipt)) == receipt
    assert Receipt.parse(str(receipt).encode()) == receipt


alphabet = st.text("\n 0123456789ab+/=x.p—é\ud800\x00\t", max_size=120)
texts = (
    st.text(max_size=120)
    | alphabet
    | st.from_regex(r"tile/([0-9]|entries)/(x[0-9]{3}/)*[0-9]{3}(\.p/[0-9]+)?")
)
TEXT_PARSERS: list[Callable[[str], object]] = [
    Checkpoint.parse_body,
    Note.parse,
    Receipt.parse,
    TilePath.parse,
    VerifierKey.parse,
]
BYTE_PARSERS: list[Callable[[bytes], object]] = [
    Frontier.from_bytes,
    Note.parse,
    Receipt.parse,
    decode_bundle,
    tile_root,
]


@given(texts)
@settings(max_examples=300)
def test_no_text_raises_anything_but_our_errors(text: str) -> None:
    for parse in TEXT_PARSERS:
        with suppress(HechuanError):
            parse(text)


@given(st.binary(max_size=200) | alphabet.map(lambda text: text.encode("utf-8", "surrogatepass")))
@settings(max_examples=300)
def test_no_bytes_raise_anything_but_our_errors(data: bytes) -> None:
    for parse in BYTE_PARSERS:
        with suppress(HechuanError):
            parse(data)


@given(receipts, st.data())
def test_a_damaged_receipt_raises_only_our_errors(receipt: Receipt, data: st.DataObject) -> None:
    damaged = bytearray(str(receipt).encode())
    at = data.draw(st.integers(0, len(damaged) - 1))
    damaged[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
    try:
        again = Receipt.parse(bytes(damaged))
    except HechuanError:
        return
    assert str(again).encode() == bytes(damaged)


def test_the_root_of_nothing() -> None:
    assert RightEdge().root() == Frontier().root() == TiledTree(0, no_tile).root() == EMPTY_ROOT == mth(0, 0)
