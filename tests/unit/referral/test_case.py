"""The state machine of referrals, walked exhaustively. The table is the specification; so are the roads below."""

from __future__ import annotations

from datetime import timedelta

import pytest

from exchange.errors import HechuanError, InvalidInputError, PermissionDeniedError, WrongStateError
from exchange.ids import AgencyId
from exchange.referral.case import MOVES, OPEN, Referral, Role, State
from exchange.referral.move import LADDER, Act, Move
from exchange.referral.order import Order
from exchange.referral.step import apply
from exchange.trust.canonical import canonical
from tests.referrals import BUREAU, DAZHU, LIANGPING, START, STRANGER, SUCCESSOR, first, follow, make_order

WHO = {"i": LIANGPING, "h": DAZHU, "s": BUREAU, "n": SUCCESSOR, "x": STRANGER}
BY_ROLE = {Role.ISSUER: LIANGPING, Role.HANDLER: DAZHU, Role.SUPERVISOR: BUREAU, Role.SUCCESSOR: SUCCESSOR}
ROADS = {
    State.SENT: "",
    State.RECEIVED: "h:receive",
    State.ACCEPTED: "h:receive h:accept",
    State.RETURNED: "h:receive h:return",
    State.IN_WORK: "h:receive h:accept h:start",
    State.REPORTED: "h:receive h:accept h:start h:report",
    State.REOPENED: "h:receive h:accept h:start h:report i:reopen",
    State.APPROVED: "h:receive h:accept h:start h:report i:apply s:approve",
    State.WITHDRAWN: "i:withdraw",
}
GUARDED = {
    Act.APPROVE: "NOT_APPLIED",
    Act.GRANT_EXTENSION: "NO_EXTENSION",
    Act.REFUSE_EXTENSION: "NO_EXTENSION",
    Act.INTERVIEW: "LADDER",
    Act.CIRCULATE: "LADDER",
    Act.ACCOUNT: "LADDER",
}
"""Acts that the table allows but that need something to have gone before, and what is said where it has not."""


def play(words: str) -> Referral:
    known = apply(None, first(make_order()))
    for word in words.split():
        who, _, act = word.partition(":")
        known = apply(known, follow(known.moves[-1], Act(act), WHO[who]))
    return known


def reason(known: Referral, move: Move) -> str:
    """`ok`, or the reason or code of the refusal."""
    try:
        apply(known, move)
    except HechuanError as error:
        return error.detail.get("reason", error.code)
    return "ok"


def test_there_is_a_road_to_every_state() -> None:
    assert {state: play(road).state for state, road in ROADS.items()} == {state: state for state in State}


@pytest.mark.parametrize("act", [act for act in Act if act is not Act.SEND])
@pytest.mark.parametrize("state", list(State))
def test_every_state_and_act_by_everybody(state: State, act: Act) -> None:
    """Nine states, twenty acts, four roles and a stranger: what is not in the table has its named refusal."""
    road = ROADS[state] + ("" if state.final else " h:hand_over")
    known = play(road)
    anybody = any((state, role, act) in MOVES for role in Role)
    for role, agency in BY_ROLE.items():
        said = reason(known, follow(known.moves[-1], act, agency))
        if role is Role.SUCCESSOR and state.final:
            assert said == "NOT_A_PARTY"
        elif (state, role, act) in MOVES:
            expected = "INVALID_INPUT" if act is Act.HAND_OVER and role is not Role.HANDLER else "ok"
            assert said == GUARDED.get(act, expected), role
        else:
            assert said == ("WRONG_ROLE" if anybody else "NOT_NOW"), role
    assert reason(known, follow(known.moves[-1], act, STRANGER)) == "NOT_A_PARTY"


@pytest.mark.parametrize("state", list(State))
def test_a_legal_move_leads_where_the_table_says(state: State) -> None:
    for (before, role, act), after in MOVES.items():
        if before is not state:
            continue
        road = ROADS[state]
        if act is Act.TAKE_OVER:
            road += " h:hand_over"
        if act is Act.APPROVE:
            road += " i:apply"
        if act in (Act.GRANT_EXTENSION, Act.REFUSE_EXTENSION):
            road += " h:ask_extension"
        if act in LADDER:
            road += "".join(f" s:{step}" for step in LADDER[: LADDER.index(act)])
        known = play(road)
        by = AgencyId.parse("500000/next") if act is Act.HAND_OVER and role is not Role.HANDLER else SUCCESSOR
        more = {"to": by} if act is Act.HAND_OVER else {}
        move = follow(known.moves[-1], act, BY_ROLE[role], **more)
        assert apply(known, move).state is after, (before, role, act)


def test_the_first_move_is_the_issuers() -> None:
    order = make_order()
    for agency in (DAZHU, BUREAU, STRANGER):
        parties = tuple(sorted({*order.parties, agency}))
        with pytest.raises(PermissionDeniedError):
            apply(None, Move(order.id, Act.SEND, agency, parties, order.at, None, order))
    for act in set(Act) - {Act.SEND}:
        with pytest.raises(WrongStateError) as refused:
            apply(None, follow(first(order), act, DAZHU))
        assert refused.value.detail["reason"] == "NOT_BEGUN"


def test_an_order_comes_with_its_first_move_alone() -> None:
    order = make_order()
    with pytest.raises(InvalidInputError):
        Move(order.id, Act.SEND, LIANGPING, tuple(sorted(order.parties)), order.at, None)
    with pytest.raises(InvalidInputError):
        Move("0" * 32, Act.SEND, LIANGPING, tuple(sorted(order.parties)), order.at, None, order)
    with pytest.raises(InvalidInputError):
        follow(first(order), Act.RECEIVE, DAZHU, order=order)


