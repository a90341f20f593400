"""One step of a report's review, signed by the key of the agency that takes it.

The payload is RFC 8785 JSON: act, at, by, draft, parties, person, previous, report, text, v. `previous` is the digest
of the payload that put up the version it is about, so both sides may sign at once. PROTOCOL.md, section Reports.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar, Final, Self

from exchange.errors import InvalidInputError
from exchange.ids import AgencyId, parse_case
from exchange.review.draft import Draft
from exchange.statement.read import choice_of, text_of
from exchange.statement.step import Step, heading_of

_MAX_TEXT: Final = 4000


class Act(StrEnum):
    """What an agency does."""

    SUBMIT = "submit"  # 送审
    REMARK = "remark"  # 提出意见
    SIGN = "sign"  # 签署
    WITHDRAW = "withdraw"  # 撤回


@dataclass(frozen=True, slots=True)
class Move(Step):
    """A parsed payload; who signed it is checked elsewhere. Only submitting carries a draft."""

    TYPE: ClassVar[str] = "application/vnd.hechuan.report-move+json"
    MOST: ClassVar[int] = 16 << 10
    MEMBERS: ClassVar[frozenset[str]] = frozenset({"act", "draft", "person", "report", "text"})

    report: str
    act: Act
    by: AgencyId
    parties: tuple[AgencyId, ...]
    at: datetime
    previous: str | None
    draft: Draft | None = None
    person: str = ""
    text: str = ""

    def __post_init__(self) -> None:
        if (self.draft is not None) != (self.act is Act.SUBMIT):
            raise InvalidInputError("submitting carries a draft, and no other step does")
        if self.previous is None and (self.draft is None or self.draft.id != self.report):
            raise InvalidInputError("the first step submits the draft that the report is named after")
        if self.draft is not None and self.draft.signatories != self.parties:
            raise InvalidInputError("the parties are those who sign")
        if self.act is Act.REMARK and not self.text.strip():
            raise InvalidInputError("须写明意见 / a remark says something")
        if self.act is Act.SIGN and not self.person.strip():
            raise InvalidInputError("须注明签署人 / who signs is named")

    def to_json(self) -> dict[str, Any]:
        """The JSON value that is signed."""
        return {
            **self.heading(),
            "act": self.act.value,
            "draft": self.draft and self.draft.to_json(),
            "person": self.person,
            "report": self.report,
            "text": self.text,
        }

    @classmethod
    def parse(cls, payload: bytes) -> Self:
        """Read a payload; raises MalformedError, InvalidInputError, LimitExceededError."""
        value = cls.members(payload)
        return cls(
            report=parse_case("report", text_of(value, "report")),
            act=choice_of(Act, value, "act"),
            **heading_of(value),
            draft=None if value["draft"] is None else Draft.from_json(value["draft"]),
            person=text_of(value, "person", 60),
            text=text_of(value, "text", _MAX_TEXT),
        )
