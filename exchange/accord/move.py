"""One step of an accord, signed by the key of the agency that takes it.

The payload is RFC 8785 JSON: accord, act, at, by, matter, office, parties, plan, previous, reason, v. `previous` is the
digest of the payload it answers; a proposal carries the office and the plan. PROTOCOL.md, section Accords.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, Self

from exchange.accord.matter import Matter
from exchange.accord.packed import Packed
from exchange.batch.manifest import format_instant, parse_instant
from exchange.errors import InvalidInputError, LimitExceededError, MalformedError
from exchange.ids import AgencyId, digest_of, parse_digest
from exchange.referral.read import choice_of, parties_of, text_of
from exchange.trust.canonical import canonical, parse_canonical
from exchange.trust.envelope import Envelope, sign
from exchange.trust.keys import Signer

MOVE_TYPE: Final = "application/vnd.hechuan.accord-move+json"
MAX_MOVE_BYTES: Final = 44 << 10
"""In base64, with signature and key, it fits into an entry of a ledger."""
_MAX_REASON: Final = 1000


class Act(StrEnum):
    """What a side does."""

    PROPOSE = "propose"  # 提出计划
    ASK = "ask"  # 要求修改
    ACCEPT = "accept"  # 会签


@dataclass(frozen=True, slots=True)
class Move:
    """A parsed payload; who signed it is checked elsewhere."""

    accord: str
    act: Act
    by: AgencyId
    parties: tuple[AgencyId, ...]
    at: datetime
    previous: str | None
    matter: Matter | None = None
    office: Packed | None = None
    plan: Packed | None = None
    reason: str = ""

    def __post_init__(self) -> None:
        if (self.matter is None) != (self.previous is not None):
            raise InvalidInputError("the first step carries the matter, and no other does")
        if self.matter is not None and (self.matter.id, self.matter.parties) != (self.accord, self.parties):
            raise InvalidInputError("the matter is another accord's")
        if {self.office is None, self.plan is None} != {self.act is not Act.PROPOSE}:
            raise InvalidInputError("office and plan come with propose, and with nothing else")
        if self.act is Act.ASK and not self.reason.strip():
            raise InvalidInputError("须说明要修改什么 / ask says what should change")

    def to_json(self) -> dict[str, Any]:
        """The JSON value that is signed."""
        return {
            "accord": self.accord,
            "act": self.act.value,
            "at": format_instant(self.at),
            "by": str(self.by),
            "matter": self.matter and self.matter.to_json(),
            "office": self.office and self.office.to_json(),
            "parties": [str(party) for party in self.parties],
            "plan": self.plan and self.plan.to_json(),
            "previous": self.previous,
            "reason": self.reason,
            "v": 1,
        }

    @property
    def digest(self) -> str:
        """SHA-256 of the canonical payload: the step's id."""
        return digest_of(canonical(self.to_json()))

    def signed(self, key: Signer) -> Envelope:
        """The step under its agency's signature; raises LimitExceededError where it fits into no entry."""
        value = self.to_json()
        if len(canonical(value)) > MAX_MOVE_BYTES:
            raise LimitExceededError(f"a step has at most {MAX_MOVE_BYTES} bytes")
        return sign(value, MOVE_TYPE, key)

    @classmethod
    def parse(cls, payload: bytes) -> Self:
        """Read a payload; raises MalformedError, InvalidInputError, LimitExceededError."""
        if len(payload) > MAX_MOVE_BYTES:
            raise LimitExceededError(f"a step has at most {MAX_MOVE_BYTES} bytes")
        value = parse_canonical(payload)
        if not isinstance(value, dict) or value.keys() != _MEMBERS or value.get("v") != 1:
            raise MalformedError("a step has missing or unknown members, or is not of v 1")
        return cls(
            accord=parse_accord(text_of(value, "accord")),
            act=choice_of(Act, value, "act"),
            by=AgencyId.parse(text_of(value, "by")),
            parties=parties_of(value, "parties"),
            at=parse_instant(text_of(value, "at")),
            previous=None if value["previous"] is None else parse_digest(text_of(value, "previous")),
            matter=None if value["matter"] is None else Matter.from_json(value["matter"]),
            office=None if value["office"] is None else Packed.from_json(value["office"]),
            plan=None if value["plan"] is None else Packed.from_json(value["plan"]),
            reason=text_of(value, "reason", _MAX_REASON),
        )


_MEMBERS: Final = frozenset(
    {"accord", "act", "at", "by", "matter", "office", "parties", "plan", "previous", "reason", "v"}
)


def parse_accord(text: str) -> str:
    """Check an accord's id; raises MalformedError."""
    if len(text) != 32 or set(text) - set("0123456789abcdef"):
        raise MalformedError(f"accord {text[:80]!r} is not 32 lower-case hex digits")
    return text
