"""An inbox that is kept in order is what sorting everything gives, whatever came in between."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import timedelta
from typing import Final

from exchange.flow.inbox import Inbox
from exchange.referral.case import Referral, State
from exchange.referral.step import apply
from tests.referrals import BUREAU, DAZHU, LIANGPING, START, STRANGER, SUCCESSOR, first, make_order

DESKS: Final = (LIANGPING, BUREAU, DAZHU, SUCCESSOR, STRANGER)


def changed(chance: random.Random, referral: Referral) -> Referral:
    return replace(
        referral,
        state=chance.choice(tuple(State)),
        # deadlines meet, so that ids decide
        due=START + timedelta(days=chance.randrange(4)),
        applied=chance.random() < 0.5,
        leaving={DAZHU: SUCCESSOR} if chance.random() < 0.2 else {},
    )


def test_in_order_whatever_comes() -> None:
    chance = random.Random(7)
    orders = [make_order(START + timedelta(seconds=at)) for at in range(40)]
    known = {order.id: apply(None, first(order)) for order in orders}
    inboxes = {desk: Inbox(desk) for desk in DESKS}
    for step in range(600):
        id = chance.choice(list(known))
        known[id] = changed(chance, known[id])
        for inbox in inboxes.values():
            inbox.put(id, known[id])
        if step % 20:
            continue
        seen = [each for each in known.values() if each.id in inboxes[BUREAU]]
        for desk, inbox in inboxes.items():
            for awaited, closed in ((True, False), (False, False), (False, True)):
                wanted = [
                    each for each in seen
                    if (closed or not each.state.final) and (not awaited or desk in each.awaited)
                ]  # fmt: skip
                wanted.sort(key=lambda each: (each.deadline or each.due, each.id))
                assert inbox.listed(awaited, closed) == wanted
        assert any(inboxes[DAZHU].listed(True, False)) or step < 40
