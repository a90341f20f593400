"""Searching the catalogue of every hub, from this one.

(0) the caller is known; the question is within limits
(1) the index finds datasets of this hub and of those it is linked with, the most relevant first
(2) each is shown with what the caller must know before reading: where it would be read, and whether it may be now

Nothing here gives leave to read; `grant` does, when somebody reads. What is not shared with anybody (不予共享) is found
all the same, for it has its place in the catalogue (政务数据共享条例 ch. 2), but nobody learns where it has rows.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from exchange.contract.model import Sharing
from exchange.errors import FieldViolation, InvalidInputError
from exchange.flow.agree import AgreementBook
from exchange.flow.grant import is_reader
from exchange.ids import AgencyId, DatasetId
from exchange.ports import Clock
from exchange.ports.search import Cursor, Hit, SearchIndex, Wanted
from exchange.settings import Search


class Where(StrEnum):
    """Where a dataset would be read: here, from a copy here, through this hub, or only at its own."""

    LOCAL = "local"
    MIRRORED = "mirrored"
    THROUGH = "through"
    ELSEWHERE = "elsewhere"


class Access(StrEnum):
    """Whether the caller may read now, and why."""

    OWNER = "owner"
    UNCONDITIONAL = "unconditional"
    AGREEMENT = "agreement"
    NEEDS_AGREEMENT = "needs_agreement"
    WITHHELD = "withheld"


class Freshness(StrEnum):
    """Whether the dataset keeps the pace that its contract promises; a contract may promise none."""

    NOT_PROMISED = "not_promised"
    FRESH = "fresh"
    LATE = "late"


@dataclass(frozen=True, slots=True)
class Shown:
    """A hit as the caller sees it. `due_at`: until when an update is promised; `agreement` only with that access."""

    hit: Hit
    where: Where
    access: Access
    agreement: str
    freshness: Freshness
    due_at: datetime | None


@dataclass(frozen=True, slots=True)
class Page:
    """One page of hits, how many there are in all, and where the next page begins."""

    shown: Sequence[Shown]
    total: int
    following: Cursor | None
    # Size of each hub's ledger that the index has seen.
    sizes: Mapping[str, int]


class Searcher:
    """Asks the index, and looks at the hits with the caller's eyes."""

    def __init__(
        self,
        index: SearchIndex,
        book: AgreementBook,
        clock: Clock,
        hub: str,
        peers: Callable[[], Collection[str]],
        mirrors: Callable[[DatasetId], bool],
        settings: Search,
    ) -> None:
        """`peers`: jurisdictions of hubs that this one is linked with; `mirrors`: whether a copy here is whole."""
        self._index = index
        self._book = book
        self._clock = clock
        self._hub = hub
        self._peers = peers
        self._mirrors = mirrors
        self._settings = settings

    def search(self, reader: AgencyId, wanted: Wanted, after: Cursor | None, limit: int) -> Page:
        """Steps (1) and (2); raises InvalidInputError for a question beyond the limits."""
        self._check(wanted)  # (0)
        hubs = {self._hub, *self._peers()}
        few = self._settings.few
        found = self._index.ask(wanted, hubs, after, limit + 1, few)  # (1)
        total = self._index.count(wanted, hubs)
        hits = found[:limit]
        now = self._clock.now()
        standing = self._standing(reader, now)
        mirrored = {
            each.terms.dataset
            for each in self._book.every()
            if each.terms.mirror and each.grants_at(now) and each.terms.consumer.jurisdiction == self._hub
        }
        shown = [self._shown(hit, reader, standing, mirrored, now) for hit in hits]  # (2)
        following = hits[-1].cursor if len(found) > limit else None
        sizes = {hub: self._index.known(hub).size for hub in sorted(hubs)}
        return Page(shown, total, following, sizes)

    def _check(self, wanted: Wanted) -> None:
        limit = self._settings
        texts = (*wanted.words, wanted.river, wanted.section, wanted.department, wanted.contract, wanted.hub)
        if len(wanted.words) > limit.words or sum(map(len, texts)) > limit.text:
            text = f"at most {limit.words} words and {limit.text} characters"
            raise InvalidInputError(
                f"检索条件过长 / the search is too long: {text}",
                violations=[FieldViolation("text", "limit", text)],
            )
        if wanted.since and wanted.until and wanted.until < wanted.since:
            raise InvalidInputError(
                "until 早于 since / until is before since",
                violations=[FieldViolation("until", "order", "not before since")],
            )

    def _standing(self, reader: AgencyId, now: datetime) -> dict[DatasetId, str]:
        """The caller's oldest agreement in force about each dataset."""
        found: dict[DatasetId, str] = {}
        for each in self._book.every():
            if is_reader(each.terms, reader) and each.grants_at(now):
                found.setdefault(each.terms.dataset, each.id)
        return found

    def _shown(
        self,
        hit: Hit,
        reader: AgencyId,
        standing: Mapping[DatasetId, str],
        mirrored: Collection[DatasetId],
        now: datetime,
    ) -> Shown:
        record, promised = hit.listing.dataset, hit.listing.promised
        access = access_of(hit, reader, standing)
        agreement = standing[record.id] if access is Access.AGREEMENT else ""
        due_at = None if promised is None else record.updated_at + promised
        freshness = Freshness.NOT_PROMISED
        if due_at is not None:
            freshness = Freshness.FRESH if now <= due_at else Freshness.LATE
        return Shown(hit, self._where(hit, mirrored), access, agreement, freshness, due_at)

    def _where(self, hit: Hit, mirrored: Collection[DatasetId]) -> Where:
        id = hit.listing.dataset.id
        if hit.listing.hub == self._hub:
            return Where.LOCAL
        if id.owner.jurisdiction != hit.listing.hub:
            return Where.ELSEWHERE
        return Where.MIRRORED if id in mirrored and self._mirrors(id) else Where.THROUGH


def access_of(hit: Hit, reader: AgencyId, standing: Mapping[DatasetId, str]) -> Access:
    """Whether a reader may read a dataset now; `standing`: its agreements in force by dataset."""
    id, sharing = hit.listing.dataset.id, hit.listing.sharing
    if reader == id.owner:
        return Access.OWNER
    if sharing == Sharing.UNCONDITIONAL:
        return Access.UNCONDITIONAL
    if sharing == Sharing.WITHHELD:
        return Access.WITHHELD
    return Access.AGREEMENT if id in standing else Access.NEEDS_AGREEMENT
