"""The state machine of an agreement, from the first word to the last. No I/O.

Negotiation follows the Dataspace Protocol (2025-1, Contract Negotiation, § State machine):

    (nothing)  consumer request → REQUESTED        provider offer   → OFFERED
    REQUESTED  provider offer   → OFFERED          provider agree   → AGREED
    OFFERED    consumer request → REQUESTED        consumer accept  → ACCEPTED
    ACCEPTED   provider agree   → AGREED
    AGREED     consumer verify  → VERIFIED
    VERIFIED   provider finalize → IN_FORCE

    any of these  either terminate → TERMINATED

and once in force:

    IN_FORCE   either suspend → SUSPENDED, the same side resume → IN_FORCE
    IN_FORCE, SUSPENDED   either terminate → TERMINATED

Two states come with time alone: EXPIRED once `until` has passed, LAPSED where a side has not answered by its deadline.
Nothing leads out of TERMINATED, EXPIRED and LAPSED.

Two hubs may hear two sides' moves in different orders. Before IN_FORCE only one side has the turn, and terminating
wins over whatever it crosses; afterwards each side's suspension is its own. So both hubs arrive at the same state.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from exchange.agreement.move import Act, Move
from exchange.agreement.terms import TERMS_TYPE, Terms
from exchange.errors import InvalidInputError, PermissionDeniedError, WrongStateError
from exchange.ids import AgencyId
from exchange.trust.envelope import Envelope, Signature


class State(StrEnum):
    """Where an agreement stands."""

    REQUESTED = "requested"
    OFFERED = "offered"
    ACCEPTED = "accepted"
    AGREED = "agreed"
    VERIFIED = "verified"
    IN_FORCE = "in_force"
    SUSPENDED = "suspended"
    TERMINATED = "terminated"
    EXPIRED = "expired"
    LAPSED = "lapsed"

    @property
    def pending(self) -> bool:
        """Whether a side's answer is awaited."""
        return self in _PENDING

    @property
    def final(self) -> bool:
        """Whether nothing leads out of it."""
        return self in (State.TERMINATED, State.EXPIRED, State.LAPSED)


class Side(StrEnum):
    """Which of the two."""

    PROVIDER = "provider"
    CONSUMER = "consumer"


_PENDING: Final = frozenset({State.REQUESTED, State.OFFERED, State.ACCEPTED, State.AGREED, State.VERIFIED})
_STANDING: Final = frozenset({State.IN_FORCE, State.SUSPENDED})
MOVES: Final[dict[tuple[State | None, Side, Act], State]] = {
    (None, Side.CONSUMER, Act.REQUEST): State.REQUESTED,
    (None, Side.PROVIDER, Act.OFFER): State.OFFERED,
    (State.REQUESTED, Side.PROVIDER, Act.OFFER): State.OFFERED,
    (State.REQUESTED, Side.PROVIDER, Act.AGREE): State.AGREED,
    (State.OFFERED, Side.CONSUMER, Act.REQUEST): State.REQUESTED,
    (State.OFFERED, Side.CONSUMER, Act.ACCEPT): State.ACCEPTED,
    (State.ACCEPTED, Side.PROVIDER, Act.AGREE): State.AGREED,
    (State.AGREED, Side.CONSUMER, Act.VERIFY): State.VERIFIED,
    (State.VERIFIED, Side.PROVIDER, Act.FINALIZE): State.IN_FORCE,
}
"""(state, who, act) → state, for the moves that take turns; the others are in `_unturned`."""

TURN: Final = {
    State.REQUESTED: Side.PROVIDER,
    State.OFFERED: Side.CONSUMER,
    State.ACCEPTED: Side.PROVIDER,
    State.AGREED: Side.CONSUMER,
    State.VERIFIED: Side.PROVIDER,
}
"""Whose answer is awaited."""

Deadline = Callable[[State, datetime], datetime]
"""(state entered, when) → until when the answer must have come."""


@dataclass(frozen=True, slots=True)
class Negotiation:
    """Everything that follows from the moves so far. `state` leaves time out of account; `state_at` does not."""

    terms: Terms
    state: State
    moves: tuple[Move, ...]
    head: str
    due: datetime | None
    suspended_by: frozenset[Side] = frozenset()
    signatures: tuple[Signature, ...] = ()
    in_force_at: datetime | None = None

    @property
    def id(self) -> str:
        """The agreement's id."""
        return self.terms.agreement

    def side_of(self, agency: AgencyId) -> Side:
        """Which side an agency is; raises PermissionDeniedError where it is neither."""
        return side_of(self.terms, agency)

    def state_at(self, now: datetime) -> State:
        """The state at a moment: deadlines and terms run out by themselves."""
        if self.state in _STANDING and now >= self.terms.until:
            return State.EXPIRED
        if self.state in _PENDING and self.due is not None and now > self.due:
            return State.LAPSED
        return self.state

    def grants_at(self, now: datetime) -> bool:
        """Whether the consumer may read at that moment."""
        return self.state_at(now) is State.IN_FORCE and now >= self.terms.start

    def awaited(self, now: datetime) -> AgencyId | None:
        """The agency whose answer is awaited."""
        side = TURN.get(self.state_at(now))
        if side is None:
            return None
        return self.terms.provider if side is Side.PROVIDER else self.terms.consumer


