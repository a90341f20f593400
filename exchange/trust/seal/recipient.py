"""Key pairs of those who may open what is sealed; a batch key is wrapped for each of them by HPKE.

key id = `<algorithm>:<hex of the first 16 bytes of SHA-256(algorithm || 0x00 || raw public key)>`

| algorithm | suite | raw public key | raw private key | HPKE (RFC 9180) |
|---|---|---|---|---|
| x25519 | 1 | 32 bytes, RFC 7748 | 32 bytes | DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-256-GCM |
| mlkem768-x25519 | 2 | 1,184 + 32 bytes | seed of 64 + 32 bytes | ML-KEM-768 with X25519, HKDF-SHA256, AES-256-GCM |

The second keeps what is recorded today closed to a quantum computer of later. The suite's number is the first byte of
every wrapped key, so others can follow.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, Self

from cryptography.exceptions import InvalidTag, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.asymmetric import mlkem, x25519

from exchange.errors import InvalidInputError, MalformedError, SignatureInvalidError
from exchange.trust.secret import read_private, write_private

DEFAULT_ALGORITHM: Final = "x25519"
_TEXT: Final = re.compile(r"([a-z0-9-]{1,32}):[0-9a-f]{32} ([A-Za-z0-9+/=]{1,4096})")
_PRIVATE: Final = re.compile(rb"hechuan-recipient-1 ([a-z0-9-]{1,32}) ([A-Za-z0-9+/=]{1,4096})\n")
_X25519_BYTES: Final = 32
_CONTEXT: Final = b"hechuan seal 1\x00"


@dataclass(frozen=True, slots=True)
class Algorithm:
    """One row of the table."""

    suite: int
    hpke: hpke.Suite
    public_bytes: int
    private_bytes: int
    load_public: Callable[[bytes], Any]
    load_private: Callable[[bytes], Any]
    generate: Callable[[], bytes]
    public_of: Callable[[bytes], bytes]


@dataclass(frozen=True, slots=True)
class Recipient:
    """A public key: its algorithm's name and its raw bytes. Its text is `<key id> <base64 of the bytes>`."""

    algorithm: str
    public: bytes
    keyid: str = field(init=False)
    _loaded: Any = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        row = _row(self.algorithm)
        object.__setattr__(
            self, "_loaded", _loaded(row.load_public, self.public, row.public_bytes, self.algorithm)
        )
        digest = sha256(self.algorithm.encode() + b"\x00" + self.public).digest()[:16]
        object.__setattr__(self, "keyid", f"{self.algorithm}:{digest.hex()}")

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read the text form; raises MalformedError, InvalidInputError. The key id must be that of the key."""
        match = _TEXT.fullmatch(text)
        key = cls(match[1], _decoded(match[2])) if match else None
        if key is None or str(key) != text:
            raise MalformedError(
                "a recipient is '<algorithm>:<32 hex digits> <base64>', its id matching its bytes"
            )
        return key

    def __str__(self) -> str:
        return f"{self.keyid} {base64.b64encode(self.public).decode()}"

    def wrap(self, secret: bytes, info: bytes) -> bytes:
        """Suite number, encapsulated key and ciphertext; opened only with the same `info`. RFC 9180 §6.1."""
        row = _row(self.algorithm)
        try:
            return bytes((row.suite,)) + row.hpke.encrypt(secret, self._loaded, _CONTEXT + info)
        except ValueError:  # a point of small order
            raise InvalidInputError(f"nothing can be wrapped for {self.keyid}") from None


class RecipientKey:
    """A private key; it never shows in a repr, and leaves only through `save`."""

    __slots__ = ("_loaded", "_raw", "recipient")

    def __init__(self, algorithm: str, raw: bytes) -> None:
        """Raises InvalidInputError for an unknown algorithm, MalformedError for what is no key of it."""
        row = _row(algorithm)
        self._raw = raw
        self._loaded = _loaded(row.load_private, raw, row.private_bytes, algorithm)
        self.recipient = Recipient(algorithm, row.public_of(raw))

    @classmethod
    def generate(cls, algorithm: str = DEFAULT_ALGORITHM) -> Self:
        """A new key of the named algorithm; raises InvalidInputError for an unknown name."""
        return cls(algorithm, _row(algorithm).generate())

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a key file; MalformedError, NotFoundError, UntrustedError where others may read the file."""
        match = _PRIVATE.fullmatch(read_private(path))
        if match is None:
            raise MalformedError("not a recipient's private key")
        return cls(match[1].decode(), _decoded(match[2].decode()))

    def save(self, path: Path) -> None:
        """Write a new file of mode 0600, durable on return; raises ConflictError where it exists."""
        name = self.recipient.algorithm.encode()
        write_private(path, b"hechuan-recipient-1 %b %b\n" % (name, base64.b64encode(self._raw)))

    @property
    def keyid(self) -> str:
        """The key's id."""
        return self.recipient.keyid

    def unwrap(self, wrapped: bytes, info: bytes) -> bytes:
        """What was wrapped for this key under the same `info`; MalformedError, SignatureInvalidError."""
        row = _row(self.recipient.algorithm)
        if not wrapped or wrapped[0] != row.suite:
            raise MalformedError(f"not a key wrapped for {self.recipient.algorithm}")
        try:
            return row.hpke.decrypt(wrapped[1:], self._loaded, _CONTEXT + info)
        except (InvalidTag, ValueError):
            raise SignatureInvalidError(
                f"a wrapped key does not open under {self.keyid}: it is for another reader or purpose, or was changed"
            ) from None

    def __repr__(self) -> str:
        return f"RecipientKey({self.keyid})"


