"""Settlements at one hub: its book, folded from the ledger, and what is asked of a move that is made here.

Signature, time, repetition at other hubs and receipts are the business of `exchange.flow.statement`. A move made here
has to be legal as the next step of what this hub knows; one that another hub has entered is entered as it is.
"""

from __future__ import annotations

import threading

import structlog

from exchange.errors import HechuanError, NotFoundError, PermissionDeniedError
from exchange.flow.entry import record_of
from exchange.flow.statement import StatementIndex
from exchange.ids import AgencyId
from exchange.ports import EntryKind, LedgerStore, StatementRecord
from exchange.settlement.case import Settlement, applied, fold
from exchange.settlement.move import Move
from exchange.trust.envelope import Envelope

_log = structlog.get_logger(__name__)


class SettlementBook:
    """Every settlement the ledger tells of."""

    def __init__(self, ledger: LedgerStore, refresh: float) -> None:
        self.index = StatementIndex(ledger, EntryKind.SETTLEMENT, refresh, self._take)
        self._moves: dict[str, dict[str, Move]] = {}
        self._known: dict[str, Settlement] = {}
        self._of: dict[AgencyId, set[str]] = {}
        self._lock = threading.Lock()

    def get_for(self, settlement: str, reader: AgencyId) -> Settlement:
        """One settlement for one of its parties; raises NotFoundError, PermissionDeniedError."""
        self.index.read()
        found = self._known.get(settlement)
        if found is None:
            raise NotFoundError(f"this hub knows no settlement {settlement}")
        if reader not in found.matter.parties:
            raise PermissionDeniedError(
                f"{reader} is no party to settlement {settlement}", detail={"reason": "NOT_A_PARTY"}
            )
        return found

    def of(self, agency: AgencyId) -> list[Settlement]:
        """Those that an agency is a party to, in the order they began."""
        self.index.read()
        with self._lock:
            found = [self._known[id] for id in self._of.get(agency, ())]
        return sorted(found, key=lambda each: (each.moves[0].at, each.id))

    def envelopes(self, found: Settlement) -> list[bytes]:
        """The signed moves that count, as the ledger has them."""
        ledger = self.index.ledger
        records = (record_of(ledger.entry(self.index.place(move.digest))) for move in found.moves)
        return [record.envelope for record in records if isinstance(record, StatementRecord)]

    def judge(self, payload: bytes) -> None:
        """What is asked of a move that is made here; raises what the state machine raises."""
        move = Move.parse(payload)
        self.index.read(at_once=True)
        applied(self._known.get(move.settlement), move)

    def _take(self, record: StatementRecord) -> None:
        try:
            move = Move.parse(Envelope.from_json_bytes(record.envelope).payload)
        except HechuanError as error:  # entered by software that read otherwise; it changes nothing here
            _log.warning("a move in the ledger does not parse", index=record.index, error=str(error))
            return
        moves = self._moves.setdefault(record.subject, {})
        moves[move.digest] = move
        standing, _ = fold(moves.values())
        if standing is None:
            return
        with self._lock:
            self._known[record.subject] = standing
            for party in standing.matter.parties:
                self._of.setdefault(party, set()).add(record.subject)
