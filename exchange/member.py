"""What a hub and an agency hand each other when one joins: hub card, invitation, key statement.

Cards and invitations travel out of band, as JSON files. A card holds nothing secret, but whoever can change it on
the way can pose as the hub: compare its fingerprint by telephone. An invitation is as good as its secret.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final, Self

from exchange.batch.manifest import format_instant, parse_instant
from exchange.errors import InvalidInputError, LimitExceededError, MalformedError
from exchange.ids import AgencyId, digest_of, fingerprint, parse_address, parse_jurisdiction
from exchange.ledger import SignatureType, VerifierKey
from exchange.trust.canonical import canonical, parse_json
from exchange.trust.envelope import Envelope, sign
from exchange.trust.identity import TrustBundle
from exchange.trust.keys import Signer, VerifyKey

KEY_TYPE: Final = "application/vnd.hechuan.key+json"
CARD_KIND: Final = "hechuan-hub-card"
INVITATION_KIND: Final = "hechuan-invitation"
MAX_FILE_BYTES: Final = 256 << 10
_SECRET_BYTES: Final = 32
_SECRET = re.compile(r"[A-Za-z0-9_-]{43}")


def log_origin(jurisdiction: str) -> str:
    """The name of a hub's log in its checkpoints and of the key that signs them; C2SP tlog-checkpoint."""
    return f"hechuan/{parse_jurisdiction(jurisdiction)}"


def witness_name(jurisdiction: str) -> str:
    """The name of the key with which a hub cosigns the checkpoints of others; C2SP tlog-cosignature."""
    return f"{log_origin(jurisdiction)}/witness"


@dataclass(frozen=True, slots=True)
class HubCard:
    """How to reach a hub and how to recognise what it says; `authority` is PEM, the keys are in text form."""

    jurisdiction: str
    address: str
    authority: str
    log_key: str
    statement_key: str
    # Cards made before hubs were witnesses have none.
    witness_key: str = ""
    # The log's second key, ML-DSA-44; empty where it has none, and in cards from before.
    log_mldsa_key: str = ""

    def __post_init__(self) -> None:
        parse_address(self.address)
        TrustBundle.parse({self.jurisdiction: self.authority.encode()})
        for text, type in (
            (self.log_key, SignatureType.ED25519),
            (self.log_mldsa_key, SignatureType.ML_DSA_44),
        ):
            if not text and type is not SignatureType.ED25519:
                continue
            key = VerifierKey.parse(text)
            if key.name != log_origin(self.jurisdiction) or key.type is not type:
                raise MalformedError(f"the log key is not that of {log_origin(self.jurisdiction)}")
        VerifyKey.parse(self.statement_key)
        if self.witness_key:
            witness = VerifierKey.parse(self.witness_key)
            if (witness.name, witness.type) != (witness_name(self.jurisdiction), SignatureType.COSIGNATURE):
                raise MalformedError(f"the witness key is not that of {witness_name(self.jurisdiction)}")

    def continues(self, known: HubCard) -> bool:
        """Whether this card has the keys of an earlier one; keys it lacked may have come since, none may go."""
        absent = {name: "" for name in ("log_mldsa_key", "witness_key") if not getattr(known, name)}
        return replace(self, **absent).fingerprint == known.fingerprint

    @property
    def log_keys(self) -> tuple[str, ...]:
        """Verifier keys of the log, Ed25519 first."""
        return (self.log_key, self.log_mldsa_key) if self.log_mldsa_key else (self.log_key,)

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the canonical card without its address, in groups that can be read out."""
        fixed = {name: value for name, value in self.to_json().items() if name != "address"}
        return fingerprint(canonical(fixed))

    def to_json(self) -> dict[str, Any]:
        """The JSON value of the card."""
        second = {"log_mldsa_key": self.log_mldsa_key} if self.log_mldsa_key else {}
        return second | {
            "address": self.address,
            "authority": self.authority,
            "jurisdiction": self.jurisdiction,
            "kind": CARD_KIND,
            "log_key": self.log_key,
            "statement_key": self.statement_key,
            "v": 1,
            **({"witness_key": self.witness_key} if self.witness_key else {}),
        }

    def to_bytes(self) -> bytes:
        """The file: canonical JSON and a newline."""
        return canonical(self.to_json()) + b"\n"

    @classmethod
    def from_json(cls, value: object) -> Self:
        """Read a JSON value; raises MalformedError, InvalidInputError."""
        names = ["jurisdiction", "address", "authority", "log_key", "statement_key"]
        if isinstance(value, dict):
            names += [name for name in ("log_mldsa_key", "witness_key") if value.get(name)]
        texts = _texts(value, CARD_KIND, tuple(names), ())
        return cls(**texts)

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Read a card file; raises MalformedError, LimitExceededError, InvalidInputError."""
        return cls.from_json(_document(data))


