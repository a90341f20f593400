"""The request of a log to its witness: C2SP tlog-witness, `add-checkpoint`."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Self

from exchange.errors import LimitExceededError, MalformedError
from exchange.ledger.merkle import HASH_BYTES
from exchange.ledger.note import MAX_NOTE_BYTES
from exchange.ledger.text import decode_base64, decode_text, parse_decimal

MAX_PATH: Final = 63
MAX_REQUEST_BYTES: Final = MAX_NOTE_BYTES + 8192


@dataclass(frozen=True, slots=True)
class AddCheckpoint:
    """The size the log believes the witness to know, the proof from there on (32 bytes each), and the new note."""

    old_size: int
    path: tuple[bytes, ...]
    note: str

    def to_bytes(self) -> bytes:
        """The body of the request. tlog-witness § add-checkpoint."""
        proof = "".join(base64.b64encode(node).decode() + "\n" for node in self.path)
        return f"old {self.old_size}\n{proof}\n{self.note}".encode()

    @classmethod
    def parse(cls, body: bytes) -> Self:
        """Read a body; raises MalformedError, LimitExceededError."""
        if len(body) > MAX_REQUEST_BYTES:
            raise LimitExceededError(f"a request to a witness has at most {MAX_REQUEST_BYTES} bytes")
        head, blank, note = decode_text(body, "request").partition("\n\n")
        first, *lines = head.split("\n")
        if not blank or not first.startswith("old ") or len(lines) > MAX_PATH:
            raise MalformedError(
                "a request is 'old <size>', at most 63 lines of proof, a blank line and a note"
            )
        return cls(parse_decimal(first.removeprefix("old "), "old size"), _path(lines), note)


def _path(lines: Sequence[str]) -> tuple[bytes, ...]:
    path = tuple(decode_base64(line, "proof line") for line in lines)
    if any(len(node) != HASH_BYTES for node in path):
        raise MalformedError(f"a line of the proof is {HASH_BYTES} bytes in base64")
    return path
