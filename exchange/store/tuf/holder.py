"""Keys of a jurisdiction in its federation: root and targets are for people, online is for the hub.

root.key      changes who holds keys; used at the founding and when a key is lost, otherwise locked away
targets.key   signs the roster: new hubs, denials
online.key    signs snapshot and timestamp, at hubs that keep the repository
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from securesystemslib.signer import CryptoSigner, SSlibKey

from exchange.errors import InvalidInputError, LimitExceededError, MalformedError, NotFoundError
from exchange.ids import fingerprint, parse_jurisdiction
from exchange.trust.canonical import canonical, parse_json
from exchange.trust.keys import SigningKey, VerifyKey
from exchange.trust.secret import make_private_directory, read_private

HOLDER_KIND: Final = "hechuan-federation-keys"
ROLES: Final = ("root", "targets", "online")
_ALGORITHM = "ed25519"
_JURISDICTION = "x-hechuan-jurisdiction"
_MAX_BYTES = 8 << 10


@dataclass(frozen=True, slots=True)
class Holder:
    """The public halves, as they go to whoever founds or mends the federation."""

    jurisdiction: str
    root: VerifyKey
    targets: VerifyKey
    online: VerifyKey

    def __post_init__(self) -> None:
        parse_jurisdiction(self.jurisdiction)
        keys = {self.root.public, self.targets.public, self.online.public}
        if len(keys) != len(ROLES) or {
            self.root.algorithm,
            self.targets.algorithm,
            self.online.algorithm,
        } != {_ALGORITHM}:
            raise InvalidInputError(
                f"keys of {self.jurisdiction} are not three different keys of {_ALGORITHM}"
            )

    def key(self, role: str) -> SSlibKey:
        """The key of a role in TUF's form, marked with whose it is."""
        public: VerifyKey = getattr(self, role)
        key = SSlibKey.from_crypto(Ed25519PublicKey.from_public_bytes(public.public))
        key.unrecognized_fields[_JURISDICTION] = self.jurisdiction
        return key

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the file, in groups that can be read out."""
        return fingerprint(self.to_bytes())

    def to_bytes(self) -> bytes:
        """The file: canonical JSON and a newline."""
        keys = {role: str(getattr(self, role)) for role in ROLES}
        return canonical({"jurisdiction": self.jurisdiction, "kind": HOLDER_KIND, "v": 1, **keys}) + b"\n"

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Read the file; raises MalformedError, LimitExceededError, InvalidInputError."""
        if len(data) > _MAX_BYTES:
            raise LimitExceededError(f"a file of federation keys has at most {_MAX_BYTES} bytes")
        value = parse_json(data)
        if not isinstance(value, dict) or value.keys() != {"jurisdiction", "kind", "v", *ROLES}:
            raise MalformedError(f"not a JSON object of kind {HOLDER_KIND}")
        if value["kind"] != HOLDER_KIND or value["v"] != 1:
            raise MalformedError(f"not a JSON object of kind {HOLDER_KIND}, v 1")
        texts = {name: value[name] for name in ("jurisdiction", *ROLES)}
        if not all(isinstance(text, str) for text in texts.values()):
            raise MalformedError(f"{HOLDER_KIND}: a member is not a string")
        return cls(texts["jurisdiction"], *(VerifyKey.parse(texts[role]) for role in ROLES))


@dataclass(frozen=True, slots=True)
class HolderKeys:
    """The private halves, in a directory of mode 0700 that may be on another machine than the hub."""

    directory: Path

    def make(self, jurisdiction: str) -> Holder:
        """Make the keys that are not there yet; returns the public halves."""
        make_private_directory(self.directory)
        for role in ROLES:
            if not self.path(role).exists():
                SigningKey.generate(_ALGORITHM).save(self.path(role))
        return Holder(jurisdiction, *(SigningKey.load(self.path(role)).verify_key for role in ROLES))

    def path(self, role: str) -> Path:
        """Where the private key of a role is."""
        return self.directory / f"{role}.key"

    def signer(self, role: str) -> CryptoSigner:
        """What signs for a role; raises NotFoundError, UntrustedError, MalformedError."""
        try:
            private = load_pem_private_key(read_private(self.path(role)), None)
        except NotFoundError:
            raise NotFoundError(
                f"缺少联盟密钥，请先执行 hechuan federation root-key / no {role} key in {self.directory}: "
                "run hechuan federation root-key first"
            ) from None
        except (ValueError, TypeError):
            raise MalformedError(f"{self.path(role)} is not a private key in unencrypted PEM") from None
        if not isinstance(private, Ed25519PrivateKey):
            raise MalformedError(f"{self.path(role)} is not a key of {_ALGORITHM}")
        return CryptoSigner(private)


def jurisdiction_of(key: object) -> str:
    """Whose a key in root metadata is; empty for one that does not say."""
    fields = getattr(key, "unrecognized_fields", {})
    return str(fields.get(_JURISDICTION, ""))
