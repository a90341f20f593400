"""The order: what is handed over, to whom, by whom it is closed, and until when. Signed once, never changed.

RFC 8785 JSON with exactly the members of `Order`. A referral's id is the first half of the order's SHA-256, so no two
orders can claim one id. Deadlines are instants inside what is signed: hubs whose calendars differ still judge alike.
What the order says stands in ledgers that every member may read: names of persons and other personal data belong into
attachments, which only the parties may fetch (个人信息保护法 art. 28). PROTOCOL.md, section Referrals.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, Self

from exchange.batch.manifest import format_instant, parse_instant
from exchange.errors import FieldViolation, InvalidInputError, MalformedError
from exchange.ids import AgencyId, digest_of, parse_case
from exchange.statement.read import choice_of, count_of, text_of
from exchange.trust.canonical import canonical
from exchange.trust.workday import MAX_DAYS

MAX_TITLE: Final = 120
MAX_TEXT: Final = 4000
_PREFIX: Final = len("sha256:")
_ID_DIGITS: Final = 32


class Kind(StrEnum):
    """What a referral is; all share one state machine."""

    ASSIGNMENT = "assignment"  # 交办单
    SUPERVISION = "supervision"  # 督办函
    CASE_TRANSFER = "case_transfer"  # 案件移送
    OBJECTION = "objection"  # 数据异议 (校核)
    WARNING = "warning"  # 水污染预警通报


@dataclass(frozen=True, slots=True)
class Order:
    """`days`: working days that the handler has, ending with `due`; `acknowledge_by`: until when it says it has it.

    `subject` names what it is about (a section, a reach, a case, `<batch>#<row>`), `matter` the kind of trouble as in
    the duty matrix. `parent`: the referral that this one grew out of. `supervisor` closes it (销号); it may be the
    issuer, never the handler.
    """

    kind: Kind
    issuer: AgencyId
    handler: AgencyId
    supervisor: AgencyId
    title: str
    text: str
    matter: str
    river: str
    subject: str
    parent: str
    at: datetime
    acknowledge_by: datetime
    days: int
    due: datetime

    def __post_init__(self) -> None:
        wrong = [
            FieldViolation(name, "order", text)
            for name, text, bad in (
                ("handler", "办理方不能是交办方 / is the issuer itself", self.handler == self.issuer),
                (
                    "supervisor",
                    "无人可核销自己的办理 / nobody closes its own work",
                    self.supervisor == self.handler,
                ),
                ("title", f"1 to {MAX_TITLE} characters", not 0 < len(self.title.strip()) <= MAX_TITLE),
                ("days", f"1 to {MAX_DAYS} working days", not 0 < self.days <= MAX_DAYS),
                ("acknowledge_by", "later than the order", self.acknowledge_by <= self.at),
                ("due", "later than the order", self.due <= self.at),
            )
            if bad
        ]
        if wrong:
            fields = ", ".join(item.field for item in wrong)
            raise InvalidInputError(f"交办内容有误 / the order is not sound: {fields}", violations=wrong)

    @property
    def id(self) -> str:
        """The referral's id, 32 hex digits."""
        return digest_of(canonical(self.to_json()))[_PREFIX : _PREFIX + _ID_DIGITS]

    @property
    def parties(self) -> frozenset[AgencyId]:
        """Two or three agencies."""
        return frozenset({self.issuer, self.handler, self.supervisor})

    def to_json(self) -> dict[str, Any]:
        """The JSON value that is part of the first move."""
        return {
            "acknowledge_by": format_instant(self.acknowledge_by),
            "at": format_instant(self.at),
            "days": self.days,
            "due": format_instant(self.due),
            "handler": str(self.handler),
            "issuer": str(self.issuer),
            "kind": self.kind.value,
            "matter": self.matter,
            "parent": self.parent,
            "river": self.river,
            "subject": self.subject,
            "supervisor": str(self.supervisor),
            "text": self.text,
            "title": self.title,
            "v": 1,
        }

    @classmethod
    def from_json(cls, value: object) -> Self:
        """Read a parsed document; raises MalformedError, LimitExceededError, InvalidInputError naming the member."""
        if not isinstance(value, dict) or value.keys() != _MEMBERS or value.get("v") != 1:
            raise MalformedError("an order has missing or unknown members, or is not of v 1")
        return cls(
            kind=choice_of(Kind, value, "kind"),
            issuer=AgencyId.parse(text_of(value, "issuer")),
            handler=AgencyId.parse(text_of(value, "handler")),
            supervisor=AgencyId.parse(text_of(value, "supervisor")),
            title=text_of(value, "title", MAX_TITLE),
            text=text_of(value, "text", MAX_TEXT),
            matter=text_of(value, "matter"),
            river=text_of(value, "river"),
            subject=text_of(value, "subject"),
            parent=parse_case("referral", text_of(value, "parent")) if value["parent"] else "",
            at=parse_instant(text_of(value, "at")),
            acknowledge_by=parse_instant(text_of(value, "acknowledge_by")),
            days=count_of(value, "days"),
            due=parse_instant(text_of(value, "due")),
        )


_MEMBERS: Final = frozenset(
    {"acknowledge_by", "at", "days", "due", "handler", "issuer", "kind", "matter", "parent", "river"}
    | {"subject", "supervisor", "text", "title", "v"}
)