@pytest.mark.parametrize(
    ("parties", "field"),
    [
        ({"handler": LIANGPING}, "handler"),
        ({"supervisor": DAZHU}, "supervisor"),
        ({"title": " "}, "title"),
        ({"days": 0}, "days"),
    ],
)
def test_orders_that_cannot_be(parties: dict[str, object], field: str) -> None:
    order = make_order()
    fields = {name: getattr(order, name) for name in order.__dataclass_fields__}
    with pytest.raises(InvalidInputError) as refused:
        Order(**{**fields, **parties})
    assert field in [item.field for item in refused.value.violations]


def test_an_issuer_that_is_its_own_supervisor_needs_not_apply() -> None:
    known = apply(None, first(make_order(supervisor=LIANGPING)))
    for act in (Act.RECEIVE, Act.ACCEPT, Act.START, Act.REPORT):
        known = apply(known, follow(known.moves[-1], act, DAZHU))
    assert known.awaited == {LIANGPING}
    assert apply(known, follow(known.moves[-1], Act.APPROVE, LIANGPING)).state is State.APPROVED


def test_an_extension_is_asked_for_once_and_moves_the_deadline_when_granted() -> None:
    known = play(f"{ROADS[State.IN_WORK]} h:ask_extension")
    assert LIANGPING in known.awaited
    assert reason(known, follow(known.moves[-1], Act.ASK_EXTENSION, DAZHU)) == "EXTENSION_PENDING"
    granted = apply(known, follow(known.moves[-1], Act.GRANT_EXTENSION, LIANGPING))
    assert known.extension is not None
    assert (granted.due, granted.extension) == (known.extension.due, None)
    refused = apply(known, follow(known.moves[-1], Act.REFUSE_EXTENSION, LIANGPING))
    assert (refused.due, refused.extension) == (known.due, None)
    early = follow(granted.moves[-1], Act.ASK_EXTENSION, DAZHU, due=known.due)
    assert reason(granted, early) == "INVALID_INPUT"


def test_reopening_may_set_a_new_term_and_needs_a_new_application() -> None:
    known = play(f"{ROADS[State.REPORTED]} i:apply")
    later = known.due + timedelta(days=7)
    again = apply(known, follow(known.moves[-1], Act.REOPEN, BUREAU, days=5, due=later))
    assert (again.due, again.applied, again.deadline) == (later, False, later)


def test_the_ladder_is_climbed_step_by_step() -> None:
    known = play(ROADS[State.IN_WORK])
    for level, act in enumerate(LADDER):
        for other in set(LADDER) - {act}:
            assert reason(known, follow(known.moves[-1], other, BUREAU)) == "LADDER"
        known = apply(known, follow(known.moves[-1], act, BUREAU))
        assert known.level == level + 1
    assert {reason(known, follow(known.moves[-1], act, BUREAU)) for act in LADDER} == {"LADDER"}
    with pytest.raises(InvalidInputError):
        follow(known.moves[-1], Act.REMIND, BUREAU, person=" ")


def test_a_desk_changes_hands_under_both_signatures() -> None:
    known = play(f"{ROADS[State.IN_WORK]} h:hand_over")
    assert known.desks[Role.HANDLER] == DAZHU
    assert known.awaited == {DAZHU, SUCCESSOR}
    taken = apply(known, follow(known.moves[-1], Act.TAKE_OVER, SUCCESSOR))
    assert (taken.desks[Role.HANDLER], taken.awaited) == (SUCCESSOR, {SUCCESSOR})
    assert reason(taken, follow(taken.moves[-1], Act.REPORT, DAZHU)) == "NOT_A_PARTY"
    assert apply(taken, follow(taken.moves[-1], Act.REPORT, SUCCESSOR)).state is State.REPORTED
    assert DAZHU in taken.parties


@pytest.mark.parametrize("to", [LIANGPING, BUREAU, DAZHU, AgencyId.parse("500000/water")])
def test_a_successor_is_new_to_it_and_of_the_same_jurisdiction(to: AgencyId) -> None:
    known = play(ROADS[State.IN_WORK])
    assert reason(known, follow(known.moves[-1], Act.HAND_OVER, DAZHU, to=to)) == "INVALID_INPUT"


def test_a_move_names_all_parties_and_no_other_hub() -> None:
    known = play("")
    move = follow(known.moves[-1], Act.RECEIVE, DAZHU)
    fewer = Move(move.referral, move.act, move.by, (DAZHU,), move.at, move.previous)
    more = follow(known.moves[-1], Act.RECEIVE, DAZHU)
    foreign = tuple(sorted({*more.parties, AgencyId.parse("520000/water")}))
    elsewhere = Move(more.referral, more.act, more.by, foreign, more.at, more.previous)
    assert reason(known, fewer) == reason(known, elsewhere) == "INVALID_INPUT"


def test_nothing_leads_out_of_an_end() -> None:
    for state in (State.APPROVED, State.WITHDRAWN):
        assert state not in OPEN
        known = play(ROADS[state])
        assert known.awaited == frozenset()
        assert known.deadline is None


def test_what_is_signed_reads_back() -> None:
    known = play(f"{ROADS[State.IN_WORK]} h:ask_extension h:hand_over")
    for move in known.moves:
        assert Move.parse(canonical(move.to_json())) == move
    assert known.order.at == START
