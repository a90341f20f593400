"""Until when a side must have answered: working days of the mainland's calendar, counted from the day after."""

from __future__ import annotations

from datetime import datetime, timedelta

from exchange.agreement.negotiation import Deadline, State
from exchange.settings import Agreement


def deadline_of(settings: Agreement) -> Deadline:
    """The deadline rule that the settings give."""

    def due(state: State, at: datetime) -> datetime:
        days = settings.answer_days if state in (State.REQUESTED, State.OFFERED) else settings.sign_days
        return at + timedelta(days=days)

    return due
