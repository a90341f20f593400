"""What a hub does with each of its peers, for ever: follow its ledger, repeat its moves, mirror, and be witnessed.

Four threads a peer. One follows: (1) hold the peer's head against the copy, (2) take pages as they come, (3) repeat
moves of agreements, and statements, that concern this hub. One fetches (4) what may be mirrored. One has this hub's
checkpoints cosigned by the peer. One asks now and then where the peer's datasets have rows, for the search. A link that
breaks is tried again, later each time; what did not verify has raised an alarm, and nothing of it is shown.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

import structlog

from exchange.errors import HechuanError, UnavailableError
from exchange.flow.agree import AgreementBook, Agreements
from exchange.flow.coverage import take_coverage
from exchange.flow.mirror import Mirror, wanted_mirrors
from exchange.flow.replicate import Replica
from exchange.flow.statement import Statements
from exchange.flow.witness import Notary
from exchange.ledger import VerifierKey
from exchange.ports import (
    Alarm,
    Clock,
    LedgerStore,
    MoveRecord,
    Peer,
    Record,
    StatementRecord,
    WitnessStore,
)
from exchange.ports.search import SearchIndex
from exchange.settings import Search
from exchange.trust.keys import VerifyKey

_FIRST_WAIT = 0.2
_LONGEST_WAIT = 10.0
_LOOK_SECONDS = 1.0
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A peer as its link sees it: how to reach it now, and the keys it is known by."""

    hub: str
    # Ed25519 first
    log: tuple[VerifierKey, ...]
    witness: VerifierKey | None
    statement: VerifyKey
    connect: Callable[[], Peer]


@dataclass(frozen=True, slots=True)
class LinkState:
    """How a link is doing, for operators."""

    hub: str
    size: int
    followed_at: datetime | None
    cosigned: int
    error: str


