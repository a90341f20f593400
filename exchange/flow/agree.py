"""Agreements: from a signed move to a new state, in the ledger of every hub concerned.

A move arrives from its side (`submit`) or out of the ledger of the hub that had it first (`repeat`):
(0) the caller is known, or the entry has been verified in its own ledger
(1) the envelope is signed by a key of the side it speaks for
(2) it was signed now, or when its first hub recorded it
(3) this very move is not in the ledger yet (then: the old receipt)
(4) the state machine allows it
(5) the terms are such as the provider's contract and the law allow, as far as that is known here
(6) a signature over the terms checks
(7) entry, checkpoint, receipt

(3) to (7) run in the appender's thread, so that of two moves that cross only the first is judged by the old state.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

import structlog

from exchange.agreement.move import MOVE_TYPE, Move
from exchange.agreement.negotiation import Deadline, Negotiation, begin, follow
from exchange.agreement.terms import TERMS_TYPE, Terms
from exchange.errors import (
    HechuanError,
    InvalidInputError,
    NotFoundError,
    PermissionDeniedError,
)
from exchange.flow.append import Appended, Appender, Draft, receipt_of
from exchange.flow.entry import move_body, record_of
from exchange.flow.registry import KeyRing
from exchange.ids import AgencyId, DatasetId
from exchange.ports import Clock, LedgerStore, MoveRecord, Record
from exchange.trust.envelope import Envelope, pae, verify_signers
from exchange.trust.keys import VerifyKey

Resolve = Callable[[AgencyId, str], VerifyKey]
CheckTerms = Callable[[Terms, str], None]
"""(terms, hub of the provider) → nothing, or what is wrong with them."""
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Signed:
    """A move whose envelope has checked."""

    move: Move
    envelope: Envelope
    key: VerifyKey
    resolve: Resolve
    origin: tuple[str, int] | None


class AgreementBook:
    """Every agreement the ledger tells of, folded from its moves; looked up again after `refresh` seconds."""

    def __init__(self, ledger: LedgerStore, deadline: Deadline, refresh: float) -> None:
        self._ledger = ledger
        self._deadline = deadline
        self._refresh = refresh
        self._known: dict[str, Negotiation] = {}
        self._index: dict[str, int] = {}
        self._next = 0
        self._read_at = float("-inf")
        self._lock = threading.Lock()
        self._listeners: list[Callable[[], None]] = []

    def listen(self, changed: Callable[[], None]) -> None:
        """Have `changed` called whenever this process appends a move."""
        self._listeners.append(changed)

    def get(self, agreement: str) -> Negotiation:
        """One agreement; raises NotFoundError."""
        self._read()
        try:
            return self._known[agreement]
        except KeyError:
            raise NotFoundError(f"this hub knows no agreement {agreement}") from None

    def find(self, agreement: str) -> Negotiation | None:
        """One agreement, if it has begun."""
        self._read(at_once=True)
        return self._known.get(agreement)

    def every(self) -> Sequence[Negotiation]:
        """All of them, in the order they began."""
        self._read()
        return list(self._known.values())

    def index_of(self, move_id: str) -> int | None:
        """Where a move stands in this ledger."""
        self._read(at_once=True)
        return self._index.get(move_id)

    def observe(self, records: Sequence[Record]) -> None:
        """Hear what this process appended."""
        if any(isinstance(record, MoveRecord) for record in records):
            self._read_at = float("-inf")
            for changed in self._listeners:
                changed()

    def after(self, known: Negotiation | None, move: Move) -> Negotiation:
        """The state machine's verdict on one more move; raises as it does."""
        return begin(move, self._deadline) if known is None else follow(known, move, self._deadline)

    def _read(self, at_once: bool = False) -> None:
        if not at_once and time.monotonic() - self._read_at < self._refresh:
            return
        with self._lock:
            started = time.monotonic()
            for record in self._ledger.moves(self._next):
                self._take(record)
            self._read_at = started

    def _take(self, record: MoveRecord) -> None:
        self._next = record.index + 1
        self._index[record.id] = record.index
        try:
            move = Move.parse(Envelope.from_json_bytes(record.envelope).payload)
            self._known[record.agreement] = self.after(self._known.get(record.agreement), move)
        except HechuanError as error:  # entered by software that judged otherwise; it changes nothing here
            _log.warning("a move in the ledger does not follow", index=record.index, error=str(error))


