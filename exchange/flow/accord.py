"""Accords on plans of joint patrols at one hub: see `exchange.flow.casebook`."""

from __future__ import annotations

from exchange.accord.case import Accord, applied, fold
from exchange.accord.move import Move
from exchange.flow.casebook import CaseBook
from exchange.ports import EntryKind, LedgerStore


class AccordBook(CaseBook[Move, Accord]):
    """Every accord the ledger tells of."""

    def __init__(self, ledger: LedgerStore, refresh: float) -> None:
        super().__init__(ledger, EntryKind.ACCORD, refresh, Move.parse, fold, applied)

    def judge(self, payload: bytes) -> None:
        """What is asked of a move that is made here; raises what the state machine raises."""
        move = Move.parse(payload)
        self.judged(move.accord, move)