def _row(algorithm: str) -> Algorithm:
    if algorithm not in ALGORITHMS:
        raise InvalidInputError(f"algorithm {algorithm[:40]!r} is not one of {', '.join(ALGORITHMS)}")
    return ALGORITHMS[algorithm]


def _loaded(load: Callable[[bytes], Any], raw: bytes, size: int, algorithm: str) -> Any:
    try:
        if len(raw) == size:
            return load(raw)
    except UnsupportedAlgorithm as error:
        raise InvalidInputError(f"{algorithm} is not supported by this build") from error
    except ValueError:
        pass
    raise MalformedError(f"not a key of {algorithm}")


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        raise MalformedError("a key is not base64") from None


def _hybrid_public(raw: bytes) -> hpke.MLKEM768X25519PublicKey:
    return hpke.MLKEM768X25519PublicKey(
        mlkem.MLKEM768PublicKey.from_public_bytes(raw[:-_X25519_BYTES]),
        x25519.X25519PublicKey.from_public_bytes(raw[-_X25519_BYTES:]),
    )


def _hybrid_private(raw: bytes) -> hpke.MLKEM768X25519PrivateKey:
    return hpke.MLKEM768X25519PrivateKey(
        mlkem.MLKEM768PrivateKey.from_seed_bytes(raw[:-_X25519_BYTES]),
        x25519.X25519PrivateKey.from_private_bytes(raw[-_X25519_BYTES:]),
    )


def _hybrid_public_of(raw: bytes) -> bytes:
    kem = mlkem.MLKEM768PrivateKey.from_seed_bytes(raw[:-_X25519_BYTES])
    return kem.public_key().public_bytes_raw() + _public_of(raw[-_X25519_BYTES:])


def _public_of(raw: bytes) -> bytes:
    return x25519.X25519PrivateKey.from_private_bytes(raw).public_key().public_bytes_raw()


def _generate() -> bytes:
    return x25519.X25519PrivateKey.generate().private_bytes_raw()


ALGORITHMS: Final[Mapping[str, Algorithm]] = {
    "x25519": Algorithm(
        1,
        hpke.Suite(hpke.KEM.X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.AES_256_GCM),
        _X25519_BYTES,
        _X25519_BYTES,
        x25519.X25519PublicKey.from_public_bytes,
        x25519.X25519PrivateKey.from_private_bytes,
        _generate,
        _public_of,
    ),
    "mlkem768-x25519": Algorithm(
        2,
        hpke.Suite(hpke.KEM.MLKEM768_X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.AES_256_GCM),
        1184 + _X25519_BYTES,
        64 + _X25519_BYTES,
        _hybrid_public,
        _hybrid_private,
        lambda: mlkem.MLKEM768PrivateKey.generate().private_bytes_raw() + _generate(),
        _hybrid_public_of,
    ),
}
