"""A report's way to both signatures: what may follow what, whatever the order in which hubs hear of it."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from exchange.errors import (
    HechuanError,
    InvalidInputError,
    MalformedError,
    PermissionDeniedError,
    WrongStateError,
)
from exchange.ids import AgencyId, digest_of
from exchange.review.case import Review, State, applied, fold
from exchange.review.draft import Draft
from exchange.review.move import Act, Move
from exchange.trust.canonical import canonical

NOON = datetime(2026, 4, 5, 4, tzinfo=UTC)
LEFT, RIGHT = AgencyId.parse("500000/joint-office"), AgencyId.parse("510000/joint-office")
STRANGER = AgencyId.parse("520000/joint-office")


def draft(text: str = "one", **changed: Any) -> Draft:
    given: dict[str, Any] = {
        "title": "铜钵河",
        "period": "2026-03",
        "digest": digest_of(text.encode()),
        "forms": {"report.pdf": digest_of(b"pdf")},
        "signatories": (LEFT, RIGHT),
    }
    return Draft(**{**given, **changed})


def submitted(
    of: Draft | None = None, previous: Move | None = None, minutes: int = 0, by: AgencyId = LEFT
) -> Move:
    of = of or draft()
    report = previous.report if previous else of.id
    at = NOON + timedelta(minutes=minutes)
    return Move(report, Act.SUBMIT, by, of.signatories, at, previous.digest if previous else None, of)


def step(upon: Move, act: Act, by: AgencyId, minutes: int) -> Move:
    person = "王处长" if act is Act.SIGN else ""
    text = "补充" if act is Act.REMARK else ""
    at = NOON + timedelta(minutes=minutes)
    return Move(upon.report, act, by, upon.parties, at, upon.digest, person=person, text=text)


FIRST = submitted()


def folded(*moves: Move) -> Review:
    standing, _ = fold(moves)
    assert standing is not None
    return standing


def test_both_sign_at_once() -> None:
    left, right = step(FIRST, Act.SIGN, LEFT, 5), step(FIRST, Act.SIGN, RIGHT, 5)
    assert folded(FIRST).awaited == (LEFT, RIGHT)
    assert folded(FIRST, right).awaited == (LEFT,)
    both = folded(FIRST, left, right)
    assert (both.state, both.awaited, both.signed_at) == (State.SIGNED, (), left.at)


def test_a_revision_begins_anew() -> None:
    remark, signed = step(FIRST, Act.REMARK, RIGHT, 3), step(FIRST, Act.SIGN, LEFT, 4)
    second = submitted(draft("two"), FIRST, 6)
    found = folded(FIRST, remark, signed, second)
    assert (found.id, len(found.versions), found.signed, found.remarks) == (FIRST.report, 2, {}, (remark,))
    assert found.draft.digest == digest_of(b"two")
    with pytest.raises(WrongStateError, match="older version"):
        applied(found, step(FIRST, Act.SIGN, RIGHT, 8))


@pytest.mark.parametrize(
    ("move", "error", "said"),
    [
        (step(FIRST, Act.SIGN, STRANGER, 5), PermissionDeniedError, "no party"),
        (submitted(draft("two"), FIRST, 5, RIGHT), PermissionDeniedError, "revises or withdraws"),
        (step(FIRST, Act.WITHDRAW, RIGHT, 5), PermissionDeniedError, "revises or withdraws"),
        (step(FIRST, Act.SIGN, RIGHT, -1), InvalidInputError, "later than"),
        (submitted(draft("two", period="2026-04"), FIRST, 5), InvalidInputError, "same period"),
        (submitted(draft("two", signatories=(LEFT, STRANGER)), FIRST, 5), InvalidInputError, "do not change"),
        (submitted(draft("two", corrects="ab" * 16), FIRST, 5), InvalidInputError, "same period"),
    ],
)
def test_what_is_refused(move: Move, error: type[HechuanError], said: str) -> None:
    with pytest.raises(error, match=said):
        applied(folded(FIRST), move)


def test_nothing_leads_out_of_an_end() -> None:
    signed = folded(FIRST, step(FIRST, Act.SIGN, LEFT, 5), step(FIRST, Act.SIGN, RIGHT, 6))
    withdrawn = folded(FIRST, step(FIRST, Act.WITHDRAW, LEFT, 5))
    for ended in (signed, withdrawn):
        for move in (
            submitted(draft("two"), FIRST, 9),
            step(FIRST, Act.REMARK, RIGHT, 9),
            step(FIRST, Act.SIGN, LEFT, 9),
        ):
            with pytest.raises(WrongStateError, match="erratum"):
                applied(ended, move)
    with pytest.raises(WrongStateError, match="submit one first"):
        applied(None, step(FIRST, Act.SIGN, LEFT, 5))
    with pytest.raises(WrongStateError, match="has signed"):
        applied(folded(FIRST, step(FIRST, Act.SIGN, LEFT, 5)), step(FIRST, Act.SIGN, LEFT, 7))


def test_hubs_that_hear_in_any_order_end_alike() -> None:
    second = submitted(draft("two"), FIRST, 6)
    moves = [
        FIRST,
        step(FIRST, Act.SIGN, RIGHT, 5),
        second,
        step(FIRST, Act.SIGN, LEFT, 7),  # crossed by the revision
        step(second, Act.SIGN, RIGHT, 8),
    ]
    found = [fold(order) for order in itertools.permutations(moves)]
    assert all(each == found[0] for each in found)
    standing, aside = found[0]
    assert standing is not None
    assert (standing.awaited, aside) == ((LEFT,), {moves[3].digest: WrongStateError.code})
    # what answers a step that has not come yet waits
    assert fold([FIRST, step(second, Act.SIGN, RIGHT, 8)])[1] == {
        step(second, Act.SIGN, RIGHT, 8).digest: "WAITING"
    }


@pytest.mark.parametrize("move", [FIRST, step(FIRST, Act.SIGN, LEFT, 5), step(FIRST, Act.REMARK, RIGHT, 5)])
def test_a_step_reads_as_it_was_written(move: Move) -> None:
    assert Move.parse(canonical(move.to_json())) == move


@pytest.mark.parametrize("member", sorted(FIRST.to_json()))
@pytest.mark.parametrize("put", [None, 5, [], {}, "x", ["x"], {"a": 1}])
def test_payloads_that_are_refused(member: str, put: object) -> None:
    value = FIRST.to_json()
    if value[member] == put or (member in ("person", "text") and isinstance(put, str)):
        return
    with pytest.raises(HechuanError):
        Move.parse(canonical({**value, member: put}))


def test_drafts_that_are_refused() -> None:
    with pytest.raises(InvalidInputError, match="two jurisdictions"):
        draft(signatories=(LEFT, AgencyId.parse("500000/ecology")))
    with pytest.raises(InvalidInputError, match="title"):
        draft(title=" ")
    value = draft().to_json()
    wrong: list[dict[str, Any]] = [
        {"forms": {"../x": digest_of(b"")}},
        {"forms": []},
        {"corrects": "zz"},
        {"digest": "sha256:x"},
    ]
    for changed in wrong:
        with pytest.raises(MalformedError):
            Draft.from_json({**value, **changed})
    with pytest.raises(HechuanError):
        Draft.from_json({**value, "forms": {f"report.f{at}": digest_of(b"") for at in range(17)}})
