"""The signed ledger head: C2SP tlog-checkpoint, signed by the log and cosigned by witnesses."""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from exchange.errors import MalformedError, SignatureInvalidError
from exchange.ledger.merkle import HASH_BYTES
from exchange.ledger.note import (
    Note,
    Sign,
    SignatureType,
    VerifierKey,
    decode_base64,
    sign_note,
    signature_line,
    verify_note,
)

MAX_TREE_SIZE = (1 << 63) - 1
_FIXED_LINES = 3
_DECIMAL = re.compile(r"0|[1-9][0-9]{0,18}")
_CONTROL = re.compile(r"[\x00-\x1f]")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A log's origin, its size in entries, its root hash (32 bytes), and extension lines, if any."""

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if len(self.root) != HASH_BYTES or not 0 <= self.size <= MAX_TREE_SIZE:
            raise MalformedError("a checkpoint has a size below 2**63 and a root of 32 bytes")
        if any(not line or _CONTROL.search(line) for line in (self.origin, *self.extensions)):
            raise MalformedError("checkpoint lines are not empty and hold no control characters")

    @classmethod
    def parse_body(cls, text: str) -> Self:
        """Read a note's text as a checkpoint; raises MalformedError. tlog-checkpoint § Note text."""
        lines = text.split("\n")
        if len(lines) <= _FIXED_LINES or lines.pop():
            raise MalformedError("a checkpoint is at least three lines, each ending in a newline")
        origin, decimal, encoded, *extensions = lines
        size, root = parse_decimal(decimal, "tree size"), decode_base64(encoded, "root hash")
        return cls(origin, size, root, tuple(extensions))

    def body(self) -> str:
        """The text that is signed. tlog-checkpoint § Note text."""
        root = base64.b64encode(self.root).decode()
        return "".join(f"{line}\n" for line in (self.origin, self.size, root, *self.extensions))


def sign_checkpoint(checkpoint: Checkpoint, key: VerifierKey, sign: Sign) -> str:
    """The signed note of a checkpoint; the key's name must be the origin, else MalformedError."""
    if key.name != checkpoint.origin or key.type is not SignatureType.ED25519:
        raise MalformedError("a log signs its own checkpoints, with an Ed25519 key named as the origin")
    return sign_note(checkpoint.body(), key, sign)


def verify_checkpoint(note: str | bytes, log: VerifierKey) -> Checkpoint:
    """The checkpoint in a note that this log signed; raises MalformedError, SignatureInvalidError.

    The origin must be the key's name: one key speaks for one log.
    """
    parsed = Note.parse(note)
    verify_note(parsed, [log])
    checkpoint = Checkpoint.parse_body(parsed.text)
    if checkpoint.origin != log.name:
        raise SignatureInvalidError(f"checkpoint of {checkpoint.origin!r} is signed by {log.name!r}")
    return checkpoint


def cosign(note: str, witness: VerifierKey, time: int, sign: Sign) -> str:
    """The note with the witness's cosignature appended; `time` in POSIX seconds. tlog-cosignature § Format.

    The caller has checked the log's signature and consistency with what it saw before. Raises MalformedError.
    """
    if witness.type is not SignatureType.COSIGNATURE:
        raise MalformedError("a witness signs with a cosignature key")
    parsed = Note.parse(note)
    Checkpoint.parse_body(parsed.text)
    return note + signature_line(parsed.text, witness, sign, time)


def verify_cosignatures(note: str | bytes, witnesses: Sequence[VerifierKey]) -> dict[VerifierKey, int]:
    """Which witnesses cosigned, and when (POSIX seconds); raises MalformedError, SignatureInvalidError.

    Says nothing about the log's own signature: call `verify_checkpoint` as well.
    """
    parsed = Note.parse(note)
    Checkpoint.parse_body(parsed.text)
    signed = verify_note(parsed, [key for key in witnesses if key.type is SignatureType.COSIGNATURE])
    return {key: time for key, time in signed.items() if time is not None}


def parse_decimal(text: str, what: str) -> int:
    """An ASCII decimal below 2**63 without leading zeroes; raises MalformedError."""
    value = int(text) if _DECIMAL.fullmatch(text) else MAX_TREE_SIZE + 1
    if value > MAX_TREE_SIZE:
        raise MalformedError(f"{what} is not a decimal number below 2**63")
    return value
