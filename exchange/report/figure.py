"""A figure: one number or word of a report, with what it was worked out of.

`sources` name entries of the report's list of sources; `hechuan trace` opens them. Values are decimal text with twelve
significant digits, so that they are signed as they were worked out; what people read is rounded from them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any, Final, Self

from exchange.errors import MalformedError, NotFoundError
from exchange.report.words import EMPTY, Words, plain

_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,119}")
Value = int | float | str | None


@dataclass(frozen=True, slots=True)
class Figure:
    """`value` is decimal text, or a word where `said` tells how it is read; None: there is no such figure.

    `digits` after the point are shown; `unit` as people write it, "" for counts and words. `level` is a class of water
    (1 to 6), where the figure is one.
    """

    id: str
    value: str | None
    unit: str = ""
    digits: int = 0
    sources: tuple[str, ...] = ()
    said: Words | None = None
    level: int = 0

    @property
    def number(self) -> Decimal | None:
        """The value as a number; None for words, and where there is none."""
        return None if self.value is None or self.said is not None else Decimal(self.value)

    def shown(self, language: str) -> str:
        """As it is read, without the unit. Half goes to the even digit (GB/T 8170-2008, 3.2)."""
        if self.value is None:
            return EMPTY.say(language)
        if self.said is not None:
            return self.said.say(language)
        rounded = Decimal(self.value).quantize(Decimal(1).scaleb(-self.digits), ROUND_HALF_EVEN)
        return f"{rounded:,f}"

    def to_json(self) -> dict[str, Any]:
        """The JSON value."""
        return {
            "digits": self.digits,
            "id": self.id,
            "level": self.level,
            "said": self.said and self.said.to_json(),
            "sources": list(self.sources),
            "unit": self.unit,
            "value": self.value,
        }

    @classmethod
    def from_json(cls, value: Any) -> Self:
        """Read one; raises KeyError, TypeError, which the document makes a MalformedError."""
        said = None if value["said"] is None else Words.of(value["said"])
        sources = tuple(str(each) for each in value["sources"])
        number = None if value["value"] is None else str(value["value"])
        if number is not None and said is None and not Decimal(number).is_finite():
            raise MalformedError(f"figure {value['id']!r} is not a number")
        return cls(
            str(value["id"]),
            number,
            str(value["unit"]),
            int(value["digits"]),
            sources,
            said,
            int(value["level"]),
        )


class Figures:
    """All figures of a report, in the order they were worked out."""

    def __init__(self, figures: Iterable[Figure] = ()) -> None:
        self._held = {figure.id: figure for figure in figures}

    def __iter__(self) -> Iterator[Figure]:
        return iter(self._held.values())

    def __contains__(self, id: str) -> bool:
        return id in self._held

    def __len__(self) -> int:
        return len(self._held)

    def __getitem__(self, id: str) -> Figure:
        try:
            return self._held[id]
        except KeyError:
            raise NotFoundError(f"报告中没有 {id[:120]} / the report has no figure {id[:120]}") from None

    def add(
        self,
        id: str,
        value: Value,
        *,
        unit: str = "",
        digits: int = 0,
        sources: Iterable[str] = (),
        said: Words | None = None,
        level: int = 0,
    ) -> str:
        """Keep one and hand its id on. A float becomes twelve significant digits; text without `said` is its own word.

        Raises MalformedError for an id that is taken or odd.
        """
        if not _ID.fullmatch(id) or id in self._held:
            raise MalformedError(f"figure {id[:120]!r} is taken, or not an id")
        if isinstance(value, str) and said is None:
            said = plain(value)
        text = None if value is None else value if isinstance(value, str) else _decimal(value)
        named = tuple(dict.fromkeys(sources))
        self._held[id] = Figure(id, text, unit, digits, named, said if value is not None else None, level)
        return id


def _decimal(value: float) -> str:
    """Twelve significant digits, never an exponent, no zeros at the end."""
    text = format(Decimal(f"{value:.12g}"), "f")
    return text.rstrip("0").rstrip(".") if "." in text else text
