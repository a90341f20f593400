"""SM2 signatures with SM3: GB/T 32918.2-2016 §6–7 on the curve of GB/T 32918.5-2017 (GM/T 0003.2 and 0003.5).

Raw public key: 65 bytes, uncompressed point. Signature: r ‖ s, 64 bytes. The signer's distinguishing identifier is the
default of GM/T 0009-2012 §10, `1234567812345678`; a key is bound to its owner by certificate and ledger, not by it.

The arithmetic is GmSSL's, through the package gmssl-pyx (extra `sm2`), for `cryptography` offers no SM2. It is C, but
nobody has shown it to run in constant time, and this project does not claim it: whoever shares a processor with the
signer may learn the key from its timing. Sign on a machine of one's own; verifying has no secrets. It is slower than
the others (2 ms to sign, 0.5 ms to verify), and GmSSL writes to stderr why a signature failed. There are wheels for
x86-64 alone.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass, field
from types import ModuleType
from typing import Final, Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import utils

from exchange.errors import InvalidInputError

IDENTIFIER: Final = b"1234567812345678"
_BYTES: Final = 32
_POINT: Final = 2 * _BYTES
_ORDER: Final = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFF7203DF6B21C6052B53BBF40939D54123
# PKCS #8 of an SM2 key, up to the scalar and from there to the point: RFC 5208, RFC 5915, curve 1.2.156.10197.1.301
_HEAD: Final = bytes.fromhex("308187020100301306072a8648ce3d020106082a811ccf5501822d046d306b0201010420")
_MIDDLE: Final = bytes.fromhex("a14403420004")
_LENGTH: Final = len(_HEAD) + _BYTES + len(_MIDDLE) + _POINT
_PEM = re.compile(rb"\s*-----BEGIN PRIVATE KEY-----\s([A-Za-z0-9+/=\s]{1,400})-----END PRIVATE KEY-----\s*")
_LINE: Final = 64


def load_gmssl() -> ModuleType:
    """GmSSL; raises InvalidInputError where the extra is not installed."""
    try:
        import gmssl_pyx
    except ImportError:
        raise InvalidInputError(
            "SM2 需要安装扩展 / sm2 needs its extra: pip install 'hechuan[sm2]'"
        ) from None
    module: ModuleType = gmssl_pyx
    return module


@dataclass(frozen=True, slots=True)
class Sm2PublicKey:
    """A point of the curve, 64 bytes without the leading 0x04."""

    point: bytes

    @classmethod
    def from_raw(cls, raw: bytes) -> Self:
        """Read 65 bytes; raises ValueError for what is no uncompressed point of the curve, InvalidInputError."""
        gmssl = load_gmssl()
        if len(raw) != 1 + _POINT or raw[:1] != b"\x04":
            raise ValueError("not an uncompressed point")
        try:
            return cls(gmssl.normalize_sm2_public_key(raw))
        except gmssl.InvalidValueError:
            raise ValueError("not a point of the curve") from None

    def verify(self, signature: bytes, data: bytes, /) -> None:
        """Return, or raise InvalidSignature. GB/T 32918.2 §7.1."""
        gmssl = load_gmssl()
        if len(signature) != 2 * _BYTES:
            raise InvalidSignature
        r, s = int.from_bytes(signature[:_BYTES], "big"), int.from_bytes(signature[_BYTES:], "big")
        if not (0 < r < _ORDER and 0 < s < _ORDER and (r + s) % _ORDER):
            raise InvalidSignature
        try:
            checks = gmssl.sm2_verify(self.point, data, utils.encode_dss_signature(r, s), IDENTIFIER)
        except gmssl.GmsslInnerError:
            checks = False
        if not checks:
            raise InvalidSignature


@dataclass(frozen=True, slots=True)
class Sm2PrivateKey:
    """A scalar (32 bytes) and its point."""

    scalar: bytes = field(repr=False)
    public: Sm2PublicKey

    @classmethod
    def generate(cls) -> Self:
        """A new key; raises InvalidInputError where the extra is not installed."""
        point, scalar = load_gmssl().sm2_key_generate()
        return cls(scalar, Sm2PublicKey(point))

    def sign(self, data: bytes) -> bytes:
        """r ‖ s over the data; a fresh nonce each time. GB/T 32918.2 §6.1."""
        r, s = utils.decode_dss_signature(
            load_gmssl().sm2_sign(self.scalar, self.public.point, data, IDENTIFIER)
        )
        return r.to_bytes(_BYTES, "big") + s.to_bytes(_BYTES, "big")

    def raw_public(self) -> bytes:
        """65 bytes, uncompressed."""
        return b"\x04" + self.public.point

    def to_pem(self) -> bytes:
        """Unencrypted PKCS #8 PEM, as OpenSSL writes it."""
        text = base64.b64encode(_HEAD + self.scalar + _MIDDLE + self.public.point).decode()
        lines = [text[at : at + _LINE] for at in range(0, len(text), _LINE)]
        return "\n".join(["-----BEGIN PRIVATE KEY-----", *lines, "-----END PRIVATE KEY-----", ""]).encode()


def read_pem(pem: bytes) -> Sm2PrivateKey | None:
    """The SM2 key in a PKCS #8 PEM; None where the PEM holds anything else.

    Raises ValueError for an SM2 key whose halves do not belong together, InvalidInputError without the extra.
    """
    match = _PEM.fullmatch(pem)
    try:
        der = base64.b64decode(b"".join(match[1].split()), validate=True) if match else b""
    except binascii.Error:
        return None
    if not der.startswith(_HEAD):
        return None
    scalar, point = der[len(_HEAD) : len(_HEAD) + _BYTES], der[-_POINT:]
    if len(der) != _LENGTH or der[len(_HEAD) + _BYTES : -_POINT] != _MIDDLE:
        raise ValueError("not an SM2 key with its public half")
    key = Sm2PrivateKey(scalar, Sm2PublicKey.from_raw(b"\x04" + point))
    try:
        key.public.verify(key.sign(b""), b"")
    except (InvalidSignature, load_gmssl().GmsslInnerError):
        raise ValueError("the halves of the SM2 key do not belong together") from None
    return key
