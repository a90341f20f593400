"""Where a key in a token is: `pkcs11:` URIs, RFC 7512, narrowed to what names one private key without telling its PIN.

    pkcs11:token=hechuan;object=log?module-path=/usr/lib/softhsm/libsofthsm2.so&pin-source=file:/etc/hechuan/pin

Path: `token` (label) or `serial`, or both; `object` (label) or `id` (percent-encoded), or both; `type=private` may be
said. Query: `module-path` (absolute), and `pin-source`, which is `file:<absolute path>` of a file that only its owner
may read, or `env:<VARIABLE>`. A PIN inside the URI (`pin-value`) is refused: settings are shown and copied.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self
from urllib.parse import unquote_to_bytes

from exchange.errors import InvalidInputError, MalformedError, NotFoundError
from exchange.trust.secret import read_private

SCHEME: Final = "pkcs11:"
_MAX: Final = 2048
_PATH: Final = frozenset({"token", "serial", "object", "id", "type"})
_QUERY: Final = frozenset({"module-path", "pin-source"})
# RFC 7512 §2.3, without the characters that separate attributes
_VALUE = re.compile(r"(?:[A-Za-z0-9._~\-:\[\]@!$'()*+,=/?|]|%[0-9A-Fa-f]{2})*")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")


@dataclass(frozen=True, slots=True)
class TokenUri:
    """One private key in one token, the driver that reaches it, and where its PIN is; empty where not said."""

    module: Path
    token: str
    serial: str
    object: str
    id: bytes
    pin_source: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read the text form; raises MalformedError, InvalidInputError, which never show the text."""
        if not text.startswith(SCHEME) or len(text) > _MAX:
            raise MalformedError(f"a token URI starts with {SCHEME} and has at most {_MAX} characters")
        path, _, query = text.removeprefix(SCHEME).partition("?")
        if "pin-value=" in text:
            raise InvalidInputError("PIN 不得写在 URI 中 / no PIN inside a token URI: use pin-source")
        named = _attributes(path, ";", _PATH)
        asked = _attributes(query, "&", _QUERY)
        if named.get("type", b"private") != b"private":
            raise InvalidInputError("a token URI names a private key: type=private")
        if not (named.keys() & {"token", "serial"} and named.keys() & {"object", "id"}):
            raise InvalidInputError("a token URI names token or serial, and object or id")
        module = Path(_text(asked.get("module-path", b"")))
        if not module.is_absolute():
            raise InvalidInputError("a token URI says where its driver is: module-path=/…")
        source = _text(asked.get("pin-source", b""))
        _parse_source(source)
        token, serial, label = (_text(named.get(name, b"")) for name in ("token", "serial", "object"))
        return cls(module, token, serial, label, named.get("id", b""), source)

    def pin(self, environment: Mapping[str, str] = os.environ) -> str | None:
        """The PIN from its source, None where the URI names none; raises NotFoundError, UntrustedError."""
        kind, place = _parse_source(self.pin_source)
        if kind == "env":
            if place not in environment:
                raise NotFoundError(f"环境变量未设置 / environment variable {place} is not set")
            return environment[place]
        return _text(read_private(Path(place))).rstrip("\r\n") if kind else None

    def __str__(self) -> str:
        named = {"token": self.token, "serial": self.serial, "object": self.object, "id": self.id.hex()}
        return SCHEME + ";".join(f"{name}={value}" for name, value in named.items() if value)


def _attributes(text: str, separator: str, known: frozenset[str]) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for part in text.split(separator) if text else []:
        name, equals, value = part.partition("=")
        if name not in known or name in found:
            raise InvalidInputError(f"token URI: attribute {name[:40]!r} is unknown here, or said twice")
        if not equals or not value or not _VALUE.fullmatch(value):
            raise MalformedError(f"token URI: attribute {name} has no value of RFC 7512's characters")
        found[name] = unquote_to_bytes(value)
    return found


def _text(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise MalformedError("token URI or PIN: not UTF-8") from None


def _parse_source(source: str) -> tuple[str, str]:
    if not source:
        return "", ""
    kind, _, place = source.partition(":")
    if kind == "env" and _VARIABLE.fullmatch(place):
        return kind, place
    place = place.removeprefix("//")
    if kind == "file" and place.startswith("/") and "\0" not in place:
        return kind, place
    raise InvalidInputError("pin-source is file:<absolute path> or env:<variable>")
