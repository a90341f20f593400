"""A request of the host to a field station (HJ 212-2017, 6.2): what may follow what, and what is sent again when.

    SENT ──9011, QnRtn=1──▶ ACCEPTED ──9012, ExeRtn=1──▶ DONE
      │ 9011, otherwise          │ 9012, otherwise
      ▼                          ▼
    FAILED ◀────────────── no answer in time: sent again `again` times, then FAILED

Any other answer changes nothing. Times are of the caller's clock.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum, auto
from typing import Final

from adapters.hj212.code import ACKNOWLEDGE, ANSWERS, HOST, REQUEST_ANSWER, RESULT, RESULTS
from adapters.hj212.frame import Message, encode

_GOOD: Final = "1"


class State(Enum):
    """Where a request stands."""

    SENT = auto()
    ACCEPTED = auto()
    DONE = auto()
    FAILED = auto()


@dataclass(slots=True)
class Request:
    """One request, known by its QN. `overtime` and `again` are OverTime and ReCount (table 10)."""

    message: Message
    due: datetime
    overtime: timedelta
    again: int
    state: State = State.SENT
    reason: str = ""

    @property
    def open(self) -> bool:
        """Whether an answer is still awaited."""
        return self.state in (State.SENT, State.ACCEPTED)

    def heard(self, answer: Message, now: datetime) -> None:
        """An answer of the station under this request's QN."""
        if self.state is State.SENT and answer.command == REQUEST_ANSWER:
            code = answer.data.get("QnRtn", "100")
            self._move(State.ACCEPTED if code == _GOOD else State.FAILED, ANSWERS.get(code, code))
            self.due = now + self.overtime
        elif self.open and answer.command == RESULT:
            code = answer.data.get("ExeRtn", "100")
            self._move(State.DONE if code == _GOOD else State.FAILED, RESULTS.get(code, code))

    def late(self, now: datetime) -> bytes | None:
        """The frame once more where its answer is overdue; None where there is nothing to send."""
        if not self.open or now < self.due:
            return None
        if self.again <= 0:
            self._move(State.FAILED, "no answer")
            return None
        self.again -= 1
        self.state, self.due = State.SENT, now + self.overtime
        return encode(self.message)

    def _move(self, state: State, reason: str) -> None:
        self.state, self.reason = state, reason


def request(
    station: Message, command: str, data: dict[str, str], now: datetime, overtime: timedelta, again: int
) -> Request:
    """A request to the station that sent a message, in its version and with its password; QN is `now` (Beijing)."""
    header = {
        "QN": qn(now),
        "ST": station.header.get("ST", HOST),
        "CN": command,
        "PW": station.header.get("PW", ""),
        "MN": station.station,
        "Flag": str(station.version << 2 | ACKNOWLEDGE),
    }
    return Request(Message(header, data), now + overtime, overtime, again)


def qn(now: datetime) -> str:
    """A moment to the millisecond, as requests are numbered: YYYYMMDDHHMMSSmmm."""
    return f"{now:%Y%m%d%H%M%S}{now.microsecond // 1000:03}"
