"""Referrals at one hub: its book, folded from the ledger, and what is asked of a move that is made here.

Signature, time and repetition are the business of `exchange.flow.statement`. A move made here is then judged:
(1) the state machine allows it, as the next step of what this hub knows
(2) its deadlines are those of this hub's calendar and settings
(3) a step of the ladder is one that the rule proposes now
(4) what it hands over is stored here: the bytes are durable before the entry that names them

A move that another hub has entered is entered as it is; `exchange.referral.history` says what it amounts to.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path

import structlog

from exchange.errors import (
    FieldViolation,
    HechuanError,
    InvalidInputError,
    NotFoundError,
    PermissionDeniedError,
    WrongStateError,
)
from exchange.flow.attach import Attachments
from exchange.flow.entry import record_of
from exchange.flow.inbox import Inbox
from exchange.flow.statement import StatementIndex
from exchange.ids import AgencyId
from exchange.ports import EntryKind, LedgerStore, StatementRecord
from exchange.referral.case import Referral
from exchange.referral.history import History, grown, judged
from exchange.referral.ladder import Ladder, Proposal, proposed
from exchange.referral.move import LADDER, Act, Move
from exchange.referral.order import Kind, Order
from exchange.settings import Agreement
from exchange.settings import Referral as Settings
from exchange.trust.envelope import Envelope
from exchange.trust.workday import (
    Deadline,
    Holidays,
    add_working_days,
    received_on,
    working_days_between,
)

_log = structlog.get_logger(__name__)


class ReferralBook:
    """Every referral the ledger tells of, and for each agency those that wait for it."""

    def __init__(self, ledger: LedgerStore, refresh: float) -> None:
        self.index = StatementIndex(ledger, EntryKind.REFERRAL, refresh, self._take)
        self._known: dict[str, History] = {}
        self._inboxes: dict[AgencyId, Inbox] = {}
        self._lock = threading.Lock()

    def get(self, referral: str) -> Referral:
        """One referral; raises NotFoundError."""
        self.index.read()
        found = self.history(referral)
        if found is None or found.standing is None:
            raise NotFoundError(f"this hub knows no referral {referral}")
        return found.standing

    def get_for(self, referral: str, reader: AgencyId) -> Referral:
        """One referral for somebody with a part in it; raises NotFoundError, PermissionDeniedError."""
        found = self.get(referral)
        if reader not in found.parties:
            raise PermissionDeniedError(
                f"{reader} has no part in referral {referral}", detail={"reason": "NOT_A_PARTY"}
            )
        return found

    def told(self, referral: str) -> tuple[History, Mapping[str, bytes]]:
        """The history of one, and the envelopes of its moves as the ledger has them."""
        history = self._known[referral]
        ledger = self.index.ledger
        found = (record_of(ledger.entry(self.index.place(id))) for id in history.moves)
        return history, {each.id: each.envelope for each in found if isinstance(each, StatementRecord)}

    def history(self, referral: str) -> History | None:
        """All that is known of one, set aside or waiting moves included; reads what is new first."""
        self.index.read(at_once=True)
        return self._known.get(referral)

    def inbox(self, agency: AgencyId, mine: bool, closed: bool = False) -> list[Referral]:
        """Referrals that an agency has or had a part in, the nearest deadline first; `mine`: those that wait for it."""
        self.index.read()
        with self._lock:
            found = self._inboxes.get(agency)
            return found.listed(mine, closed) if found else []

    def _take(self, record: StatementRecord) -> None:
        try:
            move = Move.parse(Envelope.from_json_bytes(record.envelope).payload)
        except HechuanError as error:  # entered by software that read otherwise; it changes nothing here
            _log.warning("a move in the ledger does not parse", index=record.index, error=str(error))
            return
        history = grown(self._known.get(record.subject, History()), move)
        with self._lock:
            self._known[record.subject] = history
            if history.standing is None:
                return
            for party in history.standing.parties:
                self._inboxes.setdefault(party, Inbox(party)).put(record.subject, history.standing)


class Desk:
    """The rules of one hub: its calendar, its settings, what it holds."""

    def __init__(
        self, book: ReferralBook, attachments: Attachments, settings: Settings, agreement: Agreement
    ) -> None:
        self._book = book
        self._attachments = attachments
        self._settings = settings
        self._holidays = Holidays.load(Path(agreement.calendar)) if agreement.calendar else None
        # a page of an inbox asks for the same few days again and again
        self._between = lru_cache(maxsize=4096)(
            lambda start, end: working_days_between(start, end, self._holidays)
        )
        self._ladder = Ladder(
            settings.remind_after_days,
            settings.interview_after_days,
            settings.circulate_after_days,
            settings.account_after_days,
        )

    def acknowledge_by(self, kind: Kind, at: datetime) -> datetime:
        """Until when the handler says that it has it."""
        if kind is Kind.WARNING:
            return at + timedelta(minutes=self._settings.acknowledge_warning_minutes)
        return self.due(at, self._settings.acknowledge_days).instant

    def days(self, kind: Kind) -> int:
        """Working days for the work, where the issuer says nothing else."""
        found: int = getattr(self._settings, f"{kind.value}_days")
        return found

    def due(self, after: datetime, days: int) -> Deadline:
        """The last of so many working days after an instant's day."""
        return add_working_days(received_on(after), days, self._holidays)

    def extended(self, due: datetime, days: int) -> Deadline:
        """A deadline moved on by so many working days."""
        # a deadline is the first instant that is too late; the last day in time is the one before it
        return self.due(due - timedelta(microseconds=1), days)

    def proposed(self, known: Referral, now: datetime) -> Proposal | None:
        """The step of the ladder that the rule proposes."""
        return proposed(known, now, self._ladder, self._between)

    def days_left(self, known: Referral, now: datetime) -> int | None:
        """Working days until the deadline, today not counted; negative beyond it, None where none runs."""
        if known.deadline is None:
            return None
        last, today = received_on(known.deadline - timedelta(microseconds=1)), received_on(now)
        return self._between(today, last) or -self._between(last, today)

    def judge(self, payload: bytes) -> None:
        """Steps (1) to (4); raises as the state machine, InvalidInputError, WrongStateError, NotFoundError."""
        move = Move.parse(payload)
        history = self._book.history(move.referral)
        judged(history, move)  # (1)
        if move.order is not None:  # (2)
            self._check_order(move.order)
        known = None if history is None else history.standing
        if known is not None and move.due is not None:
            self._check_term(known, move, move.due)
        if known is not None and move.act in LADDER:  # (3)
            proposal = self.proposed(known, move.at)
            if proposal is None or proposal.act is not move.act:
                raise WrongStateError(
                    f"no rule proposes to {move.act} now",
                    detail={"reason": "NOT_PROPOSED", "state": known.state},
                )
        self._attachments.check(known, move)  # (4)

    def _check_order(self, order: Order) -> None:
        expected = (self.acknowledge_by(order.kind, order.at), self.due(order.at, order.days).instant)
        _same(("acknowledge_by", order.acknowledge_by, expected[0]), ("due", order.due, expected[1]))
        if order.parent and order.issuer not in self._book.get(order.parent).parties:
            raise PermissionDeniedError(
                f"{order.issuer} has no part in referral {order.parent}", detail={"reason": "NOT_A_PARTY"}
            )

    def _check_term(self, known: Referral, move: Move, due: datetime) -> None:
        if move.act is Act.REOPEN:
            _same(("due", due, self.due(move.at, move.days).instant))
            return
        _same(("due", due, self.extended(known.due, move.days).instant))
        most = self._settings.extension_days
        taken = sum(item.days for item in granted(known))
        if taken + move.days > most:
            raise InvalidInputError(
                f"延期合计不得超过 {most} 个工作日 / extensions are {most} working days in all"
            )


def granted(known: Referral) -> Iterable[Move]:
    """The moves that asked for an extension and were given it."""
    asked: Move | None = None
    for move in known.moves:
        if move.act is Act.ASK_EXTENSION:
            asked = move
        elif move.act is Act.GRANT_EXTENSION and asked is not None:
            yield asked


def _same(*pairs: tuple[str, datetime, datetime]) -> None:
    wrong = [
        FieldViolation(name, "deadline", f"按日历应为 {expected.isoformat()} / by the calendar")
        for name, given, expected in pairs
        if given != expected
    ]
    if wrong:
        raise InvalidInputError(
            "期限与工作日历不符 / deadlines are not those of the calendar", violations=wrong
        )
