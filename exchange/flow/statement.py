"""Signed statements that concern several agencies: into the ledger of every hub concerned.

A statement arrives from its agency (`submit`) or out of the ledger of the hub that had it first (`repeat`):
(0) the caller is known, or the entry has been verified in its own ledger
(1) the envelope is signed by a key of the agency it speaks for, which is one of those concerned
(2) it was signed now, or when its first hub recorded it
(3) this very statement is not in the ledger yet (then: the old receipt)
(4) its kind allows it: asked where it is submitted, and nowhere else
(5) entry, checkpoint, receipt

(3) to (5) run in the appender's thread. What one hub has entered, all hubs concerned enter, each once and in whatever
order it reaches them; what the statements amount to has to follow from their set alone. So the ledgers end alike.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from exchange.errors import InvalidInputError, PermissionDeniedError
from exchange.flow.append import Appended, Appender, Draft, receipt_of
from exchange.flow.entry import record_of, statement_body
from exchange.flow.form import FORMS, Stated
from exchange.flow.registry import KeyRing
from exchange.ids import AgencyId, digest_of
from exchange.ports import Clock, EntryKind, LedgerStore, Record, StatementRecord
from exchange.trust.envelope import Envelope, verify_signers
from exchange.trust.keys import VerifyKey

Resolve = Callable[[AgencyId, str], VerifyKey]
Judge = Callable[[bytes], None]
"""Step (4): raises where the payload cannot follow what the ledger holds."""


class StatementIndex:
    """Where the statements of one kind stand in a ledger, read as it grows; `take` hears of each once, in order."""

    def __init__(
        self, ledger: LedgerStore, kind: EntryKind, refresh: float, take: Callable[[StatementRecord], None]
    ) -> None:
        self.ledger = ledger
        self.kind = kind
        self._refresh = refresh
        self._take = take
        self._index: dict[str, int] = {}
        self._next = 0
        self._read_at = float("-inf")
        self._lock = threading.RLock()
        self._listeners: list[Callable[[], None]] = []

    def listen(self, changed: Callable[[], None]) -> None:
        """Have `changed` called whenever this process appends a statement of the kind."""
        self._listeners.append(changed)

    def index_of(self, statement: str) -> int | None:
        """Where a statement stands, if it does."""
        self.read(at_once=True)
        return self._index.get(statement)

    def place(self, statement: str) -> int:
        """Where a statement stands that has been taken."""
        return self._index[statement]

    def observe(self, records: Sequence[Record]) -> None:
        """Hear what this process appended."""
        if any(isinstance(record, StatementRecord) and record.kind is self.kind for record in records):
            self._read_at = float("-inf")
            for changed in self._listeners:
                changed()

    def read(self, at_once: bool = False) -> None:
        """Take what is new, unless that was done `refresh` seconds ago or later."""
        if not at_once and time.monotonic() - self._read_at < self._refresh:
            return
        with self._lock:
            started = time.monotonic()
            for record in self.ledger.statements(self.kind, self._next):
                self._next = record.index + 1
                self._index[record.id] = record.index
                self._take(record)
            self._read_at = started


@dataclass(frozen=True, slots=True)
class _Signed:
    """A statement whose envelope has checked."""

    id: str
    stated: Stated
    envelope: Envelope
    key: VerifyKey
    origin: tuple[str, int] | None


class Statements:
    """Takes statements of one kind; the hub itself never makes one."""

    def __init__(
        self,
        index: StatementIndex,
        keys: KeyRing,
        appender: Appender,
        clock: Clock,
        hub: str,
        judge: Judge,
        skew_seconds: int,
    ) -> None:
        self.kind = index.kind
        self._index = index
        self._keys = keys
        self._appender = appender
        self._clock = clock
        self._hub = hub
        self._judge = judge
        self._skew = timedelta(seconds=skew_seconds)

    def submit(self, caller: AgencyId, envelope_bytes: bytes) -> Appended:
        """An agency's own statement; raises what the steps name."""
        signed = self._signed(Envelope.from_json_bytes(envelope_bytes), self._keys.resolve, None)
        if signed.stated.by != caller:
            raise PermissionDeniedError(
                f"the statement speaks for {signed.stated.by}, the certificate for {caller}"
            )
        if caller.jurisdiction != self._hub:
            raise PermissionDeniedError(
                f"{caller} speaks at the hub of its own jurisdiction", detail={"reason": "NOT_ITS_HUB"}
            )
        if abs(self._clock.now() - signed.stated.at) > self._skew:  # (2)
            raise InvalidInputError("it was not signed now; check the clock and sign it again")
        return self._appender.submit(lambda: self._draft(signed, self._judge)).result()

    def repeat(self, record: StatementRecord, hub: str, resolve: Resolve) -> Appended | None:
        """What a peer's verified ledger holds; None where it is here already or does not concern this hub."""
        if record.origin is not None or self._index.index_of(record.id) is not None:
            return None
        if self._hub not in {party.jurisdiction for party in record.parties}:
            return None
        signed = self._signed(Envelope.from_json_bytes(record.envelope), resolve, (hub, record.index))
        if signed.stated.by.jurisdiction != hub:
            raise PermissionDeniedError(f"{signed.stated.by} speaks at its own hub, not at {hub}'s")
        if abs(record.recorded_at - signed.stated.at) > self._skew:  # (2)
            raise InvalidInputError("it was signed at another time than it was recorded")
        return self._appender.submit(lambda: self._draft(signed, None)).result()

    def _signed(self, envelope: Envelope, resolve: Resolve, origin: tuple[str, int] | None) -> _Signed:
        form = FORMS[self.kind]
        stated = form.read(envelope.payload)  # (1)
        payload, keys = verify_signers(envelope, form.payload_type, lambda key_id: resolve(stated.by, key_id))
        if stated.by not in stated.parties:
            raise PermissionDeniedError(
                f"{stated.by} is no party to {stated.subject}", detail={"reason": "NOT_A_PARTY"}
            )
        return _Signed(digest_of(payload), stated, envelope, keys[0], origin)

    def _draft(self, signed: _Signed, judge: Judge | None) -> Draft | Appended:
        index = self._index.index_of(signed.id)  # (3)
        if index is not None:
            ledger = self._index.ledger
            return Appended(record_of(ledger.entry(index)), receipt_of(ledger, index), True)
        if judge is not None:  # (4)
            judge(signed.envelope.payload)
        stated = signed.stated
        return Draft(  # (5)
            statement_body(
                self.kind,
                stated.subject,
                stated.parties,
                signed.id,
                signed.envelope,
                str(signed.key),
                signed.origin,
            )
        )
