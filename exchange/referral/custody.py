"""The chain of custody: who had what from when, each link holding the hash of the one before.

Evidence is handed on by the moves `send`, `report` and the like, which name what they add, and by `hand_over`; its
receipt is confirmed by `receive` and `take_over`, which name what was received. The links are the signed moves
themselves, so the chain needs no register beside them and can be checked from their envelopes alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from exchange.errors import ProofInvalidError
from exchange.ids import AgencyId
from exchange.referral.case import Referral, Role
from exchange.referral.history import fold
from exchange.referral.move import Act, Attachment, Move
from exchange.referral.step import apply

_CONFIRMS: Final = frozenset({Act.RECEIVE, Act.TAKE_OVER})
_TO: Final = {
    Act.SEND: Role.HANDLER,
    Act.INSIST: Role.HANDLER,
    Act.REOPEN: Role.HANDLER,
    Act.RETURN: Role.ISSUER,
    Act.REPORT: Role.ISSUER,
}
"""Acts that pass things on, and to which desk."""


@dataclass(frozen=True, slots=True)
class Link:
    """One hand-over or confirmation; `holder` has it from here on, or is to take it.

    `missing`: digests that the receiver should have confirmed and did not.
    """

    id: str
    previous: str | None
    act: Act
    by: AgencyId
    holder: AgencyId
    at: datetime
    attachments: tuple[Attachment, ...]
    missing: tuple[str, ...]


def custody(moves: Sequence[Move]) -> list[Link]:
    """The links of a referral, first to last, out of its moves in any order; moves that do not count give none."""
    standing = fold(moves).standing
    found: list[Link] = []
    held: dict[str, Attachment] = {}
    known: Referral | None = None
    for move in standing.moves if standing else ():
        known = apply(known, move)
        named = {item.digest: item for item in move.attachments}
        confirms = move.act in _CONFIRMS
        missing = tuple(sorted(held.keys() - named.keys())) if confirms else ()
        held |= named
        if confirms or move.act in _TO or move.act is Act.HAND_OVER or named:
            holder = known.desks[_TO[move.act]] if move.act in _TO else move.to or move.by
            found.append(
                Link(
                    move.digest, move.previous, move.act, move.by, holder, move.at, move.attachments, missing
                )
            )
    return found


def check_links(payloads: Sequence[bytes]) -> list[Move]:
    """Payloads of one referral's moves, first to last, as moves; raises ProofInvalidError where one does not follow.

    Signatures are the envelopes' and are checked there; MalformedError and the like as `Move.parse`.
    """
    moves = [Move.parse(payload) for payload in payloads]
    ids = {move.digest for move in moves}
    for at, move in enumerate(moves):
        if move.referral != moves[0].referral:
            raise ProofInvalidError(f"link {at} is another referral's")
        if (move.previous is None) != (at == 0) or (move.previous is not None and move.previous not in ids):
            raise ProofInvalidError(f"link {at} does not follow from those before it")
        if at and move.at <= moves[at - 1].at:
            raise ProofInvalidError(f"link {at} is not later than the one before it")
    return moves
