"""One step of an accord, signed by the key of the agency that takes it.

The payload is RFC 8785 JSON: accord, act, at, by, matter, office, parties, plan, previous, reason, v. `previous` is the
digest of the payload it answers; a proposal carries the office and the plan. PROTOCOL.md, section Accords.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar, Final, Self

from exchange.accord.matter import Matter
from exchange.accord.packed import Packed
from exchange.errors import InvalidInputError
from exchange.ids import AgencyId, parse_case
from exchange.statement.read import choice_of, text_of
from exchange.statement.step import Step, heading_of

_MAX_REASON: Final = 1000


class Act(StrEnum):
    """What a side does."""

    PROPOSE = "propose"  # 提出计划
    ASK = "ask"  # 要求修改
    ACCEPT = "accept"  # 会签


@dataclass(frozen=True, slots=True)
class Move(Step):
    """A parsed payload; who signed it is checked elsewhere."""

    TYPE: ClassVar[str] = "application/vnd.hechuan.accord-move+json"
    MOST: ClassVar[int] = 44 << 10  # in base64, with signature and key, it fits into an entry of a ledger
    MEMBERS: ClassVar[frozenset[str]] = frozenset({"accord", "act", "matter", "office", "plan", "reason"})

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
            **self.heading(),
            "accord": self.accord,
            "act": self.act.value,
            "matter": self.matter and self.matter.to_json(),
            "office": self.office and self.office.to_json(),
            "plan": self.plan and self.plan.to_json(),
            "reason": self.reason,
        }

    @classmethod
    def parse(cls, payload: bytes) -> Self:
        """Read a payload; raises MalformedError, InvalidInputError, LimitExceededError."""
        value = cls.members(payload)
        return cls(
            accord=parse_case("accord", text_of(value, "accord")),
            act=choice_of(Act, value, "act"),
            **heading_of(value),
            matter=None if value["matter"] is None else Matter.from_json(value["matter"]),
            office=None if value["office"] is None else Packed.from_json(value["office"]),
            plan=None if value["plan"] is None else Packed.from_json(value["plan"]),
            reason=text_of(value, "reason", _MAX_REASON),
        )
