"""The state machine of agreements, move by move. The tables are the specification.

The scenarios follow the Dataspace Protocol's contract negotiation (message order, who may send what in which state, and
that anything else is an error which changes nothing); they are this project's own rows, not its conformance kit.
"""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime, timedelta
from itertools import permutations

import pytest

from exchange.agreement.move import Act, Move
from exchange.agreement.negotiation import MOVES, Negotiation, Side, State, begin, follow, signed_document
from exchange.agreement.terms import Terms
from exchange.errors import InvalidInputError, PermissionDeniedError, WrongStateError
from exchange.ids import AgencyId, ContractRef, DatasetId, digest_of
from exchange.trust.envelope import Signature

PROVIDER = AgencyId("500000", "ecology")
CONSUMER = AgencyId("510000", "water")
START = datetime(2026, 11, 2, tzinfo=UTC)
TERMS = Terms(
    agreement="0f" * 16,
    dataset=DatasetId(PROVIDER, "water-quality"),
    contract=ContractRef.parse("water-quality@1.0.0"),
    consumer=CONSUMER,
    columns=("section_code", "value"),
    row_filter="",
    purpose="联合监测",
    start=START,
    until=START + timedelta(days=90),
    mirror=False,
    onward=False,
)
AGENCIES = {"p": PROVIDER, "c": CONSUMER, "x": AgencyId("520000", "ecology")}
ACTS = {
    "request": Act.REQUEST, "offer": Act.OFFER, "accept": Act.ACCEPT, "agree": Act.AGREE,
    "verify": Act.VERIFY, "finalize": Act.FINALIZE, "suspend": Act.SUSPEND, "resume": Act.RESUME,
    "terminate": Act.TERMINATE,
}  # fmt: skip


def due(state: State, at: datetime) -> datetime:
    return at + timedelta(days=14)


def make(known: Negotiation | None, word: str, at: datetime) -> Move:
    """`c:request` and the like, answering what stands."""
    who, _, act = word.partition(":")
    signature = Signature("ed25519:" + "0" * 32, who.encode()) if ACTS[act].signs_terms else None
    terms = TERMS if ACTS[act].carries_terms else None
    return Move(TERMS.agreement, ACTS[act], AGENCIES[who], at, known and known.head, terms, signature, "")


def play(words: str) -> Negotiation | None:
    known: Negotiation | None = None
    for minute, word in enumerate(words.split()):
        move = make(known, word, START + timedelta(minutes=minute))
        known = begin(move, due) if known is None else follow(known, move, due)
    return known


SIGNED = "c:request p:agree c:verify"
FORCE = f"{SIGNED} p:finalize"
LEGAL = [
    # the consumer begins
    ("c:request", State.REQUESTED),
    ("c:request p:offer", State.OFFERED),
    ("c:request p:offer c:accept", State.ACCEPTED),
    ("c:request p:offer c:accept p:agree", State.AGREED),
    ("c:request p:offer c:accept p:agree c:verify", State.VERIFIED),
    ("c:request p:offer c:accept p:agree c:verify p:finalize", State.IN_FORCE),
    ("c:request p:agree", State.AGREED),
    (SIGNED, State.VERIFIED),
    (FORCE, State.IN_FORCE),
    # counter-offers, more than once
    ("c:request p:offer c:request", State.REQUESTED),
    ("c:request p:offer c:request p:offer c:request p:agree c:verify p:finalize", State.IN_FORCE),
    # the provider begins
    ("p:offer", State.OFFERED),
    ("p:offer c:request", State.REQUESTED),
    ("p:offer c:accept p:agree c:verify p:finalize", State.IN_FORCE),
    # either side ends it, at every stage
    *(
        (f"{words} {who}:terminate", State.TERMINATED)
        for words in (
            "c:request", "p:offer", "c:request p:offer c:accept", "c:request p:agree", SIGNED, FORCE,
            f"{FORCE} c:suspend", f"{FORCE} p:suspend",
        )
        for who in "cp"
    ),
    # suspension is each side's own
    (f"{FORCE} p:suspend", State.SUSPENDED),
    (f"{FORCE} p:suspend p:resume", State.IN_FORCE),
    (f"{FORCE} p:suspend c:suspend p:resume", State.SUSPENDED),
    (f"{FORCE} p:suspend c:suspend p:resume c:resume", State.IN_FORCE),
    (f"{FORCE} c:suspend c:resume c:suspend", State.SUSPENDED),
]  # fmt: skip


@pytest.mark.parametrize(("words", "state"), LEGAL)
def test_legal_moves(words: str, state: State) -> None:
    known = play(words)
    assert known is not None
    assert known.state is state


