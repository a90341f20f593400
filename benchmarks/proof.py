"""Building and checking proofs, per second (no peer: told, not judged)."""

from __future__ import annotations

import time
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path
from typing import Final

from benchmarks.figure import Figure, bench
from exchange.ledger import RightEdge, extend, inclusion_path, leaf_hash, verify_inclusion

_SIZE: Final = 100_000
_SAMPLE: Final = 2_000


@bench("proof.build", "proof.check")
def measure(scratch: Path) -> Iterable[Figure]:
    """Inclusion proofs in a tree of 100,000 entries, tiles in memory, one thread."""
    leaves = [leaf_hash(b"%d" % at) for at in range(_SIZE)]
    edge, written = extend(RightEdge(), leaves)
    tiles = {(tile.level, tile.index): tile.hashes for tile in written}

    def read(level: int, index: int) -> bytes:
        return tiles[level, index]

    indices = [int.from_bytes(sha256(b"%d" % at).digest()[:4]) % _SIZE for at in range(_SAMPLE)]
    root = edge.root()
    started = time.perf_counter()
    paths = [inclusion_path(index, _SIZE, read) for index in indices]
    built = time.perf_counter()
    for index, path in zip(indices, paths, strict=True):
        verify_inclusion(leaves[index], index, _SIZE, path, root)
    checked = time.perf_counter()
    yield Figure("proof.build", _SAMPLE / (built - started), "proofs/s", "none", None, None, "higher")
    yield Figure("proof.check", _SAMPLE / (checked - built), "proofs/s", "none", None, None, "higher")
