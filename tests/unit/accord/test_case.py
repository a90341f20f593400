"""Accords: what stands bears both signatures, and the same moves amount to the same in any order."""

from __future__ import annotations

import zlib
from base64 import b64encode
from dataclasses import replace
from itertools import permutations

import pytest

from exchange.accord.case import Accord, State, applied, fold
from exchange.accord.move import Act, Move
from exchange.accord.packed import MAX_DOCUMENT_BYTES, Packed
from exchange.errors import (
    HechuanError,
    InvalidInputError,
    LimitExceededError,
    MalformedError,
    PermissionDeniedError,
    WrongStateError,
)
from exchange.ids import AgencyId, digest_of
from exchange.trust.canonical import canonical
from exchange.trust.keys import SigningKey
from tests.accords import LEFT, OTHER, RIGHT, matter, move

Steps = list[tuple[Act, AgencyId, str]]
BEGUN: Steps = [(Act.PROPOSE, LEFT, "a")]
ACCEPTED: Steps = [*BEGUN, (Act.ACCEPT, RIGHT, "")]


def moves(steps: Steps) -> list[Move]:
    found: list[Move] = []
    for act, by, plan in steps:
        found.append(move(found[-1] if found else None, act, by, plan))
    return found


def after(steps: Steps) -> Accord:
    standing: Accord | None = None
    for each in moves(steps):
        standing = applied(standing, each)
    assert standing is not None
    return standing


def plan_of(found: Move | None) -> str:
    return found.plan.document().decode()[9:-2] if found and found.plan else ""


@pytest.mark.parametrize(
    ("steps", "state", "proposed", "standing", "awaited"),
    [
        (BEGUN, State.PROPOSED, "a", "", RIGHT),
        (ACCEPTED, State.ACCEPTED, "a", "a", None),
        ([*BEGUN, (Act.ASK, RIGHT, "")], State.ASKED, "a", "", LEFT),
        ([*BEGUN, (Act.PROPOSE, RIGHT, "b")], State.PROPOSED, "b", "", LEFT),
        ([*BEGUN, (Act.PROPOSE, RIGHT, "b"), (Act.ACCEPT, LEFT, "")], State.ACCEPTED, "b", "b", None),
        ([*BEGUN, (Act.ASK, RIGHT, ""), (Act.PROPOSE, LEFT, "b")], State.PROPOSED, "b", "", RIGHT),
        ([*ACCEPTED, (Act.PROPOSE, RIGHT, "b")], State.PROPOSED, "b", "a", LEFT),
        ([*ACCEPTED, (Act.PROPOSE, RIGHT, "b"), (Act.ASK, LEFT, "")], State.ASKED, "b", "a", RIGHT),
    ],
)
def test_where_steps_lead(
    steps: Steps, state: State, proposed: str, standing: str, awaited: AgencyId | None
) -> None:
    found = after(steps)
    assert (found.state, plan_of(found.proposed), plan_of(found.standing)) == (state, proposed, standing)
    assert found.awaited == awaited


@pytest.mark.parametrize(
    ("steps", "act", "by", "error"),
    [
        ([], Act.ACCEPT, LEFT, WrongStateError),
        (BEGUN, Act.ACCEPT, LEFT, WrongStateError),
        (BEGUN, Act.ASK, LEFT, WrongStateError),
        (BEGUN, Act.ACCEPT, OTHER, PermissionDeniedError),
        (ACCEPTED, Act.ACCEPT, RIGHT, WrongStateError),
        (ACCEPTED, Act.ASK, LEFT, WrongStateError),
        ([*BEGUN, (Act.ASK, RIGHT, "")], Act.ACCEPT, LEFT, WrongStateError),
    ],
)
def test_what_is_not_allowed(steps: Steps, act: Act, by: AgencyId, error: type[HechuanError]) -> None:
    standing = after(steps) if steps else None
    with pytest.raises(error):
        applied(standing, move(standing.moves[-1] if standing else None, act, by))


def test_a_step_answers_the_last_one_and_is_later() -> None:
    standing = after(BEGUN)
    with pytest.raises(WrongStateError, match="older state"):
        applied(standing, replace(move(standing.moves[-1], Act.ACCEPT, RIGHT), previous="sha256:" + "0" * 64))
    with pytest.raises(InvalidInputError, match="later"):
        applied(standing, move(standing.moves[-1], Act.ACCEPT, RIGHT, minutes=0))


def test_any_order_amounts_to_the_same() -> None:
    """Both answer at once: the earlier counts, the other is set aside; what follows an unknown move waits."""
    begun = move(None, Act.PROPOSE, LEFT)
    accepted = move(begun, Act.ACCEPT, RIGHT)
    crossed = move(begun, Act.PROPOSE, LEFT, "b", minutes=2)
    again = move(accepted, Act.PROPOSE, LEFT, "c")
    waiting = move(move(again, Act.ASK, RIGHT), Act.PROPOSE, LEFT, "d")
    for order in permutations([begun, accepted, crossed, again, waiting]):
        standing, aside = fold(order)
        assert standing is not None
        assert (standing.state, plan_of(standing.proposed), plan_of(standing.standing)) == (
            State.PROPOSED, "c", "a",
        )  # fmt: skip
        assert aside == {crossed.digest: "WRONG_STATE", waiting.digest: "WAITING"}


def test_a_move_reads_as_it_was_signed() -> None:
    begun = move(None, Act.PROPOSE, LEFT)
    assert Move.parse(canonical(begun.to_json())) == begun
    assert Move.parse(canonical(move(begun, Act.ASK, RIGHT).to_json())).reason == "少跑一趟"


@pytest.mark.parametrize(
    "changed",
    [
        {"v": 2},
        {"plan": None},
        {"office": {"data": "", "digest": "sha256:" + "0" * 64, "more": 1}},
        {"accord": "x"},
        {"matter": None},
        {"parties": [str(LEFT)]},
        {"matter": {**matter().to_json(), "start": "2026-07-01"}},
        {"matter": {**matter().to_json(), "start": "June"}},
        {"act": "ask"},
    ],
)
def test_a_payload_that_is_none_is_refused(changed: dict[str, object]) -> None:
    value = {**move(None, Act.PROPOSE, LEFT).to_json(), **changed}
    with pytest.raises(InvalidInputError):
        Move.parse(canonical(value))


def test_what_fits_into_no_entry_is_neither_signed_nor_read() -> None:
    noise = b64encode(b"".join(digest_of(bytes([at % 256, at // 256])).encode() for at in range(1000)))
    big = replace(move(None, Act.PROPOSE, LEFT), plan=Packed.of(noise))
    with pytest.raises(LimitExceededError):
        big.signed(SigningKey.generate())
    with pytest.raises(LimitExceededError):
        Move.parse(b" " * (Move.MOST + 1))


def test_documents_unpack_to_what_their_digest_names_and_no_further() -> None:
    packed = Packed.of(b"{}" * 1000)
    assert packed.document() == b"{}" * 1000
    assert len(packed.data) < 100
    with pytest.raises(MalformedError):
        replace(packed, digest="sha256:" + "0" * 64).document()
    with pytest.raises(LimitExceededError):
        Packed.of(b" " * (MAX_DOCUMENT_BYTES + 1))
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    bomb = packer.compress(bytes(64 << 20)) + packer.flush()
    with pytest.raises(LimitExceededError):
        Packed(b64encode(bomb).decode(), packed.digest).document()
    for data in ("!", "AAAA", packed.data[:-8], packed.data + "AAAA", "ÿ"):
        with pytest.raises(InvalidInputError):
            Packed(data, packed.digest).document()
