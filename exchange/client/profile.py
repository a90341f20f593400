"""What an agency keeps on its side: a directory of mode 0700, its files of mode 0600.

profile.toml                agency, jurisdiction of its own hub; `signing`: pkcs11: URI, where the key is in a token
tls.key  tls.pem            the key of its certificate, and the certificate chain
signing.key                 where it is in a file: signs manifests and statements; not the TLS key
hubs/<jurisdiction>.json    card of each hub it has joined
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from exchange.errors import (
    ConflictError,
    InvalidInputError,
    MalformedError,
    NotFoundError,
    UnauthenticatedError,
)
from exchange.ids import AgencyId, parse_jurisdiction
from exchange.member import HubCard
from exchange.trust.authority import new_csr, new_key_and_csr
from exchange.trust.custody import FILE, open_signer
from exchange.trust.identity import Peer, TrustBundle, identify
from exchange.trust.keys import Signer, SigningKey
from exchange.trust.secret import (
    make_private_directory,
    read_private,
    read_public,
    replace_private,
    write_private,
)

_MEMBERS: Final = {"agency", "hub"}
_SIGNING: Final = "signing"


@dataclass(frozen=True, slots=True)
class Home:
    """Paths of an agency's directory, and how it is filled. Each step can be repeated after a failure."""

    root: Path

    @property
    def profile(self) -> Path:
        return self.root / "profile.toml"

    @property
    def tls_key(self) -> Path:
        return self.root / "tls.key"

    @property
    def tls_chain(self) -> Path:
        return self.root / "tls.pem"

    @property
    def signing_key(self) -> Path:
        return self.root / "signing.key"

    @property
    def hubs(self) -> Path:
        return self.root / "hubs"

    def prepare(self, agency: AgencyId, signing: str = FILE) -> bytes:
        """Make the keys that are not there yet; returns a certificate signing request (PEM).

        `signing` is the pkcs11: URI of a signing key that is in a token. Raises ConflictError where the directory is
        another agency's or its signing key is elsewhere, and as `open_signer` does.
        """
        if signing != FILE:
            open_signer(signing, self.signing_key)
        make_private_directory(self.root)
        make_private_directory(self.hubs)
        if not self.profile.exists():
            text = f'agency = "{agency}"\nhub = "{agency.jurisdiction}"\n'
            # a URI has no character that TOML would escape, `open_signer` saw to that
            text += f'{_SIGNING} = "{signing}"\n' if signing != FILE else ""
            write_private(self.profile, text.encode())
        owner, _, where = _read_profile(self.profile)
        if owner != agency:
            raise ConflictError(
                f"该目录属于 {owner}，不属于 {agency} / {self.root} belongs to {owner}, not to {agency}"
            )
        if signing not in (FILE, where):
            raise ConflictError(
                f"签名密钥另有所在，请改 profile.toml / the signing key is at {where}: change {self.profile}"
            )
        if not self.tls_key.exists():
            write_private(self.tls_key, new_key_and_csr(agency)[0])
        if where == FILE and not self.signing_key.exists():
            SigningKey.generate().save(self.signing_key)
        return new_csr(agency, read_private(self.tls_key))

    def install(self, card: HubCard, chain: bytes, now: datetime) -> Peer:
        """Take over a certificate chain (PEM) from the agency's own hub, once it is what was asked for."""
        agency, hub, _ = _read_profile(self.profile)
        if card.jurisdiction != hub:
            raise InvalidInputError(
                f"{agency} 的证书由 {hub} 签发 / certificates of {agency} come from {hub}'s hub"
            )
        leaf = _first(chain)
        peer = identify(leaf, TrustBundle.parse({card.jurisdiction: card.authority.encode()}), now)
        if peer.agency != agency:
            raise UnauthenticatedError(
                f"证书属于 {peer.agency} / the certificate is that of {peer.agency}, not {agency}"
            )
        if _public_of_certificate(leaf) != _public_of_key(read_private(self.tls_key)):
            raise UnauthenticatedError("证书与本机密钥不符 / the certificate is not for the key in tls.key")
        replace_private(self.tls_chain, chain)
        self.add_hub(card)
        return peer

    def add_hub(self, card: HubCard) -> None:
        """Keep a hub's card. A hub that is known already may move, but its keys must be the same: ConflictError."""
        path = self.hubs / f"{card.jurisdiction}.json"
        if path.exists():
            known = HubCard.parse(read_public(path))
            if not card.continues(known):
                raise ConflictError(
                    f"枢纽 {card.jurisdiction} 的密钥已变，请先电话核对，再删除旧卡 / the keys of hub "
                    f"{card.jurisdiction} have changed: ask the hub by telephone, then remove {path}"
                )
        replace_private(path, card.to_bytes())


