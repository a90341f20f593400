"""One step of a report's review, signed by the key of the agency that takes it.

The payload is RFC 8785 JSON: act, at, by, draft, parties, person, previous, report, text, v. `previous` is the digest
of the payload that put up the version it is about, so both sides may sign at once. PROTOCOL.md, section Reports.
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
from exchange.review.draft import Draft, parse_report
from exchange.trust.canonical import canonical, parse_canonical
from exchange.trust.envelope import Envelope, sign
from exchange.trust.keys import Signer

MOVE_TYPE: Final = "application/vnd.hechuan.report-move+json"
MAX_MOVE_BYTES: Final = 16 << 10
_MAX_TEXT: Final = 4000


class Act(StrEnum):
    """What an agency does."""

    SUBMIT = "submit"  # 送审
    REMARK = "remark"  # 提出意见
    SIGN = "sign"  # 签署
    WITHDRAW = "withdraw"  # 撤回


@dataclass(frozen=True, slots=True)
class Move:
    """A parsed payload; who signed it is checked elsewhere. Only submitting carries a draft."""

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
            "act": self.act.value,
            "at": format_instant(self.at),
            "by": str(self.by),
            "draft": self.draft and self.draft.to_json(),
            "parties": [str(party) for party in self.parties],
            "person": self.person,
            "previous": self.previous,
            "report": self.report,
            "text": self.text,
            "v": 1,
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
            report=parse_report(text_of(value, "report")),
            act=choice_of(Act, value, "act"),
            by=AgencyId.parse(text_of(value, "by")),
            parties=parties_of(value, "parties"),
            at=parse_instant(text_of(value, "at")),
            previous=None if value["previous"] is None else parse_digest(text_of(value, "previous")),
            draft=None if value["draft"] is None else Draft.from_json(value["draft"]),
            person=text_of(value, "person", 60),
            text=text_of(value, "text", _MAX_TEXT),
        )


_MEMBERS: Final = frozenset(
    {"act", "at", "by", "draft", "parties", "person", "previous", "report", "text", "v"}
)
