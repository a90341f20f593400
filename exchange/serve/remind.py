"""Deadlines of agreements, told to whoever runs the hub: a line in the log for each, and figures for Prometheus.

The sides see the same in `hechuan agreement list`; a hub writes to nobody. Each round:
(1) agreements are counted by the state that they are in now
(2) an answer that is due within `remind_days` is told once
(3) a negotiation whose deadline has passed unanswered is told once, if that was not long ago
"""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

import structlog

from exchange.agreement.negotiation import Negotiation, State, due_soon
from exchange.flow.agree import AgreementBook
from exchange.ports import Clock
from exchange.serve import metrics
from exchange.settings import Agreement

_log = structlog.get_logger(__name__)


class Reminder:
    """Looks at every agreement that the hub's ledger tells of."""

    def __init__(self, book: AgreementBook, clock: Clock, settings: Agreement) -> None:
        self._book = book
        self._clock = clock
        self._settings = settings
        self._told: set[tuple[str, str]] = set()

    async def run(self) -> None:
        """Rounds, for ever; cancel to stop."""
        while True:
            try:
                await asyncio.to_thread(self.round)
            except Exception as error:  # whatever it is, the next round must come
                _log.error("deadlines not looked at", exc_info=error)
            await asyncio.sleep(self._settings.remind_seconds)

    def round(self) -> None:
        """Steps (1) to (3)."""
        now, every = self._clock.now(), self._book.every()
        metrics.agreements([each.state_at(now) for each in every])  # (1)
        soon = [each for each in every if each.awaited(now) and self._soon(each, now)]
        metrics.ANSWERS_DUE_SOON.set(len(soon))
        for each in soon:  # (2)
            self._tell(each, "an answer is due soon", awaited=str(each.awaited(now)))
        for each in every:
            if each.state_at(now) is State.LAPSED and self._recent(each, now):  # (3)
                self._tell(each, "a negotiation has lapsed")

    def _soon(self, negotiation: Negotiation, now: datetime) -> bool:
        return due_soon(negotiation, now, self._settings.remind_days)

    def _recent(self, negotiation: Negotiation, now: datetime) -> bool:
        """A hub that starts does not tell of all that ever lapsed."""
        return negotiation.due is not None and negotiation.due > now - timedelta(
            days=self._settings.remind_days
        )

    def _tell(self, negotiation: Negotiation, event: str, **facts: str) -> None:
        if (negotiation.head, event) in self._told:
            return
        self._told.add((negotiation.head, event))
        _log.warning(
            event,
            agreement=negotiation.id,
            dataset=str(negotiation.terms.dataset),
            provider=str(negotiation.terms.provider),
            consumer=str(negotiation.terms.consumer),
            due=str(negotiation.due),
            **facts,
        )
