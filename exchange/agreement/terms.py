"""The terms of an agreement: the one canonical document that both sides sign.

RFC 8785 JSON with exactly the members of `Terms`. Its DSSE payload type is `TERMS_TYPE`; an agreement that stands is
that document with two signatures, one by a key of each side. 政务数据共享条例 (2025) asks for purpose, scope and term.
PROTOCOL.md, section Agreements.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Self

from exchange.batch.manifest import format_instant, parse_instant
from exchange.errors import FieldViolation, InvalidInputError, LimitExceededError, MalformedError
from exchange.ids import AgencyId, ContractRef, DatasetId, digest_of, parse_case
from exchange.trust.canonical import canonical, parse_canonical

TERMS_TYPE: Final = "application/vnd.hechuan.agreement+json"
MAX_TERMS_BYTES: Final = 16 << 10
MAX_PURPOSE: Final = 1000
MAX_FILTER: Final = 4096


@dataclass(frozen=True, slots=True)
class Terms:
    """Who may read which columns and rows of which dataset, for what purpose, from when until when.

    `columns` in the contract's order; `row_filter` is a CEL expression over `row` and `reader`, empty for all rows.
    `mirror`: the consumer's hub may keep a copy. `onward`: other agencies of the consumer's jurisdiction may read too.
    `start` counts, `until` does not any more.
    """

    agreement: str
    dataset: DatasetId
    contract: ContractRef
    consumer: AgencyId
    columns: tuple[str, ...]
    row_filter: str
    purpose: str
    start: datetime
    until: datetime
    mirror: bool
    onward: bool

    def __post_init__(self) -> None:
        wrong = [
            FieldViolation(name, "terms", text)
            for name, text, bad in (
                ("contract", "the dataset is under another contract", self._other_contract()),
                ("consumer", "provider and consumer are the same agency", self.consumer == self.provider),
                ("columns", "at least one, none twice", not self._columns_are_sound()),
                (
                    "purpose",
                    f"1 to {MAX_PURPOSE} characters",
                    not 0 < len(self.purpose.strip()) <= MAX_PURPOSE,
                ),
                ("row_filter", f"at most {MAX_FILTER} characters", len(self.row_filter) > MAX_FILTER),
                ("until", "later than from", self.until <= self.start),
            )
            if bad
        ]
        if wrong:
            fields = ", ".join(item.field for item in wrong)
            raise InvalidInputError(f"协议条款有误 / the terms are not sound: {fields}", violations=wrong)

    def _other_contract(self) -> bool:
        return self.contract.name != self.dataset.contract

    def _columns_are_sound(self) -> bool:
        return bool(self.columns) and len(set(self.columns)) == len(self.columns)

    @property
    def provider(self) -> AgencyId:
        """The dataset's owner."""
        return self.dataset.owner

    @property
    def parties(self) -> frozenset[AgencyId]:
        """Both sides."""
        return frozenset({self.provider, self.consumer})

    def other(self, side: AgencyId) -> AgencyId:
        """The side that is not this one."""
        return self.consumer if side == self.provider else self.provider

    def to_json(self) -> dict[str, Any]:
        """The JSON value that both sides sign."""
        return {
            "agreement": self.agreement,
            "columns": list(self.columns),
            "consumer": str(self.consumer),
            "contract": str(self.contract),
            "dataset": str(self.dataset),
            "from": format_instant(self.start),
            "mirror": self.mirror,
            "onward": self.onward,
            "provider": str(self.provider),
            "purpose": self.purpose,
            "row_filter": self.row_filter,
            "until": format_instant(self.until),
            "v": 1,
        }

    def to_bytes(self) -> bytes:
        """Canonical JSON."""
        return canonical(self.to_json())

    @property
    def digest(self) -> str:
        """SHA-256 of the canonical document."""
        return digest_of(self.to_bytes())

    @classmethod
    def from_json(cls, value: object) -> Self:
        """Read a parsed document; raises MalformedError, InvalidInputError naming the member."""
        if not isinstance(value, dict) or value.keys() != _MEMBERS or value.get("v") != 1:
            raise MalformedError("terms have missing or unknown members, or are not of v 1")
        terms = cls(
            agreement=parse_case("agreement", text_of(value, "agreement")),
            dataset=DatasetId.parse(text_of(value, "dataset")),
            contract=ContractRef.parse(text_of(value, "contract")),
            consumer=AgencyId.parse(text_of(value, "consumer")),
            columns=_columns(value["columns"]),
            row_filter=text_of(value, "row_filter"),
            purpose=text_of(value, "purpose"),
            start=parse_instant(text_of(value, "from")),
            until=parse_instant(text_of(value, "until")),
            mirror=_flag(value, "mirror"),
            onward=_flag(value, "onward"),
        )
        if str(terms.provider) != value["provider"]:
            raise InvalidInputError(
                f"dataset {terms.dataset} is not {str(value['provider'])[:80]}'s to share"
            )
        return terms

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Read the canonical bytes; raises as `from_json`, LimitExceededError."""
        if len(data) > MAX_TERMS_BYTES:
            raise LimitExceededError(f"terms have at most {MAX_TERMS_BYTES} bytes")
        return cls.from_json(parse_canonical(data))


_MEMBERS: Final = frozenset(
    {"agreement", "columns", "consumer", "contract", "dataset", "from", "mirror", "onward", "provider"}
    | {"purpose", "row_filter", "until", "v"}
)


def text_of(members: Mapping[str, Any], name: str) -> str:
    """A member that must be a string; raises MalformedError."""
    value = members[name]
    if not isinstance(value, str):
        raise MalformedError(f"member {name} is not a string")
    return value


def _flag(members: Mapping[str, Any], name: str) -> bool:
    value = members[name]
    if not isinstance(value, bool):
        raise MalformedError(f"member {name} is neither true nor false")
    return value


def _columns(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise MalformedError("member columns is not a list of strings")
    return tuple(value)
