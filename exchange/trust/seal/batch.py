"""The key of one batch: made by the publisher, used once, wrapped for every reader who may open the batch."""

from __future__ import annotations

import base64
import re
import secrets
from collections.abc import Sequence
from hashlib import sha256
from threading import Lock
from typing import Final, Self

import pyarrow as pa
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from pyarrow import types

from exchange.errors import InvalidInputError, MalformedError
from exchange.trust.canonical import canonical, parse_canonical
from exchange.trust.seal.cell import Cells
from exchange.trust.seal.recipient import Recipient, RecipientKey

KEY_BYTES: Final = 32
ID_BYTES: Final = 8
_MAX_BOUND: Final = 32
_MAX_NAME: Final = 256
_MEMBERS: Final = frozenset({"bound", "dataset", "key"})
_ID: Final = re.compile(r"seal-1:[0-9a-f]{32}")


class BatchKey:
    """Secret of a batch, its dataset and the columns that its cells are bound to (the contract's primary key).

    `keyid` is `seal-1:<hex of the first 16 bytes of SHA-256("hechuan seal key 1" || 0x00 || secret)>` and belongs into
    the signed manifest; its first eight bytes stand in every cell. The secret never shows in a repr.
    """

    __slots__ = ("_lock", "_next", "_secret", "bound", "dataset", "keyid")

    def __init__(self, secret: bytes, dataset: str, bound: Sequence[str], *, fresh: bool = False) -> None:
        """Raises InvalidInputError. A key that is not `fresh` opens, and does not seal: row numbers would repeat."""
        names = (dataset, *bound)
        if len(secret) != KEY_BYTES or not 1 <= len(bound) <= _MAX_BOUND or len(set(bound)) != len(bound):
            raise InvalidInputError(
                f"a batch key has {KEY_BYTES} bytes and is bound to 1 to {_MAX_BOUND} columns"
            )
        if not all(0 < len(name) <= _MAX_NAME for name in names):
            raise InvalidInputError(f"names of a batch key have 1 to {_MAX_NAME} characters")
        self._secret = secret
        self.dataset = dataset
        self.bound = tuple(bound)
        self.keyid = f"seal-1:{sha256(b'hechuan seal key 1' + bytes(1) + secret).digest()[:16].hex()}"
        self._next = 0 if fresh else -1
        self._lock = Lock()

    @property
    def short(self) -> bytes:
        """What every cell begins with: the first eight bytes of the id."""
        return bytes.fromhex(self.keyid.removeprefix("seal-1:"))[:ID_BYTES]

    def take(self, rows: int) -> int:
        """The first of as many row numbers that no cell has had; raises InvalidInputError for a key not made here."""
        with self._lock:
            if self._next < 0:
                raise InvalidInputError(
                    "only a new batch key seals: under a used one, row numbers would repeat"
                )
            first = self._next
            self._next += rows
        return first

    def cells(self, column: str, kind: pa.DataType) -> Cells:
        """The cipher of one column: its key depends on dataset, bound columns, name and type. RFC 5869."""
        info = canonical(["hechuan seal 1", self.dataset, list(self.bound), column, _named(kind)])
        return Cells(HKDF(hashes.SHA256(), KEY_BYTES, salt=None, info=info).derive(self._secret))

    def to_bytes(self) -> bytes:
        """The key itself, as canonical JSON: what is wrapped."""
        secret = base64.b64encode(self._secret).decode()
        return canonical({"bound": list(self.bound), "dataset": self.dataset, "key": secret})

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Read `to_bytes`; the key opens only. Raises MalformedError, InvalidInputError."""
        value = parse_canonical(data)
        if not isinstance(value, dict) or value.keys() != _MEMBERS:
            raise MalformedError("not a batch key")
        secret, dataset, bound = value["key"], value["dataset"], value["bound"]
        if not isinstance(secret, str) or not isinstance(dataset, str) or not _are_names(bound):
            raise MalformedError("not a batch key")
        try:
            return cls(base64.b64decode(secret, validate=True), dataset, bound)
        except (ValueError, TypeError):
            raise MalformedError("not a batch key") from None

    def __repr__(self) -> str:
        return f"BatchKey({self.keyid}, {self.dataset})"


def new_batch_key(dataset: str, bound: Sequence[str]) -> BatchKey:
    """A key for one batch of a dataset; `bound` is the contract's primary key. Raises InvalidInputError."""
    return BatchKey(secrets.token_bytes(KEY_BYTES), dataset, bound, fresh=True)


def wrap_info(keyid: str, dataset: str, agreement: str) -> bytes:
    """What a wrapped key is bound to: batch key, dataset, and the agreement under which it is given."""
    if not _ID.fullmatch(keyid):
        raise MalformedError("a batch key's id is seal-1:<32 hex digits>")
    return canonical({"agreement": agreement, "dataset": dataset, "keyid": keyid})


def wrap_key(key: BatchKey, recipient: Recipient, agreement: str) -> bytes:
    """The key for one reader under one agreement (its digest, or empty for the publisher itself). RFC 9180 §5.1.1.

    Some 200 bytes, under the hybrid suite 1,300. Raises InvalidInputError.
    """
    return recipient.wrap(key.to_bytes(), wrap_info(key.keyid, key.dataset, agreement))


def unwrap_key(wrapped: bytes, key: RecipientKey, keyid: str, dataset: str, agreement: str) -> BatchKey:
    """The batch key, given what the signed manifest and the agreement say of it.

    Raises SignatureInvalidError where it was wrapped for another reader, key id, dataset or agreement, or changed;
    MalformedError for what is no wrapped key.
    """
    found = BatchKey.from_bytes(key.unwrap(wrapped, wrap_info(keyid, dataset, agreement)))
    if (found.keyid, found.dataset) != (keyid, dataset):
        raise MalformedError(f"the wrapped key is {found.keyid} of {found.dataset}, not {keyid} of {dataset}")
    return found


def _are_names(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(name, str) for name in value)


def _named(kind: pa.DataType) -> str:
    return "string" if types.is_large_string(kind) else "binary" if types.is_large_binary(kind) else str(kind)
