"""The ledgers' part of a pack: every receipt leads into its log's newest checkpoint, and what the entries then say.

For each hub that the pack has receipts of:
(1) its log signed the newest checkpoint
(2) its log signed each receipt's checkpoint, and the entry is in that tree at the index of the file's name
(3) each receipt's checkpoint is a former state of the newest one (RFC 9162 § 2.1.4.2)
(4) cosignatures of known witnesses check
(5) the entry is canonical JSON of that hub
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from exchange.batch.manifest import parse_instant
from exchange.errors import EvidenceIncompleteError, MalformedError, ProofInvalidError
from exchange.evidence.facts import Cosigned, LogFacts
from exchange.evidence.keys import KeyBook
from exchange.evidence.manifest import text_of
from exchange.evidence.reading import Reading, about
from exchange.ledger import (
    Checkpoint,
    Note,
    Receipt,
    VerifierKey,
    verify_checkpoint_signers,
    verify_consistency,
    verify_cosignatures,
    verify_receipt_signers,
)
from exchange.ledger.text import decode_base64, decode_text
from exchange.trust.canonical import parse_canonical

_RECEIPT: Final = re.compile(r"receipts/([1-9][0-9]0000)/([0-9]{10,19})\.receipt")
_MAX_PATH: Final = 63


def receipt_name(hub: str, index: int) -> str:
    """The file of a receipt."""
    return f"receipts/{hub}/{index:010}.receipt"


def checkpoint_name(hub: str) -> str:
    """The file of a log's newest checkpoint."""
    return f"logs/{hub}/checkpoint"


def consistency_name(hub: str, size: int) -> str:
    """The file of the proof that leads from a smaller tree to the newest checkpoint."""
    return f"logs/{hub}/{size:010}.consistency"


def consistency_text(path: Sequence[bytes]) -> bytes:
    """A consistency proof as a file: base64, a hash a line."""
    return "".join(base64.b64encode(node).decode() + "\n" for node in path).encode()


@dataclass(frozen=True, slots=True)
class Proven:
    """An entry that is in its ledger, and the checkpoint of its receipt."""

    hub: str
    index: int
    body: Mapping[str, Any]
    recorded_at: datetime
    checkpoint: int
    cosigned: Cosigned
    file: str

    @property
    def kind(self) -> str:
        """The entry's kind."""
        return text_of(self.body, "kind")


@dataclass(slots=True)
class Entries:
    """Every entry of a pack, by hub and index."""

    found: dict[tuple[str, int], Proven] = field(default_factory=dict)
    logs: list[LogFacts] = field(default_factory=list)

    def of(self, kind: str) -> Iterator[Proven]:
        """Entries of one kind, by hub and index."""
        for _, entry in sorted(self.found.items(), key=lambda item: item[0]):
            if entry.kind == kind:
                yield entry


def prove_entries(reading: Reading, book: KeyBook) -> Entries:
    """Steps (1) to (5); raises ProofInvalidError, SignatureInvalidError, MalformedError, each naming the file."""
    entries = Entries()
    by_hub: dict[str, list[tuple[int, str]]] = {}
    for name in reading.under("receipts"):
        match = _RECEIPT.fullmatch(name)
        if match is None or receipt_name(match[1], int(match[2])) != name:
            raise MalformedError(f"{name}: 不应有的文件 / not a receipt's name", detail={"file": name})
        by_hub.setdefault(match[1], []).append((int(match[2]), name))
    if not by_hub:
        raise EvidenceIncompleteError("receipts: 没有任何回执 / the pack has no receipts")
    for hub, receipts in sorted(by_hub.items()):
        _prove_log(reading, book, hub, receipts, entries)
    return entries


def _prove_log(
    reading: Reading, book: KeyBook, hub: str, receipts: Sequence[tuple[int, str]], entries: Entries
) -> None:
    log, name = book.log(hub), checkpoint_name(hub)
    with about(name):
        note = reading.read(name)
        newest, made = verify_checkpoint_signers(note, *log)  # (1)
        signers = book.hold(hub, made)
        cosigned = _cosigned(note, book)
    tied: set[tuple[int, bytes]] = set()
    for index, file in receipts:
        with about(file):
            entry, checkpoint = _prove(reading, book, hub, index, file)
        if (checkpoint.size, checkpoint.root) not in tied:
            _tie(reading, hub, checkpoint, newest, file)  # (3)
            tied.add((checkpoint.size, checkpoint.root))
        entries.found[hub, index] = entry
    entries.logs.append(
        LogFacts(
            hub=hub,
            origin=newest.origin,
            size=newest.size,
            root=newest.root.hex(),
            algorithms=tuple(sorted(key.type.algorithm for key in signers)),
            cosigned=cosigned,
            receipts=len(receipts),
            links=len(tied),
        )
    )


def _prove(reading: Reading, book: KeyBook, hub: str, index: int, file: str) -> tuple[Proven, Checkpoint]:
    receipt = Receipt.parse(reading.read(file))
    checkpoint, signers = verify_receipt_signers(receipt, receipt.extra, *book.log(hub))  # (2)
    book.hold(hub, signers)
    if receipt.index != index:
        raise ProofInvalidError(
            f"回执属于第 {receipt.index} 号条目 / the receipt is that of entry {receipt.index}"
        )
    cosigned = _cosigned(receipt.checkpoint, book)  # (4)
    body = parse_canonical(receipt.extra)  # (5)
    if not isinstance(body, dict) or body.get("v") != 1 or body.get("hub") != hub:
        raise MalformedError(f"the entry is not one of hub {hub}, v 1")
    at = parse_instant(text_of(body, "recorded_at"))
    return Proven(hub, index, body, at, checkpoint.size, cosigned, file), checkpoint


def _tie(reading: Reading, hub: str, checkpoint: Checkpoint, newest: Checkpoint, file: str) -> None:
    if checkpoint.size == newest.size:
        name, path = file, []
    else:
        name = consistency_name(hub, checkpoint.size)
        with about(name):
            path = _path(reading.read(name))
    with about(name):
        verify_consistency(checkpoint.size, checkpoint.root, newest.size, newest.root, path)


def _path(data: bytes) -> list[bytes]:
    text = decode_text(data, "consistency proof")
    lines = text.split("\n")
    if lines.pop() or len(lines) > _MAX_PATH + 1:
        raise MalformedError("a consistency proof is lines of base64, each ending in a newline")
    return [decode_base64(line, "consistency proof") for line in lines]


def _cosigned(note: str | bytes, book: KeyBook) -> Cosigned:
    """Which known witnesses cosigned, and when; raises SignatureInvalidError where one's line does not check."""
    there = {(line.name, line.key_id) for line in Note.parse(note).signatures}
    known = [key for key in book.witnesses() if (key.name, key.key_id) in there]
    if not known:
        return ()
    found: Mapping[VerifierKey, int] = verify_cosignatures(note, known)
    return tuple(sorted((key.name, _moment(time)) for key, time in found.items()))


def _moment(time: int) -> datetime:
    try:
        return datetime.fromtimestamp(time, UTC)
    except (ValueError, OverflowError, OSError):
        raise MalformedError("a cosignature's time is out of range") from None
