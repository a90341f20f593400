"""The state machine of an accord, and its fold: the same for everybody who holds the same moves. No I/O.

    (nothing)   a side propose → PROPOSED
    PROPOSED    the other side accept → ACCEPTED, ask → ASKED, propose → PROPOSED
    ASKED       a side propose → PROPOSED
    ACCEPTED    a side propose → PROPOSED

What was accepted last stands until another plan is accepted: a proposal to change it changes nothing yet.

How the moves are folded: `exchange.statement.chain`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from exchange.accord.matter import Matter
from exchange.accord.move import Act, Move
from exchange.errors import WrongStateError
from exchange.ids import AgencyId
from exchange.statement.chain import (
    check_follows,
    check_side,
    check_turn,
    fold_chain,
    other_side,
    state_after,
)


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
    def parties(self) -> tuple[AgencyId, ...]:
        """Who may read it."""
        return self.matter.parties

    @property
    def head(self) -> str:
        """What the next move names as `previous`."""
        return self.moves[-1].digest

    @property
    def awaited(self) -> AgencyId | None:
        """Whose answer is awaited: the side that did not speak last, until both have accepted."""
        if self.state is State.ACCEPTED:
            return None
        return other_side(self.matter, self.moves[-1])


def applied(known: Accord | None, move: Move) -> Accord:
    """The accord after one more move; raises WrongStateError, PermissionDeniedError, InvalidInputError."""
    if known is None:
        if move.matter is None or move.act is not Act.PROPOSE:
            raise WrongStateError(f"no accord {move.accord} has begun; propose a plan first")
        check_side(move.matter, move, "accord")
        return Accord(move.matter, State.PROPOSED, move, None, (move,))
    check_side(known.matter, move, "accord")
    check_follows(known, move, "accord")
    after = state_after(_NEXT, known, move.act, "accord")
    if move.act is not Act.PROPOSE:
        check_turn(known, move)
    return replace(
        known,
        state=after,
        proposed=move if move.act is Act.PROPOSE else known.proposed,
        standing=known.proposed if after is State.ACCEPTED else known.standing,
        moves=(*known.moves, move),
    )


def fold(moves: Iterable[Move]) -> tuple[Accord | None, Mapping[str, str]]:
    """What a set of moves amounts to, and for each that does not count why: its digest → code, or `WAITING`."""
    return fold_chain(moves, applied)
