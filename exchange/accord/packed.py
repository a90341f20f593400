"""Documents inside a move: canonical JSON, deflated (RFC 1951), base64, under its own digest.

A month of patrols of some hundred reaches has to fit into one entry of a ledger, with the office that it is checked
against. What a stranger packed is unpacked to at most the length that it names, and no further than the limit.
"""

from __future__ import annotations

import base64
import binascii
import zlib
from dataclasses import dataclass
from typing import Any, Final, Self

from exchange.errors import LimitExceededError, MalformedError
from exchange.ids import digest_of, parse_digest
from exchange.statement.read import text_of

MAX_DOCUMENT_BYTES: Final = 1 << 20
_MAX_TEXT: Final = 64 << 10
_RAW: Final = -15
_MEMBERS: Final = frozenset({"data", "digest"})


@dataclass(frozen=True, slots=True)
class Packed:
    """`data`: what travels. `digest`: of the bytes that it stands for."""

    data: str
    digest: str

    @classmethod
    def of(cls, document: bytes) -> Self:
        """Pack; raises LimitExceededError."""
        if len(document) > MAX_DOCUMENT_BYTES:
            raise LimitExceededError(f"a document has at most {MAX_DOCUMENT_BYTES} bytes")
        packer = zlib.compressobj(9, zlib.DEFLATED, _RAW)
        data = packer.compress(document) + packer.flush()
        return cls(base64.b64encode(data).decode("ascii"), digest_of(document))

    def document(self) -> bytes:
        """Unpack; raises MalformedError, LimitExceededError."""
        unpacker = zlib.decompressobj(_RAW)
        try:
            document = unpacker.decompress(
                base64.b64decode(self.data.encode("ascii"), validate=True), MAX_DOCUMENT_BYTES
            )
        except (zlib.error, binascii.Error, UnicodeEncodeError) as error:
            raise MalformedError(f"a document cannot be unpacked: {error}") from None
        if unpacker.unconsumed_tail:
            raise LimitExceededError(f"a document has at most {MAX_DOCUMENT_BYTES} bytes")
        if not unpacker.eof or unpacker.unused_data or digest_of(document) != self.digest:
            raise MalformedError("a document is not the one that its digest names")
        return document

    def to_json(self) -> dict[str, str]:
        """The JSON value."""
        return {"data": self.data, "digest": self.digest}

    @classmethod
    def from_json(cls, value: Any) -> Self:
        """Read one, packed; raises MalformedError, LimitExceededError."""
        if not isinstance(value, dict) or value.keys() != _MEMBERS:
            raise MalformedError("a document has missing or unknown members")
        return cls(text_of(value, "data", _MAX_TEXT), parse_digest(text_of(value, "digest")))
