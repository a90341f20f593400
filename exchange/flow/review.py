"""Reports under review at one hub: its book, folded from the ledger, and what is asked of a step that is made here.

Signature, time, repetition at other hubs and receipts are the business of `exchange.flow.statement`. The report itself
stays with who made it: ledgers hold its digests, and whoever signs has held the files to them.
"""

from __future__ import annotations

import threading

import structlog

from exchange.errors import HechuanError, NotFoundError, PermissionDeniedError, WrongStateError
from exchange.flow.entry import record_of
from exchange.flow.statement import StatementIndex
from exchange.ids import AgencyId
from exchange.ports import EntryKind, LedgerStore, StatementRecord
from exchange.review.case import Review, State, applied, fold
from exchange.review.draft import Draft
from exchange.review.move import Move
from exchange.trust.envelope import Envelope

_log = structlog.get_logger(__name__)


class ReviewBook:
    """Every report the ledger tells of."""

    def __init__(self, ledger: LedgerStore, refresh: float) -> None:
        self.index = StatementIndex(ledger, EntryKind.REPORT, refresh, self._take)
        self._moves: dict[str, dict[str, Move]] = {}
        self._known: dict[str, Review] = {}
        self._of: dict[AgencyId, set[str]] = {}
        self._lock = threading.Lock()

    def get_for(self, report: str, reader: AgencyId) -> Review:
        """One report for one of its parties; raises NotFoundError, PermissionDeniedError."""
        self.index.read()
        found = self._known.get(report)
        if found is None:
            raise NotFoundError(f"this hub knows no report {report}")
        if reader not in found.draft.signatories:
            raise PermissionDeniedError(
                f"{reader} is no party to report {report}", detail={"reason": "NOT_A_PARTY"}
            )
        return found

    def of(self, agency: AgencyId) -> list[Review]:
        """Those that an agency is a party to, in the order they began."""
        self.index.read()
        with self._lock:
            found = [self._known[id] for id in self._of.get(agency, ())]
        return sorted(found, key=lambda each: (each.versions[0].at, each.id))

    def errata(self, report: str) -> list[str]:
        """Ids of the reports that correct one and have not been withdrawn, in the order they began."""
        with self._lock:
            found = [each for each in self._known.values() if each.draft.corrects == report]
        listed = sorted(found, key=lambda each: (each.versions[0].at, each.id))
        return [each.id for each in listed if each.state is not State.WITHDRAWN]

    def envelopes(self, found: Review) -> list[bytes]:
        """The signed steps that count, as the ledger has them."""
        ledger = self.index.ledger
        records = (record_of(ledger.entry(self.index.place(move.digest))) for move in found.moves)
        return [record.envelope for record in records if isinstance(record, StatementRecord)]

    def judge(self, payload: bytes) -> None:
        """What is asked of a step that is made here; raises what the state machine raises, and NotFoundError."""
        move = Move.parse(payload)
        self.index.read(at_once=True)
        applied(self._known.get(move.report), move)
        if move.draft is not None and move.draft.corrects:
            self._check_corrected(move.draft)

    def _check_corrected(self, draft: Draft) -> None:
        """An erratum is of a report that the same two have signed."""
        corrected = self._known.get(draft.corrects)
        if corrected is None:
            raise NotFoundError(f"this hub knows no report {draft.corrects} that could be corrected")
        if corrected.state is not State.SIGNED or corrected.draft.signatories != draft.signatories:
            raise WrongStateError(
                f"an erratum is of a report that the same two have signed; {draft.corrects} is {corrected.state}",
                detail={"state": corrected.state},
            )

    def _take(self, record: StatementRecord) -> None:
        try:
            move = Move.parse(Envelope.from_json_bytes(record.envelope).payload)
        except HechuanError as error:  # entered by software that read otherwise; it changes nothing here
            _log.warning("a step in the ledger does not parse", index=record.index, error=str(error))
            return
        moves = self._moves.setdefault(record.subject, {})
        moves[move.digest] = move
        standing, _ = fold(moves.values())
        if standing is None:
            return
        with self._lock:
            self._known[record.subject] = standing
            for party in standing.draft.signatories:
                self._of.setdefault(party, set()).add(record.subject)
