"""Attachments of referrals: bytes in, bytes out, and what may be named.

Digests stand in ledgers that every member reads, so naming one proves nothing. An agency hands over only what it has
itself put here (`receive`), or confirms what it was handed and this hub has by now. Who has a part in a referral
reads what its moves name; what lies at another hub is fetched there on the reader's behalf, held to its digest, kept.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from exchange.errors import (
    DigestMismatchError,
    InvalidInputError,
    LimitExceededError,
    NotFoundError,
    PermissionDeniedError,
)
from exchange.ids import AgencyId
from exchange.ports import AttachmentStore, Clock, EntryKind, ObjectStore, StatementRecord
from exchange.referral.case import Referral
from exchange.referral.move import Act, Attachment, Move
from exchange.trust.envelope import Envelope

Fetch = Callable[[str, AgencyId, str, str], Iterator[bytes]]
"""(hub, reader, referral, digest) → the bytes, from that hub on the reader's behalf."""
_CONFIRMS = (Act.RECEIVE, Act.TAKE_OVER)
_CHUNK = 1 << 20


class Incoming:
    """One attachment as it arrives: a spool file, hashed on the way; gone after `close` unless it was kept."""

    def __init__(self, spool: Path, most: int) -> None:
        self._most = most
        self._hash = hashlib.sha256()
        handle, name = tempfile.mkstemp(dir=spool, prefix="attachment-")
        self._file = os.fdopen(handle, "wb")
        self.path = Path(name)
        self.size = 0

    @property
    def digest(self) -> str:
        """Of what has come so far."""
        return "sha256:" + self._hash.hexdigest()

    def write(self, chunk: bytes) -> None:
        """Take the next bytes; raises LimitExceededError."""
        self.size += len(chunk)
        if self.size > self._most:
            raise LimitExceededError(f"an attachment has at most {self._most} bytes")
        self._hash.update(chunk)
        self._file.write(chunk)

    def finish(self) -> None:
        """All has come: durable as a file."""
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()
        self.path.unlink(missing_ok=True)


class Attachments:
    """What a hub holds for its referrals."""

    def __init__(
        self,
        objects: ObjectStore,
        store: AttachmentStore,
        clock: Clock,
        hub: str,
        spool: Path,
        most: int,
        fetch: Fetch,
    ) -> None:
        self._objects = objects
        self._store = store
        self._clock = clock
        self._hub = hub
        self._spool = spool
        self._most = most
        self._fetch = fetch

    def incoming(self, agency: AgencyId) -> Incoming:
        """Somewhere for an attachment of one's own agency to arrive; raises PermissionDeniedError."""
        if agency.jurisdiction != self._hub:
            raise PermissionDeniedError(
                f"{agency} speaks at the hub of its own jurisdiction", detail={"reason": "NOT_ITS_HUB"}
            )
        return Incoming(self._spool, self._most)

    def keep(self, incoming: Incoming, agency: AgencyId) -> str:
        """Store what has arrived as that agency's; its digest. Durable on return."""
        incoming.finish()
        self._objects.put_file(incoming.path, incoming.digest)
        self._store.keep_attachment(incoming.digest, agency, self._clock.now())
        return incoming.digest

    def check(self, known: Referral | None, move: Move) -> None:
        """Whether a move made here may name what it names; raises NotFoundError, InvalidInputError."""
        handed = {item.digest: item for item in known.attachments} if known else {}
        for item in move.attachments:
            if move.act in _CONFIRMS and handed.get(item.digest) != item:
                raise InvalidInputError(f"attachment {item.name} is not one that was handed over")
            owner = namer_of(known, item.digest) if move.act in _CONFIRMS and known else move.by
            if not self._here(item, owner):
                raise NotFoundError(
                    f"this hub does not hold attachment {item.name}; send it, or fetch it, first"
                )

    def open(self, known: Referral, reader: AgencyId, digest: str) -> tuple[Attachment, Iterator[bytes]]:
        """An attachment for somebody with a part in the referral; raises PermissionDeniedError, NotFoundError."""
        if reader not in known.parties:
            raise PermissionDeniedError(
                f"{reader} has no part in referral {known.id}", detail={"reason": "NOT_A_PARTY"}
            )
        found = [item for item in known.attachments if item.digest == digest]
        if not found:
            raise NotFoundError(f"referral {known.id} has no attachment {digest}")
        owner = namer_of(known, digest)
        if not self._here(found[0], owner):
            if owner.jurisdiction == self._hub:
                raise NotFoundError(f"attachment {digest} is not here any more")
            self._bring(known, reader, found[0], owner)
        return found[0], self._objects.chunks(digest, 0, _CHUNK)

    def _here(self, item: Attachment, owner: AgencyId) -> bool:
        if not self._store.has_attachment(item.digest, owner):
            return False
        try:
            return self._objects.size(item.digest) == item.bytes
        except NotFoundError:
            return False

    def _bring(self, known: Referral, reader: AgencyId, item: Attachment, owner: AgencyId) -> None:
        incoming = Incoming(self._spool, min(item.bytes, self._most))
        try:
            for chunk in self._fetch(owner.jurisdiction, reader, known.id, item.digest):
                incoming.write(chunk)
            if incoming.digest != item.digest:
                raise DigestMismatchError(f"attachment {item.name} came with other bytes than were signed")
            self.keep(incoming, owner)
        finally:
            incoming.close()


def namer_of(known: Referral, digest: str) -> AgencyId:
    """Who handed an attachment in: the first whose move names it."""
    return next(move.by for move in known.moves for item in move.attachments if item.digest == digest)


def attachments_of(record: StatementRecord) -> Iterable[str]:
    """Digests of what a referral's move in a ledger names; other statements name nothing."""
    if record.kind is not EntryKind.REFERRAL:
        return []
    move = Move.parse(Envelope.from_json_bytes(record.envelope).payload)
    return [item.digest for item in move.attachments]
