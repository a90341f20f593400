"""The list at the top of the page: what a steward does next, the gravest first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from stewards.page.gather import FeedState, Landed


@dataclass(frozen=True, slots=True)
class Task:
    """`what` is a word of the page; of the others those are set that it is about."""

    what: str
    feed: FeedState | None = None
    batch: Landed | None = None
    compared: Mapping[str, Any] | None = None
    referral: Mapping[str, Any] | None = None


def tasks(
    feeds: Sequence[FeedState], compared: Sequence[Mapping[str, Any]], referrals: Sequence[Mapping[str, Any]]
) -> Iterator[Task]:
    """Hubs that are away, referrals past their deadline, batches, differences nobody was asked about, late feeds."""
    yield from (Task("unreachable", feed) for feed in feeds if feed.error)
    yield from (Task("act_overdue", referral=each) for each in referrals if each["overdue"])
    yield from _judged(feeds, "act_refer", "refer")
    yield from _judged(feeds, "act_quarantine", "quarantined")
    put = {each["subject"] for each in referrals}
    for each in compared:
        if each["fresh"] and f"{each['kind']}:{each['name']}" not in put:
            yield Task("act_differences", compared=each)
    yield from _judged(feeds, "act_waiting", "waiting")
    yield from (Task("act_late", feed) for feed in feeds if feed.late)


def _judged(feeds: Sequence[FeedState], what: str, decision: str) -> Iterator[Task]:
    for feed in feeds:
        yield from (Task(what, feed, each) for each in feed.batches if each.decision == decision)
