"""One step of a settlement, signed by the key of the agency that takes it.

The payload is RFC 8785 JSON: act, at, by, matter, parties, person, previous, reason, settlement, v, value. `previous`
is the digest of the payload it answers. PROTOCOL.md, section Settlements.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar, Final, Self

from exchange.errors import InvalidInputError
from exchange.ids import AgencyId, parse_case
from exchange.settlement.matter import Matter, value_or_none
from exchange.statement.read import choice_of, text_of
from exchange.statement.step import Step, heading_of

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
class Move(Step):
    """A parsed payload; who signed it is checked elsewhere."""

    TYPE: ClassVar[str] = "application/vnd.hechuan.settlement-move+json"
    MOST: ClassVar[int] = 8 << 10
    MEMBERS: ClassVar[frozenset[str]] = frozenset(
        {"act", "matter", "person", "reason", "settlement", "value"}
    )

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
            **self.heading(),
            "act": self.act.value,
            "matter": self.matter and self.matter.to_json(),
            "person": self.person,
            "reason": self.reason,
            "settlement": self.settlement,
            "value": self.value,
        }

    @classmethod
    def parse(cls, payload: bytes) -> Self:
        """Read a payload; raises MalformedError, InvalidInputError, LimitExceededError."""
        value = cls.members(payload)
        return cls(
            settlement=parse_case("settlement", text_of(value, "settlement")),
            act=choice_of(Act, value, "act"),
            **heading_of(value),
            matter=None if value["matter"] is None else Matter.from_json(value["matter"]),
            value=value_or_none(value, "value"),
            person=text_of(value, "person", 60),
            reason=text_of(value, "reason", _MAX_REASON),
        )
