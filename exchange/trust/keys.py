"""Signing keys, named by algorithm: the key id says how to check, so algorithms can change without a new format.

key id = `<algorithm>:<hex of the first 16 bytes of SHA-256(algorithm || 0x00 || raw public key)>`

| algorithm | raw public key | signature |
|---|---|---|
| ed25519 | 32 bytes, RFC 8032 §5.1.5 | 64 bytes |
| ecdsa-p256 | 65 bytes, uncompressed point, SEC 1 §2.3.3 | r ‖ s, 64 bytes; SHA-256, nonce of RFC 6979 |
| ml-dsa-44 | 1,312 bytes, FIPS 204 §7 | 2,420 bytes, empty context |
| ml-dsa-65 | 1,952 bytes, FIPS 204 §7 | 3,309 bytes, empty context |
| sm2 | 65 bytes, uncompressed point, GB/T 32918.1 §4.2 | r ‖ s, 64 bytes; SM3; `exchange.trust.sm2` |
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, Protocol, Self

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, mldsa, utils

from exchange.errors import InvalidInputError, MalformedError, SignatureInvalidError
from exchange.trust import sm2
from exchange.trust.secret import read_private, write_private

DEFAULT_ALGORITHM: Final = "ed25519"
_TEXT = re.compile(r"([a-z0-9-]{1,32}):[0-9a-f]{32} ([A-Za-z0-9+/=]{1,4096})")
_ID_BYTES = 16
_COORDINATE_BYTES = 32
_POINT_BYTES = 65
_ECDSA = ec.ECDSA(hashes.SHA256(), deterministic_signing=True)
_FIELD = 2**255 - 19
_ORDER_8_Y = 2707385501144840649318225287225658788936804267575313519463743609750303402022
# y of the eight points of small order: under such a key one signature fits every message
_WEAK_Y = frozenset({0, 1, _FIELD - 1, _ORDER_8_Y, _FIELD - _ORDER_8_Y})


_RawPrivate = ed25519.Ed25519PrivateKey | mldsa.MLDSA44PrivateKey | mldsa.MLDSA65PrivateKey


class Public(Protocol):
    """A loaded public key."""

    def verify(self, signature: bytes, data: bytes, /) -> None:
        """Return, or raise InvalidSignature."""


@dataclass(frozen=True, slots=True)
class Algorithm:
    """One row of the registry; `private` is whatever class holds the private key."""

    private: type
    generate: Callable[[], Any]
    sign: Callable[[Any, bytes], bytes]
    raw_public: Callable[[Any], bytes]
    load_public: Callable[[bytes], Public]
    to_pem: Callable[[Any], bytes]


@dataclass(frozen=True, slots=True)
class VerifyKey:
    """A public key: its algorithm's name and its raw bytes. Its text is `<key id> <base64 of the bytes>`."""

    algorithm: str
    public: bytes
    keyid: str = field(init=False)
    _loaded: Public = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        try:
            loaded = algorithm(self.algorithm).load_public(self.public)
        except UnsupportedAlgorithm as error:
            raise InvalidInputError(f"{self.algorithm} is not supported by this build") from error
        except ValueError:
            raise MalformedError(f"not a public key of {self.algorithm}") from None
        digest = sha256(self.algorithm.encode() + b"\x00" + self.public).digest()[:_ID_BYTES]
        object.__setattr__(self, "keyid", f"{self.algorithm}:{digest.hex()}")
        object.__setattr__(self, "_loaded", loaded)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read the text form; raises MalformedError, InvalidInputError. The key id must be that of the key."""
        match = _TEXT.fullmatch(text)
        try:
            key = cls(match[1], base64.b64decode(match[2], validate=True)) if match else None
        except binascii.Error:
            key = None
        if key is None or str(key) != text:
            raise MalformedError(
                "a public key is '<algorithm>:<32 hex digits> <base64>', its id matching its bytes"
            )
        return key

    def __str__(self) -> str:
        return f"{self.keyid} {base64.b64encode(self.public).decode()}"

    def verify(self, message: bytes, signature: bytes) -> None:
        """Return if the signature is this key's over the message; raises SignatureInvalidError."""
        try:
            self._loaded.verify(signature, message)
        except (InvalidSignature, ValueError):
            raise SignatureInvalidError(f"signature of {self.keyid} does not check") from None


class Signer(Protocol):
    """A private key wherever it is kept: in a file (`SigningKey`) or in a token (`exchange.trust.token`)."""

    @property
    def verify_key(self) -> VerifyKey:
        """Its public half."""

    def sign(self, message: bytes, /) -> bytes:
        """Signature over the message, in the form of the table above; raises UnavailableError for a silent token."""


