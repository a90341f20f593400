"""What agreements let this hub keep of peers' batches, and whether it is here: looked at beside the running hub."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from exchange.errors import NotFoundError
from exchange.flow.mirror import Wanted, parts_of
from exchange.ids import DatasetId
from exchange.ports import LedgerStore, ObjectStore


@dataclass(frozen=True, slots=True)
class Mirrored:
    """One dataset of a peer; `size` is that of the ledger's copy, `parts` are objects and reports of its batches."""

    dataset: DatasetId
    size: int
    batches: int
    parts: int
    missing: int


def mirrored(copy: LedgerStore, objects: ObjectStore, wanted: Iterable[Wanted]) -> Iterator[Mirrored]:
    """Each dataset that is wanted from the peer whose ledger `copy` is one of."""
    size = copy.head().size
    for each in wanted:
        batches = copy.batches(each.dataset, size)
        digests = {digest for batch in batches for _, digest in parts_of(batch)}
        missing = sum(not _there(objects, digest) for digest in digests)
        yield Mirrored(each.dataset, size, len(batches), len(digests), missing)


def digests_of(copy: LedgerStore, wanted: Iterable[Wanted]) -> Iterator[str]:
    """Objects that a sweep leaves alone although no entry of the hub's own ledger needs them."""
    size = copy.head().size
    for each in wanted:
        for batch in copy.batches(each.dataset, size):
            yield from (digest for _, digest in parts_of(batch))


def _there(objects: ObjectStore, digest: str) -> bool:
    try:
        objects.size(digest)
    except NotFoundError:
        return False
    return True
