"""Who holds a client certificate: the SPIFFE ID in it, once everything that vouches for it is checked.

TLS has already proved possession of the key and a path to some trusted authority. What TLS cannot know is that
only one authority may vouch for a trust domain; here it is held to that. SPIFFE X509-SVID §5, RFC 5280 §6.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from itertools import chain
from typing import Final, Self

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.utils import CryptographyDeprecationWarning
from cryptography.x509.oid import ExtendedKeyUsageOID

from exchange.errors import HechuanError, InvalidInputError, MalformedError, UnauthenticatedError
from exchange.ids import AgencyId, parse_jurisdiction
from exchange.trust.authority import HUB_NAME, SCHEME

MAX_CERTIFICATE_BYTES: Final = 16 << 10
_CACHED_LEAVES: Final = 4096
_MAX_AUTHORITIES: Final = 8
# What the X.509 parser may raise on bytes that somebody shaped; the warning, where warnings are errors.
_HOSTILE: Final = (
    ValueError,
    TypeError,
    UnsupportedAlgorithm,
    CryptographyDeprecationWarning,
    x509.InvalidVersion,
    x509.DuplicateExtension,
    x509.UnsupportedGeneralNameType,
)


@dataclass(frozen=True, slots=True)
class Peer:
    """Who called: `serial` is the certificate's, lower-case hex without leading zeros, as in revocations."""

    agency: AgencyId
    serial: str
    not_after: datetime

    @property
    def is_hub(self) -> bool:
        """Whether this is a hub itself and no member of one."""
        return self.agency.name == HUB_NAME


@dataclass(frozen=True, eq=False, slots=True)
class TrustBundle:
    """Which authorities may vouch for which jurisdiction; several while a key is being changed."""

    authorities: Mapping[str, tuple[x509.Certificate, ...]]

    @classmethod
    def parse(cls, pems: Mapping[str, bytes]) -> Self:
        """Read PEM certificates by jurisdiction; raises MalformedError, InvalidInputError."""
        authorities = {parse_jurisdiction(name): _authorities(name, pem) for name, pem in pems.items()}
        domains: dict[bytes, str] = {}
        for name, certificates in authorities.items():
            for certificate in certificates:
                other = domains.setdefault(_public(certificate), name)
                if other != name:
                    raise InvalidInputError(f"one authority cannot vouch for both {other} and {name}")
        return cls(authorities)

    def roots_pem(self) -> bytes:
        """All authorities as PEM, for the TLS library."""
        every: Iterable[x509.Certificate] = chain.from_iterable(self.authorities.values())
        return b"".join(certificate.public_bytes(serialization.Encoding.PEM) for certificate in every)


def identify(leaf_pem: bytes, bundle: TrustBundle, now: datetime) -> Peer:
    """The peer behind a client certificate; raises UnauthenticatedError naming the check that failed.

    (0) one certificate that parses, v3, without critical extensions that are not understood
    (1) exactly one URI SAN, and it is spiffe://<jurisdiction>/<name>
    (2) a leaf: no CA, digitalSignature, neither keyCertSign nor cRLSign, client authentication
    (3) issued and signed by an authority of that very jurisdiction
    (4) leaf and authority are valid now

    Steps 0 to 3 are remembered per certificate; step 4 runs each time. Revocation is the caller's to check.
    """
    peer, windows = _examine(leaf_pem, bundle)
    # (4)
    for what, start, until in windows:
        if now < start:
            raise _refused("validity", f"{what} is not valid before {start:%Y-%m-%dT%H:%M:%SZ}")
        if now > until:
            raise _refused("validity", f"{what} expired at {until:%Y-%m-%dT%H:%M:%SZ}")
    return peer


