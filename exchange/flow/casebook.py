"""Cases at one hub: what signed moves of one kind amount to, folded from the ledger.

Signature, time, repetition at other hubs and receipts are the business of `exchange.flow.statement`. A move made here
has to be legal as the next step of what this hub knows; one that another hub has entered is entered as it is.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any, Generic, Protocol, TypeVar

import structlog

from exchange.errors import HechuanError, NotFoundError, PermissionDeniedError
from exchange.flow.entry import record_of
from exchange.flow.statement import StatementIndex
from exchange.ids import AgencyId
from exchange.ports import EntryKind, LedgerStore, StatementRecord
from exchange.trust.envelope import Envelope

_log = structlog.get_logger(__name__)


class _Move(Protocol):
    @property
    def digest(self) -> str: ...
    @property
    def at(self) -> datetime: ...


M = TypeVar("M", bound=_Move)
M_co = TypeVar("M_co", bound=_Move, covariant=True)


class _Case(Protocol[M_co]):
    @property
    def id(self) -> str: ...
    @property
    def parties(self) -> tuple[AgencyId, ...]: ...
    @property
    def moves(self) -> tuple[M_co, ...]: ...


C = TypeVar("C", bound=_Case[Any])


class CaseBook(Generic[M, C]):
    """Every case of one kind that the ledger tells of. `parse`, `fold` and `applied` are the kind's own; `applied` gets
    what is known of the move's subject.
    """

    def __init__(
        self,
        ledger: LedgerStore,
        kind: EntryKind,
        refresh: float,
        parse: Callable[[bytes], M],
        fold: Callable[[Iterable[M]], tuple[C | None, object]],
        applied: Callable[[C | None, M], C],
    ) -> None:
        self.index = StatementIndex(ledger, kind, refresh, self._take)
        self._parse, self._fold, self._applied = parse, fold, applied
        self._moves: dict[str, dict[str, M]] = {}
        self._known: dict[str, C] = {}
        self._of: dict[AgencyId, set[str]] = {}
        self._lock = threading.Lock()

    def get_for(self, subject: str, reader: AgencyId) -> C:
        """One case for one of its parties; raises NotFoundError, PermissionDeniedError."""
        self.index.read()
        found = self._known.get(subject)
        if found is None:
            raise NotFoundError(f"this hub knows no {self.index.kind} {subject}")
        if reader not in found.parties:
            raise PermissionDeniedError(
                f"{reader} is no party to {self.index.kind} {subject}", detail={"reason": "NOT_A_PARTY"}
            )
        return found

    def of(self, agency: AgencyId) -> list[C]:
        """Those that an agency is a party to, in the order they began."""
        self.index.read()
        with self._lock:
            found = [self._known[id] for id in self._of.get(agency, ())]
        return sorted(found, key=_begun)

    def envelopes(self, found: C) -> list[bytes]:
        """The signed moves that count, as the ledger has them."""
        ledger = self.index.ledger
        records = (record_of(ledger.entry(self.index.place(move.digest))) for move in found.moves)
        return [record.envelope for record in records if isinstance(record, StatementRecord)]

    def all(self) -> list[C]:
        """Every case, in the order they began."""
        with self._lock:
            found = list(self._known.values())
        return sorted(found, key=_begun)

    def known(self, subject: str) -> C | None:
        """One case as far as the ledger has been read, if there is one."""
        return self._known.get(subject)

    def judged(self, subject: str, move: M) -> None:
        """What is asked of a move that is made here; raises what the state machine raises."""
        self.index.read(at_once=True)
        self._applied(self._known.get(subject), move)

    def _take(self, record: StatementRecord) -> None:
        try:
            move = self._parse(Envelope.from_json_bytes(record.envelope).payload)
        except HechuanError as error:  # entered by software that read otherwise; it changes nothing here
            _log.warning("a move in the ledger does not parse", index=record.index, error=str(error))
            return
        moves = self._moves.setdefault(record.subject, {})
        moves[move.digest] = move
        standing, _ = self._fold(moves.values())
        if standing is None:
            return
        with self._lock:
            self._known[record.subject] = standing
            for party in standing.parties:
                self._of.setdefault(party, set()).add(record.subject)


def _begun(case: _Case[Any]) -> tuple[datetime, str]:
    return case.moves[0].at, case.id
