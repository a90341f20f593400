"""Until when a side must have answered: working days of the mainland's calendar, counted from the day after."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from exchange.agreement.negotiation import Deadline, State
from exchange.settings import Agreement
from exchange.trust.workday import SHANGHAI, Holidays, add_working_days


def deadline_of(settings: Agreement) -> Deadline:
    """The deadline rule that the settings give; raises as `Holidays.load` for a calendar that cannot be read."""
    holidays = Holidays.load(Path(settings.calendar)) if settings.calendar else None

    def due(state: State, at: datetime) -> datetime:
        days = settings.answer_days if state in (State.REQUESTED, State.OFFERED) else settings.sign_days
        return add_working_days(at.astimezone(SHANGHAI).date(), days, holidays).instant

    return due