class Agreements:
    """Takes moves; the hub itself never makes one."""

    def __init__(
        self,
        ledger: LedgerStore,
        book: AgreementBook,
        keys: KeyRing,
        appender: Appender,
        clock: Clock,
        hub: str,
        check_terms: CheckTerms,
        skew_seconds: int,
    ) -> None:
        self._ledger = ledger
        self._book = book
        self._keys = keys
        self._appender = appender
        self._clock = clock
        self._hub = hub
        self._check_terms = check_terms
        self._skew = timedelta(seconds=skew_seconds)

    def submit(self, caller: AgencyId, envelope_bytes: bytes) -> tuple[Negotiation, Appended]:
        """A side's own move; raises what the steps name."""
        signed = self._signed(Envelope.from_json_bytes(envelope_bytes), self._keys.resolve, None)
        if signed.move.by != caller:
            raise PermissionDeniedError(f"the move speaks for {signed.move.by}, the certificate for {caller}")
        if abs(self._clock.now() - signed.move.at) > self._skew:  # (2)
            raise InvalidInputError("the move was not signed now; check the clock and sign it again")
        appended = self._appender.submit(lambda: self._draft(signed)).result()
        return self._book.get(signed.move.agreement), appended

    def repeat(self, record: MoveRecord, hub: str, resolve: Resolve) -> Appended | None:
        """A move that a peer's verified ledger holds; None where it is here already or does not concern this hub."""
        if record.origin is not None or self._book.index_of(record.id) is not None:
            return None
        if self._hub not in (record.consumer.jurisdiction, record.dataset.owner.jurisdiction):
            return None
        envelope = Envelope.from_json_bytes(record.envelope)
        signed = self._signed(envelope, resolve, (hub, record.index))
        if signed.move.by.jurisdiction == self._hub:
            raise PermissionDeniedError(f"{signed.move.by} speaks at its own hub, not at {hub}'s")
        if abs(record.recorded_at - signed.move.at) > self._skew:  # (2)
            raise InvalidInputError("the move was signed at another time than it was recorded")
        return self._appender.submit(lambda: self._draft(signed)).result()

    def receipt(self, move_id: str) -> str:
        """The receipt of a move; raises NotFoundError."""
        index = self._book.index_of(move_id)
        if index is None:
            raise NotFoundError(f"this hub knows no move {move_id}")
        return receipt_of(self._ledger, index)

    def _signed(self, envelope: Envelope, resolve: Resolve, origin: tuple[str, int] | None) -> _Signed:
        move = Move.parse(envelope.payload)  # (1)
        _, keys = verify_signers(envelope, MOVE_TYPE, lambda key_id: resolve(move.by, key_id))
        return _Signed(move, envelope, keys[0], resolve, origin)

    def _draft(self, signed: _Signed) -> Draft | Appended:
        move = signed.move
        index = self._book.index_of(move.digest)  # (3)
        if index is not None:
            return Appended(record_of(self._ledger.entry(index)), receipt_of(self._ledger, index), True)
        after = self._book.after(self._book.find(move.agreement), move)  # (4)
        provider = after.terms.provider.jurisdiction
        if not after.state.final and (signed.origin is None or provider == self._hub):  # (5)
            self._check_terms(after.terms, provider)
        if move.signature is not None:  # (6)
            message = pae(TERMS_TYPE, after.terms.to_bytes())
            signed.resolve(move.by, move.signature.keyid).verify(message, move.signature.sig)
        body = move_body(after.terms, move.digest, signed.envelope, str(signed.key), signed.origin)
        return Draft(body)  # (7)


def agreements_of(
    book: AgreementBook, agency: AgencyId | None, dataset: DatasetId | None
) -> Sequence[Negotiation]:
    """Agreements that an agency is a party to, about one dataset or all."""
    return [
        each
        for each in book.every()
        if (agency is None or agency in each.terms.parties) and (dataset in (None, each.terms.dataset))
    ]


def mirroring(book: AgreementBook, owner: AgencyId) -> list[str]:
    """Other hubs that an agreement has ever let mirror an owner's datasets."""
    found = {
        each.terms.consumer.jurisdiction
        for each in book.every()
        if each.terms.mirror and each.terms.provider == owner and each.in_force_at is not None
    }
    return sorted(found - {owner.jurisdiction})
