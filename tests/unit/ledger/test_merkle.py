"""Published trees and damaged proofs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from exchange.errors import MalformedError, ProofInvalidError
from exchange.ledger import (
    EMPTY_ROOT,
    Frontier,
    RightEdge,
    TiledTree,
    extend,
    leaf_hash,
    node_hash,
    overlay,
    split_hashes,
    verify_consistency,
    verify_inclusion,
)

VECTORS = Path(__file__).resolve().parents[2] / "vectors"
CT: dict[str, Any] = json.loads((VECTORS / "published" / "rfc6962.json").read_text(encoding="utf-8"))
LEAVES = [leaf_hash(bytes.fromhex(leaf)) for leaf in CT["leaves"]]
ROOTS = [EMPTY_ROOT, *map(bytes.fromhex, CT["roots"])]
SOME = b"\xab" * 32


def _absent(level: int, index: int) -> bytes:
    raise AssertionError(f"tile {level}/{index} was never written")


def tree(size: int) -> TiledTree:
    edge, tiles = extend(RightEdge(), LEAVES[:size])
    return TiledTree(size, overlay(tiles, _absent), edge)


def hashes(row: dict[str, Any]) -> list[bytes]:
    return [bytes.fromhex(item) for item in row["path"]]


def test_the_empty_root() -> None:
    assert EMPTY_ROOT.hex() == CT["empty_root"]


@pytest.mark.parametrize("size", range(9))
def test_published_roots(size: int) -> None:
    assert tree(size).root() == Frontier().append(LEAVES[:size]).root() == ROOTS[size]


@pytest.mark.parametrize("row", CT["inclusion"])
def test_published_inclusion_paths(row: dict[str, Any]) -> None:
    assert tree(row["size"]).inclusion_path(row["index"]) == hashes(row)
    verify_inclusion(LEAVES[row["index"]], row["index"], row["size"], hashes(row), ROOTS[row["size"]])


@pytest.mark.parametrize("row", CT["consistency"])
def test_published_consistency_paths(row: dict[str, Any]) -> None:
    size1, size2 = row["size1"], row["size2"]
    assert tree(size2).consistency_path(size1) == hashes(row)
    verify_consistency(size1, ROOTS[size1], size2, ROOTS[size2], hashes(row))


PATH = hashes(CT["inclusion"][2])
BAD_INCLUSION = {
    "index before": (LEAVES[5], 4, 8, PATH, ROOTS[8], "does not lead"),
    "index after": (LEAVES[5], 6, 8, PATH, ROOTS[8], "does not lead"),
    "index in the other half": (LEAVES[5], 1, 8, PATH, ROOTS[8], "does not lead"),
    "index negative": (LEAVES[5], -1, 8, PATH, ROOTS[8], "outside"),
    "index at the size": (LEAVES[5], 8, 8, PATH, ROOTS[8], "outside"),
    "empty tree": (LEAVES[5], 0, 0, [], EMPTY_ROOT, "outside"),
    "tree twice as large": (LEAVES[5], 5, 16, PATH, ROOTS[8], "too short"),
    "tree half as large": (LEAVES[2], 2, 4, PATH, ROOTS[8], "too long"),
    "another leaf": (LEAVES[4], 5, 8, PATH, ROOTS[8], "does not lead"),
    "an inner node as leaf": (node_hash(LEAVES[4], LEAVES[5]), 2, 4, PATH[1:], SOME, "does not lead"),
    "another root": (LEAVES[5], 5, 8, PATH, ROOTS[7], "does not lead"),
    "root in front": (LEAVES[5], 5, 8, [ROOTS[8], *PATH], ROOTS[8], "too long"),
    "root at the end": (LEAVES[5], 5, 8, [*PATH, ROOTS[8]], ROOTS[8], "too long"),
    "one hash missing": (LEAVES[5], 5, 8, PATH[:-1], ROOTS[8], "too short"),
    "no path": (LEAVES[5], 5, 8, [], ROOTS[8], "too short"),
    "a hash of 31 bytes": (LEAVES[5], 5, 8, [PATH[0][:31], *PATH[1:]], ROOTS[8], "not 32 bytes"),
    "an empty hash": (LEAVES[5], 5, 8, [*PATH, b""], ROOTS[8], "not 32 bytes"),
    "a short root": (LEAVES[0], 0, 1, [], b"", "not 32 bytes"),
}


@pytest.mark.parametrize("case", BAD_INCLUSION.values(), ids=BAD_INCLUSION)
def test_inclusion_is_refused(case: tuple[bytes, int, int, list[bytes], bytes, str]) -> None:
    leaf, index, size, path, root, reason = case
    with pytest.raises(ProofInvalidError, match=reason):
        verify_inclusion(leaf, index, size, path, root)


SIX_EIGHT = hashes(CT["consistency"][2])
BAD_CONSISTENCY = {
    "shrinking": (8, ROOTS[8], 6, ROOTS[6], SIX_EIGHT, "cannot follow"),
    "negative": (-1, ROOTS[6], 8, ROOTS[8], SIX_EIGHT, "cannot follow"),
    "same size, other root": (8, ROOTS[8], 8, SOME, [], "two roots"),
    "same size, needless path": (8, ROOTS[8], 8, ROOTS[8], SIX_EIGHT, "no consistency path"),
    "from nothing, needless path": (0, EMPTY_ROOT, 8, ROOTS[8], SIX_EIGHT, "no consistency path"),
    "from nothing with a root": (0, SOME, 8, ROOTS[8], [], "hash of nothing"),
    "no path": (6, ROOTS[6], 8, ROOTS[8], [], "too short"),
    "no path from a power of two": (4, ROOTS[4], 8, ROOTS[8], [], "too short"),
    "one hash missing": (6, ROOTS[6], 8, ROOTS[8], SIX_EIGHT[:-1], "too short"),
    "one hash too many": (6, ROOTS[6], 8, ROOTS[8], [*SIX_EIGHT, SOME], "too long"),
    "roots swapped": (6, ROOTS[8], 8, ROOTS[6], SIX_EIGHT, "older root"),
    "other newer root": (6, ROOTS[6], 8, SOME, SIX_EIGHT, "newer root"),
    "other older size": (7, ROOTS[6], 8, ROOTS[8], SIX_EIGHT, "too short|too long|older root"),
    "hashes in another order": (6, ROOTS[6], 8, ROOTS[8], SIX_EIGHT[::-1], "older root"),
    "a hash of 33 bytes": (6, ROOTS[6], 8, ROOTS[8], [SIX_EIGHT[0] + b"\0", *SIX_EIGHT[1:]], "not 32"),
}


@pytest.mark.parametrize("case", BAD_CONSISTENCY.values(), ids=BAD_CONSISTENCY)
def test_consistency_is_refused(case: tuple[int, bytes, int, bytes, list[bytes], str]) -> None:
    size1, root1, size2, root2, path, reason = case
    with pytest.raises(ProofInvalidError, match=reason):
        verify_consistency(size1, root1, size2, root2, path)


def test_an_empty_tree_is_consistent_with_every_tree() -> None:
    for size in range(9):
        verify_consistency(0, EMPTY_ROOT, size, ROOTS[size], [])


@pytest.mark.parametrize("data", [b"", b"\0" * 7, b"\0" * 9, b"\0" * 7 + b"\x03" + b"a" * 32, b"\0" * 40])
def test_a_frontier_of_the_wrong_length_is_refused(data: bytes) -> None:
    with pytest.raises(MalformedError):
        Frontier.from_bytes(data)


def test_hashes_are_split_whole() -> None:
    assert split_hashes(b"a" * 32 + b"b" * 32) == [b"a" * 32, b"b" * 32]
    with pytest.raises(MalformedError):
        split_hashes(b"a" * 33)