def test_every_pair_of_state_side_and_act_that_is_not_in_the_table_is_refused() -> None:
    """All of them: five pending states and two standing ones, two sides, nine acts."""
    roads = {
        State.REQUESTED: "c:request", State.OFFERED: "p:offer", State.ACCEPTED: "p:offer c:accept",
        State.AGREED: "c:request p:agree", State.VERIFIED: SIGNED, State.IN_FORCE: FORCE,
        State.SUSPENDED: f"{FORCE} p:suspend",
    }  # fmt: skip
    free = {
        (state, side, act)
        for state in roads
        for side in Side
        for act in Act
        if act is Act.TERMINATE
        or (act is Act.SUSPEND and state is State.IN_FORCE)
        or (
            state is State.SUSPENDED
            and (side, act) in ((Side.PROVIDER, Act.RESUME), (Side.CONSUMER, Act.SUSPEND))
        )
    }
    refused = 0
    for state, road in roads.items():
        known = play(road)
        assert known is not None
        for side in Side:
            for act in Act:
                move = make(known, f"{side[0]}:{act.value}", START + timedelta(hours=1))
                if (state, side, act) in MOVES or (state, side, act) in free:
                    follow(known, move, due)
                    continue
                with pytest.raises(WrongStateError):
                    follow(known, move, due)
                refused += 1
    assert refused == 7 * 2 * 9 - (len(MOVES) - 2) - len(free)


@pytest.mark.parametrize("act", [act for act in Act if act is not Act.REQUEST])
def test_a_consumer_begins_with_a_request_only(act: Act) -> None:
    with pytest.raises((PermissionDeniedError, WrongStateError)):
        begin(make(None, f"c:{act.value}", START), due)


@pytest.mark.parametrize("act", [act for act in Act if act is not Act.OFFER])
def test_a_provider_begins_with_an_offer_only(act: Act) -> None:
    with pytest.raises((PermissionDeniedError, WrongStateError)):
        begin(make(None, f"p:{act.value}", START), due)


@pytest.mark.parametrize("act", list(Act))
def test_a_third_party_can_do_nothing(act: Act) -> None:
    known = play("c:request")
    assert known is not None
    with pytest.raises(PermissionDeniedError) as refused:
        follow(known, make(known, f"x:{act.value}", START + timedelta(hours=1)), due)
    assert refused.value.detail["reason"] == "NOT_A_PARTY"


@pytest.mark.parametrize("road", ["c:request p:terminate", f"{FORCE} c:terminate"])
@pytest.mark.parametrize("who", ["c", "p"])
@pytest.mark.parametrize("act", list(Act))
def test_nothing_leads_out_of_the_end(road: str, who: str, act: Act) -> None:
    known = play(road)
    assert known is not None
    with pytest.raises(WrongStateError) as refused:
        follow(known, make(known, f"{who}:{act.value}", START + timedelta(hours=1)), due)
    assert refused.value.detail["state"] == "terminated"


def test_an_answer_to_an_older_state_is_refused() -> None:
    known = play("c:request p:offer")
    assert known is not None
    stale = Move(
        TERMS.agreement, Act.ACCEPT, CONSUMER, START + timedelta(hours=1), digest_of(b"x"), None, None, ""
    )
    with pytest.raises(WrongStateError, match="older state"):
        follow(known, stale, due)


def test_an_answer_cannot_be_older_than_what_it_answers() -> None:
    known = play("c:request")
    assert known is not None
    with pytest.raises(InvalidInputError, match="not older"):
        follow(known, make(known, "p:agree", START - timedelta(seconds=1)), due)


def test_dataset_and_parties_do_not_change() -> None:
    known = play("p:offer")
    assert known is not None
    other = Terms.from_json({**TERMS.to_json(), "consumer": "510000/ecology"})
    move = Move(
        TERMS.agreement, Act.REQUEST, CONSUMER, START + timedelta(hours=1), known.head, other, None, ""
    )
    with pytest.raises(InvalidInputError, match="do not change"):
        follow(known, move, due)


def test_time_runs_out_by_itself() -> None:
    waiting, standing = play("c:request"), play(FORCE)
    assert waiting is not None
    assert standing is not None
    assert waiting.due == START + timedelta(days=14)
    assert waiting.state_at(START + timedelta(days=14)) is State.REQUESTED
    assert waiting.state_at(START + timedelta(days=14, seconds=1)) is State.LAPSED
    assert standing.grants_at(TERMS.until - timedelta(microseconds=1))
    assert standing.state_at(TERMS.until) is State.EXPIRED
    assert not standing.grants_at(TERMS.until)
    assert not standing.grants_at(START - timedelta(seconds=1))
    for known in (waiting, standing):
        with pytest.raises(WrongStateError):
            follow(known, make(known, "p:terminate", TERMS.until + timedelta(days=1)), due)


def test_crossing_moves_end_alike_on_both_hubs() -> None:
    """Whatever the order in which two hubs hear of moves made at once, they end in the same state."""
    standing = play(FORCE)
    assert standing is not None
    at = START + timedelta(hours=1)
    crossing = [make(standing, word, at) for word in ("p:suspend", "c:suspend", "c:terminate")]
    ends = set()
    for order in permutations(crossing):
        known = standing
        for move in order:
            with contextlib.suppress(WrongStateError):
                known = follow(known, move, due)
        ends.add(known.state)
    assert ends == {State.TERMINATED}


def test_both_signatures_make_one_document() -> None:
    signed, halfway = play(SIGNED), play("c:request p:agree")
    assert signed is not None
    assert halfway is not None
    assert signed_document(halfway) is None
    document = signed_document(signed)
    assert document is not None
    assert document.count(b'"sig"') == 2
