"""One step of a referral: an act of one agency, signed by its key, upon the step it has seen last.

The payload is RFC 8785 JSON: act, at, attachments, by, days, due, order, parties, person, previous, reason, referral,
to, v. `previous` is the digest of the payload before it, so steps cannot be reordered or thinned out. `parties` are
all agencies concerned; the step goes into the ledgers of their hubs. PROTOCOL.md, section Referrals.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar, Final, Self

from exchange.errors import InvalidInputError, LimitExceededError, MalformedError
from exchange.ids import AgencyId, digest_of, parse_case, parse_digest
from exchange.referral.order import Order
from exchange.statement.read import choice_of, count_of, instant_or_none, text_of, told
from exchange.statement.step import Step, heading_of
from exchange.trust.canonical import canonical

MAX_REASON: Final = 1000
MAX_ATTACHMENTS: Final = 16


class Act(StrEnum):
    """What an agency does. The four of the ladder are 提醒, 约谈, 通报, 追责."""

    SEND = "send"  # 交办
    RECEIVE = "receive"  # 签收
    ACCEPT = "accept"  # 受理
    RETURN = "return"  # 退回
    INSIST = "insist"  # 再次交办
    START = "start"  # 办理
    REPORT = "report"  # 反馈
    APPLY = "apply"  # 申请销号
    APPROVE = "approve"  # 销号
    REOPEN = "reopen"  # 重新办理
    WITHDRAW = "withdraw"  # 撤回
    NOTE = "note"  # 补充材料
    ASK_EXTENSION = "ask_extension"  # 申请延期
    GRANT_EXTENSION = "grant_extension"  # 同意延期
    REFUSE_EXTENSION = "refuse_extension"  # 不同意延期
    REMIND = "remind"  # 提醒
    INTERVIEW = "interview"  # 约谈
    CIRCULATE = "circulate"  # 通报
    ACCOUNT = "account"  # 追责
    HAND_OVER = "hand_over"  # 离任移交
    TAKE_OVER = "take_over"  # 接任


LADDER: Final = (Act.REMIND, Act.INTERVIEW, Act.CIRCULATE, Act.ACCOUNT)
BY_PERSON: Final = frozenset({Act.APPROVE, *LADDER})
"""Acts that name the person who decided; a rule may propose them, nobody but a person makes them."""
_MAY_BE_DUE: Final = frozenset({Act.ASK_EXTENSION, Act.REOPEN})


@dataclass(frozen=True, slots=True)
class Attachment:
    """Bytes that a step hands over, or whose receipt it confirms; they lie in the hubs' object stores."""

    digest: str
    bytes: int
    media_type: str
    name: str

    def to_json(self) -> dict[str, Any]:
        """The JSON value."""
        return {"bytes": self.bytes, "digest": self.digest, "media_type": self.media_type, "name": self.name}

    @classmethod
    def from_json(cls, value: object) -> Self:
        """Read one; raises MalformedError, LimitExceededError."""
        if not isinstance(value, dict) or value.keys() != {"bytes", "digest", "media_type", "name"}:
            raise MalformedError("an attachment is {bytes, digest, media_type, name}")
        name = text_of(value, "name", 120)
        if not name or "/" in name or "\\" in name or not name.isprintable():
            raise MalformedError("an attachment's name is a file name without directories")
        digest = parse_digest(text_of(value, "digest"))
        return cls(digest, count_of(value, "bytes"), text_of(value, "media_type", 100), name)


@dataclass(frozen=True, slots=True)
class Move(Step):
    """A parsed payload; who signed it is checked elsewhere. `days` and `due`: an extension asked for, or a new term."""

    TYPE: ClassVar[str] = "application/vnd.hechuan.referral-move+json"
    MOST: ClassVar[int] = 16 << 10
    MEMBERS: ClassVar[frozenset[str]] = frozenset(
        {"act", "attachments", "days", "due", "order", "person", "reason", "referral", "to"}
    )

    referral: str
    act: Act
    by: AgencyId
    parties: tuple[AgencyId, ...]
    at: datetime
    previous: str | None
    order: Order | None = None
    attachments: tuple[Attachment, ...] = ()
    days: int = 0
    due: datetime | None = None
    to: AgencyId | None = None
    person: str = ""
    reason: str = ""
    # asked for again and again, and worth a millisecond by the dozen
    _digest: str = field(default="", init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        first = self.act is Act.SEND
        if (self.order is not None) != first or (self.previous is None) != first:
            raise InvalidInputError(
                "the order comes with `send`, which follows nothing; all else follows a step"
            )
        if self.order is not None and (self.order.id, self.order.at) != (self.referral, self.at):
            raise InvalidInputError("the order is another referral's, or of another time than its step")
        if (self.to is not None) != (self.act is Act.HAND_OVER):
            raise InvalidInputError("a successor is named by `hand_over`, and by nothing else")
        asked = self.due is not None
        if (
            asked != (self.days > 0)
            or asked > (self.act in _MAY_BE_DUE)
            or asked < (self.act is Act.ASK_EXTENSION)
        ):
            raise InvalidInputError(
                "days and a new deadline come with `ask_extension`, and may with `reopen`"
            )
        if (not self.person.strip()) and self.act in BY_PERSON:
            raise InvalidInputError(f"须注明决定人 / {self.act} names the person who decided it")

    def to_json(self) -> dict[str, Any]:
        """The JSON value that is signed."""
        return {
            **self.heading(),
            "act": self.act.value,
            "attachments": [item.to_json() for item in self.attachments],
            "days": self.days,
            "due": told(self.due),
            "order": self.order and self.order.to_json(),
            "person": self.person,
            "reason": self.reason,
            "referral": self.referral,
            "to": None if self.to is None else str(self.to),
        }

    @property
    def digest(self) -> str:
        """SHA-256 of the canonical payload: the step's id."""
        if not self._digest:
            object.__setattr__(self, "_digest", digest_of(canonical(self.to_json())))
        return self._digest

    @classmethod
    def parse(cls, payload: bytes) -> Self:
        """Read a payload; raises MalformedError, InvalidInputError, LimitExceededError."""
        value = cls.members(payload)
        move = cls(
            referral=parse_case("referral", text_of(value, "referral")),
            act=choice_of(Act, value, "act"),
            **heading_of(value),
            order=None if value["order"] is None else Order.from_json(value["order"]),
            attachments=_attachments(value["attachments"]),
            days=count_of(value, "days"),
            due=instant_or_none(value, "due"),
            to=None if value["to"] is None else AgencyId.parse(text_of(value, "to")),
            person=text_of(value, "person", 60),
            reason=text_of(value, "reason", MAX_REASON),
        )
        object.__setattr__(move, "_digest", digest_of(payload))
        return move


def _attachments(value: object) -> tuple[Attachment, ...]:
    if not isinstance(value, list):
        raise MalformedError("member attachments is not a list")
    if len(value) > MAX_ATTACHMENTS:
        raise LimitExceededError(f"a step has at most {MAX_ATTACHMENTS} attachments")
    return tuple(Attachment.from_json(item) for item in value)
