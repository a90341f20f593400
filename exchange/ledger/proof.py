"""Receipts: C2SP tlog-proof texts that show offline that an entry is in the ledger."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Final, Self

from exchange.errors import HechuanError, LimitExceededError, MalformedError, ProofInvalidError
from exchange.ledger.checkpoint import verify_checkpoint_signers
from exchange.ledger.head import Checkpoint
from exchange.ledger.merkle import HASH_BYTES, leaf_hash, verify_inclusion
from exchange.ledger.note import Note, VerifierKey
from exchange.ledger.text import decode_base64, decode_text, parse_decimal

HEADER: Final = "c2sp.org/tlog-proof@v1"
MAX_RECEIPT_BYTES: Final = 512 * 1024
MAX_PATH: Final = 63


@dataclass(frozen=True, slots=True)
class Receipt:
    """Entry number `index`, its inclusion path, the signed checkpoint note, and `extra` data nobody signed.

    The hub puts the entry's own bytes in `extra`, so that one file is enough; they count only once hashed.
    """

    index: int
    path: tuple[bytes, ...]
    checkpoint: str
    extra: bytes = b""

    @classmethod
    def parse(cls, receipt: str | bytes) -> Self:
        """Read a receipt; raises MalformedError, LimitExceededError. tlog-proof § Format."""
        if len(receipt) > MAX_RECEIPT_BYTES:
            raise LimitExceededError(f"a receipt has at most {MAX_RECEIPT_BYTES} bytes")
        head, blank, checkpoint = decode_text(receipt, "receipt").partition("\n\n")
        header, *lines = head.split("\n")
        if not blank or header != HEADER:
            raise MalformedError(f"a receipt starts with {HEADER!r} and has a blank line after its path")
        Checkpoint.parse_body(Note.parse(checkpoint).text)
        extra = b""
        if lines and lines[0].startswith("extra "):
            extra = decode_base64(lines.pop(0).removeprefix("extra "), "extra data")
            if not extra:
                raise MalformedError("a receipt without extra data has no extra line")
        if not lines or not lines[0].startswith("index "):
            raise MalformedError("a receipt names the index of its entry")
        index = parse_decimal(lines.pop(0).removeprefix("index "), "index")
        if len(lines) > MAX_PATH:
            raise LimitExceededError(f"an inclusion path has at most {MAX_PATH} hashes")
        path = tuple(decode_base64(line, "inclusion path") for line in lines)
        if any(len(item) != HASH_BYTES for item in path):
            raise MalformedError(f"an inclusion path is hashes of {HASH_BYTES} bytes")
        return cls(index, path, checkpoint, extra)

    def __str__(self) -> str:
        extra = [f"extra {base64.b64encode(self.extra).decode()}"] if self.extra else []
        path = [base64.b64encode(item).decode() for item in self.path]
        return "\n".join([HEADER, *extra, f"index {self.index}", *path, "", self.checkpoint])


def verify_receipt(receipt: Receipt, entry: bytes, *log: VerifierKey) -> Checkpoint:
    """Check that the log holds these entry bytes at the receipt's index; see `verify_receipt_signers`."""
    return verify_receipt_signers(receipt, entry, *log)[0]


def verify_receipt_signers(
    receipt: Receipt, entry: bytes, *log: VerifierKey
) -> tuple[Checkpoint, tuple[VerifierKey, ...]]:
    """Check that the log holds these entry bytes at the receipt's index; the proven checkpoint, and who signed it.

    (1) the log signed the checkpoint, (2) the path leads from the entry's hash to the checkpoint's root.
    Raises ProofInvalidError, whose `detail["step"]` is `checkpoint` or `inclusion`. Pass `receipt.extra` as
    the entry to check a self-contained receipt.
    """
    step = "checkpoint"  # (1)
    try:
        checkpoint, signers = verify_checkpoint_signers(receipt.checkpoint, *log)
        step = "inclusion"  # (2)
        verify_inclusion(leaf_hash(entry), receipt.index, checkpoint.size, receipt.path, checkpoint.root)
    except HechuanError as error:
        raise ProofInvalidError(f"{step}: {error.message}", detail={"step": step}) from error
    return checkpoint, signers
