"""Where the header of a table is, and what its columns are called; titles above it are usual, and so are two rows."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from adapters.codes.unit import unit_of
from adapters.mapping.form import Form
from adapters.shape.sheet import places_of, plain_heading
from exchange.errors import MalformedError

_NUMBER: Final = re.compile(r"^[<>]?[+-]?[0-9][0-9,.:/ -]*[A-Za-z%]?$")
Cells = Sequence[str]


@dataclass(frozen=True, slots=True)
class Header:
    """The first line of the header (from 0), how many lines it has, and the headings."""

    at: int
    rows: int
    headings: tuple[str, ...]


def find_header(lines: Sequence[Cells], form: Form | None) -> Header:
    """The header among the first lines: where the mapping says, or the row that has most of its headings.

    Without a mapping, the row after which cells look like data. Raises MalformedError where there is none.
    """
    rows = form.source.header_rows if form else 1
    if form is not None and form.source.header_row is not None:
        at = form.source.header_row - 1
        if at >= len(lines):
            raise MalformedError(f"没有第 {at + 1} 行 / there is no row {at + 1}")
        return Header(at, rows, joined(lines[at : at + rows]))
    if form is None:
        at = _likely(lines)
        at -= at > 0 and _units_below(lines[at - 1 : at + 1])
        rows = 2 if _units_below(lines[at : at + 2]) else 1
        return Header(at, rows, joined(lines[at : at + rows]))
    wanted = sorted(form.all_headings())
    scores = [len(places_of(joined(lines[at : at + rows]), wanted)) for at in range(len(lines))]
    best = max(range(len(lines)), key=lambda at: scores[at], default=None)
    if best is None or not scores[best]:
        raise MalformedError(
            f"前 {len(lines)} 行没有映射所说的表头 / none of the first {len(lines)} rows has the mapping's headings: "
            f"{', '.join(wanted[:8])}"
        )
    return Header(best, rows, joined(lines[best : best + rows]))


def joined(lines: Sequence[Cells]) -> tuple[str, ...]:
    """Headings of one or more rows: a unit below its name goes into brackets, other parts are joined by `/`."""
    if not lines:
        return ()
    width = max(map(len, lines))
    headings = []
    for at in range(width):
        parts: list[str] = []
        for line in lines:
            text = plain_heading(line[at]) if at < len(line) else ""
            if text and text not in parts:
                parts.append(text)
        if len(parts) > 1 and unit_of(parts[-1].strip("()")) is not None:
            headings.append(f"{'/'.join(parts[:-1])}({parts[-1].strip('()')})")
        else:
            headings.append("/".join(parts))
    return tuple(headings)


def _units_below(lines: Sequence[Cells]) -> bool:
    """Whether the second of two lines has the units of the first: units, and what merged cells repeat, alone."""
    if len(lines) < 2:
        return False
    names, below = (list(map(plain_heading, line)) for line in lines)
    own = [text for at, text in enumerate(below) if text and text != (names[at] if at < len(names) else "")]
    return bool(own) and all(unit_of(text.strip("()")) is not None for text in own)


def _likely(lines: Sequence[Cells]) -> int:
    def score(at: int) -> float:
        words = [cell for cell in lines[at] if cell.strip()]
        below = [cell for line in lines[at + 1 : at + 4] for cell in line if cell.strip()]
        if not words or any(map(_NUMBER.match, words)):
            return -1.0
        data = sum(1 for cell in below if _NUMBER.match(cell.strip())) / max(1, len(below))
        return len(words) + 2 * data * len(words)

    best = max(range(len(lines)), key=score, default=None)
    if best is None or score(best) < 0:
        raise MalformedError(
            "找不到表头 / no header was found: name its row in the mapping (source.header.row)"
        )
    return best


def letter_of(at: int) -> str:
    """The name that spreadsheets give a column: 0 is A, 26 is AA."""
    letters = ""
    at += 1
    while at:
        at, rest = divmod(at - 1, 26)
        letters = chr(65 + rest) + letters
    return letters


def letters_of(count: int) -> tuple[str, ...]:
    """The first `count` of them."""
    return tuple(letter_of(at) for at in range(count))


def padded(lines: Iterable[Cells], width: int) -> list[list[str]]:
    """Lines of one width."""
    return [[*line[:width], *[""] * (width - len(line))] for line in lines]
