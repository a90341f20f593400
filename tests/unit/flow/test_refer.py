"""Referrals through ledgers: every state, move and role on one hub and across two; deadlines and what a hub asks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from exchange.errors import HechuanError, InvalidInputError, NotFoundError, PermissionDeniedError
from exchange.flow.entry import record_of
from exchange.flow.recheck import LedgerCheck, Problems
from exchange.ids import AgencyId, digest_of
from exchange.referral.case import MOVES, Referral, Role, State
from exchange.referral.move import LADDER, Act, Attachment, Move
from exchange.referral.order import Kind, Order
from tests.referrals import (
    BUREAU,
    DAZHU,
    KEYS,
    LIANGPING,
    STRANGER,
    SUCCESSOR,
    TWINS,
    LocalHub,
    Now,
    due,
    first,
    follow,
    make_order,
)
from tests.unit.referral.test_case import BY_ROLE, GUARDED, ROADS, WHO


class Pair:
    """Where each agency speaks, and whose names they bear: one hub, or two that hear of each other at once."""

    def __init__(self, root: Path, two: bool) -> None:
        self.clock = Now()
        self.two = two
        self.hubs = [LocalHub("500000", root / "500000", self.clock)]
        if two:
            self.hubs.append(LocalHub("510000", root / "510000", self.clock))

    def name(self, agency: AgencyId) -> AgencyId:
        return agency if self.two else TWINS.get(agency, agency)

    def hub(self, agency: AgencyId) -> LocalHub:
        return next(hub for hub in self.hubs if hub.jurisdiction == self.name(agency).jurisdiction)

    def begin(self) -> Move:
        self.clock.time += timedelta(seconds=1)
        return self.make(first(make_order(self.clock.time, handler=self.name(DAZHU))))

    def make(self, move: Move) -> Move:
        hub = self.hub(move.by)
        hub.submit(move)
        for other in self.hubs:
            if other is not hub:
                other.hear(hub.records()[-1], hub)
        return move

    def next(self, last: Move, act: Act, by: AgencyId) -> Move:
        self.clock.time += timedelta(seconds=1)
        more: dict[str, object] = {"at": self.clock.time}
        if act is Act.HAND_OVER:
            own = AgencyId(by.jurisdiction, f"{by.name}-next")
            more["to"] = self.name(SUCCESSOR) if by == DAZHU else own
        if act is Act.ASK_EXTENSION:
            known = self.known(last.referral)
            more |= {"days": 1, "due": self.hubs[0].desk.extended(known.due, 1).instant}
        return follow(last, act, self.name(by), **more)  # type: ignore[arg-type]

    def play(self, words: str) -> Move:
        last = self.begin()
        for word in words.split():
            who, _, act = word.partition(":")
            last = self.make(self.next(last, Act(act), WHO[who]))
        return last

    def known(self, referral: str) -> Referral:
        found = [hub.book.get(referral) for hub in self.hubs]
        assert all(each == found[0] for each in found)
        return found[0]

    def close(self) -> None:
        for hub in self.hubs:
            hub.close()


@pytest.fixture(scope="module", params=[False, True], ids=["one hub", "two hubs"])
def pair(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    made = Pair(tmp_path_factory.mktemp("refer"), request.param)
    yield made
    made.close()


@pytest.mark.parametrize("state", list(State))
def test_what_is_illegal_is_refused_by_name_and_leaves_no_trace(pair: Pair, state: State) -> None:
    last = pair.play(ROADS[state])
    before = [hub.ids() for hub in pair.hubs]
    for act in set(Act) - {Act.SEND}:
        anybody = any((state, role, act) in MOVES for role in Role)
        for role, agency in [*BY_ROLE.items(), (None, STRANGER)]:
            if (state, role, act) in MOVES and act not in GUARDED and role is not Role.SUCCESSOR:
                continue
            with pytest.raises(HechuanError) as refused:
                pair.hub(agency).submit(pair.next(last, act, agency))
            expected = GUARDED.get(act, "") if (state, role, act) in MOVES else ""
            outsider = role in (None, Role.SUCCESSOR)
            expected = "NOT_A_PARTY" if outsider else expected or ("WRONG_ROLE" if anybody else "NOT_NOW")
            assert refused.value.detail["reason"] == expected, (state, role, act)
    assert [hub.ids() for hub in pair.hubs] == before
    assert pair.known(last.referral).state is state


@pytest.mark.parametrize("state", [state for state in State if not state.final])
def test_what_is_legal_stands_in_every_ledger(pair: Pair, state: State) -> None:
    """Moves that leave the state as it is are made one after the other; each of the others on a referral of its own."""
    staying = pair.play(ROADS[state])
    for act in Act:
        for role in Role:
            after = MOVES.get((state, role, act))
            if after is None or act in LADDER:
                continue
            last = staying if after is state else pair.play(ROADS[state])
            if act is Act.APPROVE:
                last = pair.make(pair.next(last, Act.APPLY, LIANGPING))
            if act in (Act.GRANT_EXTENSION, Act.REFUSE_EXTENSION) and not pair.known(last.referral).extension:
                last = pair.make(pair.next(last, Act.ASK_EXTENSION, DAZHU))
            last = pair.make(pair.next(last, act, BY_ROLE[role]))
            staying = last if after is state else staying
            assert pair.known(last.referral).state is after, (state, role, act)
    if pair.two:
        assert pair.hubs[0].ids() == pair.hubs[1].ids()


def test_the_ladder_is_proposed_by_the_rule_and_taken_by_persons(pair: Pair) -> None:
    """On the last day nothing is proposed; a reminder at midnight, the rest after 3, 5 and 10 working days."""
    last = pair.play(ROADS[State.IN_WORK])
    known, desk = pair.known(last.referral), pair.hub(BUREAU).desk
    end = known.due
    assert desk.proposed(known, end - timedelta(seconds=1)) is None
    assert desk.days_left(known, end - timedelta(seconds=1)) == 0
    for act, days in zip(LADDER, (0, 3, 5, 10), strict=True):
        first_day = end if not days else due(end - timedelta(seconds=1), days) - timedelta(hours=24)
        proposal = desk.proposed(known, first_day)
        assert proposal is not None
        assert proposal.act is act
        if days:
            assert desk.proposed(known, first_day - timedelta(seconds=1)) is None
        pair.clock.time = first_day
        last = pair.make(pair.next(last, act, BUREAU))
        known = pair.known(last.referral)
    assert known.level == len(LADDER)
    assert desk.proposed(known, pair.clock.time + timedelta(days=60)) is None


def test_what_nothing_proposes_is_not_taken(pair: Pair) -> None:
    last = pair.play(ROADS[State.IN_WORK])
    with pytest.raises(HechuanError) as refused:
        pair.hub(BUREAU).submit(pair.next(last, Act.REMIND, BUREAU))
    assert refused.value.detail["reason"] == "NOT_PROPOSED"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"days": 14}, "due"),
        ({"days": 16}, "due"),
    ],
)
def test_an_orders_deadlines_are_the_calendars(pair: Pair, change: dict[str, int], field: str) -> None:
    order = make_order(pair.clock.time, handler=pair.name(DAZHU))
    fields = {name: getattr(order, name) for name in order.__dataclass_fields__}
    wrong = type(order)(**{**fields, **change})
    with pytest.raises(InvalidInputError) as refused:
        pair.hub(LIANGPING).submit(first(wrong))
    assert [item.field for item in refused.value.violations] == [field]


def test_extensions_have_an_end(pair: Pair) -> None:
    last = pair.play(ROADS[State.IN_WORK])
    desk, most = pair.hubs[0].desk, 30
    known = pair.known(last.referral)
    asked = {"days": most, "due": desk.extended(known.due, most).instant}
    pair.clock.time += timedelta(seconds=1)
    last = pair.make(follow(last, Act.ASK_EXTENSION, pair.name(DAZHU), pair.clock.time, **asked))
    last = pair.make(pair.next(last, Act.GRANT_EXTENSION, LIANGPING))
    assert pair.known(last.referral).due == asked["due"]
    with pytest.raises(InvalidInputError):
        pair.hub(DAZHU).submit(pair.next(last, Act.ASK_EXTENSION, DAZHU))


def test_an_attachment_is_named_by_who_has_put_it(pair: Pair, tmp_path: Path) -> None:
    hub = pair.hub(LIANGPING)
    last = pair.begin()
    data = b"evidence"
    item = Attachment(digest_of(data), len(data), "text/plain", "evidence.txt")
    hub.objects.put_bytes(data, item.digest)  # somebody else's bytes, whose digest is no secret
    note = pair.next(last, Act.NOTE, LIANGPING)
    named = replace(note, attachments=(item,))
    with pytest.raises(NotFoundError):
        hub.submit(named)
    incoming = hub.attachments.incoming(LIANGPING)
    incoming.write(data)
    assert hub.attachments.keep(incoming, LIANGPING) == item.digest
    pair.make(named)
    known = pair.known(last.referral)
    found, chunks = hub.attachments.open(known, BUREAU, item.digest)
    assert (found, b"".join(chunks)) == (item, data)
    with pytest.raises(PermissionDeniedError):
        hub.attachments.open(known, pair.name(STRANGER), item.digest)


def test_a_ledger_with_referrals_follows_from_its_entries(pair: Pair) -> None:
    pair.play(ROADS[State.APPROVED])
    for hub in pair.hubs:
        problems = Problems()
        walk = LedgerCheck(hub.ledger, [hub.log], record_of, problems)
        assert sum(len(page) for page in walk.advance(hub.ledger.head().size)) == hub.ledger.head().size
        assert walk.finish()
        assert problems.found == []


def test_who_speaks_elsewhere_or_for_another_is_not_heard(pair: Pair) -> None:
    order = first(make_order(pair.clock.time, handler=pair.name(DAZHU)))
    sealed = order.signed(KEYS[LIANGPING]).to_json_bytes()
    with pytest.raises(PermissionDeniedError):
        pair.hubs[0].statements.submit(BUREAU, sealed)
    with pytest.raises(HechuanError):
        pair.hubs[-1].statements.submit(LIANGPING, order.signed(KEYS[BUREAU]).to_json_bytes())
    pair.clock.time += timedelta(hours=1)
    with pytest.raises(InvalidInputError):
        pair.hubs[0].statements.submit(LIANGPING, sealed)


def test_the_same_move_again_is_one_entry(pair: Pair) -> None:
    move = first(make_order(pair.clock.time, handler=pair.name(DAZHU)))
    hub = pair.hub(LIANGPING)
    once, again = hub.submit(move), hub.submit(move)
    assert (once.duplicate, again.duplicate) == (False, True)
    assert once.receipt == again.receipt


def test_a_warning_is_acknowledged_within_the_hour_or_a_reminder_is_proposed(pair: Pair) -> None:
    at = pair.clock.time
    order = make_order(at, handler=pair.name(DAZHU))
    fields = {name: getattr(order, name) for name in order.__dataclass_fields__}
    warning = replace_order(fields, at)
    last = pair.make(first(warning))
    desk, known = pair.hub(BUREAU).desk, pair.known(last.referral)
    late = warning.acknowledge_by
    assert late - at == timedelta(minutes=60)
    assert desk.proposed(known, late - timedelta(seconds=1)) is None
    proposal = desk.proposed(known, late)
    assert proposal is not None
    assert proposal.act is Act.REMIND
    pair.clock.time = late
    last = pair.make(pair.next(last, Act.REMIND, BUREAU))
    last = pair.make(pair.next(last, Act.RECEIVE, DAZHU))
    known = pair.known(last.referral)
    assert (known.level, known.deadline) == (1, warning.due)
    assert desk.proposed(known, pair.clock.time) is None


def replace_order(fields: dict[str, object], at: datetime) -> Order:
    """The same order as a warning, with the deadlines of one."""
    changed = {
        "kind": Kind.WARNING,
        "acknowledge_by": at + timedelta(minutes=60),
        "days": 3,
        "due": due(at, 3),
    }
    return Order(**{**fields, **changed})  # type: ignore[arg-type]
