"""Settlements: every way to an end bears both signatures, and the same moves amount to the same in any order."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations

import pytest

from exchange.errors import (
    HechuanError,
    InvalidInputError,
    MalformedError,
    PermissionDeniedError,
    WrongStateError,
)
from exchange.ids import AgencyId
from exchange.settlement.case import Settlement, State, applied, fold
from exchange.settlement.move import Act, Move
from exchange.trust.canonical import canonical
from tests.settlements import ARBITER, LEFT, RIGHT, matter, move

Steps = list[tuple[Act, AgencyId, str | None]]
BEGUN: Steps = [(Act.PROPOSE, LEFT, "0.62")]
DISPUTED: Steps = [*BEGUN, (Act.DISPUTE, RIGHT, None), (Act.ACCEPT, LEFT, None)]


def moves(steps: Steps) -> list[Move]:
    found: list[Move] = []
    for act, by, value in steps:
        found.append(move(found[-1] if found else None, act, by, value))
    return found


def after(steps: Steps) -> Settlement:
    standing: Settlement | None = None
    for each in moves(steps):
        standing = applied(standing, each)
    assert standing is not None
    return standing


@pytest.mark.parametrize(
    ("steps", "state", "value", "awaited"),
    [
        (BEGUN, State.PROPOSED, "0.62", RIGHT),
        ([*BEGUN, (Act.ACCEPT, RIGHT, None)], State.AGREED, "0.62", None),
        ([*BEGUN, (Act.PROPOSE, RIGHT, "0.6")], State.PROPOSED, "0.6", LEFT),
        ([*BEGUN, (Act.PROPOSE, RIGHT, "0.6"), (Act.ACCEPT, LEFT, None)], State.AGREED, "0.6", None),
        ([*BEGUN, (Act.DISPUTE, RIGHT, None)], State.DISPUTING, "0.62", LEFT),
        (DISPUTED, State.DISPUTED, "0.62", ARBITER),
        ([*DISPUTED, (Act.ARBITRATE, ARBITER, "0.5")], State.ARBITRATED, "0.5", None),
        ([*DISPUTED, (Act.PROPOSE, RIGHT, "0.6"), (Act.ACCEPT, LEFT, None)], State.AGREED, "0.6", None),
    ],
)
def test_where_steps_lead(steps: Steps, state: State, value: str, awaited: AgencyId | None) -> None:
    found = after(steps)
    assert (found.state, found.value, found.awaited) == (state, value, awaited)
    assert found.state.settles == (state in (State.AGREED, State.ARBITRATED))
    if found.state in (State.AGREED, State.DISPUTED):
        assert {each.by for each in found.moves} >= {LEFT, RIGHT}


@pytest.mark.parametrize(
    ("steps", "error"),
    [
        ([(Act.PROPOSE, ARBITER, "0.6")], PermissionDeniedError),
        ([*BEGUN, (Act.ACCEPT, LEFT, None)], WrongStateError),
        ([*BEGUN, (Act.ACCEPT, ARBITER, None)], PermissionDeniedError),
        ([*BEGUN, (Act.ARBITRATE, ARBITER, "0.5")], WrongStateError),
        ([*BEGUN, (Act.DISPUTE, RIGHT, None), (Act.ARBITRATE, ARBITER, "0.5")], WrongStateError),
        ([*DISPUTED, (Act.ARBITRATE, LEFT, "0.5")], PermissionDeniedError),
        ([*BEGUN, (Act.ACCEPT, RIGHT, None), (Act.PROPOSE, LEFT, "0.6")], WrongStateError),
        ([*DISPUTED, (Act.ARBITRATE, ARBITER, "0.5"), (Act.PROPOSE, LEFT, "0.6")], WrongStateError),
    ],
)
def test_what_is_not_allowed(steps: Steps, error: type[HechuanError]) -> None:
    with pytest.raises(error):
        after(steps)


def test_the_fold_does_not_depend_on_the_order() -> None:
    made = moves([*DISPUTED, (Act.ARBITRATE, ARBITER, "0.5")])
    crossing = move(made[2], Act.PROPOSE, LEFT, "0.6", minutes=2)
    folds = [fold(each) for each in permutations([*made, crossing])]
    assert all(found == folds[0] for found in folds)
    standing, aside = folds[0]
    assert standing is not None
    assert (standing.state, standing.value) == (State.ARBITRATED, "0.5")
    assert aside == {crossing.digest: "WRONG_STATE"}


def test_what_follows_nothing_yet_waits() -> None:
    first, second, third = moves(DISPUTED)
    standing, aside = fold([first, third])
    assert standing is not None
    assert (standing.state, aside) == (State.PROPOSED, {third.digest: "WAITING"})
    whole, aside = fold([third, first, second])
    assert whole is not None
    assert (whole.state, aside) == (State.DISPUTED, {})


def test_a_payload_reads_back_and_nothing_else_does() -> None:
    first, second = moves(DISPUTED)[:2]
    for each in (first, second):
        assert Move.parse(canonical(each.to_json())) == each
    for changed in ({"value": "much"}, {"value": "NaN"}, {"act": "agree"}, {"v": 2}, {"settlement": "x"}):
        with pytest.raises(MalformedError):
            Move.parse(canonical({**first.to_json(), **changed}))
    with pytest.raises(InvalidInputError):
        replace(first, settlement="ab" * 16)
    with pytest.raises(InvalidInputError):
        matter(right=LEFT)
    with pytest.raises(InvalidInputError):
        matter(left_value=None, left_at=None, right_value=None, right_at=None)
