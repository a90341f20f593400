"""A step upon a case, whatever its kind: RFC 8785 JSON that the agency which takes it signs as DSSE payload.

Every step has the members at, by, parties, previous and v, and those of its kind.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar, Final

from exchange.batch.manifest import format_instant, parse_instant
from exchange.errors import LimitExceededError, MalformedError
from exchange.ids import AgencyId, digest_of, parse_digest
from exchange.statement.read import parties_of, text_of
from exchange.trust.canonical import canonical, parse_canonical
from exchange.trust.envelope import Envelope, sign
from exchange.trust.keys import Signer

_HEADING: Final = frozenset({"at", "by", "parties", "previous", "v"})


class Step(ABC):
    """A kind names its payload type, the most bytes a payload has, and the members it adds."""

    __slots__ = ()
    TYPE: ClassVar[str]
    MOST: ClassVar[int]
    MEMBERS: ClassVar[frozenset[str]]

    by: AgencyId
    parties: tuple[AgencyId, ...]
    at: datetime
    previous: str | None

    @abstractmethod
    def to_json(self) -> dict[str, Any]:
        """The JSON value that is signed."""

    def heading(self) -> dict[str, Any]:
        """The members that every step has."""
        return {
            "at": format_instant(self.at),
            "by": str(self.by),
            "parties": [str(party) for party in self.parties],
            "previous": self.previous,
            "v": 1,
        }

    @property
    def digest(self) -> str:
        """SHA-256 of the canonical payload: the step's id."""
        return digest_of(canonical(self.to_json()))

    def signed(self, key: Signer) -> Envelope:
        """The step under its agency's signature; raises LimitExceededError where no hub would read it."""
        value = self.to_json()
        _check_size(len(canonical(value)), self.MOST)
        return sign(value, self.TYPE, key)

    @classmethod
    def members(cls, payload: bytes) -> dict[str, Any]:
        """The members of a payload of this kind; raises MalformedError, LimitExceededError."""
        _check_size(len(payload), cls.MOST)
        value = parse_canonical(payload)
        if not isinstance(value, dict) or value.keys() != _HEADING | cls.MEMBERS or value.get("v") != 1:
            raise MalformedError("a step has missing or unknown members, or is not of v 1")
        return value


def case_of(matter: dict[str, Any]) -> str:
    """A case's id: the first 32 hex digits of the SHA-256 of its matter, canonically."""
    return digest_of(canonical(matter)).removeprefix("sha256:")[:32]


def heading_of(members: Mapping[str, Any]) -> dict[str, Any]:
    """Undo `Step.heading`: arguments of a kind's constructor; raises MalformedError, LimitExceededError."""
    return {
        "by": AgencyId.parse(text_of(members, "by")),
        "parties": parties_of(members, "parties"),
        "at": parse_instant(text_of(members, "at")),
        "previous": None if members["previous"] is None else parse_digest(text_of(members, "previous")),
    }


def _check_size(size: int, most: int) -> None:
    if size > most:
        raise LimitExceededError(f"a step has at most {most} bytes")
