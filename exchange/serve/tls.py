"""The server's certificate and the authorities of its clients, as they are now: both change under a running hub."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import grpc
import structlog
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from exchange.errors import HechuanError, StorageError
from exchange.flow.federation import Standing
from exchange.trust.identity import TrustBundle
from exchange.trust.secret import read_private, read_public

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Tls:
    """PEM: the hub's key and chain, and the authorities that may vouch for callers."""

    key: bytes
    chain: bytes
    roots: bytes


class TlsFiles:
    """What TLS needs, read again when a file or the trust bundle has changed.

    A renewal replaces two files, one after the other: a key that does not fit its certificate is passed over until
    it does. Whatever cannot be read leaves what was there.
    """

    def __init__(self, key: Path, chain: Path, standing: Standing) -> None:
        """Raises StorageError where key and certificate do not fit, NotFoundError, UntrustedError."""
        self._key = key
        self._chain = chain
        self._standing = standing
        self._seen: tuple[object, ...] = ()
        self._bundle: TrustBundle | None = None
        self._tls = self._read()

    def __call__(self) -> Tls:
        """The current state; the same object until something changes. Called before each handshake."""
        try:
            self._standing.reread()
            if self._bundle is not self._standing.bundle or self._seen != self._stamps():
                self._tls = self._read()
        except (HechuanError, OSError) as error:
            _log.warning("TLS files not taken over", error=str(error))
        return self._tls

    def _stamps(self) -> tuple[object, ...]:
        stats = [path.stat() for path in (self._key, self._chain)]
        return tuple((stat.st_ino, stat.st_mtime_ns, stat.st_size) for stat in stats)

    def _read(self) -> Tls:
        stamps, bundle = self._stamps(), self._standing.bundle
        key, chain = read_private(self._key), read_public(self._chain)
        if not _fit(key, chain):
            raise StorageError(f"{self._key} is not the key of {self._chain}")
        self._seen, self._bundle = stamps, bundle
        return Tls(key, chain, bundle.roots_pem())


def credentials(tls: Callable[[], Tls], *, mutual: bool) -> grpc.ServerCredentials:
    """Server credentials that follow `tls` from one handshake to the next; `mutual` asks for client certificates."""
    given = tls()

    def configuration(now: Tls) -> grpc.ServerCertificateConfiguration:
        return grpc.ssl_server_certificate_configuration(
            [(now.key, now.chain)], now.roots if mutual else None
        )

    def renewed() -> grpc.ServerCertificateConfiguration | None:
        nonlocal given
        now = tls()
        if now is given:
            return None
        given = now
        return configuration(now)

    # None means no change, which the stubs do not say
    return grpc.dynamic_ssl_server_credentials(configuration(given), renewed, mutual)  # type: ignore[arg-type]


def _fit(key_pem: bytes, chain_pem: bytes) -> bool:
    try:
        key, leaf = load_pem_private_key(key_pem, None), x509.load_pem_x509_certificate(chain_pem)
        return key.public_key() == leaf.public_key()
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return False
