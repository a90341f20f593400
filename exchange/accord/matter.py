"""What an accord is about: a period of patrols of two sides, and the contract version that it is planned by."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any, Final, Self

from exchange.errors import InvalidInputError, MalformedError
from exchange.ids import AgencyId, ContractRef, parse_digest
from exchange.statement.read import parties_of, text_of
from exchange.statement.step import case_of

_MEMBERS: Final = frozenset({"end", "sides", "start", "terms", "terms_digest"})


@dataclass(frozen=True, slots=True)
class Matter:
    """`sides`: two agencies in ascending order. `start`, `end`: first and last day. `terms`: the contract of the
    objective, pinned by its digest.
    """

    sides: tuple[AgencyId, ...]
    start: date
    end: date
    terms: ContractRef
    terms_digest: str

    def __post_init__(self) -> None:
        if len(self.sides) != 2 or list(self.sides) != sorted(set(self.sides)):
            raise InvalidInputError("an accord is between two agencies, in ascending order")
        if self.start > self.end:
            raise InvalidInputError("the period ends before it begins")

    @property
    def parties(self) -> tuple[AgencyId, ...]:
        """Both sides, in ascending order."""
        return self.sides

    @property
    def id(self) -> str:
        """32 lower-case hex digits: the first of the SHA-256 of the matter."""
        return case_of(self.to_json())

    def to_json(self) -> dict[str, Any]:
        """The JSON value."""
        return {
            "end": self.end.isoformat(),
            "sides": [str(side) for side in self.sides],
            "start": self.start.isoformat(),
            "terms": str(self.terms),
            "terms_digest": self.terms_digest,
        }

    @classmethod
    def from_json(cls, value: object) -> Self:
        """Read one; raises MalformedError, LimitExceededError, InvalidInputError."""
        if not isinstance(value, dict) or value.keys() != _MEMBERS:
            raise MalformedError("a matter has missing or unknown members")
        try:
            start, end = (date.fromisoformat(text_of(value, name, 10)) for name in ("start", "end"))
        except ValueError:
            raise MalformedError("a period is not told by two dates") from None
        return cls(
            sides=parties_of(value, "sides"),
            start=start,
            end=end,
            terms=ContractRef.parse(text_of(value, "terms")),
            terms_digest=parse_digest(text_of(value, "terms_digest")),
        )
