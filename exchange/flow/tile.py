"""Tiles and entry bundles by their C2SP path."""

from __future__ import annotations

from exchange.errors import NotFoundError
from exchange.ledger import HASH_BYTES, TILE_WIDTH, TilePath, encode_bundle
from exchange.ports import LedgerStore


def read_tile(ledger: LedgerStore, path: str) -> bytes:
    """The bytes C2SP tlog-tiles puts at that path; raises MalformedError, NotFoundError."""
    wanted = TilePath.parse(path)
    if wanted.level is None:
        start = wanted.index * TILE_WIDTH
        if start + wanted.width > ledger.head().size:
            raise NotFoundError(f"the ledger has not reached {path}")
        return encode_bundle(entry.data for entry in ledger.entries(start, start + wanted.width))
    hashes = ledger.tile(wanted.level, wanted.index)
    if len(hashes) < wanted.width * HASH_BYTES:
        raise NotFoundError(f"the ledger has not reached {path}")
    return hashes[: wanted.width * HASH_BYTES]
