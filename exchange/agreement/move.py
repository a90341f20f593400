"""One move of a negotiation: a statement by one side, signed by its key, about the state it answers to.

The payload is RFC 8785 JSON: agreement, at, by, move, previous, reason, signature, terms, v. `previous` is the digest
of the payload that this one answers; a chain of them cannot be reordered or thinned out. `agree` and `verify` also
carry a signature over the terms alone (DSSE, payload type of the terms), so that both signatures together make one
document. PROTOCOL.md, section Agreements.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, Self

from exchange.agreement.terms import TERMS_TYPE, Terms, text_of
from exchange.batch.manifest import format_instant, parse_instant
from exchange.errors import InvalidInputError, LimitExceededError, MalformedError
from exchange.ids import AgencyId, digest_of, parse_case, parse_digest
from exchange.trust.canonical import canonical, parse_canonical
from exchange.trust.envelope import Envelope, Signature, sign
from exchange.trust.keys import Signer

MOVE_TYPE: Final = "application/vnd.hechuan.agreement-move+json"
MAX_MOVE_BYTES: Final = 32 << 10
MAX_REASON: Final = 1000


class Act(StrEnum):
    """What a side does. The first six are the Dataspace Protocol's negotiation messages."""

    REQUEST = "request"
    OFFER = "offer"
    ACCEPT = "accept"
    AGREE = "agree"
    VERIFY = "verify"
    FINALIZE = "finalize"
    SUSPEND = "suspend"
    RESUME = "resume"
    TERMINATE = "terminate"

    @property
    def carries_terms(self) -> bool:
        """Whether the move proposes terms."""
        return self in (Act.REQUEST, Act.OFFER)

    @property
    def signs_terms(self) -> bool:
        """Whether the move carries its side's signature over the terms."""
        return self in (Act.AGREE, Act.VERIFY)


@dataclass(frozen=True, slots=True)
class Move:
    """A parsed payload; who signed it is checked elsewhere."""

    agreement: str
    act: Act
    by: AgencyId
    at: datetime
    previous: str | None
    terms: Terms | None
    signature: Signature | None
    reason: str

    def __post_init__(self) -> None:
        if (self.terms is not None) != self.act.carries_terms:
            raise InvalidInputError("terms come with request and offer, and with nothing else")
        if self.terms is not None and self.terms.agreement != self.agreement:
            raise InvalidInputError("the terms are of another agreement")
        if (self.signature is not None) != self.act.signs_terms:
            raise InvalidInputError(
                "a signature over the terms comes with agree and verify, and nothing else"
            )
        if len(self.reason) > MAX_REASON:
            raise LimitExceededError(f"a reason has at most {MAX_REASON} characters")

    def to_json(self) -> dict[str, Any]:
        """The JSON value that is signed."""
        signature = self.signature and {
            "keyid": self.signature.keyid,
            "sig": base64.b64encode(self.signature.sig).decode(),
        }
        return {
            "agreement": self.agreement,
            "at": format_instant(self.at),
            "by": str(self.by),
            "move": self.act.value,
            "previous": self.previous,
            "reason": self.reason,
            "signature": signature,
            "terms": self.terms and self.terms.to_json(),
            "v": 1,
        }

    @property
    def digest(self) -> str:
        """SHA-256 of the canonical payload: the move's id."""
        return digest_of(canonical(self.to_json()))

    @classmethod
    def parse(cls, payload: bytes) -> Self:
        """Read a payload; raises MalformedError, InvalidInputError, LimitExceededError."""
        if len(payload) > MAX_MOVE_BYTES:
            raise LimitExceededError(f"a move has at most {MAX_MOVE_BYTES} bytes")
        value = parse_canonical(payload)
        if not isinstance(value, dict) or value.keys() != _MEMBERS or value.get("v") != 1:
            raise MalformedError("a move has missing or unknown members, or is not of v 1")
        try:
            act = Act(text_of(value, "move"))
        except ValueError:
            raise MalformedError(f"move is not one of {', '.join(Act)}") from None
        return cls(
            agreement=parse_case("agreement", text_of(value, "agreement")),
            act=act,
            by=AgencyId.parse(text_of(value, "by")),
            at=parse_instant(text_of(value, "at")),
            previous=None if value["previous"] is None else parse_digest(text_of(value, "previous")),
            terms=None if value["terms"] is None else Terms.from_json(value["terms"]),
            signature=_signature(value["signature"]),
            reason=text_of(value, "reason"),
        )


_MEMBERS: Final = frozenset(
    {"agreement", "at", "by", "move", "previous", "reason", "signature", "terms", "v"}
)


def _signature(value: object) -> Signature | None:
    if value is None:
        return None
    if not isinstance(value, dict) or value.keys() != {"keyid", "sig"}:
        raise MalformedError("member signature is not {keyid, sig}")
    try:
        raw = base64.b64decode(text_of(value, "sig"), validate=True)
    except (binascii.Error, ValueError):
        raise MalformedError("member signature.sig is not base64") from None
    return Signature(text_of(value, "keyid"), raw)


def propose(
    act: Act,
    terms: Terms,
    previous: str | None,
    key: Signer,
    by: AgencyId,
    at: datetime,
    reason: str = "",
) -> Envelope:
    """A signed request or offer."""
    move = Move(terms.agreement, act, by, at, previous, terms, None, reason)
    return sign(move.to_json(), MOVE_TYPE, key)


def answer(
    act: Act, terms: Terms, previous: str, key: Signer, by: AgencyId, at: datetime, reason: str = ""
) -> Envelope:
    """Any other signed move; `terms` are those that stand, and are signed where the move calls for it."""
    own = sign(terms.to_json(), TERMS_TYPE, key).signatures[0] if act.signs_terms else None
    move = Move(terms.agreement, act, by, at, previous, None, own, reason)
    return sign(move.to_json(), MOVE_TYPE, key)
