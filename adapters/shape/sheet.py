"""What adapters hand in: headings, and lines of text in batches."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Final

import pyarrow as pa

from adapters.codes.unit import unit_of
from exchange.errors import FieldViolation, MalformedError

_BRACKETS: Final = re.compile(r"^(?P<name>.*?)[\s_]*[(\[](?P<unit>[^()\[\]]*)[)\]]$")
_TAIL: Final = re.compile(r"^(?P<name>.+?)[\s,、]+(?P<unit>\S+)$")


@dataclass(frozen=True, slots=True)
class Lines:
    """Some lines: a column of strings per heading, and the number of each line (int64, from 1)."""

    cells: pa.RecordBatch
    numbers: pa.Array


@dataclass(frozen=True, slots=True)
class Sheet:
    """One table of a source. `letters` name the columns to people; `about` is the date the source's name tells."""

    name: str
    headings: tuple[str, ...]
    letters: tuple[str, ...]
    lines: Iterator[Lines]
    about: date | None = None
    year: int | None = None


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading taken apart: `氨氮（mg/L）` is 氨氮 in mg/L."""

    name: str
    unit: str | None

    @classmethod
    @lru_cache(maxsize=4096)
    def parse(cls, text: str) -> Heading:
        """Name and unit; the unit None where there is none that is known."""
        plain = plain_heading(text)
        for form in (_BRACKETS, _TAIL):
            found = form.match(plain)
            if found and found["name"]:
                unit = unit_of(found["unit"])
                if unit is not None and found["unit"]:
                    return cls(found["name"].strip(), unit)
        return cls(plain, None)


@lru_cache(maxsize=4096)
def plain_heading(text: str) -> str:
    """A heading without what typing makes of it: widths of characters, line breaks, spaces at the ends."""
    return re.sub(r"\s+", " ", unicodedata.normalize("NFKC", text)).strip()


def places_of(headings: Sequence[str], wanted: Sequence[str]) -> Mapping[str, int]:
    """Where each wanted heading that is there stands, by its text or else by its name without unit."""
    texts: dict[str, int] = {}
    names: dict[str, list[int]] = {}
    for at, text in enumerate(headings):
        texts.setdefault(plain_heading(text), at)
        names.setdefault(Heading.parse(text).name, []).append(at)
    found: dict[str, int] = {}
    for text in wanted:
        at = texts.get(plain_heading(text), -1)
        alike = names.get(plain_heading(text)) or names.get(Heading.parse(text).name, [])
        if at < 0 and len(alike) == 1:
            at = alike[0]
        if at >= 0:
            found[text] = at
    return found


def require(sheet: Sheet, wanted: Sequence[str]) -> None:
    """Whether a sheet has the headings that it must have; raises MalformedError naming those it lacks."""
    found = places_of(sheet.headings, wanted)
    lacking = [text for text in wanted if text not in found]
    if lacking:
        names = "、".join(lacking)
        raise MalformedError(
            f"{sheet.name or '表'} 缺少列 {names} / columns are missing: {', '.join(lacking)}",
            violations=[FieldViolation(text, "heading", "the source has no such column") for text in lacking],
        )
