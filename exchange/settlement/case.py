"""The state machine of a settlement, and its fold: the same for everybody who holds the same moves. No I/O.

    (nothing)   a side propose → PROPOSED
    PROPOSED    the other side accept → AGREED, propose → PROPOSED, dispute → DISPUTING
    DISPUTING   the other side accept → DISPUTED, propose → PROPOSED
    DISPUTED    a side propose → PROPOSED, the arbiter arbitrate → ARBITRATED

Nothing leads out of AGREED and ARBITRATED. So a value that stands, and a dispute that stands, bear both signatures; an
arbiter is heard once both have signed that they differ.

How the moves are folded: `exchange.statement.chain`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from exchange.errors import PermissionDeniedError, WrongStateError
from exchange.ids import AgencyId
from exchange.settlement.matter import Matter
from exchange.settlement.move import Act, Move
from exchange.statement.chain import (
    check_follows,
    check_side,
    check_turn,
    fold_chain,
    other_side,
    state_after,
)


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
    def parties(self) -> tuple[AgencyId, ...]:
        """Who may read it."""
        return self.matter.parties

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
        return other_side(self.matter, self.moves[-1])


def applied(known: Settlement | None, move: Move) -> Settlement:
    """The settlement after one more move; raises WrongStateError, PermissionDeniedError, InvalidInputError."""
    if known is None:
        if move.matter is None or move.value is None or move.act is not Act.PROPOSE:
            raise WrongStateError(f"no settlement {move.settlement} has begun; propose one first")
        check_side(move.matter, move, "settlement")
        return Settlement(move.matter, State.PROPOSED, move.value, (move,))
    check_follows(known, move, "settlement")
    after = _state_after(known, move)
    return replace(known, state=after, value=move.value or known.value, moves=(*known.moves, move))


def fold(moves: Iterable[Move]) -> tuple[Settlement | None, Mapping[str, str]]:
    """What a set of moves amounts to, and for each that does not count why: its digest → code, or `WAITING`."""
    return fold_chain(moves, applied)


def _state_after(known: Settlement, move: Move) -> State:
    if move.act is Act.ARBITRATE:
        if move.by != known.matter.arbiter:
            raise PermissionDeniedError(
                f"only {known.matter.arbiter} decides here", detail={"reason": "NOT_THE_ARBITER"}
            )
        if known.state is not State.DISPUTED:
            raise WrongStateError("both sides have to sign that they differ before an arbiter decides")
        return State.ARBITRATED
    check_side(known.matter, move, "settlement")
    after = state_after(_SIDES, known, move.act, "settlement")
    if known.state in _TURNS:
        check_turn(known, move)
    return after
