"""Cases of two sides whose steps follow each other one by one: who has the turn, what may follow, and the fold.

Hubs hear of steps in different orders. A step counts if it follows, by `previous`, the last one that counts; where two
do, the earlier by `at`, then by digest. The others are set aside: they stay in the ledgers and change nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum
from typing import Any, Protocol, TypeVar

from exchange.errors import HechuanError, InvalidInputError, PermissionDeniedError, WrongStateError
from exchange.ids import AgencyId
from exchange.statement.step import Step

S = TypeVar("S", bound=Step)
A = TypeVar("A", bound=StrEnum)
E = TypeVar("E", bound=StrEnum)


class _Matter(Protocol):
    @property
    def sides(self) -> tuple[AgencyId, ...]: ...
    @property
    def parties(self) -> tuple[AgencyId, ...]: ...


class _Case(Protocol):
    @property
    def id(self) -> str: ...
    @property
    def matter(self) -> Any: ...
    @property
    def state(self) -> Any: ...
    @property
    def head(self) -> str: ...
    @property
    def awaited(self) -> AgencyId | None: ...
    @property
    def moves(self) -> tuple[Any, ...]: ...


C = TypeVar("C", bound=_Case)


def other_side(matter: _Matter, last: Step) -> AgencyId:
    """Who answers the last step of two sides."""
    left, right = matter.sides
    return right if last.by == left else left


def check_follows(known: _Case, move: Step, noun: str) -> None:
    """Raises WrongStateError where a step answers an older state, InvalidInputError where it cannot follow at all."""
    if move.previous != known.head:
        raise WrongStateError(
            f"the step answers an older state; look at the {noun} again",
            detail={"state": known.state, "head": known.head},
        )
    if move.parties != known.matter.parties:
        raise InvalidInputError(f"the parties of {noun} {known.id} do not change")
    if move.at <= known.moves[-1].at:
        raise InvalidInputError("a step is later than the one it answers")


def check_side(matter: _Matter, move: Step, noun: str) -> None:
    """Raises PermissionDeniedError where a step is of neither side."""
    if move.by not in matter.sides:
        raise PermissionDeniedError(
            f"{move.by} is neither side of this {noun}", detail={"reason": "NOT_A_SIDE"}
        )


def check_turn(known: _Case, move: Step) -> None:
    """Raises WrongStateError where another's answer is awaited."""
    if move.by != known.awaited:
        raise WrongStateError(
            f"the answer of {known.awaited} is awaited",
            detail={"state": known.state, "awaited": str(known.awaited)},
        )


def state_after(table: Mapping[tuple[E | None, A], E], known: _Case, act: A, noun: str) -> E:
    """Where an act leads by the table of legal moves; raises WrongStateError where it leads nowhere."""
    after = table.get((known.state, act))
    if after is None:
        raise WrongStateError(
            f"{act} cannot follow while {noun} {known.id} is {known.state}", detail={"state": known.state}
        )
    return after


def fold_chain(moves: Iterable[S], applied: Callable[[C | None, S], C]) -> tuple[C | None, Mapping[str, str]]:
    """What a set of steps amounts to, and for each that does not count why: its digest → code, or `WAITING`."""
    left = sorted(moves, key=lambda move: (move.at, move.digest))
    standing: C | None = None
    aside: dict[str, str] = {}
    while True:
        head = standing and standing.head
        for move in [move for move in left if move.previous == head and move.digest not in aside]:
            try:
                standing = applied(standing, move)
            except HechuanError as error:
                aside[move.digest] = error.code
                continue
            left.remove(move)
            break
        else:
            break
    counted = {None, *(move.digest for move in standing.moves)} if standing else {None}
    for move in left:
        aside.setdefault(move.digest, WrongStateError.code if move.previous in counted else "WAITING")
    return standing, aside