class Link:
    """One peer."""

    def __init__(
        self,
        neighbour: Callable[[], Neighbour | None],
        replica: Replica,
        mirror: Mirror,
        agreements: Agreements,
        statements: Sequence[Statements],
        book: AgreementBook,
        notary: Notary,
        ledger: LedgerStore,
        store: WitnessStore,
        clock: Clock,
        own_hub: str,
        index: SearchIndex,
        search: Search,
    ) -> None:
        self.replica = replica
        self.mirror = mirror
        self._neighbour = neighbour
        self._agreements = agreements
        self._statements = {each.kind: each for each in statements}
        self._book = book
        self._notary = notary
        self._ledger = ledger
        self._store = store
        self._clock = clock
        self._own_hub = own_hub
        self._index = index
        self._search = search
        self._stopped = threading.Event()
        self._news = threading.Event()
        book.listen(self._news.set)
        self._peers: list[Peer] = []
        self._followed_at: datetime | None = None
        self._cosigned = 0
        self._errors: dict[str, str] = {}
        works = (self._follow, self._witness, self._mirror, self._cover)
        self._threads = [self._thread(work.__name__.strip("_"), work) for work in works]

    def _thread(self, name: str, work: Callable[[Neighbour, Peer], None]) -> threading.Thread:
        label = f"{name}-{self.replica.hub}"
        return threading.Thread(target=self._for_ever, args=(name, work), name=label, daemon=True)

    def start(self) -> None:
        """Begin; returns at once."""
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """Stop all threads, breaking off what they wait for."""
        self._stopped.set()
        self._news.set()
        for peer in list(self._peers):
            peer.close()
        for thread in self._threads:
            thread.join(10)

    def state(self) -> LinkState:
        """How it is doing."""
        error = "; ".join(text for text in self._errors.values() if text)
        return LinkState(self.replica.hub, self.replica.size, self._followed_at, self._cosigned, error)

    def _for_ever(self, name: str, work: Callable[[Neighbour, Peer], None]) -> None:
        wait = _FIRST_WAIT
        while not self._stopped.is_set():
            size = self.replica.size
            try:
                neighbour = self._neighbour()
                if neighbour is None:
                    raise UnavailableError(f"hub {self.replica.hub} is not in the federation")
                peer = neighbour.connect()
                self._peers.append(peer)
                try:
                    work(neighbour, peer)
                finally:
                    self._peers.remove(peer)
                    peer.close()
            except Exception as error:
                self._failed(name, error)
            if self.replica.size > size:
                wait = _FIRST_WAIT
            self._stopped.wait(wait)
            wait = min(wait * 2, _LONGEST_WAIT)

    def _failed(self, name: str, error: Exception) -> None:
        if self._stopped.is_set():
            return
        known = isinstance(error, HechuanError)
        text = error.message if isinstance(error, HechuanError) else repr(error)
        if self._errors.get(name) != text:
            _log.warning("link broken", peer=self.replica.hub, work=name, error=text, exc_info=not known)
        self._errors[name] = text
        if isinstance(error, HechuanError) and not error.retryable and name == "follow":
            self._store.raise_alarm(
                Alarm(
                    f"{self.replica.hub}:{error.code}:{self.replica.size}",
                    error.detail.get("reason", error.code).lower().replace("_", " "),
                    f"hechuan/{self.replica.hub}",
                    self._clock.now(),
                    {"error": text, "size": str(self.replica.size)},
                )
            )

    def _follow(self, neighbour: Neighbour, peer: Peer) -> None:
        self.replica.compare(peer, neighbour.log)  # (1)
        self._repeat(self.replica.ledger.moves())
        for kind in self._statements:
            self._repeat(self.replica.ledger.statements(kind))
        for page in peer.follow(self.replica.size):
            records = self.replica.take(peer, neighbour.log, page) if page.entries else ()  # (2)
            self._followed_at, self._errors["follow"] = self._clock.now(), ""
            self._repeat(records)  # (3)
            self._news.set()
            if self._stopped.is_set():
                return

    def _repeat(self, records: Sequence[Record]) -> None:
        for record in records:
            if isinstance(record, MoveRecord | StatementRecord):
                try:
                    self._take_over(record)
                except HechuanError as error:
                    if error.retryable:
                        raise
                    _log.warning(
                        "a move or statement is not repeated",
                        peer=self.replica.hub,
                        index=record.index,
                        error=error.message,
                    )

    def _take_over(self, record: MoveRecord | StatementRecord) -> None:
        resolve = self.replica.keys.resolve
        if isinstance(record, MoveRecord):
            self._agreements.repeat(record, self.replica.hub, resolve)
        elif record.kind in self._statements:
            self._statements[record.kind].repeat(record, self.replica.hub, resolve)

    def _mirror(self, neighbour: Neighbour, peer: Peer) -> None:
        while not self._stopped.is_set():
            found = wanted_mirrors(self._book.every(), self._own_hub, self.replica.hub, self._clock)  # (4)
            self.mirror.keep_to([each.dataset for each in found])
            for wanted in found:
                self.mirror.fill(peer, wanted)
            self._errors["mirror"] = ""
            self._news.wait(_LOOK_SECONDS)
            self._news.clear()

    def _witness(self, neighbour: Neighbour, peer: Peer) -> None:
        if neighbour.witness is None:
            raise UnavailableError(f"hub {neighbour.hub} has no witness key")
        while not self._stopped.is_set():
            self._cosigned = self._notary.notarise(peer, neighbour.witness)
            self._errors["witness"] = ""
            self._ledger.wait_past(self._cosigned, 1.0)

    def _cover(self, neighbour: Neighbour, peer: Peer) -> None:
        while not self._stopped.is_set():
            hub, key = self.replica.hub, neighbour.statement
            whole = take_coverage(self._index, peer, hub, key, self._search, self._stopped.is_set)
            self._errors["coverage"] = ""
            wait = self._search.coverage_seconds
            self._stopped.wait(wait if whole else min(wait, 1.0))
