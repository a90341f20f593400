"""The state machine of an accord, and its fold: the same for everybody who holds the same moves. No I/O.

    (nothing)   a side propose → PROPOSED
    PROPOSED    the other side accept → ACCEPTED, ask → ASKED, propose → PROPOSED
    ASKED       a side propose → PROPOSED
    ACCEPTED    a side propose → PROPOSED

What was accepted last stands until another plan is accepted: a proposal to change it changes nothing yet.

Hubs hear of moves in different orders. A move counts if it follows, by `previous`, the last one that counts; where two
do, the earlier by `at`, then by digest. The others are set aside: they stay in the ledgers and change nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from exchange.accord.matter import Matter
from exchange.accord.move import Act, Move
from exchange.errors import HechuanError, InvalidInputError, PermissionDeniedError, WrongStateError
from exchange.ids import AgencyId


class State(StrEnum):
    """Where an accord stands."""

    PROPOSED = "proposed"
    ASKED = "asked"
    ACCEPTED = "accepted"


_NEXT: Final[Mapping[tuple[State | None, Act], State]] = {
    (None, Act.PROPOSE): State.PROPOSED,
    (State.PROPOSED, Act.ACCEPT): State.ACCEPTED,
    (State.PROPOSED, Act.ASK): State.ASKED,
    (State.PROPOSED, Act.PROPOSE): State.PROPOSED,
    (State.ASKED, Act.PROPOSE): State.PROPOSED,
    (State.ACCEPTED, Act.PROPOSE): State.PROPOSED,
}


@dataclass(frozen=True, slots=True)
class Accord:
    """What the moves that count amount to: `proposed` is the last proposal, `standing` the last that was accepted."""

    matter: Matter
    state: State
    proposed: Move
    standing: Move | None
    moves: tuple[Move, ...]

    @property
    def id(self) -> str:
        """The accord's id."""
        return self.matter.id

    @property
    def head(self) -> str:
        """What the next move names as `previous`."""
        return self.moves[-1].digest

    @property
    def awaited(self) -> AgencyId | None:
        """Whose answer is awaited: the side that did not speak last, until both have accepted."""
        if self.state is State.ACCEPTED:
            return None
        left, right = self.matter.sides
        return right if self.moves[-1].by == left else left


def applied(known: Accord | None, move: Move) -> Accord:
    """The accord after one more move; raises WrongStateError, PermissionDeniedError, InvalidInputError."""
    if known is None:
        if move.matter is None or move.act is not Act.PROPOSE:
            raise WrongStateError(f"no accord {move.accord} has begun; propose a plan first")
        _require_side(move.matter, move)
        return Accord(move.matter, State.PROPOSED, move, None, (move,))
    if move.previous != known.head:
        raise WrongStateError(
            "the step answers an older state; look at the accord again",
            detail={"state": known.state, "head": known.head},
        )
    _require_side(known.matter, move)
    if move.parties != known.matter.parties:
        raise InvalidInputError("the parties of an accord do not change")
    if move.at <= known.moves[-1].at:
        raise InvalidInputError("a step is later than the one it answers")
    after = _NEXT.get((known.state, move.act))
    if after is None:
        raise WrongStateError(
            f"{move.act} cannot follow while accord {known.id} is {known.state}",
            detail={"state": known.state},
        )
    if move.act is not Act.PROPOSE and move.by != known.awaited:
        raise WrongStateError(
            f"the answer of {known.awaited} is awaited",
            detail={"state": known.state, "awaited": str(known.awaited)},
        )
    return replace(
        known,
        state=after,
        proposed=move if move.act is Act.PROPOSE else known.proposed,
        standing=known.proposed if after is State.ACCEPTED else known.standing,
        moves=(*known.moves, move),
    )


def fold(moves: Iterable[Move]) -> tuple[Accord | None, Mapping[str, str]]:
    """What a set of moves amounts to, and for each that does not count why: its id → code, or `WAITING`."""
    left = sorted(moves, key=lambda move: (move.at, move.digest))
    standing: Accord | None = None
    aside: dict[str, str] = {}
    counted: set[str | None] = {None}
    ahead = True
    while ahead:
        ahead = False
        head = standing and standing.head
        for move in [move for move in left if move.previous == head and move.digest not in aside]:
            try:
                standing = applied(standing, move)
            except HechuanError as error:
                aside[move.digest] = error.code
                continue
            left.remove(move)
            counted.add(move.digest)
            ahead = True
            break
    for move in left:
        crossed = move.previous in counted
        aside.setdefault(move.digest, WrongStateError.code if crossed else "WAITING")
    return standing, aside


def _require_side(matter: Matter, move: Move) -> None:
    if move.by not in matter.sides:
        raise PermissionDeniedError(
            f"{move.by} is neither side of accord {move.accord}", detail={"reason": "NOT_A_SIDE"}
        )
