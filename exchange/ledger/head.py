"""A ledger head, and the bytes that are signed about one. Which signature signs which bytes:

| signature | type | signs | extension lines |
|---|---|---|---|
| Ed25519, the log's own | 0x01 | the checkpoint's text; signed-note | covered |
| Ed25519 cosignature | 0x04 | `cosigned_message`; tlog-cosignature | covered |
| ML-DSA-44 cosignature, or the log's own | 0x06 | `subtree_message`; tlog-cosignature, tlog-checkpoint | not |
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from typing import Final, Self

from exchange.errors import MalformedError
from exchange.ledger.merkle import HASH_BYTES
from exchange.ledger.text import MAX_TREE_SIZE, decode_base64, parse_decimal

_FIXED_LINES: Final = 3
_CONTROL = re.compile(r"[\x00-\x1f]")
_LABEL: Final = b"subtree/v1\n\x00"
_MAX_NAME: Final = 255


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


def cosigned_message(text: str, time: int) -> bytes:
    """What an Ed25519 cosignature signs. tlog-cosignature § Ed25519 signed message."""
    return f"cosignature/v1\ntime {time}\n{text}".encode()


def subtree_message(cosigner: str, text: str, time: int) -> bytes:
    """What an ML-DSA-44 cosignature over a checkpoint signs; tlog-cosignature § ML-DSA-44 signed message.

    label (12 bytes), cosigner's name and log's origin (a length byte before each), time, start (0), end (tree size) as
    big-endian u64, root: label, name, time, origin, start, end, root. Raises MalformedError where the text is no
    checkpoint or a name is longer than 255 bytes.
    """
    head = Checkpoint.parse_body(text)
    span = (0).to_bytes(8, "big") + head.size.to_bytes(8, "big")
    return _LABEL + _opaque(cosigner) + time.to_bytes(8, "big") + _opaque(head.origin) + span + head.root


def _opaque(name: str) -> bytes:
    data = name.encode()
    if not 0 < len(data) <= _MAX_NAME:
        raise MalformedError(f"a name under an ML-DSA signature has 1 to {_MAX_NAME} bytes")
    return len(data).to_bytes(1, "big") + data
