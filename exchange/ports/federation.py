"""What makes a hub one of several: who read what, sealed keys, witnesses, peers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from exchange.ids import AgencyId, DatasetId
from exchange.ports.record import AccessRecord, Alarm, ReadEnd, SealedKey


class AccessLog(Protocol):
    """Who read what. Kept outside the ledger: readers are not the public's business."""

    def begin_reads(self, records: Sequence[AccessRecord]) -> None:
        """Open records, all or none; durable on return."""

    def end_reads(self, ends: Sequence[ReadEnd]) -> None:
        """Close records."""

    def reads(
        self, owner: AgencyId, dataset: DatasetId | None, before: datetime | None, limit: int
    ) -> Sequence[AccessRecord]:
        """Reads of an owner's datasets, newest first."""


class SealStore(Protocol):
    """Wrapped batch keys. Outside the ledger, which forgets nothing."""

    def keep_keys(self, keys: Sequence[SealedKey]) -> None:
        """Durable on return; the same key for the same recipient and agreement again takes its place."""

    def sealed_keys(self, dataset: DatasetId, agreements: Sequence[str]) -> Sequence[SealedKey]:
        """Wrapped keys of a dataset under these agreements."""

    def erase_key(self, key: str, dataset: DatasetId, at: datetime) -> int:
        """Remove every wrapped copy, remember that the key is erased, in one step; how many copies there were."""

    def is_erased(self, key: str) -> bool: ...


class AttachmentStore(Protocol):
    """Which agency's attachments the object store holds. To name a digest is not to have the bytes."""

    def keep_attachment(self, digest: str, agency: AgencyId, at: datetime) -> None:
        """That agency handed these bytes in, here or at its own hub; durable on return."""

    def has_attachment(self, digest: str, agency: AgencyId) -> bool: ...


class WitnessStore(Protocol):
    """What others cosigned of this log, what this hub witnessed of others, and alarms."""

    def add_cosignature(self, size: int, witness: str, line: str) -> None:
        """A witness's signature line over this log's checkpoint of that size; durable on return."""

    def cosigned(self, least: int) -> tuple[int, Sequence[str]]:
        """The smallest cosigned size >= least, with its signature lines; (0, ()) where there is none."""

    def witnessed(self, origin: str) -> tuple[int, str]:
        """Size and note of the newest checkpoint of a log that this hub cosigned; (0, "") where none."""

    def witness(self, origin: str, size: int, note: str) -> None:
        """Remember it, durably, before the cosignature is given away."""

    def raise_alarm(self, alarm: Alarm) -> None:
        """Keep an alarm; the same id again changes nothing."""

    def alarms(self, limit: int = 1000) -> Sequence[Alarm]:
        """Newest first."""


@dataclass(frozen=True, slots=True)
class WantedPart:
    """One part of a batch (object or report), from a byte on."""

    batch: str
    part: str
    offset: int = 0


@dataclass(frozen=True, slots=True)
class PartHeader:
    """A part begins: digest and size of the whole of it."""

    digest: str
    bytes: int


@dataclass(frozen=True, slots=True)
class PeerPage:
    """Entries of another hub's ledger, as they were hashed, and the checkpoint of the ledger that ends with them."""

    entries: tuple[tuple[int, bytes], ...]
    note: str


class Peer(Protocol):
    """Another hub, reached as this one; nothing it says counts before it has been verified."""

    def follow(self, start: int) -> Iterator[PeerPage]:
        """Its ledger from an entry on, live; ends only with an error, UnavailableError among them."""

    def checkpoint(self) -> str:
        """Its newest checkpoint, as a note."""

    def consistency(self, first: int, second: int) -> Sequence[bytes]:
        """A consistency proof between two sizes."""

    def add_checkpoint(self, body: bytes) -> bytes:
        """Ask for cosignatures; raises WitnessConflictError and what else the witness says."""

    def fetch(self, reader: AgencyId, parts: Sequence[WantedPart]) -> Iterator[PartHeader | memoryview]:
        """Parts in the order asked for, on behalf of a reader: of each a header, then bytes from its offset on."""

    def coverage(self, after: str, tag: str) -> bytes:
        """A signed page of where its datasets, id > after, have rows; empty where `tag` still stands."""

    def close(self) -> None:
        """Let go of the connection; what is under way ends with an error."""
