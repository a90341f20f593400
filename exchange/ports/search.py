"""What the catalogue's search needs from outside, as a Protocol, and the records that cross it.

The index is a projection: it can be thrown away, and the ledgers, objects and peers' statements give it again.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Protocol

from exchange.ids import DatasetId
from exchange.ports.record import DatasetRecord

SECTION_CONTRACT: Final = "monitoring-section"
"""The contract whose rows give sections their names and rivers."""


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """A section that a dataset has rows of; what is not known is empty. Without a code: a river as a whole."""

    section: str
    name: str = ""
    river: str = ""


@dataclass(frozen=True, slots=True)
class Coverage:
    """Where a dataset has rows: the first places by code, how many there are, and how many batches were looked at."""

    places: tuple[Place, ...]
    sections: int
    rivers: int
    batches: int


@dataclass(frozen=True, slots=True)
class Listing:
    """One dataset as the search lists it. `promised`: the longest pause between updates that the contract allows."""

    hub: str
    dataset: DatasetRecord
    sharing: str
    title_zh: str
    title_en: str
    promised: timedelta | None
    # Whether anybody may know where it has rows.
    coverable: bool
    # More words it is found by: names of its jurisdiction and department.
    owner_words: str = ""


@dataclass(frozen=True, slots=True)
class Known:
    """How far the index knows a hub: ledger size, state of its contracts, datasets listed, and tag of its coverage."""

    size: int = 0
    contracts: str = ""
    listed: int = 0
    tag: str = ""


@dataclass(frozen=True, slots=True)
class Uncovered:
    """A dataset with batches that coverage has not seen yet."""

    id: DatasetId
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Cursor:
    """The last hit of a page; the next begins behind it."""

    relevance: int
    id: str
    hub: str


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is searched for; every condition must hold, empty ones ask nothing. `words` may be found anywhere."""

    words: tuple[str, ...] = ()
    contract: str = ""
    river: str = ""
    section: str = ""
    department: str = ""
    sharing: tuple[str, ...] = ()
    since: datetime | None = None
    until: datetime | None = None
    updated_after: datetime | None = None
    hub: str = ""


@dataclass(frozen=True, slots=True)
class Hit:
    """A dataset found, with its first rivers and places."""

    listing: Listing
    relevance: int
    rivers: tuple[str, ...]
    places: tuple[Place, ...]
    river_count: int
    section_count: int

    @property
    def cursor(self) -> Cursor:
        """Where the search goes on behind this hit."""
        return Cursor(self.relevance, str(self.listing.dataset.id), self.listing.hub)


class SearchIndex(Protocol):
    """Datasets of all hubs, searchable. Safe to share between threads and processes."""

    def known(self, hub: str) -> Known:
        """How far a hub is known; all zero for one that is not."""

    def put(
        self, hub: str, listings: Sequence[Listing], size: int, contracts: str, whole: bool = False
    ) -> None:
        """Take over listings of a hub as of a ledger size; with `whole` they are all, else never go back."""

    def uncovered(self, hub: str, limit: int) -> Sequence[Uncovered]:
        """Coverable datasets with more batches than their coverage has seen, longest unchanged first."""

    def coverage(self, hub: str, id: DatasetId) -> Coverage | None:
        """A dataset's coverage as it was put, None where there is none."""

    def cover(self, hub: str, coverages: Mapping[DatasetId, Coverage]) -> None:
        """Take over coverage of listed, coverable datasets; the hub's tag becomes another one."""

    def cover_all(self, hub: str, coverages: Mapping[DatasetId, Coverage], tag: str) -> bool:
        """The same for everything a hub covers; the tag is kept, unless a dataset is not listed yet: then False."""

    def covered(self, hub: str, after: str, limit: int) -> Sequence[tuple[DatasetId, Coverage]]:
        """Datasets with coverage in order of id, id > after; places by the names they are found by."""

    def ask(
        self, wanted: Wanted, hubs: Collection[str], after: Cursor | None, limit: int, few: int
    ) -> Sequence[Hit]:
        """Datasets of these hubs, by relevance (highest first), id, hub; behind `after`; each with its first `few`."""

    def count(self, wanted: Wanted, hubs: Collection[str]) -> int:
        """How many `ask` finds in all."""