def side_of(terms: Terms, agency: AgencyId) -> Side:
    """Which side of the terms an agency is; raises PermissionDeniedError where it is neither."""
    if agency == terms.provider:
        return Side.PROVIDER
    if agency == terms.consumer:
        return Side.CONSUMER
    raise PermissionDeniedError(
        f"{agency} is no party to agreement {terms.agreement}", detail={"reason": "NOT_A_PARTY"}
    )


def begin(move: Move, deadline: Deadline) -> Negotiation:
    """The first move; raises WrongStateError, PermissionDeniedError."""
    if move.terms is None or move.previous is not None:
        raise WrongStateError(f"no agreement {move.agreement} has begun; request or offer one first")
    state = MOVES.get((None, side_of(move.terms, move.by), move.act))
    if state is None:
        raise PermissionDeniedError(
            f"{move.by} cannot begin with {move.act}: consumers request, providers offer",
            detail={"reason": "WRONG_SIDE"},
        )
    return Negotiation(move.terms, state, (move,), move.digest, deadline(state, move.at))


def follow(known: Negotiation, move: Move, deadline: Deadline) -> Negotiation:
    """The negotiation after one more move; raises WrongStateError, PermissionDeniedError, InvalidInputError.

    Time is judged by the move's own `at`: both hubs then judge alike.
    """
    side = known.side_of(move.by)
    state = known.state_at(move.at)
    if state.final:
        raise WrongStateError(f"agreement {known.id} is {state}; nothing can follow", detail={"state": state})
    if move.act in (Act.TERMINATE, Act.SUSPEND, Act.RESUME):
        return _unturned(known, move, side, state)
    after = MOVES.get((state, side, move.act))
    if after is None:
        awaited = known.awaited(move.at)
        raise WrongStateError(
            f"{side} cannot {move.act} while agreement {known.id} is {state}"
            + (f"; the answer of {awaited} is awaited" if awaited else ""),
            detail={"state": state, "awaited": str(awaited or "")},
        )
    if move.previous != known.head:
        raise WrongStateError(
            "the move answers an older state; look at the agreement again",
            detail={"state": state, "head": known.head},
        )
    return _turned(known, move, after, deadline)


def _turned(known: Negotiation, move: Move, after: State, deadline: Deadline) -> Negotiation:
    if move.at < known.moves[-1].at:
        raise InvalidInputError("a move is not older than the one it answers")
    terms = move.terms or known.terms
    if (terms.dataset, terms.consumer) != (known.terms.dataset, known.terms.consumer):
        raise InvalidInputError("dataset and parties of an agreement do not change; begin another one")
    return Negotiation(
        terms=terms,
        state=after,
        moves=(*known.moves, move),
        head=move.digest,
        due=deadline(after, move.at) if after.pending else None,
        signatures=(*known.signatures, *([move.signature] if move.signature else [])),
        in_force_at=move.at if after is State.IN_FORCE else None,
    )


def _unturned(known: Negotiation, move: Move, side: Side, state: State) -> Negotiation:
    moved = replace(known, moves=(*known.moves, move), head=move.digest)
    if move.act is Act.TERMINATE:
        return replace(moved, state=State.TERMINATED, due=None)
    held = known.suspended_by
    fits = state in _STANDING and (side in held) is (move.act is Act.RESUME)
    if not fits:
        raise WrongStateError(
            f"{side} cannot {move.act} while agreement {known.id} is {state}", detail={"state": state}
        )
    held = held - {side} if move.act is Act.RESUME else held | {side}
    return replace(moved, suspended_by=held, state=State.SUSPENDED if held else State.IN_FORCE)


def signed_document(negotiation: Negotiation) -> bytes | None:
    """The terms with both sides' signatures as one DSSE envelope (JSON); None before both have signed."""
    if len(negotiation.signatures) < 2:
        return None
    envelope = Envelope(negotiation.terms.to_bytes(), TERMS_TYPE, negotiation.signatures)
    return envelope.to_json_bytes()


def due_soon(negotiation: Negotiation, now: datetime, days: int) -> bool:
    """Whether a side should be reminded of its answer."""
    return negotiation.due is not None and now <= negotiation.due <= now + timedelta(days=days)
