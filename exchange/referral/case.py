"""The state machine of a referral. No I/O.

    (nothing)   issuer send        → SENT
    SENT        handler receive    → RECEIVED
    RECEIVED    handler accept     → ACCEPTED      handler return → RETURNED
    RETURNED    issuer insist      → SENT
    ACCEPTED    handler start      → IN_WORK
    IN_WORK     handler report     → REPORTED
    REPORTED    issuer apply       (stays)         supervisor approve → APPROVED
                issuer or supervisor reopen → REOPENED
    REOPENED    handler start      → IN_WORK
    any open    issuer withdraw    → WITHDRAWN

and what leaves the state as it is: notes, extensions, the ladder 提醒→约谈→通报→追责, and a desk's change of hands
(离任交接): the one who leaves hands over, the successor takes over, each under its own signature. Nothing leads out of
APPROVED and WITHDRAWN. `MOVES` is the whole of it: (state, role, act) → state; `exchange.referral.step` adds what an
act depends on beyond the state.

A supervisor that is not the issuer closes only what the issuer has applied for. Nobody who handles closes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final

from exchange.ids import AgencyId
from exchange.referral.move import LADDER, Act, Attachment, Move
from exchange.referral.order import Order


class State(StrEnum):
    """Where a referral stands."""

    SENT = "sent"
    RECEIVED = "received"
    ACCEPTED = "accepted"
    RETURNED = "returned"
    IN_WORK = "in_work"
    REPORTED = "reported"
    REOPENED = "reopened"
    APPROVED = "approved"
    WITHDRAWN = "withdrawn"

    @property
    def final(self) -> bool:
        """Whether nothing leads out of it."""
        return self in (State.APPROVED, State.WITHDRAWN)


class Role(StrEnum):
    """As what an agency acts; it may have several."""

    ISSUER = "issuer"
    HANDLER = "handler"
    SUPERVISOR = "supervisor"
    SUCCESSOR = "successor"


OPEN: Final = tuple(state for state in State if not state.final)
AT_HANDLER: Final = (State.SENT, State.RECEIVED, State.ACCEPTED, State.IN_WORK, State.REOPENED)
"""The handler's turn: what the ladder presses for."""
_WORKING: Final = (State.ACCEPTED, State.IN_WORK, State.REOPENED)
_DESKS: Final = (Role.ISSUER, Role.HANDLER, Role.SUPERVISOR)

MOVES: Final[Mapping[tuple[State | None, Role, Act], State]] = {
    (None, Role.ISSUER, Act.SEND): State.SENT,
    (State.SENT, Role.HANDLER, Act.RECEIVE): State.RECEIVED,
    (State.RECEIVED, Role.HANDLER, Act.ACCEPT): State.ACCEPTED,
    (State.RECEIVED, Role.HANDLER, Act.RETURN): State.RETURNED,
    (State.RETURNED, Role.ISSUER, Act.INSIST): State.SENT,
    (State.ACCEPTED, Role.HANDLER, Act.START): State.IN_WORK,
    (State.REOPENED, Role.HANDLER, Act.START): State.IN_WORK,
    (State.IN_WORK, Role.HANDLER, Act.REPORT): State.REPORTED,
    (State.REPORTED, Role.ISSUER, Act.APPLY): State.REPORTED,
    (State.REPORTED, Role.SUPERVISOR, Act.APPROVE): State.APPROVED,
    (State.REPORTED, Role.ISSUER, Act.REOPEN): State.REOPENED,
    (State.REPORTED, Role.SUPERVISOR, Act.REOPEN): State.REOPENED,
    **{(state, Role.ISSUER, Act.WITHDRAW): State.WITHDRAWN for state in OPEN},
    **{(state, role, Act.NOTE): state for state in OPEN for role in _DESKS},
    **{(state, Role.HANDLER, Act.ASK_EXTENSION): state for state in _WORKING},
    **{
        (state, Role.ISSUER, act): state
        for state in _WORKING
        for act in (Act.GRANT_EXTENSION, Act.REFUSE_EXTENSION)
    },
    **{(state, Role.ISSUER, Act.REMIND): state for state in AT_HANDLER},
    **{(state, Role.SUPERVISOR, act): state for state in AT_HANDLER for act in LADDER},
    **{(state, role, Act.HAND_OVER): state for state in OPEN for role in _DESKS},
    **{(state, Role.SUCCESSOR, Act.TAKE_OVER): state for state in OPEN},
}
"""(state, role, act) → state: every legal move there is."""


@dataclass(frozen=True, slots=True)
class Extension:
    """Asked for and not yet answered."""

    days: int
    due: datetime


@dataclass(frozen=True, slots=True)
class Referral:
    """Everything that follows from the moves that count, in their order."""

    order: Order
    state: State
    moves: tuple[Move, ...]
    head: str
    desks: Mapping[Role, AgencyId]
    due: datetime
    level: int = 0
    applied: bool = False
    extension: Extension | None = None
    leaving: Mapping[AgencyId, AgencyId] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """The referral's id."""
        return self.moves[0].referral

    @property
    def parties(self) -> frozenset[AgencyId]:
        """Everybody who ever had a part in it, or is about to have one: who may read it."""
        return self.order.parties | {party for move in self.moves for party in move.parties}

    def roles(self, agency: AgencyId) -> frozenset[Role]:
        """As what an agency may act now."""
        held = {role for role, holder in self.desks.items() if holder == agency}
        return frozenset(held | ({Role.SUCCESSOR} if agency in self.leaving.values() else set()))

    @property
    def deadline(self) -> datetime | None:
        """What the handler is held to now: the acknowledgement, then the work; None while it is not its turn."""
        if self.state not in AT_HANDLER:
            return None
        return self.order.acknowledge_by if self.state is State.SENT else self.due

    @property
    def awaited(self) -> frozenset[AgencyId]:
        """Whose act is awaited."""
        found = set(self.leaving.values())
        if self.state in AT_HANDLER:
            found.add(self.desks[Role.HANDLER])
        if self.state is State.RETURNED or self.extension is not None:
            found.add(self.desks[Role.ISSUER])
        if self.state is State.REPORTED:
            found.add(self.desks[Role.SUPERVISOR if self.closable else Role.ISSUER])
        return frozenset(found)

    @property
    def closable(self) -> bool:
        """Whether the supervisor may close it, once it is reported."""
        return self.applied or self.desks[Role.ISSUER] == self.desks[Role.SUPERVISOR]

    @property
    def attachments(self) -> tuple[Attachment, ...]:
        """All that were ever handed in, each once."""
        return tuple({item.digest: item for move in self.moves for item in move.attachments}.values())
