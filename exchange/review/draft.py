"""What is put up for signature: digests of a report's document and of its forms, and which report it corrects.

RFC 8785 JSON: corrects, digest, forms, period, signatories, title. The report's id follows from its first draft.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

from exchange.errors import InvalidInputError, LimitExceededError, MalformedError
from exchange.ids import AgencyId, parse_case, parse_digest
from exchange.statement.read import parties_of, text_of
from exchange.statement.step import case_of

_MEMBERS: Final = frozenset({"corrects", "digest", "forms", "period", "signatories", "title"})
_FORM: Final = re.compile(r"[a-z][a-z0-9.-]{0,39}")
_MAX_FORMS: Final = 16
_MAX_TITLE: Final = 200


@dataclass(frozen=True, slots=True)
class Draft:
    """`digest` is that of the document, `forms` file name → digest; `corrects`: id of the report it corrects, or ""."""

    title: str
    period: str
    digest: str
    forms: Mapping[str, str]
    signatories: tuple[AgencyId, ...]
    corrects: str = ""

    def __post_init__(self) -> None:
        if len({each.jurisdiction for each in self.signatories}) != 2 or len(self.signatories) != 2:
            raise InvalidInputError(
                "由两个辖区各一家机构签署 / two agencies of two jurisdictions sign a report"
            )
        if not self.title.strip() or not self.period.strip():
            raise InvalidInputError("报告须有标题与时段 / a report has a title and a period")

    @property
    def id(self) -> str:
        """32 lower-case hex digits: the first of the SHA-256 of the draft."""
        return case_of(self.to_json())

    def to_json(self) -> dict[str, Any]:
        """The JSON value."""
        return {
            "corrects": self.corrects,
            "digest": self.digest,
            "forms": dict(self.forms),
            "period": self.period,
            "signatories": [str(each) for each in self.signatories],
            "title": self.title,
        }

    @classmethod
    def from_json(cls, value: object) -> Self:
        """Read one; raises MalformedError, LimitExceededError, InvalidInputError."""
        if not isinstance(value, dict) or value.keys() != _MEMBERS:
            raise MalformedError("a draft has missing or unknown members")
        return cls(
            title=text_of(value, "title", _MAX_TITLE),
            period=text_of(value, "period", 20),
            digest=parse_digest(text_of(value, "digest")),
            forms=_forms(value["forms"]),
            signatories=parties_of(value, "signatories"),
            corrects=parse_case("report", text_of(value, "corrects")) if value["corrects"] else "",
        )


def _forms(value: object) -> dict[str, str]:
    if not isinstance(value, dict) or not all(_FORM.fullmatch(name) for name in value):
        raise MalformedError("forms map file names to digests")
    if len(value) > _MAX_FORMS:
        raise LimitExceededError(f"a report has at most {_MAX_FORMS} forms")
    return {name: parse_digest(text_of(value, name)) for name in value}
