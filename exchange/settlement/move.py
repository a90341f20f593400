"""One step of a settlement, signed by the key of the agency that takes it.

The payload is RFC 8785 JSON: act, at, by, matter, parties, person, previous, reason, settlement, v, value. `previous`
is the digest of the payload it answers. PROTOCOL.md, section Settlements.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, Self

from exchange.batch.manifest import format_instant, parse_instant
from exchange.errors import InvalidInputError, LimitExceededError, MalformedError
from exchange.ids import AgencyId, digest_of, parse_digest
from exchange.referral.read import choice_of, parties_of, text_of
from exchange.settlement.matter import Matter, value_or_none
from exchange.trust.canonical import canonical, parse_canonical
from exchange.trust.envelope import Envelope, sign
from exchange.trust.keys import Signer

MOVE_TYPE: Final = "application/vnd.hechuan.settlement-move+json"
MAX_MOVE_BYTES: Final = 8 << 10
_MAX_REASON: Final = 1000


class Act(StrEnum):
    """What an agency does."""

    PROPOSE = "propose"  # 提议
    DISPUTE = "dispute"  # 提出分歧
    ACCEPT = "accept"  # 会签
    ARBITRATE = "arbitrate"  # 裁定

    @property
    def names_value(self) -> bool:
        """Whether it says what the value is."""
        return self in (Act.PROPOSE, Act.ARBITRATE)


@dataclass(frozen=True, slots=True)
class Move:
    """A parsed payload; who signed it is checked elsewhere."""

    settlement: str
    act: Act
    by: AgencyId
    parties: tuple[AgencyId, ...]
    at: datetime
    previous: str | None
    matter: Matter | None = None
    value: str | None = None
    person: str = ""
    reason: str = ""

    def __post_init__(self) -> None:
        if (self.matter is None) != (self.previous is not None):
            raise InvalidInputError("the first step carries the matter, and no other does")
        if self.matter is not None and (self.matter.id, self.matter.parties) != (
            self.settlement,
            self.parties,
        ):
            raise InvalidInputError("the matter is another settlement's")
        if (self.value is not None) != self.act.names_value:
            raise InvalidInputError("a value comes with propose and arbitrate, and with nothing else")
        if self.act in (Act.DISPUTE, Act.ARBITRATE) and not self.reason.strip():
            raise InvalidInputError(f"须说明理由 / {self.act} says why")
        if self.act is Act.ARBITRATE and not self.person.strip():
            raise InvalidInputError("须注明裁定人 / arbitrate names the person who decided")

    def to_json(self) -> dict[str, Any]:
        """The JSON value that is signed."""
        return {
            "act": self.act.value,
            "at": format_instant(self.at),
            "by": str(self.by),
            "matter": self.matter and self.matter.to_json(),
            "parties": [str(party) for party in self.parties],
            "person": self.person,
            "previous": self.previous,
            "reason": self.reason,
            "settlement": self.settlement,
            "v": 1,
            "value": self.value,
        }

    @property
    def digest(self) -> str:
        """SHA-256 of the canonical payload: the step's id."""
        return digest_of(canonical(self.to_json()))

    def signed(self, key: Signer) -> Envelope:
        """The step under its agency's signature."""
        return sign(self.to_json(), MOVE_TYPE, key)

    @classmethod
    def parse(cls, payload: bytes) -> Self:
        """Read a payload; raises MalformedError, InvalidInputError, LimitExceededError."""
        if len(payload) > MAX_MOVE_BYTES:
            raise LimitExceededError(f"a step has at most {MAX_MOVE_BYTES} bytes")
        value = parse_canonical(payload)
        if not isinstance(value, dict) or value.keys() != _MEMBERS or value.get("v") != 1:
            raise MalformedError("a step has missing or unknown members, or is not of v 1")
        return cls(
            settlement=parse_settlement(text_of(value, "settlement")),
            act=choice_of(Act, value, "act"),
            by=AgencyId.parse(text_of(value, "by")),
            parties=parties_of(value, "parties"),
            at=parse_instant(text_of(value, "at")),
            previous=None if value["previous"] is None else parse_digest(text_of(value, "previous")),
            matter=None if value["matter"] is None else Matter.from_json(value["matter"]),
            value=value_or_none(value, "value"),
            person=text_of(value, "person", 60),
            reason=text_of(value, "reason", _MAX_REASON),
        )


_MEMBERS: Final = frozenset(
    {"act", "at", "by", "matter", "parties", "person", "previous", "reason", "settlement", "v", "value"}
)


def parse_settlement(text: str) -> str:
    """Check a settlement's id; raises MalformedError."""
    if len(text) != 32 or set(text) - set("0123456789abcdef"):
        raise MalformedError(f"settlement {text[:80]!r} is not 32 lower-case hex digits")
    return text
