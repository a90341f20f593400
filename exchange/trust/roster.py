"""The federation's roster: which hubs there are, how to recognise each, and who is denied.

One document, canonical JSON, distributed as a TUF target: {v, kind, hubs, denied}. Who signed it and until when it
counts is TUF's to know; here it is held to its form, so that a signed mistake does no harm either.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Any, Final, Self

from exchange.errors import InvalidInputError, LimitExceededError, MalformedError
from exchange.ids import AgencyId, parse_address, parse_jurisdiction
from exchange.trust.canonical import canonical, parse_canonical
from exchange.trust.identity import Peer, TrustBundle
from exchange.trust.keys import VerifyKey

ROSTER_KIND: Final = "hechuan-federation"
MAX_ROSTER_BYTES: Final = 2 << 20
MAX_DENIED: Final = 20_000
LOG_MLDSA_MEMBER: Final = "log_mldsa_key"
"""Where `extra` has the verifier key of a log's second signature, ML-DSA-44."""
_MAX_HUBS = 64
_MAX_NAME = 100
_MAX_EXTRA = 32
_MAX_EXTRA_CHARACTERS = 4096
_ED25519 = 0x01
_COSIGNATURE = 0x04
_ML_DSA_44 = 0x06
_ML_DSA_44_BYTES = 1312
_VKEY = re.compile(r"([^\s+]{1,200})\+([0-9a-f]{8})\+([A-Za-z0-9+/]{44,1752}={0,2})")
_KEY_ID = re.compile(r"[a-z0-9-]{1,32}:[0-9a-f]{32}")
_SERIAL = re.compile(r"[1-9a-f][0-9a-f]{0,39}")
_EXTRA = re.compile(r"[a-z][a-z0-9_]{0,62}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class HubEntry:
    """One hub: its address, its authorities (PEM, several while one is being changed) and its keys in text form.

    `log_key` and `witness_key` are C2SP verifier keys of types 0x01 and 0x04; `extra` holds the log's second key of
    type 0x06, where it has one, and keys of later days.
    """

    jurisdiction: str
    name_zh: str
    name_en: str
    address: str
    authorities: str
    log_key: str
    witness_key: str
    statement_key: str
    extra: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        parse_jurisdiction(self.jurisdiction)
        parse_address(self.address)
        for name in (self.name_zh, self.name_en):
            if not name or len(name) > _MAX_NAME or _CONTROL.search(name):
                raise MalformedError(f"hub {self.jurisdiction}: a name has 1 to {_MAX_NAME} characters")
        origin = f"hechuan/{self.jurisdiction}"
        _check_vkey(self.log_key, origin, _ED25519)
        _check_vkey(self.witness_key, f"{origin}/witness", _COSIGNATURE)
        VerifyKey.parse(self.statement_key)
        if len(self.extra) > _MAX_EXTRA:
            raise LimitExceededError(f"hub {self.jurisdiction} has more than {_MAX_EXTRA} extra members")
        for name, value in self.extra.items():
            if not _EXTRA.fullmatch(name) or len(value) > _MAX_EXTRA_CHARACTERS:
                raise MalformedError(f"hub {self.jurisdiction}: extra member {name[:80]!r} is not accepted")
        if self.extra.get(LOG_MLDSA_MEMBER):
            _check_vkey(self.extra[LOG_MLDSA_MEMBER], origin, _ML_DSA_44)

    def to_json(self) -> dict[str, Any]:
        """The JSON value of the entry."""
        return {name: getattr(self, name) for name in _TEXTS} | {"extra": dict(self.extra)}

    @classmethod
    def from_json(cls, value: object) -> Self:
        """Read a JSON value; raises MalformedError, LimitExceededError, InvalidInputError."""
        members = _members(value, "hub", {*_TEXTS, "extra"})
        extra = _object(members["extra"], "extra")
        return cls(
            **{name: _text(members[name], name) for name in _TEXTS},
            extra={name: _text(item, name) for name, item in extra.items()},
        )


_TEXTS: Final = (
    "jurisdiction",
    "name_zh",
    "name_en",
    "address",
    "authorities",
    "log_key",
    "witness_key",
    "statement_key",
)


@dataclass(frozen=True, slots=True)
class Denied:
    """Who no longer counts anywhere in the federation, whatever a hub's own ledger says."""

    serials: frozenset[tuple[str, str]] = frozenset()
    """(jurisdiction, certificate serial in lower-case hex without leading zeros)"""
    keys: frozenset[str] = frozenset()
    """ids of signing keys"""
    agencies: frozenset[AgencyId] = frozenset()
    hubs: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        if len(self.serials) + len(self.keys) + len(self.agencies) + len(self.hubs) > MAX_DENIED:
            raise LimitExceededError(f"at most {MAX_DENIED} can be denied")
        for jurisdiction, serial in self.serials:
            parse_jurisdiction(jurisdiction)
            if not _SERIAL.fullmatch(serial):
                raise MalformedError(f"serial {serial[:80]!r} is not lower-case hex without leading zeros")
        for key in self.keys:
            if not _KEY_ID.fullmatch(key):
                raise MalformedError(f"{key[:80]!r} is not the id of a signing key")
        for jurisdiction in self.hubs:
            parse_jurisdiction(jurisdiction)

    def __or__(self, other: Denied) -> Denied:
        return Denied(
            self.serials | other.serials,
            self.keys | other.keys,
            self.agencies | other.agencies,
            self.hubs | other.hubs,
        )

    def __sub__(self, other: Denied) -> Denied:
        return Denied(
            self.serials - other.serials,
            self.keys - other.keys,
            self.agencies - other.agencies,
            self.hubs - other.hubs,
        )

    def to_json(self) -> dict[str, Any]:
        """The JSON value, each list in order."""
        return {
            "agencies": sorted(map(str, self.agencies)),
            "hubs": sorted(self.hubs),
            "keys": sorted(self.keys),
            "serials": [{"jurisdiction": hub, "serial": serial} for hub, serial in sorted(self.serials)],
        }

    @classmethod
    def from_json(cls, value: object) -> Self:
        """Read a JSON value; raises MalformedError, LimitExceededError."""
        members = _members(value, "denied", {"agencies", "hubs", "keys", "serials"})
        serials = [_members(item, "serial", {"jurisdiction", "serial"}) for item in _list(members["serials"])]
        return cls(
            serials=frozenset(
                (_text(item["jurisdiction"], ""), _text(item["serial"], "")) for item in serials
            ),
            keys=frozenset(_text(item, "key") for item in _list(members["keys"])),
            agencies=frozenset(AgencyId.parse(_text(item, "agency")) for item in _list(members["agencies"])),
            hubs=frozenset(_text(item, "hub") for item in _list(members["hubs"])),
        )


@dataclass(frozen=True, slots=True, eq=False)
class Roster:
    """The document, with the version that TUF gave it and the moment after which it no longer counts."""

    hubs: Mapping[str, HubEntry]
    denied: Denied
    version: int
    expires_at: datetime
    _bundle: TrustBundle = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if len(self.hubs) > _MAX_HUBS:
            raise LimitExceededError(f"a federation has at most {_MAX_HUBS} hubs")
        if any(name != entry.jurisdiction for name, entry in self.hubs.items()):
            raise InvalidInputError("a hub stands under another's jurisdiction")
        if len({entry.address for entry in self.hubs.values()}) != len(self.hubs):
            raise InvalidInputError("two hubs have one address")
        pems = {name: entry.authorities.encode() for name, entry in self.hubs.items()}
        bundle = TrustBundle.parse(pems)
        for name, certificates in bundle.authorities.items():
            if not certificates:
                raise MalformedError(f"hub {name} has no authority")
        object.__setattr__(self, "_bundle", bundle)

    @classmethod
    def parse(cls, data: bytes, version: int, expires_at: datetime) -> Self:
        """Read the document; raises MalformedError, LimitExceededError, InvalidInputError, nothing else."""
        if len(data) > MAX_ROSTER_BYTES:
            raise LimitExceededError(f"a roster has at most {MAX_ROSTER_BYTES} bytes")
        members = _members(parse_canonical(data), ROSTER_KIND, {"denied", "hubs", "kind", "v"})
        if members["kind"] != ROSTER_KIND or type(members["v"]) is not int or members["v"] != 1:
            raise MalformedError(f"not a JSON object of kind {ROSTER_KIND}, v 1")
        items = _list(members["hubs"])
        if len(items) > _MAX_HUBS:
            raise LimitExceededError(f"a federation has at most {_MAX_HUBS} hubs")
        hubs = [HubEntry.from_json(item) for item in items]
        denied = Denied.from_json(members["denied"])
        roster = cls({hub.jurisdiction: hub for hub in hubs}, denied, version, expires_at)
        if roster.to_bytes() != data:
            raise MalformedError("hubs or denied are not in order, or one is there twice")
        return roster

    def to_bytes(self) -> bytes:
        """The document: canonical JSON, hubs by jurisdiction."""
        hubs = [self.hubs[name].to_json() for name in sorted(self.hubs)]
        return canonical({"denied": self.denied.to_json(), "hubs": hubs, "kind": ROSTER_KIND, "v": 1})

    def bundle(self) -> TrustBundle:
        """Which authorities may vouch for which jurisdiction; the same object at each call."""
        return self._bundle

    def denies(self, peer: Peer) -> str | None:
        """What the roster denies about a caller: `hub`, `agency` or `serial`; None where it denies nothing."""
        if peer.agency.jurisdiction in self.denied.hubs:
            return "hub"
        if peer.agency in self.denied.agencies:
            return "agency"
        if (peer.agency.jurisdiction, peer.serial) in self.denied.serials:
            return "serial"
        return None


def _check_vkey(text: str, name: str, kind: int) -> None:
    """The form of a C2SP verifier key (signed-note § Verifier keys) and that it is the one wanted."""
    match = _VKEY.fullmatch(text)
    try:
        material = base64.b64decode(match[3], validate=True) if match else b""
    except binascii.Error:
        material = b""
    identity = sha256(name.encode() + b"\n" + material).digest()[:4].hex()
    if not match or (match[1], match[2]) != (name, identity) or material[:1] != bytes([kind]):
        raise MalformedError(f"{text[:80]!r} is not the verifier key of {name}, type {kind:#04x}")
    if kind != _ML_DSA_44:
        VerifyKey("ed25519", material[1:])
    elif len(material) != 1 + _ML_DSA_44_BYTES:
        raise MalformedError(f"the ML-DSA-44 key of {name} has {len(material) - 1} bytes")


def _members(value: object, what: str, names: set[str]) -> dict[str, Any]:
    members = _object(value, what)
    if members.keys() != names:
        odd = ", ".join(sorted(members.keys() ^ names))
        raise MalformedError(f"{what} has missing or unknown members: {odd[:200]}")
    return members


def _object(value: object, what: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise MalformedError(f"{what} is not a JSON object")
    return value


def _list(value: object) -> list[Any]:
    if not isinstance(value, list) or len(value) > MAX_DENIED:
        raise MalformedError(f"not a JSON array of at most {MAX_DENIED} items")
    return value


def _text(value: object, what: str) -> str:
    if not isinstance(value, str):
        raise MalformedError(f"{what} is not a string")
    return value
