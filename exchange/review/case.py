"""The state machine of a report's review. No I/O.

    (nothing)   a side submit      → IN_REVIEW, version 1
    IN_REVIEW   either side remark   (stays)
                its drafter submit   (stays), the next version; signatures begin anew
                a side sign          (stays) → SIGNED once both have signed the same version
                its drafter withdraw → WITHDRAWN

Nothing leads out of SIGNED and WITHDRAWN: what has to change afterwards is an erratum, a report of its own that names
the one it corrects. Both sides may sign at once: a step answers a version, not the step before it. So steps are taken
by their own time and, where that is the same, by their digest; one that is not legal when its turn comes is set aside.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from exchange.errors import HechuanError, InvalidInputError, PermissionDeniedError, WrongStateError
from exchange.ids import AgencyId
from exchange.review.draft import Draft
from exchange.review.move import Act, Move


class State(StrEnum):
    """Where a report stands."""

    IN_REVIEW = "in_review"
    SIGNED = "signed"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True)
class Review:
    """What the steps that count amount to. `versions`: the steps that submitted each; `signed`: upon the last."""

    state: State
    versions: tuple[Move, ...]
    signed: Mapping[AgencyId, Move]
    moves: tuple[Move, ...]

    @property
    def id(self) -> str:
        """The report's id."""
        return self.versions[0].report

    @property
    def draft(self) -> Draft:
        """The version that stands."""
        draft = self.versions[-1].draft
        assert draft is not None
        return draft

    @property
    def parties(self) -> tuple[AgencyId, ...]:
        """The two who sign."""
        return self.draft.signatories

    @property
    def drafter(self) -> AgencyId:
        """Who submitted it first."""
        return self.versions[0].by

    @property
    def head(self) -> str:
        """What the next step names as `previous`: the step that submitted the version that stands."""
        return self.versions[-1].digest

    @property
    def remarks(self) -> tuple[Move, ...]:
        """All remarks, upon whichever version."""
        return tuple(move for move in self.moves if move.act is Act.REMARK)

    @property
    def awaited(self) -> tuple[AgencyId, ...]:
        """Whose signature is awaited."""
        if self.state is not State.IN_REVIEW:
            return ()
        return tuple(each for each in self.draft.signatories if each not in self.signed)

    @property
    def signed_at(self) -> datetime | None:
        """When the second side signed."""
        return max(move.at for move in self.signed.values()) if self.state is State.SIGNED else None


def applied(known: Review | None, move: Move) -> Review:
    """The review after one more step; raises WrongStateError, PermissionDeniedError, InvalidInputError."""
    if move.by not in move.parties:
        raise PermissionDeniedError(
            f"{move.by} is no party to report {move.report}", detail={"reason": "NOT_A_PARTY"}
        )
    if known is None:
        if move.act is not Act.SUBMIT or move.previous is not None:
            raise WrongStateError(f"no report {move.report} has been submitted; submit one first")
        return Review(State.IN_REVIEW, (move,), {}, (move,))
    _check(known, move)
    moves = (*known.moves, move)
    if move.act is Act.SUBMIT:
        return replace(known, versions=(*known.versions, move), signed={}, moves=moves)
    if move.act is Act.WITHDRAW:
        return replace(known, state=State.WITHDRAWN, moves=moves)
    if move.act is Act.REMARK:
        return replace(known, moves=moves)
    if move.by in known.signed:
        raise WrongStateError(f"{move.by} has signed this version", detail={"state": known.state})
    signed = {**known.signed, move.by: move}
    state = State.SIGNED if len(signed) == len(known.draft.signatories) else State.IN_REVIEW
    return replace(known, state=state, signed=signed, moves=moves)


def fold(moves: Iterable[Move]) -> tuple[Review | None, Mapping[str, str]]:
    """What a set of steps amounts to, and for each that does not count why: its digest → code, or WAITING."""
    standing: Review | None = None
    aside: dict[str, str] = {}
    seen: set[str] = set()
    known = {move.digest: move for move in moves}
    for digest, move in sorted(known.items(), key=lambda pair: (pair[1].at, pair[0])):
        if move.previous is not None and move.previous not in seen:
            aside[digest] = "WAITING"
            continue
        seen.add(digest)
        try:
            standing = applied(standing, move)
        except HechuanError as error:
            aside[digest] = error.code
    return standing, aside


def _check(known: Review, move: Move) -> None:
    if known.state is not State.IN_REVIEW:
        raise WrongStateError(
            f"report {known.id} is {known.state}: what changes now is an erratum",
            detail={"state": known.state},
        )
    if move.previous != known.head:
        raise WrongStateError(
            "the step answers an older version; look at the report again",
            detail={"state": known.state, "head": known.head},
        )
    if move.parties != known.draft.signatories:
        raise InvalidInputError("the parties of a report do not change")
    if move.at <= known.versions[-1].at:
        raise InvalidInputError("a step is later than the version it answers")
    if move.act in (Act.SUBMIT, Act.WITHDRAW) and move.by != known.drafter:
        raise PermissionDeniedError(
            f"only {known.drafter}, who drafted it, revises or withdraws it",
            detail={"reason": "NOT_THE_DRAFTER"},
        )
    if move.draft is not None and (move.draft.period, move.draft.corrects) != (
        known.draft.period,
        known.draft.corrects,
    ):
        raise InvalidInputError("a revision is of the same period, and corrects the same report")
