"""Reports under review at one hub: see `exchange.flow.casebook`.

The report itself stays with who made it: ledgers hold its digests, and whoever signs has held the files to them.
"""

from __future__ import annotations

from exchange.errors import NotFoundError, WrongStateError
from exchange.flow.casebook import CaseBook
from exchange.ports import EntryKind, LedgerStore
from exchange.review.case import Review, State, applied, fold
from exchange.review.draft import Draft
from exchange.review.move import Move


class ReviewBook(CaseBook[Move, Review]):
    """Every report the ledger tells of."""

    def __init__(self, ledger: LedgerStore, refresh: float) -> None:
        super().__init__(ledger, EntryKind.REPORT, refresh, Move.parse, fold, applied)

    def errata(self, report: str) -> list[str]:
        """Ids of the reports that correct one and have not been withdrawn, in the order they began."""
        return [
            each.id
            for each in self.all()
            if each.draft.corrects == report and each.state is not State.WITHDRAWN
        ]

    def judge(self, payload: bytes) -> None:
        """What is asked of a step that is made here; raises what the state machine raises, and NotFoundError."""
        move = Move.parse(payload)
        self.judged(move.report, move)
        if move.draft is not None and move.draft.corrects:
            self._check_corrected(move.draft)

    def _check_corrected(self, draft: Draft) -> None:
        """An erratum is of a report that the same two have signed."""
        corrected = self.known(draft.corrects)
        if corrected is None:
            raise NotFoundError(f"this hub knows no report {draft.corrects} that could be corrected")
        if corrected.state is not State.SIGNED or corrected.parties != draft.signatories:
            raise WrongStateError(
                f"an erratum is of a report that the same two have signed; {draft.corrects} is {corrected.state}",
                detail={"state": corrected.state},
            )
