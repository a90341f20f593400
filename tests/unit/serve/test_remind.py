"""What a hub tells its operator of deadlines, and how often."""

from __future__ import annotations

from datetime import timedelta

import pytest
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from exchange.agreement.negotiation import Negotiation
from exchange.serve.remind import Reminder
from exchange.settings import Agreement
from tests.ledgers import SteppedClock
from tests.unit.agreement.test_negotiation import START, play


class Book:
    """Agreements as they stand in a ledger."""

    def __init__(self, *words: str) -> None:
        self._found = [known for word in words if (known := play(word)) is not None]

    def every(self) -> list[Negotiation]:
        return self._found


REQUESTED, ENDED = "c:request", "c:request p:terminate"


@pytest.mark.parametrize(
    ("days", "told", "soon", "lapsed"),
    [
        (1, [], 0, 0),
        (10.9, [], 0, 0),
        (11.1, ["an answer is due soon"], 1, 0),
        (14.1, ["a negotiation has lapsed"], 0, 1),
        (17.1, [], 0, 1),
    ],
)
def test_deadlines_are_told_once(days: float, told: list[str], soon: int, lapsed: int) -> None:
    """The answer is due after 14 days; 3 days before, the side is reminded."""
    clock = SteppedClock()
    clock.instant = START + timedelta(days=days)
    reminder = Reminder(Book(REQUESTED, ENDED), clock, Agreement(remind_days=3))  # type: ignore[arg-type]
    with capture_logs() as lines:
        reminder.round()
        reminder.round()
    assert [line["event"] for line in lines] == told
    assert all(line["dataset"] == "500000/ecology/water-quality" for line in lines)
    assert REGISTRY.get_sample_value("hechuan_answers_due_soon") == soon
    counted = {
        state: REGISTRY.get_sample_value("hechuan_agreements", {"state": state})
        for state in ("lapsed", "requested", "terminated")
    }
    assert counted == {"lapsed": lapsed, "requested": 1 - lapsed, "terminated": 1}