@dataclass(frozen=True, slots=True)
class Invitation:
    """Leave for one agency to fetch its first certificate, once, until it expires."""

    card: HubCard
    enrolment: str
    agency: AgencyId
    secret: str
    expires_at: datetime

    def __post_init__(self) -> None:
        parse_address(self.enrolment)
        parse_secret(self.secret)
        if self.agency.jurisdiction != self.card.jurisdiction:
            raise InvalidInputError(f"the hub of {self.card.jurisdiction} cannot invite {self.agency}")

    def __repr__(self) -> str:
        return f"Invitation({self.agency}, expires_at={format_instant(self.expires_at)})"

    def to_bytes(self) -> bytes:
        """The file: canonical JSON and a newline."""
        value = {
            "agency": str(self.agency),
            "enrolment": self.enrolment,
            "expires_at": format_instant(self.expires_at),
            "hub": self.card.to_json(),
            "kind": INVITATION_KIND,
            "secret": self.secret,
            "v": 1,
        }
        return canonical(value) + b"\n"

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Read an invitation file; raises MalformedError, LimitExceededError, InvalidInputError."""
        value = _document(data)
        texts = _texts(value, INVITATION_KIND, ("agency", "enrolment", "expires_at", "secret"), ("hub",))
        return cls(
            card=HubCard.from_json(value["hub"]),
            enrolment=texts["enrolment"],
            agency=AgencyId.parse(texts["agency"]),
            secret=texts["secret"],
            expires_at=parse_instant(texts["expires_at"]),
        )


def new_secret() -> str:
    """256 random bits, base64url without padding."""
    return secrets.token_urlsafe(_SECRET_BYTES)


def parse_secret(text: str) -> str:
    """Check the form of an invitation's secret; raises MalformedError, which never shows it."""
    if not _SECRET.fullmatch(text):
        raise MalformedError("an invitation's secret is 43 characters of base64url")
    return text


def hash_secret(secret: str) -> str:
    """What a hub keeps of a secret: `sha256:<hex>`. No salt or stretching: 256 random bits cannot be guessed."""
    return digest_of(secret.encode())


def key_statement(agency: AgencyId, key: Signer, now: datetime) -> Envelope:
    """An agency's claim to a signing key, signed by that very key; MemberService.RegisterKey takes it."""
    claim = {"agency": str(agency), "created_at": format_instant(now), "key": str(key.verify_key), "v": 1}
    return sign(claim, KEY_TYPE, key)


def _document(data: bytes) -> Any:
    if len(data) > MAX_FILE_BYTES:
        raise LimitExceededError(f"a card or invitation has at most {MAX_FILE_BYTES} bytes")
    return parse_json(data)


def _texts(value: object, kind: str, names: tuple[str, ...], others: tuple[str, ...]) -> Mapping[str, str]:
    if not isinstance(value, dict) or value.get("kind") != kind or value.get("v") != 1:
        raise MalformedError(f"not a JSON object of kind {kind}, v 1")
    if value.keys() != {"kind", "v", *names, *others}:
        odd = ", ".join(sorted(map(str, value.keys() ^ {"kind", "v", *names, *others})))
        raise MalformedError(f"{kind} has missing or unknown members: {odd[:200]}")
    for name in names:
        if not isinstance(value[name], str):
            raise MalformedError(f"{kind}: member {name} is not a string")
    return {name: value[name] for name in names}
