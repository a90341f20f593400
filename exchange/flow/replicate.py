"""A copy of another hub's ledger that is held to it entry by entry.

Each page of entries is taken in one transaction or not at all:
(0) it continues the copy without a gap
(1) the peer's log signed the checkpoint, of the size that the copy will then have, with every key it did before
(2) the leaves of copy and page together have the checkpoint's root; else the peer has forked, or what came is garbage
(3) every entry is one of the known forms, and what it says is signed by whom it names
(4) entries, indexes, tiles and checkpoint are committed

The copy is a ledger store like the hub's own, so everything that reads a ledger reads a copy of one. It is never
written by anything else.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence

from exchange.batch.manifest import parse_instant
from exchange.errors import HechuanError, ProofInvalidError
from exchange.flow.entry import derive
from exchange.flow.registry import ContractRegistry, KeyRing
from exchange.flow.signed import check_signed
from exchange.flow.witness import fork_of
from exchange.ids import AgencyId
from exchange.ledger import (
    Checkpoint,
    RightEdge,
    VerifierKey,
    extend,
    leaf_hash,
    load_edge,
    verify_checkpoint,
    verify_checkpoint_by,
    verify_checkpoint_signers,
    verify_consistency,
)
from exchange.ports import (
    Clock,
    Entry,
    EntryKind,
    Head,
    KeyRecord,
    LedgerStore,
    Peer,
    PeerPage,
    Record,
    WitnessStore,
)
from exchange.trust.keys import VerifyKey


class Replica:
    """The verified copy of one peer's ledger."""

    def __init__(
        self, hub: str, ledger: LedgerStore, store: WitnessStore, clock: Clock, refresh: float
    ) -> None:
        self.hub = hub
        self.ledger = ledger
        self.contracts = ContractRegistry(ledger)
        self.keys = KeyRing(ledger, refresh)
        self._store = store
        self._clock = clock
        self._edge = RightEdge()
        self._by_all = False

    @property
    def size(self) -> int:
        """How many entries have been verified."""
        return self.ledger.head().size

    def take(self, peer: Peer, log: Sequence[VerifierKey], page: PeerPage) -> Sequence[Record]:
        """Steps (0) to (4); raises ProofInvalidError, SignatureInvalidError, MalformedError, and takes nothing."""
        with self.ledger.sequence() as turn:
            if not page.entries or page.entries[0][0] != turn.size:  # (0)
                raise ProofInvalidError(
                    f"{log[0].name}: the page does not continue a ledger of {turn.size} entries"
                )
            edge = self._edge if self._edge.size == turn.size else load_edge(turn.size, turn.tile)
            checkpoint = verify_checkpoint_by(page.note, log, self._required(log))  # (1)
            leaves = [leaf_hash(data) for _, data in page.entries]
            grown, tiles = extend(edge, leaves)
            if (checkpoint.size, checkpoint.root) != (grown.size, grown.root()):  # (2)
                self._refuse(peer, log, page.note, checkpoint)
            entries, records = self._read(page, leaves, grown.size)  # (3)
            written = [(tile.level, tile.index, tile.hashes) for tile in tiles]
            turn.write(entries, records, written, Head(grown.size, page.note))  # (4)
        self._edge = grown
        self.keys.observe(records)
        return records

    def compare(self, peer: Peer, log: Sequence[VerifierKey]) -> None:
        """Hold the peer's newest checkpoint against the copy, where the peer has fewer entries; raises as `take`."""
        note, head = peer.checkpoint(), self.ledger.head()
        checkpoint = verify_checkpoint_by(note, log, log)
        if checkpoint.size >= head.size:
            return
        kind = "rolled back" if self._root_at(checkpoint.size) == checkpoint.root else "fork"
        self._store.raise_alarm(fork_of(log[0].name, head.note, note, self._clock.now(), kind))
        raise ProofInvalidError(
            f"{log[0].name} shows {checkpoint.size} entries, it has shown {head.size} before: {kind}",
            detail={"reason": "FORK" if kind == "fork" else "ROLLED_BACK"},
        )

    def _required(self, log: Sequence[VerifierKey]) -> Sequence[VerifierKey]:
        """Heads from before the log's second key have one signature; none has fewer than the head before it."""
        head = self.ledger.head()
        if head.size and not self._by_all:
            self._by_all = set(verify_checkpoint_signers(head.note, *log)[1]) == set(log)
        return log if self._by_all else log[:1]

    def _refuse(self, peer: Peer, log: Sequence[VerifierKey], note: str, checkpoint: Checkpoint) -> None:
        """The root is another: tell a fork, which the log has signed, from garbage, which it has not."""
        head = self.ledger.head()
        if head.size:
            known = verify_checkpoint(head.note, *log)
            try:
                path = peer.consistency(head.size, checkpoint.size)
                verify_consistency(head.size, known.root, checkpoint.size, checkpoint.root, path)
            except HechuanError as error:
                if error.retryable:
                    raise
                self._store.raise_alarm(fork_of(log[0].name, head.note, note, self._clock.now()))
                raise ProofInvalidError(
                    f"{log[0].name} has forked: its head of {checkpoint.size} entries does not continue {head.size}",
                    detail={"reason": "FORK"},
                ) from error
        raise ProofInvalidError(
            f"{log[0].name}: the entries are not those of the checkpoint", detail={"reason": "GARBAGE"}
        )

    def _root_at(self, size: int) -> bytes:
        return load_edge(size, self.ledger.tile).root()

    def _read(self, page: PeerPage, leaves: Iterable[bytes], size: int) -> tuple[list[Entry], list[Record]]:
        entries: list[Entry] = []
        records: list[Record] = []
        fresh: dict[str, KeyRecord] = {}
        resolve = self._resolve(fresh)
        for (index, data), leaf in zip(page.entries, leaves, strict=True):
            try:
                body = json.loads(data)
                at = parse_instant(body["recorded_at"])
                record = derive(body, index, at)
                if body["hub"] != self.hub:
                    raise ProofInvalidError("it is another hub's")
                check_signed(body, record, resolve)
            except (ValueError, KeyError, TypeError, AttributeError, HechuanError) as error:
                raise ProofInvalidError(
                    f"entry {index} of hub {self.hub}: {error}", detail={"reason": "UNSIGNED_ENTRY"}
                ) from error
            if isinstance(record, KeyRecord):
                fresh[record.id] = record
            entries.append(Entry(index, EntryKind(body["kind"]), data, leaf, at, size))
            records.append(record)
        return entries, records

    def _resolve(self, fresh: dict[str, KeyRecord]) -> Callable[[AgencyId, str], VerifyKey]:
        def found(agency: AgencyId, key_id: str) -> VerifyKey:
            if key_id in fresh and fresh[key_id].agency == agency:
                return VerifyKey.parse(fresh[key_id].public_key)
            return self.keys.resolve(agency, key_id)

        return found