@lru_cache(maxsize=_CACHED_LEAVES)
def _examine(leaf_pem: bytes, bundle: TrustBundle) -> tuple[Peer, tuple[tuple[str, datetime, datetime], ...]]:
    # (0)
    if len(leaf_pem) > MAX_CERTIFICATE_BYTES:
        raise _refused("parse", "certificate is too large")
    try:
        leaf = x509.load_pem_x509_certificate(leaf_pem)
        extensions = leaf.extensions
        window = ("certificate", leaf.not_valid_before_utc, leaf.not_valid_after_utc)
        serial = leaf.serial_number
    except _HOSTILE:
        raise _refused("parse", "certificate does not parse") from None
    if leaf.version is not x509.Version.v3 or serial <= 0:
        raise _refused("parse", "certificate is not X.509 v3 with a positive serial number")
    if any(e.critical and isinstance(e.value, x509.UnrecognizedExtension) for e in extensions):
        raise _refused("parse", "certificate has a critical extension that is not understood")
    agency = _spiffe_id(extensions)  # (1)
    _require_leaf(extensions)  # (2)
    # (3)
    for authority in bundle.authorities.get(agency.jurisdiction, ()):
        if _issued(leaf, authority):
            period = ("authority", authority.not_valid_before_utc, authority.not_valid_after_utc)
            return Peer(agency, f"{serial:x}", leaf.not_valid_after_utc), (window, period)
    raise _refused(
        "issuer", f"no trusted authority of {agency.jurisdiction} signed the certificate of {agency}"
    )


def _spiffe_id(extensions: x509.Extensions) -> AgencyId:
    try:
        names = extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        (uri,) = names.get_values_for_type(x509.UniformResourceIdentifier)
    except (x509.ExtensionNotFound, ValueError):
        raise _refused("spiffe_id", "certificate has not exactly one URI name") from None
    try:
        if not uri.startswith(SCHEME):
            raise MalformedError("another scheme")
        return AgencyId.parse(uri.removeprefix(SCHEME))
    except HechuanError:
        raise _refused("spiffe_id", f"{uri[:80]!r} is not spiffe://<jurisdiction>/<name>") from None


def _require_leaf(extensions: x509.Extensions) -> None:
    try:
        usage = extensions.get_extension_for_class(x509.KeyUsage).value
        purposes = extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        raise _refused("usage", "certificate does not say what its key is for") from None
    for extension in extensions:
        if isinstance(extension.value, x509.BasicConstraints) and extension.value.ca:
            raise _refused("usage", "certificate is an authority's, not a member's")
    if usage.key_cert_sign or usage.crl_sign or not usage.digital_signature:
        raise _refused("usage", "certificate's key usage is not that of a member")
    if ExtendedKeyUsageOID.CLIENT_AUTH not in purposes:
        raise _refused("usage", "certificate is not for client authentication")


def _issued(leaf: x509.Certificate, authority: x509.Certificate) -> bool:
    try:
        leaf.verify_directly_issued_by(authority)
    except (*_HOSTILE, InvalidSignature):
        return False
    return True


def _authorities(jurisdiction: str, pem: bytes) -> tuple[x509.Certificate, ...]:
    if len(pem) > _MAX_AUTHORITIES * MAX_CERTIFICATE_BYTES:
        raise MalformedError(f"authorities of {jurisdiction} are larger than any certificates")
    try:
        certificates = tuple(x509.load_pem_x509_certificates(pem))
        for certificate in certificates:
            _require_authority(jurisdiction, certificate)
    except (*_HOSTILE, x509.ExtensionNotFound):
        raise MalformedError(
            f"authorities of {jurisdiction} are not PEM certificates of an authority"
        ) from None
    if len(certificates) > _MAX_AUTHORITIES:
        raise InvalidInputError(f"{jurisdiction} has more than {_MAX_AUTHORITIES} authorities")
    return certificates


def _require_authority(jurisdiction: str, certificate: x509.Certificate) -> None:
    _public(certificate)  # a key that does not parse shows only when it is asked for
    extensions = certificate.extensions
    signs = extensions.get_extension_for_class(x509.KeyUsage).value.key_cert_sign
    if not (signs and extensions.get_extension_for_class(x509.BasicConstraints).value.ca):
        raise InvalidInputError(f"certificate for {jurisdiction} is not an authority's")
    for extension in extensions:
        if isinstance(extension.value, x509.SubjectAlternativeName):
            uris = extension.value.get_values_for_type(x509.UniformResourceIdentifier)
            if uris not in ([], [f"{SCHEME}{jurisdiction}"]):
                raise InvalidInputError(f"authority is that of {uris[0][:80]!r}, not of {jurisdiction}")


def _public(certificate: x509.Certificate) -> bytes:
    return certificate.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def _refused(check: str, message: str) -> UnauthenticatedError:
    return UnauthenticatedError(message, detail={"check": check})
