"""Forms of signed statements that concern several agencies: what each kind is called, and how it is read.

Whoever adds a kind adds its `EntryKind` and its line here; entering, repeating at other hubs, checking and replaying
then need nothing more.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from exchange.accord import move as accord
from exchange.ids import AgencyId
from exchange.ports import EntryKind
from exchange.referral import move as referral
from exchange.review import move as review
from exchange.settlement import move as settlement


@dataclass(frozen=True, slots=True)
class Stated:
    """What every statement says, whatever its kind: on which subject, between whom, by whom, when."""

    subject: str
    parties: tuple[AgencyId, ...]
    by: AgencyId
    at: datetime


@dataclass(frozen=True, slots=True)
class Form:
    """A kind of statement: its payload type, and how to read a payload; reading raises MalformedError and the like."""

    payload_type: str
    read: Callable[[bytes], Stated]


def _referral(payload: bytes) -> Stated:
    move = referral.Move.parse(payload)
    return Stated(move.referral, move.parties, move.by, move.at)


def _settlement(payload: bytes) -> Stated:
    move = settlement.Move.parse(payload)
    return Stated(move.settlement, move.parties, move.by, move.at)


def _report(payload: bytes) -> Stated:
    move = review.Move.parse(payload)
    return Stated(move.report, move.parties, move.by, move.at)


def _accord(payload: bytes) -> Stated:
    move = accord.Move.parse(payload)
    return Stated(move.accord, move.parties, move.by, move.at)


FORMS: Final[Mapping[EntryKind, Form]] = {
    EntryKind.REFERRAL: Form(referral.Move.TYPE, _referral),
    EntryKind.SETTLEMENT: Form(settlement.Move.TYPE, _settlement),
    EntryKind.REPORT: Form(review.Move.TYPE, _report),
    EntryKind.ACCORD: Form(accord.Move.TYPE, _accord),
}
