"""Names of things: jurisdiction, agency, dataset, contract, digest.

Every name from the wire passes through one of these parsers before it is used for anything, so no name can
become a path, SQL or an import. Jurisdictions are the province-level codes of GB/T 2260.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import Self

from exchange.errors import MalformedError

_JURISDICTION = re.compile(r"[1-9][0-9]0000")
_NAME = re.compile(r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*")
_VERSION = re.compile(r"(0|[1-9][0-9]{0,5})\.(0|[1-9][0-9]{0,5})\.(0|[1-9][0-9]{0,5})")
_CASE = re.compile(r"[0-9a-f]{32}")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_MAX_NAME = 63
_ADDRESS = re.compile(r"(?:[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?|\[[0-9a-f:.]{2,45}\]):([1-9][0-9]{0,4})")
_MAX_PORT = 65535


def _name(text: str, what: str) -> str:
    if len(text) > _MAX_NAME or not _NAME.fullmatch(text):
        raise MalformedError(
            f"{what} {text[:80]!r} is not a lower-case name of at most {_MAX_NAME} characters"
        )
    return text


def parse_jurisdiction(text: str) -> str:
    """Check a province-level GB/T 2260 code such as `500000`; raises MalformedError."""
    if not _JURISDICTION.fullmatch(text):
        raise MalformedError(f"jurisdiction {text[:80]!r} is not a six-digit province code such as 500000")
    return text


@dataclass(frozen=True, slots=True, order=True)
class AgencyId:
    """A member that publishes or reads: `<jurisdiction>/<name>`."""

    jurisdiction: str
    name: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `500000/ecology`; raises MalformedError."""
        jurisdiction, slash, name = text.partition("/")
        if not slash:
            raise MalformedError(f"agency {text[:80]!r} is not <jurisdiction>/<name>")
        return cls(parse_jurisdiction(jurisdiction), _name(name, "agency name"))

    @property
    def spiffe_id(self) -> str:
        """The SPIFFE ID in the certificate's SAN; the jurisdiction is the trust domain."""
        return f"spiffe://{self.jurisdiction}/{self.name}"

    def __str__(self) -> str:
        return f"{self.jurisdiction}/{self.name}"


@dataclass(frozen=True, slots=True, order=True)
class DatasetId:
    """Rows that one agency owns under one contract: `<agency>/<contract>`."""

    owner: AgencyId
    contract: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `500000/ecology/water-quality`; raises MalformedError."""
        agency, slash, contract = text.rpartition("/")
        if not slash:
            raise MalformedError(f"dataset {text[:80]!r} is not <jurisdiction>/<agency>/<contract>")
        return cls(AgencyId.parse(agency), _name(contract, "contract name"))

    def __str__(self) -> str:
        return f"{self.owner}/{self.contract}"


@dataclass(frozen=True, slots=True, order=True)
class Version:
    """A contract's semantic version, ordered."""

    major: int
    minor: int
    patch: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `1.2.0`; raises MalformedError."""
        match = _VERSION.fullmatch(text)
        if not match:
            raise MalformedError(f"version {text[:80]!r} is not <major>.<minor>.<patch>")
        return cls(*(int(part) for part in match.groups()))

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}.{self.patch}"


@dataclass(frozen=True, slots=True, order=True)
class ContractRef:
    """One version of one contract: `<name>@<version>`."""

    name: str
    version: Version

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `water-quality@1.0.0`; raises MalformedError."""
        name, at, version = text.partition("@")
        if not at:
            raise MalformedError(f"contract {text[:80]!r} is not <name>@<version>")
        return cls(_name(name, "contract name"), Version.parse(version))

    def __str__(self) -> str:
        return f"{self.name}@{self.version}"


def parse_digest(text: str) -> str:
    """Check `sha256:<64 lower-case hex>`; raises MalformedError."""
    if not _DIGEST.fullmatch(text):
        raise MalformedError(f"digest {text[:80]!r} is not sha256:<64 lower-case hex digits>")
    return text


def parse_case(noun: str, text: str) -> str:
    """Check the id of a case that agencies share, 32 lower-case hex digits; raises MalformedError with the noun."""
    if not _CASE.fullmatch(text):
        raise MalformedError(f"{noun} {text[:80]!r} is not 32 lower-case hex digits")
    return text


def digest_of(data: bytes | memoryview) -> str:
    """SHA-256 of bytes as `sha256:<hex>`."""
    return "sha256:" + hashlib.sha256(data).hexdigest()


def parse_address(text: str) -> str:
    """Check `host:port`, an IPv6 address in brackets; raises MalformedError."""
    match = _ADDRESS.fullmatch(text)
    if not match or int(match[1]) > _MAX_PORT:
        raise MalformedError(f"address {text[:80]!r} is not <host>:<port>")
    return text


def fingerprint(data: bytes) -> str:
    """The first half of SHA-256, in groups of four digits that can be read out by telephone."""
    digits = hashlib.sha256(data).hexdigest()[:32]
    return " ".join(digits[at : at + 4] for at in range(0, len(digits), 4))
