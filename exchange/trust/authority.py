"""The certificate authority of one jurisdiction: a SPIFFE trust domain of its own.

SPIFFE X509-SVID §3–4 and RFC 5280. There is no URI name constraint (§4.2, optional): a trust domain of digits only
looks like an IPv4 address to BoringSSL, which then refuses every certificate under the constraint. `identity` holds
each authority to its own trust domain instead.
"""

from __future__ import annotations

import ipaddress
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, Self

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from exchange.errors import (
    InvalidInputError,
    LimitExceededError,
    MalformedError,
    PermissionDeniedError,
    StorageError,
)
from exchange.ids import AgencyId, parse_jurisdiction
from exchange.trust.secret import read_private, read_public, write_private

HUB_NAME: Final = "hub"
SCHEME: Final = "spiffe://"
MAX_CSR_BYTES: Final = 16 << 10
_RSA_BITS: Final = range(3072, 8193)
_RSA_EXPONENT: Final = 65537
# Partners whose clock is a little behind must be able to use a new certificate at once.
_BACKDATE: Final = timedelta(minutes=5)
_DNS = re.compile(
    r"(?=.{1,253}\Z)[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*"
)

LeafKey = ec.EllipticCurvePublicKey | rsa.RSAPublicKey


@dataclass(frozen=True, slots=True)
class Authority:
    """A jurisdiction's signing certificate and its ECDSA P-256 key."""

    jurisdiction: str
    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @classmethod
    def create(cls, jurisdiction: str, days: int, now: datetime) -> Self:
        """A new self-signed authority that is valid for `days`."""
        name = x509.Name(
            [
                x509.NameAttribute(NameOID.ORGANIZATION_NAME, parse_jurisdiction(jurisdiction)),
                x509.NameAttribute(NameOID.COMMON_NAME, f"Hechuan CA {jurisdiction} {secrets.token_hex(4)}"),
            ]
        )
        key = ec.generate_private_key(ec.SECP256R1())
        domain = x509.UniformResourceIdentifier(f"{SCHEME}{jurisdiction}")
        builder = (
            _builder(name, name, key.public_key(), key.public_key(), now, now + timedelta(days=days))
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_key_usage(signs_certificates=True), critical=True)
            .add_extension(x509.SubjectAlternativeName([domain]), critical=False)
        )
        return cls(jurisdiction, builder.sign(key, hashes.SHA256()), key)

    @classmethod
    def load(cls, key_path: Path, certificate_path: Path) -> Self:
        """Read what `save` wrote; raises NotFoundError, UntrustedError, StorageError."""
        try:
            key = serialization.load_pem_private_key(read_private(key_path), None)
            certificate = x509.load_pem_x509_certificate(read_public(certificate_path))
            names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
            (domain,) = names.get_values_for_type(x509.UniformResourceIdentifier)
        except (ValueError, TypeError, UnsupportedAlgorithm, x509.ExtensionNotFound) as error:
            raise StorageError(f"{key_path} and {certificate_path} are not those of an authority") from error
        if not isinstance(key, ec.EllipticCurvePrivateKey) or key.public_key() != certificate.public_key():
            raise StorageError(f"{key_path} is not the ECDSA key of {certificate_path}")
        return cls(parse_jurisdiction(domain.removeprefix(SCHEME)), certificate, key)

    def save(self, key_path: Path, certificate_path: Path) -> None:
        """Write key and certificate (PEM, mode 0600); raises ConflictError where a file exists."""
        write_private(key_path, private_pem(self.key))
        write_private(certificate_path, self.certificate_pem)

    @property
    def certificate_pem(self) -> bytes:
        """The certificate that others put into their trust bundle."""
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    def sign_agency(self, csr_pem: bytes, agency: AgencyId, days: int, now: datetime) -> bytes:
        """Certificate chain (PEM, leaf first) for an agency of this jurisdiction.

        Nothing of the request counts but its key, whose possession it proves. Raises PermissionDeniedError for a
        foreign agency or the hub's own name, MalformedError and InvalidInputError for the request.
        """
        if agency.jurisdiction != self.jurisdiction:
            raise PermissionDeniedError(f"the authority of {self.jurisdiction} cannot vouch for {agency}")
        if agency.name == HUB_NAME:
            raise PermissionDeniedError(f"{agency} is the name of the hub itself")
        return self._issue(agency, check_request(csr_pem), (), days, now)

    def issue_hub(self, names: Sequence[str], days: int, now: datetime) -> tuple[bytes, bytes]:
        """(key PEM, chain PEM) of the hub's server certificate; `names` are DNS names or IP addresses."""
        key = ec.generate_private_key(ec.SECP256R1())
        alternatives = tuple(_host(name) for name in names)
        if not alternatives:
            raise InvalidInputError("a hub needs at least one name or address")
        hub = AgencyId(self.jurisdiction, HUB_NAME)
        return private_pem(key), self._issue(hub, key.public_key(), alternatives, days, now)

    def _issue(
        self,
        agency: AgencyId,
        key: LeafKey,
        hosts: Sequence[x509.GeneralName],
        days: int,
        now: datetime,
    ) -> bytes:
        until = min(now + timedelta(days=days), self.certificate.not_valid_after_utc)
        if until <= now:
            raise StorageError(f"the certificate of the authority of {self.jurisdiction} has expired")
        subject = x509.Name(
            [
                x509.NameAttribute(NameOID.ORGANIZATION_NAME, agency.jurisdiction),
                x509.NameAttribute(NameOID.COMMON_NAME, str(agency)),
            ]
        )
        names = [x509.UniformResourceIdentifier(agency.spiffe_id), *hosts]
        both = [ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH]
        leaf = (
            _builder(subject, self.certificate.subject, key, self.key.public_key(), now, until)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_key_usage(signs_certificates=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage(both), critical=False)
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
        )
        return leaf.sign(self.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def new_key_and_csr(agency: AgencyId) -> tuple[bytes, bytes]:
    """(private key PEM, certificate signing request PEM), made where the agency is; ECDSA P-256."""
    key_pem = private_pem(ec.generate_private_key(ec.SECP256R1()))
    return key_pem, new_csr(agency, key_pem)


def new_csr(agency: AgencyId, key_pem: bytes) -> bytes:
    """A certificate signing request (PEM) for a key that is there already; raises MalformedError."""
    try:
        key = serialization.load_pem_private_key(key_pem, None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise MalformedError("the TLS key is not an unencrypted PEM file") from None
    if not isinstance(key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey):
        raise MalformedError("the TLS key is neither ECDSA nor RSA")
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, str(agency))])
    name = x509.SubjectAlternativeName([x509.UniformResourceIdentifier(agency.spiffe_id)])
    request = x509.CertificateSigningRequestBuilder(subject).add_extension(name, critical=False)
    return request.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def private_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    """PKCS #8 PEM, unencrypted: the file's mode protects it."""
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def check_request(csr_pem: bytes) -> LeafKey:
    """The key that a certificate signing request (PEM) asks for and proves to possess.

    Raises LimitExceededError, MalformedError, or InvalidInputError for a key that is not strong enough.
    """
    if len(csr_pem) > MAX_CSR_BYTES:
        raise LimitExceededError(f"a certificate signing request has at most {MAX_CSR_BYTES} bytes")
    try:
        request = x509.load_pem_x509_csr(csr_pem)
        key = request.public_key()
    except (ValueError, TypeError, UnsupportedAlgorithm, x509.InvalidVersion):
        raise MalformedError("the certificate signing request is not PKCS #10 PEM with a known key") from None
    strong = _strong(key)
    if strong is None:
        raise InvalidInputError(
            "the requested key is neither ECDSA P-256 or P-384 nor RSA of 3072 to 8192 bits"
        )
    try:
        possessed = request.is_signature_valid
    except (ValueError, TypeError, UnsupportedAlgorithm):
        possessed = False
    if not possessed:
        raise InvalidInputError("the certificate signing request is not signed by the key it asks for")
    return strong


def _strong(key: object) -> LeafKey | None:
    match key:
        case ec.EllipticCurvePublicKey(curve=ec.SECP256R1() | ec.SECP384R1()):
            return key
        case rsa.RSAPublicKey(key_size=bits) if bits in _RSA_BITS and key.public_numbers().e == _RSA_EXPONENT:
            return key
        case _:
            return None


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: LeafKey,
    issuer_key: ec.EllipticCurvePublicKey,
    now: datetime,
    until: datetime,
) -> x509.CertificateBuilder:
    # RFC 5280 §4.1.2.2: positive and at most 20 octets; 128 random bits below a fixed top bit.
    serial = (1 << 128) | secrets.randbits(128)
    return (
        x509.CertificateBuilder(issuer, subject, key, serial)
        .not_valid_before(now - _BACKDATE)
        .not_valid_after(until)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key), critical=False)
    )


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _host(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        pass
    if not _DNS.fullmatch(name):
        raise InvalidInputError(f"{name[:80]!r} is neither a lower-case DNS name nor an IP address")
    return x509.DNSName(name)