class SigningKey:
    """A private key from a file; it never shows in a repr, and leaves only through `save`."""

    __slots__ = ("_algorithm", "_private", "verify_key")

    def __init__(self, private: object) -> None:
        """Wrap a private key of `cryptography` or SM2; raises InvalidInputError for a kind that is not registered."""
        for name, row in ALGORITHMS.items():
            if isinstance(private, row.private):
                self._private: Any = private
                self._algorithm = row
                self.verify_key = VerifyKey(name, row.raw_public(private))
                return
        raise InvalidInputError(f"keys are {', '.join(ALGORITHMS)}; this is a {type(private).__name__}")

    @classmethod
    def generate(cls, name: str = DEFAULT_ALGORITHM) -> Self:
        """A new key of the named algorithm; raises InvalidInputError for an unknown name."""
        return cls(algorithm(name).generate())

    @classmethod
    def from_pem(cls, pem: bytes) -> Self:
        """Read unencrypted PKCS #8 PEM; raises MalformedError, InvalidInputError."""
        try:
            private: object = sm2.read_pem(pem) or serialization.load_pem_private_key(pem, password=None)
        except UnsupportedAlgorithm as error:
            raise InvalidInputError("the key's algorithm is not supported by this build") from error
        except (ValueError, TypeError):
            raise MalformedError("not a private key in unencrypted PEM") from None
        return cls(private)

    def to_pem(self) -> bytes:
        """Unencrypted PKCS #8 PEM: the private key itself."""
        return self._algorithm.to_pem(self._private)

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a key file; raises as `from_pem`, NotFoundError, UntrustedError where others may read the file."""
        return cls.from_pem(read_private(path))

    def save(self, path: Path) -> None:
        """Write a new file of mode 0600, durable on return; raises ConflictError where it exists."""
        write_private(path, self.to_pem())

    @property
    def keyid(self) -> str:
        """The key's id."""
        return self.verify_key.keyid

    def sign(self, message: bytes) -> bytes:
        """Signature over the message, in the form of the table above."""
        return self._algorithm.sign(self._private, message)

    def __repr__(self) -> str:
        return f"SigningKey({self.keyid})"


def algorithm(name: str) -> Algorithm:
    """The registered algorithm of that name; raises InvalidInputError."""
    if name not in ALGORITHMS:
        raise InvalidInputError(f"algorithm {name[:40]!r} is not one of {', '.join(ALGORITHMS)}")
    return ALGORITHMS[name]


@dataclass(frozen=True, slots=True)
class _P256Public:
    key: ec.EllipticCurvePublicKey

    def verify(self, signature: bytes, data: bytes, /) -> None:
        if len(signature) != 2 * _COORDINATE_BYTES:
            raise InvalidSignature
        r, s = signature[:_COORDINATE_BYTES], signature[_COORDINATE_BYTES:]
        der = utils.encode_dss_signature(int.from_bytes(r, "big"), int.from_bytes(s, "big"))
        self.key.verify(der, data, _ECDSA)


def _load_ed25519(raw: bytes) -> Public:
    key = ed25519.Ed25519PublicKey.from_public_bytes(raw)
    if (int.from_bytes(raw, "little") & (1 << 255) - 1) % _FIELD in _WEAK_Y:
        raise ValueError("point of small order")
    return key


def _load_p256(raw: bytes) -> Public:
    if len(raw) != _POINT_BYTES:
        raise ValueError("compressed point")
    return _P256Public(ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), raw))


def _sign_p256(key: ec.EllipticCurvePrivateKey, message: bytes) -> bytes:
    r, s = utils.decode_dss_signature(key.sign(message, _ECDSA))
    return r.to_bytes(_COORDINATE_BYTES, "big") + s.to_bytes(_COORDINATE_BYTES, "big")


def _raw_p256(key: ec.EllipticCurvePrivateKey) -> bytes:
    encoding, point = serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
    return key.public_key().public_bytes(encoding, point)


def _sign_raw(key: _RawPrivate, message: bytes) -> bytes:
    return key.sign(message)


def _raw(key: _RawPrivate) -> bytes:
    return key.public_key().public_bytes_raw()


def _pkcs8(key: _RawPrivate | ec.EllipticCurvePrivateKey) -> bytes:
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    return key.private_bytes(encoding, form, serialization.NoEncryption())


ALGORITHMS: Final[Mapping[str, Algorithm]] = {
    "ed25519": Algorithm(
        ed25519.Ed25519PrivateKey,
        ed25519.Ed25519PrivateKey.generate,
        _sign_raw,
        _raw,
        _load_ed25519,
        _pkcs8,
    ),
    "ecdsa-p256": Algorithm(
        ec.EllipticCurvePrivateKey,
        lambda: ec.generate_private_key(ec.SECP256R1()),
        _sign_p256,
        _raw_p256,
        _load_p256,
        _pkcs8,
    ),
    "ml-dsa-44": Algorithm(
        mldsa.MLDSA44PrivateKey,
        mldsa.MLDSA44PrivateKey.generate,
        _sign_raw,
        _raw,
        mldsa.MLDSA44PublicKey.from_public_bytes,
        _pkcs8,
    ),
    "ml-dsa-65": Algorithm(
        mldsa.MLDSA65PrivateKey,
        mldsa.MLDSA65PrivateKey.generate,
        _sign_raw,
        _raw,
        mldsa.MLDSA65PublicKey.from_public_bytes,
        _pkcs8,
    ),
    "sm2": Algorithm(
        sm2.Sm2PrivateKey,
        sm2.Sm2PrivateKey.generate,
        sm2.Sm2PrivateKey.sign,
        sm2.Sm2PrivateKey.raw_public,
        sm2.Sm2PublicKey.from_raw,
        sm2.Sm2PrivateKey.to_pem,
    ),
}
