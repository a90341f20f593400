"""The state machine of a settlement, and its fold: the same for everybody who holds the same moves. No I/O.

    (nothing)   a side propose → PROPOSED
    PROPOSED    the other side accept → AGREED, propose → PROPOSED, dispute → DISPUTING
    DISPUTING   the other side accept → DISPUTED, propose → PROPOSED
    DISPUTED    a side propose → PROPOSED, the arbiter arbitrate → ARBITRATED

Nothing leads out of AGREED and ARBITRATED. So a value that stands, and a dispute that stands, bear both signatures; an
arbiter is heard once both have signed that they differ.

Hubs hear of moves in different orders. A move counts if it follows, by `previous`, the last one that counts; where two
do, the earlier by `at`, then by digest. The others are set aside: they stay in the ledgers and change nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from exchange.errors import HechuanError, InvalidInputError, PermissionDeniedError, WrongStateError
from exchange.ids import AgencyId
from exchange.settlement.matter import Matter
from exchange.settlement.move import Act, Move


class State(StrEnum):
    """Where a settlement stands."""

    PROPOSED = "proposed"
    DISPUTING = "disputing"
    AGREED = "agreed"
    DISPUTED = "disputed"
    ARBITRATED = "arbitrated"

    @property
    def settles(self) -> bool:
        """Whether there is a value that later reports use."""
        return self in (State.AGREED, State.ARBITRATED)


_SIDES: Final[Mapping[tuple[State | None, Act], State]] = {
    (None, Act.PROPOSE): State.PROPOSED,
    (State.PROPOSED, Act.ACCEPT): State.AGREED,
    (State.PROPOSED, Act.PROPOSE): State.PROPOSED,
    (State.PROPOSED, Act.DISPUTE): State.DISPUTING,
    (State.DISPUTING, Act.ACCEPT): State.DISPUTED,
    (State.DISPUTING, Act.PROPOSE): State.PROPOSED,
    (State.DISPUTED, Act.PROPOSE): State.PROPOSED,
}
_TURNS: Final = (State.PROPOSED, State.DISPUTING)


@dataclass(frozen=True, slots=True)
class Settlement:
    """What the moves that count amount to; `value` is the last one named, in the matter's unit."""

    matter: Matter
    state: State
    value: str
    moves: tuple[Move, ...]

    @property
    def id(self) -> str:
        """The settlement's id."""
        return self.matter.id

    @property
    def head(self) -> str:
        """What the next move names as `previous`."""
        return self.moves[-1].digest

    @property
    def awaited(self) -> AgencyId | None:
        """Whose answer is awaited: the side that did not speak last, or the arbiter."""
        if self.state is State.DISPUTED:
            return self.matter.arbiter
        if self.state not in _TURNS:
            return None
        left, right = self.matter.sides
        return right if self.moves[-1].by == left else left


def applied(known: Settlement | None, move: Move) -> Settlement:
    """The settlement after one more move; raises WrongStateError, PermissionDeniedError, InvalidInputError."""
    if known is None:
        if move.matter is None or move.value is None or move.act is not Act.PROPOSE:
            raise WrongStateError(f"no settlement {move.settlement} has begun; propose one first")
        _require_side(move.matter, move)
        return Settlement(move.matter, State.PROPOSED, move.value, (move,))
    if move.previous != known.head:
        raise WrongStateError(
            "the step answers an older state; look at the settlement again",
            detail={"state": known.state, "head": known.head},
        )
    if move.parties != known.matter.parties:
        raise InvalidInputError("the parties of a settlement do not change")
    if move.at <= known.moves[-1].at:
        raise InvalidInputError("a step is later than the one it answers")
    after = _state_after(known, move)
    return replace(known, state=after, value=move.value or known.value, moves=(*known.moves, move))


def fold(moves: Iterable[Move]) -> tuple[Settlement | None, Mapping[str, str]]:
    """What a set of moves amounts to, and for each that does not count why: its id → code, or `waiting`."""
    left = sorted(moves, key=lambda move: (move.at, move.digest))
    standing: Settlement | None = None
    aside: dict[str, str] = {}
    while True:
        head = standing and standing.head
        following = [move for move in left if move.previous == head and move.digest not in aside]
        for move in following:
            try:
                standing = applied(standing, move)
            except HechuanError as error:
                aside[move.digest] = error.code
                continue
            left.remove(move)
            break
        else:
            counted = set() if standing is None else {move.digest for move in standing.moves}
            waiting = {move.digest: "WAITING" for move in left if move.digest not in aside}
            crossed = {
                move.digest: WrongStateError.code
                for move in left
                if move.previous is None or move.previous in counted
            }
            return standing, {**waiting, **crossed, **aside}


def _state_after(known: Settlement, move: Move) -> State:
    if move.act is Act.ARBITRATE:
        if move.by != known.matter.arbiter:
            raise PermissionDeniedError(
                f"only {known.matter.arbiter} decides here", detail={"reason": "NOT_THE_ARBITER"}
            )
        if known.state is not State.DISPUTED:
            raise WrongStateError("both sides have to sign that they differ before an arbiter decides")
        return State.ARBITRATED
    _require_side(known.matter, move)
    after = _SIDES.get((known.state, move.act))
    if after is None:
        raise WrongStateError(
            f"{move.act} cannot follow while settlement {known.id} is {known.state}",
            detail={"state": known.state},
        )
    if known.state in _TURNS and move.by != known.awaited:
        raise WrongStateError(
            f"the answer of {known.awaited} is awaited",
            detail={"state": known.state, "awaited": str(known.awaited)},
        )
    return after


def _require_side(matter: Matter, move: Move) -> None:
    if move.by not in matter.sides:
        raise PermissionDeniedError(
            f"{move.by} is neither side of settlement {move.settlement}", detail={"reason": "NOT_A_SIDE"}
        )
