"""From the moves that a ledger holds of one referral to the referral: the same for everybody who holds the same moves.

Two hubs hear of two agencies' moves in different orders, late, or twice. So the order in which they came means
nothing: moves are taken by their own time and, where that is the same, by their digest. A move counts
once the one it follows is there and earlier; until then it waits. One that is not legal when its turn comes, because
another crossed it, is set aside and changes nothing; it stays in the ledgers, and `aside` says why.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from exchange.errors import HechuanError, InvalidInputError, WrongStateError
from exchange.referral.case import Referral
from exchange.referral.move import Move
from exchange.referral.step import apply

_Place = tuple[datetime, str]


@dataclass(frozen=True, slots=True)
class History:
    """All moves of one referral in their order; what they amount to; those set aside, and why; those that wait."""

    places: tuple[_Place, ...] = ()
    moves: Mapping[str, Move] = field(default_factory=dict)
    standing: Referral | None = None
    aside: Mapping[str, str] = field(default_factory=dict)
    waiting: frozenset[str] = frozenset()


def fold(moves: Iterable[Move]) -> History:
    """Take moves in their order, whatever the order they are given in; the same move again changes nothing."""
    known = {move.digest: move for move in moves}
    places = sorted((move.at, digest) for digest, move in known.items())
    standing: Referral | None = None
    aside: dict[str, str] = {}
    seen: set[str] = set()
    for _, digest in places:
        move = known[digest]
        if move.previous is not None and move.previous not in seen:
            continue
        seen.add(digest)
        try:
            standing = _applied(standing, move)
        except HechuanError as error:
            aside[digest] = error.detail.get("reason", error.code)
    return History(tuple(places), known, standing, aside, frozenset(known.keys() - seen))


def grown(history: History, move: Move) -> History:
    """The fold of one more move; quick where it is the newest and follows what stands."""
    digest = move.digest
    if digest in history.moves:
        return history
    standing, place = history.standing, (move.at, digest)
    newest = not history.places or place > history.places[-1]
    if standing is None or not newest or move.previous != standing.head or history.waiting:
        return fold([*history.moves.values(), move])
    places = [*history.places]
    insort(places, place)
    moves = {**history.moves, digest: move}
    try:
        return History(tuple(places), moves, apply(standing, move), history.aside)
    except HechuanError as error:
        aside = {**history.aside, digest: error.detail.get("reason", error.code)}
        return History(tuple(places), moves, standing, aside)


def judged(history: History | None, move: Move) -> Referral:
    """The referral after a move that is being made now; raises as `apply` does.

    WrongStateError (reason STALE) where it follows another step than the last, InvalidInputError where it is not later
    than all that is known.
    """
    if history is None or history.standing is None:
        return apply(None, move)
    standing = history.standing
    after = apply(standing, move)
    if move.previous != standing.head:
        raise WrongStateError(
            "the move follows an older state; look at the referral again",
            detail={"reason": "STALE", "state": standing.state, "head": standing.head},
        )
    if move.at <= history.places[-1][0]:
        raise InvalidInputError("a move is later than all before it")
    return after


def _applied(standing: Referral | None, move: Move) -> Referral:
    if standing is not None and move.order is not None:
        raise WrongStateError("it has begun already", detail={"reason": "BEGUN"})
    return apply(standing, move)