@dataclass(frozen=True, slots=True)
class Profile:
    """An agency as it faces one hub. Key files are read, and their modes checked, when they are used."""

    home: Home
    agency: AgencyId
    card: HubCard
    # `file`, or the pkcs11: URI of the signing key
    signing: str = FILE

    @classmethod
    def load(cls, home: Path, hub: str | None = None) -> Profile:
        """Read an agency's directory; `hub` is a joined hub's jurisdiction, the agency's own where None.

        Raises NotFoundError naming the command that helps, UntrustedError for open file modes, MalformedError.
        """
        place = Home(home)
        if not place.profile.exists():
            raise NotFoundError(
                f"{home} 不是机构目录，请先执行 hechuan agency enroll / "
                f"{home} is not an agency's directory: run hechuan agency enroll first"
            )
        make_private_directory(home)
        agency, own, signing = _read_profile(place.profile)
        path = place.hubs / f"{parse_jurisdiction(hub or own)}.json"
        if not path.exists():
            raise NotFoundError(
                f"尚未加入枢纽 {hub or own}，请执行 hechuan agency join 或 enroll / "
                f"hub {hub or own} is not joined: run hechuan agency join, or enroll"
            )
        return cls(place, agency, HubCard.parse(read_public(path)), signing)

    @property
    def hub(self) -> str:
        """The hub's address, `host:port`."""
        return self.card.address

    @property
    def log_key(self) -> str:
        """The log's verifier key, in text form."""
        return self.card.log_key

    @property
    def log_keys(self) -> tuple[str, ...]:
        """Every verifier key of the log that the card has, in text form, Ed25519 first."""
        return self.card.log_keys

    @property
    def statement_key(self) -> str:
        """The key under which the hub signs its statements, in text form."""
        return self.card.statement_key

    def authorities(self) -> bytes:
        """PEM of the authority that vouches for the hub."""
        return self.card.authority.encode()

    def signing_key(self) -> Signer:
        """The agency's signing key; raises NotFoundError, UntrustedError, and as TokenKey does for one in a token."""
        return open_signer(self.signing, self.home.signing_key)

    def tls_key(self) -> bytes:
        """The certificate's private key, PEM; raises NotFoundError, UntrustedError."""
        return read_private(self.home.tls_key)

    def tls_chain(self, now: datetime | None = None) -> bytes:
        """The certificate chain, PEM; raises NotFoundError, or UnauthenticatedError where it has expired."""
        chain = self._chain()
        until = _certificate(chain).not_valid_after_utc
        if until < (now or datetime.now(UTC)):
            raise UnauthenticatedError(
                f"证书已于 {until:%Y-%m-%d} 过期，请向枢纽索取新邀请 / "
                f"the certificate expired on {until:%Y-%m-%d}: ask the hub for a new invitation"
            )
        return chain

    def certificate(self) -> tuple[str, datetime]:
        """(serial in hex, end of validity) of the certificate, expired or not."""
        leaf = _certificate(self._chain())
        return f"{leaf.serial_number:x}", leaf.not_valid_after_utc

    def joined(self) -> list[str]:
        """Jurisdictions whose hubs this agency has joined."""
        return sorted(path.stem for path in self.home.hubs.glob("*.json"))

    def _chain(self) -> bytes:
        try:
            return read_public(self.home.tls_chain)
        except NotFoundError:
            raise NotFoundError(
                f"尚无证书，请执行 hechuan agency enroll 或 install / "
                f"no certificate yet ({self.home.tls_chain}): run hechuan agency enroll, or install"
            ) from None


def _read_profile(path: Path) -> tuple[AgencyId, str, str]:
    """Agency, jurisdiction of its own hub, where its signing key is."""
    try:
        document = tomllib.loads(read_public(path).decode())
        if document.keys() - {_SIGNING} != _MEMBERS:
            raise MalformedError(
                "它应当只含 agency、hub、signing / it holds agency, hub and signing, nothing else"
            )
        signing = str(document.get(_SIGNING, FILE))
        return AgencyId.parse(str(document["agency"])), parse_jurisdiction(str(document["hub"])), signing
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, MalformedError) as error:
        raise MalformedError(f"无法读取 / cannot read {path}: {error}") from None


def _first(chain: bytes) -> bytes:
    return _certificate(chain).public_bytes(serialization.Encoding.PEM)


def _certificate(chain: bytes) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificates(chain)[0]
    except ValueError:
        raise MalformedError("证书文件无法解析 / the certificate chain is not PEM") from None


def _public_of_certificate(pem: bytes) -> bytes:
    return (
        _certificate(pem)
        .public_key()
        .public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    )


def _public_of_key(pem: bytes) -> bytes:
    try:
        key = serialization.load_pem_private_key(pem, None)
    except (ValueError, TypeError):
        raise MalformedError("TLS 密钥无法解析 / the TLS key is not an unencrypted PEM file") from None
    return key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
