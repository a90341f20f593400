"""Encrypted data segments (HJ 212-2025): what stands between && and && is SM4 (ECB, PKCS #7), as text.

Known of HJ 212-2025 is that it may encrypt with SM4; mode, padding and spelling are as the first stations do it
(unconfirmed). The text is hexadecimal or Base64. A station's key is in the file that its mapping names.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.ciphers import Cipher, modes
from cryptography.hazmat.primitives.ciphers.algorithms import SM4
from cryptography.hazmat.primitives.padding import PKCS7

from adapters.telemetry.station import StationMap
from exchange.errors import InvalidInputError, MalformedError
from exchange.trust.secret import read_private

_BLOCK_BITS: Final = 128
_KEY_BYTES: Final = 16


def seal(plain: bytes, key: bytes) -> bytes:
    """The text of encrypted fields, hexadecimal, upper case; `key` of 16 bytes."""
    padder = PKCS7(_BLOCK_BITS).padder()
    encryptor = Cipher(SM4(key), modes.ECB()).encryptor()
    data = encryptor.update(padder.update(plain) + padder.finalize()) + encryptor.finalize()
    return data.hex().upper().encode()


def unseal(text: bytes, key: bytes) -> bytes:
    """The fields again; raises MalformedError for text that is not of this key."""
    try:
        data = bytes.fromhex(text.decode("ascii"))
    except ValueError:
        try:
            data = base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError):
            raise MalformedError("encrypted fields are neither hexadecimal nor Base64") from None
    decryptor = Cipher(SM4(key), modes.ECB()).decryptor()
    unpadder = PKCS7(_BLOCK_BITS).unpadder()
    try:
        return unpadder.update(decryptor.update(data) + decryptor.finalize()) + unpadder.finalize()
    except ValueError:
        raise MalformedError("encrypted fields do not open with the station's key") from None


def opener(stations: StationMap) -> Callable[[str, bytes], bytes] | None:
    """For `decode`: opens what stations with a key send; None where none has one.

    Raises InvalidInputError for a key file that holds no key, and as `read_private` does.
    """
    keys = {
        name: _key(stations.where.parent / station.sm4_key_file)
        for name, station in stations.stations.items()
        if station.sm4_key_file
    }
    return (lambda name, text: _opened(keys, name, text)) if keys else None


def _opened(keys: Mapping[str, bytes], name: str, text: bytes) -> bytes:
    return unseal(text, keys[name]) if name in keys and b"=" not in text.rstrip(b"=") else text


def _key(path: Path) -> bytes:
    try:
        key = bytes.fromhex(read_private(path).decode("ascii").strip())
    except ValueError:
        key = b""
    if len(key) != _KEY_BYTES:
        raise InvalidInputError(f"{path}: 应为 32 位十六进制密钥 / not an SM4 key of 32 hexadecimal digits")
    return key
