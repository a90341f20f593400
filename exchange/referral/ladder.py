"""提醒 → 约谈 → 通报 → 追责: which step of the ladder a rule proposes. Nothing here makes one; persons do.

After how many working days beyond a missed deadline each step is due is the authority's to set (settings, section
referral); the first may come at once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime

from exchange.errors import InvalidInputError
from exchange.referral.case import Referral
from exchange.referral.move import LADDER, Act
from exchange.trust.workday import received_on

Between = Callable[[date, date], int]
"""(a day, a later day) → how many working days lie behind the first, up to and with the second."""


@dataclass(frozen=True, slots=True)
class Ladder:
    """Working days beyond the deadline after which each step is proposed, never falling."""

    remind: int
    interview: int
    circulate: int
    account: int

    def __post_init__(self) -> None:
        if list(self.days) != sorted(self.days) or self.remind < 0:
            raise InvalidInputError("the steps of the ladder follow each other: days must not fall")

    @property
    def days(self) -> tuple[int, int, int, int]:
        """By step, the lowest first."""
        return (self.remind, self.interview, self.circulate, self.account)


@dataclass(frozen=True, slots=True)
class Proposal:
    """The next step, and what it rests on."""

    act: Act
    deadline: datetime
    overdue_days: int


def proposed(known: Referral, now: datetime, ladder: Ladder, between: Between) -> Proposal | None:
    """The step of the ladder that is due and has not been taken; None where there is none."""
    deadline = known.deadline
    if deadline is None or now < deadline or known.level >= len(LADDER):
        return None
    # a deadline is the first instant that is too late, so the last day in time is the one before it
    overdue = between(received_on(deadline), received_on(now))
    if overdue < ladder.days[known.level]:
        return None
    return Proposal(LADDER[known.level], deadline, overdue)
