"""One more move on a referral: whether the table allows it, what else it depends on, and what it changes. No I/O."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Final

from exchange.errors import InvalidInputError, PermissionDeniedError, WrongStateError
from exchange.ids import AgencyId
from exchange.referral.case import MOVES, Extension, Referral, Role
from exchange.referral.move import LADDER, Act, Move


def apply(known: Referral | None, move: Move) -> Referral:
    """The referral after one more move.

    Raises PermissionDeniedError (reason NOT_A_PARTY, WRONG_ROLE), WrongStateError (reason NOT_NOW or a guard's),
    InvalidInputError.
    """
    if known is None:
        return _begin(move)
    roles = known.roles(move.by)
    if not roles:
        raise PermissionDeniedError(
            f"{move.by} has no part in referral {known.id}", detail={"reason": "NOT_A_PARTY"}
        )
    after = next((MOVES[known.state, role, move.act] for role in _sorted(roles, known, move)), None)
    if after is None:
        _refuse(known, move)
        raise AssertionError("unreachable")
    if not known.order.parties <= set(move.parties) or _hubs(move.parties) != _hubs(known.order.parties):
        raise InvalidInputError("the move names other parties than the referral has")
    guard = _GUARDS.get(move.act)
    if guard is not None:
        guard(known, move)
    return replace(
        _EFFECTS.get(move.act, _nothing)(known, move),
        state=after,
        moves=(*known.moves, move),
        head=move.digest,
    )


def _begin(move: Move) -> Referral:
    order = move.order
    if order is None:
        raise WrongStateError(f"no referral {move.referral} has begun", detail={"reason": "NOT_BEGUN"})
    if move.by != order.issuer:
        raise PermissionDeniedError(
            f"{move.by} cannot send what {order.issuer} issues", detail={"reason": "WRONG_ROLE"}
        )
    if frozenset(move.parties) != order.parties:
        raise InvalidInputError("the move names other parties than the order has")
    desks = {Role.ISSUER: order.issuer, Role.HANDLER: order.handler, Role.SUPERVISOR: order.supervisor}
    state = MOVES[None, Role.ISSUER, Act.SEND]
    return Referral(order, state, (move,), move.digest, desks, order.due)


def _sorted(roles: frozenset[Role], known: Referral, move: Move) -> list[Role]:
    return [role for role in Role if role in roles and (known.state, role, move.act) in MOVES]


def _refuse(known: Referral, move: Move) -> None:
    if any((known.state, role, move.act) in MOVES for role in Role):
        raise PermissionDeniedError(
            f"{move.by} is not in a position to {move.act} referral {known.id}",
            detail={"reason": "WRONG_ROLE", "state": known.state},
        )
    awaited = ", ".join(sorted(map(str, known.awaited)))
    raise WrongStateError(
        f"referral {known.id} is {known.state}; nobody can {move.act} it now"
        + (f", {awaited} is awaited" if awaited else ""),
        detail={"reason": "NOT_NOW", "state": known.state, "awaited": awaited},
    )


def _hubs(parties: Iterable[AgencyId]) -> set[str]:
    return {party.jurisdiction for party in parties}


def _wrong(known: Referral, reason: str, text: str) -> WrongStateError:
    return WrongStateError(text, detail={"reason": reason, "state": known.state})


def _may_approve(known: Referral, move: Move) -> None:
    if not known.closable:
        raise _wrong(known, "NOT_APPLIED", f"{known.desks[Role.ISSUER]} has not applied for its end")


def _may_apply(known: Referral, move: Move) -> None:
    if known.applied:
        raise _wrong(known, "ALREADY_APPLIED", "its end has been applied for already")


def _may_ask(known: Referral, move: Move) -> None:
    if known.extension is not None:
        raise _wrong(known, "EXTENSION_PENDING", "an extension has been asked for already")
    if move.due is None or move.due <= known.due:
        raise InvalidInputError("an extension ends later than what it extends")


def _may_answer(known: Referral, move: Move) -> None:
    if known.extension is None:
        raise _wrong(known, "NO_EXTENSION", "no extension has been asked for")


def _may_press(known: Referral, move: Move) -> None:
    if LADDER.index(move.act) != min(known.level, len(LADDER) - 1) or known.level == len(LADDER):
        raise _wrong(known, "LADDER", f"{move.act} is not the next step: {known.level} were taken so far")


def _may_hand_over(known: Referral, move: Move) -> None:
    to = move.to
    taken = {*known.desks.values(), *(after for before, after in known.leaving.items() if before != move.by)}
    if to is None or to in taken or to.jurisdiction != move.by.jurisdiction:
        raise InvalidInputError(
            "a successor is another agency of the same jurisdiction, with no part in it yet"
        )
    if to not in move.parties:
        raise InvalidInputError("the successor is one of the parties from now on")


_GUARDS: Final[Mapping[Act, Callable[[Referral, Move], None]]] = {
    Act.APPROVE: _may_approve,
    Act.APPLY: _may_apply,
    Act.ASK_EXTENSION: _may_ask,
    Act.GRANT_EXTENSION: _may_answer,
    Act.REFUSE_EXTENSION: _may_answer,
    Act.HAND_OVER: _may_hand_over,
    **dict.fromkeys(LADDER, _may_press),
}


def _nothing(known: Referral, move: Move) -> Referral:
    return known


def _reported(known: Referral, move: Move) -> Referral:
    return replace(known, extension=None, applied=False)


def _reopened(known: Referral, move: Move) -> Referral:
    return replace(known, applied=False, due=move.due or known.due)


def _applied(known: Referral, move: Move) -> Referral:
    return replace(known, applied=True)


def _asked(known: Referral, move: Move) -> Referral:
    assert move.due is not None
    return replace(known, extension=Extension(move.days, move.due))


def _granted(known: Referral, move: Move) -> Referral:
    assert known.extension is not None
    return replace(known, due=known.extension.due, extension=None)


def _refused(known: Referral, move: Move) -> Referral:
    return replace(known, extension=None)


def _pressed(known: Referral, move: Move) -> Referral:
    return replace(known, level=known.level + 1)


def _handed(known: Referral, move: Move) -> Referral:
    assert move.to is not None
    return replace(known, leaving={**known.leaving, move.by: move.to})


def _taken(known: Referral, move: Move) -> Referral:
    left = {before for before, after in known.leaving.items() if after == move.by}
    desks = {role: move.by if holder in left else holder for role, holder in known.desks.items()}
    leaving = {before: after for before, after in known.leaving.items() if before not in left}
    return replace(known, desks=desks, leaving=leaving)


def _ended(known: Referral, move: Move) -> Referral:
    return replace(known, extension=None, leaving={})


_EFFECTS: Final[Mapping[Act, Callable[[Referral, Move], Referral]]] = {
    Act.REPORT: _reported,
    Act.REOPEN: _reopened,
    Act.APPLY: _applied,
    Act.ASK_EXTENSION: _asked,
    Act.GRANT_EXTENSION: _granted,
    Act.REFUSE_EXTENSION: _refused,
    Act.HAND_OVER: _handed,
    Act.TAKE_OVER: _taken,
    Act.APPROVE: _ended,
    Act.WITHDRAW: _ended,
    **dict.fromkeys(LADDER, _pressed),
}
