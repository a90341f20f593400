"""What a settlement is about: one pair of values, as both sides published them, and by which terms it was compared.

Values are decimal text, so that they are signed as they were read. The matter's id follows from its content.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Final, Self

from exchange.errors import InvalidInputError, MalformedError
from exchange.ids import AgencyId, ContractRef, DatasetId, parse_digest
from exchange.statement.read import instant_or_none, text_of, told
from exchange.statement.step import case_of

_TEXTS: Final = ("left_section", "right_section", "item", "unit", "cause")
_MEMBERS: Final = frozenset(
    {"arbiter", "left_at", "left_dataset", "left_value", "right_at", "right_dataset", "right_value"}
    | {"terms", "terms_digest", *_TEXTS}
)
_MAX_VALUE: Final = 40


@dataclass(frozen=True, slots=True)
class Matter:
    """Both sides' datasets, sections, instants and values of one item; `unit` is that of values to be agreed on."""

    left_dataset: DatasetId
    right_dataset: DatasetId
    arbiter: AgencyId
    left_section: str
    right_section: str
    item: str
    unit: str
    left_at: datetime | None
    right_at: datetime | None
    left_value: str | None
    right_value: str | None
    terms: ContractRef
    terms_digest: str
    cause: str

    def __post_init__(self) -> None:
        if self.left_dataset.owner == self.right_dataset.owner:
            raise InvalidInputError("a settlement is between two agencies")
        if self.arbiter in (self.left_dataset.owner, self.right_dataset.owner):
            raise InvalidInputError("the arbiter is neither of the two sides")
        if self.left_value is None and self.right_value is None:
            raise InvalidInputError("neither side has a value")
        if (self.left_at is None, self.right_at is None) != (
            self.left_value is None,
            self.right_value is None,
        ):
            raise InvalidInputError("a value comes with its instant")

    @property
    def sides(self) -> tuple[AgencyId, AgencyId]:
        """The two whose values differ."""
        return self.left_dataset.owner, self.right_dataset.owner

    @property
    def parties(self) -> tuple[AgencyId, ...]:
        """Both sides and the arbiter, in ascending order."""
        return tuple(sorted((*self.sides, self.arbiter)))

    @property
    def id(self) -> str:
        """32 lower-case hex digits: the first of the SHA-256 of the matter."""
        return case_of(self.to_json())

    def to_json(self) -> dict[str, Any]:
        """The JSON value."""
        return {
            **{name: getattr(self, name) for name in (*_TEXTS, "left_value", "right_value", "terms_digest")},
            "arbiter": str(self.arbiter),
            "left_at": told(self.left_at),
            "left_dataset": str(self.left_dataset),
            "right_at": told(self.right_at),
            "right_dataset": str(self.right_dataset),
            "terms": str(self.terms),
        }

    @classmethod
    def from_json(cls, value: object) -> Self:
        """Read one; raises MalformedError, LimitExceededError, InvalidInputError."""
        if not isinstance(value, dict) or value.keys() != _MEMBERS:
            raise MalformedError("a matter has missing or unknown members")
        return cls(
            **{name: text_of(value, name, 80) for name in _TEXTS},
            left_dataset=DatasetId.parse(text_of(value, "left_dataset")),
            right_dataset=DatasetId.parse(text_of(value, "right_dataset")),
            arbiter=AgencyId.parse(text_of(value, "arbiter")),
            left_at=instant_or_none(value, "left_at"),
            right_at=instant_or_none(value, "right_at"),
            left_value=value_or_none(value, "left_value"),
            right_value=value_or_none(value, "right_value"),
            terms=ContractRef.parse(text_of(value, "terms")),
            terms_digest=parse_digest(text_of(value, "terms_digest")),
        )


def value_or_none(members: Mapping[str, Any], name: str) -> str | None:
    """A finite decimal number as text, or null; raises MalformedError, LimitExceededError."""
    if members[name] is None:
        return None
    text = text_of(members, name, _MAX_VALUE)
    try:
        finite = Decimal(text).is_finite()
    except InvalidOperation:
        finite = False
    if not finite or text != text.strip():
        raise MalformedError(f"member {name} is not a decimal number")
    return text
