"""Settlements at one hub: see `exchange.flow.casebook`."""

from __future__ import annotations

from exchange.flow.casebook import CaseBook
from exchange.ports import EntryKind, LedgerStore
from exchange.settlement.case import Settlement, applied, fold
from exchange.settlement.move import Move


class SettlementBook(CaseBook[Move, Settlement]):
    """Every settlement the ledger tells of."""

    def __init__(self, ledger: LedgerStore, refresh: float) -> None:
        super().__init__(ledger, EntryKind.SETTLEMENT, refresh, Move.parse, fold, applied)

    def judge(self, payload: bytes) -> None:
        """What is asked of a move that is made here; raises what the state machine raises."""
        move = Move.parse(payload)
        self.judged(move.settlement, move)
