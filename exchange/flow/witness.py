"""Witnessing: this hub cosigns its peers' checkpoints, and has its own cosigned by them. C2SP tlog-witness.

As a witness, on `add_checkpoint`:
(0) the caller is a hub of the federation
(1) the log is known, and signed the checkpoint
(2) the old size is not beyond the checkpoint, and is what this witness last cosigned (else: conflict, with that size)
(3) at the same size the roots are the same, else the log has forked: both heads are kept, an alarm is raised
(4) the consistency proof holds, else nothing is cosigned
(5) the new head is remembered, durably, before the cosignature is given away

As a log, `Notary` sends each witness the newest checkpoint and keeps the cosignatures that check.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from exchange.errors import (
    InvalidInputError,
    NotFoundError,
    ProofInvalidError,
    SignatureInvalidError,
    WitnessConflictError,
)
from exchange.ids import digest_of
from exchange.ledger import (
    EMPTY_ROOT,
    Checkpoint,
    Sign,
    VerifierKey,
    consistency_path,
    cosign,
    verify_checkpoint,
    verify_checkpoint_by,
    verify_consistency,
    verify_cosignatures,
)
from exchange.ledger.note import Note
from exchange.ledger.witness import AddCheckpoint
from exchange.ports import Alarm, Clock, LedgerStore, Peer, WitnessStore

FORK = "fork"
UNPROVEN = "consistency not shown"


class Witness:
    """Cosigns checkpoints of the logs that `logs` gives, by origin."""

    def __init__(
        self,
        store: WitnessStore,
        key: VerifierKey,
        sign: Sign,
        logs: Callable[[], Mapping[str, Sequence[VerifierKey]]],
        clock: Clock,
    ) -> None:
        self._store = store
        self._key = key
        self._sign = sign
        self._logs = logs
        self._clock = clock
        self._lock = threading.Lock()

    def add_checkpoint(self, body: bytes) -> bytes:
        """Steps (1) to (5); the signature line. Raises what each step names."""
        request = AddCheckpoint.parse(body)
        origin = Note.parse(request.note).text.partition("\n")[0]
        log = self._logs().get(origin)
        if log is None:
            raise NotFoundError(f"this witness knows no log {origin[:80]!r}")
        checkpoint = verify_checkpoint_by(request.note, log, log)  # (1)
        with self._lock:
            self._accept(request, checkpoint, log)
            now = self._clock.now()
            self._store.witness(origin, checkpoint.size, request.note)  # (5)
        bare = _only_signed_by(request.note, log)
        return cosign(bare, self._key, int(now.timestamp()), self._sign)[len(bare) :].encode()

    def _accept(self, request: AddCheckpoint, checkpoint: Checkpoint, log: Sequence[VerifierKey]) -> None:
        size, note = self._store.witnessed(checkpoint.origin)
        if request.old_size > checkpoint.size:  # (2)
            raise InvalidInputError(
                f"old size {request.old_size} is beyond the checkpoint's {checkpoint.size}"
            )
        if request.old_size != size:
            raise WitnessConflictError(
                f"this witness last cosigned size {size} of {checkpoint.origin}", detail={"size": str(size)}
            )
        root = verify_checkpoint(note, *log).root if size else EMPTY_ROOT
        if checkpoint.size == size and checkpoint.root != root:  # (3)
            self._store.raise_alarm(fork_of(checkpoint.origin, note, request.note, self._clock.now()))
            raise WitnessConflictError(
                f"{checkpoint.origin} has signed two heads of size {size}",
                detail={"size": str(size), "fork": "true"},
            )
        if size:
            try:
                verify_consistency(size, root, checkpoint.size, checkpoint.root, request.path)  # (4)
            except ProofInvalidError:
                self._store.raise_alarm(
                    fork_of(checkpoint.origin, note, request.note, self._clock.now(), UNPROVEN)
                )
                raise


def fork_of(origin: str, known: str, shown: str, at: datetime, kind: str = FORK) -> Alarm:
    """The alarm that two heads of one log do not agree, or were not shown to; both are in it, signed by the log."""
    id = digest_of(f"{kind}\n{origin}\n{known}\n{shown}".encode())
    return Alarm(id, kind, origin, at, {"known": known, "shown": shown})


class Notary:
    """Has this hub's own checkpoints cosigned. One call at a time per witness."""

    def __init__(self, ledger: LedgerStore, store: WitnessStore) -> None:
        self._ledger = ledger
        self._store = store
        self._grown = threading.Condition()
        self._sizes: dict[str, int] = {}
        self._signed: dict[str, int] = {}

    def notarise(self, peer: Peer, witness: VerifierKey) -> int:
        """Bring one witness up to the newest checkpoint; the size it has cosigned."""
        head = self._ledger.head()
        if not head.size or self._signed.get(witness.name) == head.size:
            return head.size
        try:
            line = self._ask(peer, self._sizes.get(witness.name, 0), head.size, head.note)
        except WitnessConflictError as conflict:
            known = int(conflict.detail.get("size", "-1"))
            if conflict.detail.get("fork") or not 0 <= known <= head.size:
                raise
            line = self._ask(peer, known, head.size, head.note)
        verified = verify_cosignatures(head.note + line, [witness])
        if witness not in verified:
            raise SignatureInvalidError(f"{witness.name} has not signed")
        self._store.add_cosignature(head.size, witness.name, line)
        with self._grown:
            self._sizes[witness.name] = self._signed[witness.name] = head.size
            self._grown.notify_all()
        return head.size

    def _ask(self, peer: Peer, old: int, new: int, note: str) -> str:
        path = consistency_path(old, new, self._ledger.tile) if 0 < old < new else []
        return peer.add_checkpoint(AddCheckpoint(old, tuple(path), note).to_bytes()).decode()

    def wait(self, size: int, witnesses: int, seconds: float) -> bool:
        """Wait until so many witnesses have cosigned a tree of that size or larger; whether they have."""

        def enough() -> bool:
            return sum(signed >= size for signed in self._signed.values()) >= witnesses

        with self._grown:
            return self._grown.wait_for(enough, seconds)


def _only_signed_by(note: str, log: Sequence[VerifierKey]) -> str:
    """The note without signatures of others, so that nothing unknown is passed on."""
    parsed = Note.parse(note)
    head = parsed.text + "\n"
    own = {(key.name, key.key_id) for key in log}
    kept: Sequence[str] = [
        line
        for line, signature in zip(note[len(head) :].splitlines(True), parsed.signatures, strict=True)
        if (signature.name, signature.key_id) in own
    ]
    return head + "".join(kept)
