"""Tile names, layout and bundles as C2SP tlog-tiles has them."""

from __future__ import annotations

import pytest

from exchange.errors import LimitExceededError, MalformedError
from exchange.ledger import Tile, TilePath, decode_bundle, encode_bundle, tile_paths

NAMES = {
    "tile/0/000": TilePath(0, 0),
    "tile/0/000.p/1": TilePath(0, 0, 1),
    "tile/1/x001/x234/067": TilePath(1, 1234067),  # the specification's example
    "tile/63/999.p/255": TilePath(63, 999, 255),
    "tile/0/x001/000": TilePath(0, 1000),
    "tile/entries/x001/234.p/5": TilePath(None, 1234, 5),
}


@pytest.mark.parametrize(("text", "name"), NAMES.items())
def test_names(text: str, name: TilePath) -> None:
    assert str(name) == text
    assert TilePath.parse(text) == name


@pytest.mark.parametrize(
    "text",
    [
        "",
        "tile/0",
        "tile/0/0",
        "tile/0/0000",
        "tile/00/000",
        "tile/01/000",
        "tile/64/000",
        "tile/0/x000/001",
        "tile/0/001/234",
        "tile/0/x001",
        "tile/0/x1/234",
        "tile/0/000.p/0",
        "tile/0/000.p/05",
        "tile/0/000.p/256",
        "tile/0/000.p",
        "tile/0/000/",
        "tile/0/000\n",
        "/tile/0/000",
        "tile//000",
        "tile/0/../../etc/passwd",
        "tile/0/%30%30%30",
        "tile/-1/000",
        "tile/0/٠٠٠",
        "tile/Entries/000",
        "tile/0/" + "x999/" * 6 + "999",
        "tile/0/" + "x000/" * 10_000 + "000",
    ],
)
def test_anything_else_is_no_name(text: str) -> None:
    with pytest.raises(MalformedError):
        TilePath.parse(text)


def test_the_specifications_tree_of_70000() -> None:
    names = list(tile_paths(70_000))
    assert [name for name in names if name.width == 256] == [
        *(TilePath(0, index) for index in range(273)),
        TilePath(1, 0),
    ]
    assert [str(name) for name in names if name.width < 256] == [
        "tile/0/273.p/112",
        "tile/1/001.p/17",
        "tile/2/000.p/1",
    ]


def test_a_tree_of_256_has_a_full_tile_and_a_partial_one_above() -> None:
    assert list(map(str, tile_paths(256))) == ["tile/0/000", "tile/1/000.p/1"]


def test_an_empty_tree_has_no_tiles() -> None:
    assert list(tile_paths(0)) == []


def test_a_tile_knows_its_name() -> None:
    tile = Tile(1, 1234, b"a" * 64)
    assert tile.width == 2
    assert str(tile.path) == "tile/1/x001/234.p/2"


def test_bundle_form() -> None:
    assert encode_bundle([b"", b"ab"]) == b"\0\0\0\2ab"
    assert decode_bundle(b"\0\0\0\2ab") == [b"", b"ab"]
    assert decode_bundle(b"") == []


@pytest.mark.parametrize("data", [b"\0", b"\0\1", b"\0\0\0", b"\0\5abcd", b"\0\0" * 257])
def test_bundles_that_are_refused(data: bytes) -> None:
    with pytest.raises(MalformedError):
        decode_bundle(data)


def test_bundles_have_limits() -> None:
    assert len(decode_bundle(encode_bundle([b"x" * 0xFFFF] * 256))) == 256
    with pytest.raises(LimitExceededError):
        encode_bundle([b"x" * 0x10000])
    with pytest.raises(LimitExceededError):
        encode_bundle([b""] * 257)
