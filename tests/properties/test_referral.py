"""Referrals on two hubs: whatever is done on either side, and however messages fare, both ledgers end equal."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from exchange.errors import HechuanError
from exchange.ids import AgencyId
from exchange.referral.custody import check_links, custody
from exchange.referral.history import History, fold, grown
from exchange.referral.move import Act, Move
from exchange.trust.canonical import canonical
from tests.referrals import (
    BUREAU,
    DAZHU,
    LIANGPING,
    STRANGER,
    SUCCESSOR,
    LocalHub,
    Now,
    first,
    follow,
    make_order,
)

ACTORS = (LIANGPING, BUREAU, DAZHU, SUCCESSOR)
LATER = [act for act in Act if act is not Act.SEND]
# what both sides usually do next comes up often enough to get anywhere
STEPS = [
    Act.RECEIVE,
    Act.ACCEPT,
    Act.START,
    Act.REPORT,
    Act.APPLY,
    Act.APPROVE,
    Act.REOPEN,
    Act.WITHDRAW,
    Act.NOTE,
]


@dataclass(frozen=True)
class Try:
    """An agency tries an act at its own hub, upon what that hub knows, some seconds later."""

    by: AgencyId
    act: Act
    seconds: int


@dataclass(frozen=True)
class Deliver:
    """One hub's statement number `at` reaches the other hub; perhaps again, perhaps before earlier ones."""

    eastward: bool
    at: int


TRIES = st.builds(
    Try,
    st.sampled_from(ACTORS),
    st.one_of(st.sampled_from(STEPS), st.sampled_from(LATER)),
    st.integers(1, 50),
)
DELIVERIES = st.builds(Deliver, st.booleans(), st.integers(0, 20))
HISTORIES = st.lists(st.one_of(TRIES, DELIVERIES, DELIVERIES), max_size=30)


@contextmanager
def two_hubs() -> Iterator[tuple[LocalHub, LocalHub]]:
    with tempfile.TemporaryDirectory() as root:
        clock = Now()
        hubs = [LocalHub(code, Path(root) / code, clock) for code in ("500000", "510000")]
        try:
            yield hubs[0], hubs[1]
        finally:
            for hub in hubs:
                hub.close()


def attempt(hub: LocalHub, referral: str, step: Try) -> None:
    """Make the move if the hub takes it; a refusal leaves nothing behind."""
    history = hub.book.history(referral)
    hub.clock.time += timedelta(seconds=step.seconds)
    if history is None or history.standing is None:
        return
    before = hub.ids()
    last = history.moves[history.standing.head]
    more: dict[str, object] = {"at": hub.clock.time}
    if step.act is Act.HAND_OVER and step.by.jurisdiction == "500000":
        more["to"] = AgencyId.parse("500000/next")
    if step.act is Act.ASK_EXTENSION:
        more |= {"days": 1, "due": hub.desk.extended(history.standing.due, 1).instant}
    try:
        hub.submit(follow(last, step.act, step.by, **more))  # type: ignore[arg-type]
    except HechuanError:
        assert hub.ids() == before


def deliver(source: LocalHub, target: LocalHub, at: int) -> None:
    records = source.records()
    if at < len(records):
        target.hear(records[at], source)


def settle(chongqing: LocalHub, sichuan: LocalHub) -> None:
    """Everything arrives in the end, as a ledger that is followed gives it."""
    for _ in range(2):
        sichuan.hear_all(chongqing)
        chongqing.hear_all(sichuan)


@settings(max_examples=15, deadline=None)
@given(HISTORIES)
def test_both_ledgers_end_equal(steps: Sequence[Try | Deliver]) -> None:
    with two_hubs() as (chongqing, sichuan):
        order = make_order(chongqing.clock.time)
        chongqing.submit(first(order))
        for step in steps:
            if isinstance(step, Try):
                hub = chongqing if step.by.jurisdiction == "500000" else sichuan
                attempt(hub, order.id, step)
            elif step.eastward:
                deliver(sichuan, chongqing, step.at)
            else:
                deliver(chongqing, sichuan, step.at)
        settle(chongqing, sichuan)
        assert chongqing.ids() == sichuan.ids()
        both = [hub.book.history(order.id) for hub in (chongqing, sichuan)]
        assert both[0] == both[1]
        assert both[0] is not None
        assert not both[0].waiting
        assert chongqing.book.get(order.id).moves[0].order == order
        links = custody(list(both[0].moves.values()))
        assert links == custody(list(both[0].moves.values())[::-1])
        standing = both[0].standing
        assert standing is not None
        check_links([canonical(move.to_json()) for move in standing.moves])


WORDS = st.lists(
    st.tuples(
        st.sampled_from((*ACTORS, STRANGER)), st.sampled_from(LATER), st.integers(0, 8), st.integers(1, 9)
    ),
    max_size=14,
)


def branching(words: Sequence[tuple[AgencyId, Act, int, int]]) -> list[Move]:
    """Moves upon any earlier move, legal or not."""
    moves = [first(make_order())]
    for by, act, upon, minutes in words:
        last = moves[upon % len(moves)]
        more = {"at": last.at + timedelta(minutes=minutes)}
        moves.append(follow(last, act, by, **more))
    return moves


@settings(max_examples=100, deadline=None)
@given(WORDS, st.randoms(use_true_random=False))
def test_what_moves_amount_to_does_not_depend_on_their_order(
    words: Sequence[tuple[AgencyId, Act, int, int]], random: object
) -> None:
    moves = branching(words)
    expected = fold(moves)
    shuffled = [*moves, *moves[:3]]
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    step_by_step = History()
    for move in shuffled:
        step_by_step = grown(step_by_step, move)
    assert step_by_step == expected == fold(shuffled)
    assert not expected.waiting


@settings(max_examples=100, deadline=None)
@given(WORDS, st.integers(1, 14))
def test_what_follows_a_lost_move_waits_for_it(
    words: Sequence[tuple[AgencyId, Act, int, int]], lost: int
) -> None:
    moves = branching(words)
    gone = moves[lost % len(moves)]
    left = fold([move for move in moves if move.digest != gone.digest])
    behind = {gone.digest}
    for move in moves:
        if move.previous in behind:
            behind.add(move.digest)
    assert left.waiting == behind - {gone.digest}
    assert fold([*left.moves.values(), gone]) == fold(moves)
