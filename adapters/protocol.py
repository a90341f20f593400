"""What an adapter is: it reads a source as it is and gives rows under contracts, a piece at a time.

Adapters judge nothing. A value that cannot be read becomes NULL, so that the contract check names and quarantines the
row; what an adapter leaves out (repeated rows, empty cells) it counts in the tally.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol

import pyarrow as pa

COUNTS: Final = {
    "rows": ("源数据行", "rows in the source"),
    "blank": ("空行", "blank rows"),
    "malformed": ("列数不符、略去的行", "rows left out: not as many cells as the header"),
    "elsewhere": ("不在所选范围、略去的行", "rows left out: not of those asked for"),
    "again": ("已取过、在重叠时段内的行", "rows of the overlap that were taken before"),
    "keys": ("不同的主键", "different keys"),
    "identical": ("完全重复、已合并的行", "rows that repeat another word for word, collapsed"),
    "conflicting": ("主键相同而内容不同的行", "rows with the key of another, and other content"),
    "empty": ("空单元格", "empty cells"),
    "not_measured": ("未测单元格", "cells of items that are not measured"),
    "failed": ("测定失败单元格", "cells of failed measurements"),
    "below_limit": ("低于检出限", "values below the detection limit"),
    "above_range": ("超出量程", "values above the range"),
    "varied": ("主键已有而内容不同、取首行", "rows of a known key with other content, the first kept"),
    "fills": ("恰为检出限的值（疑为填充）", "values exactly at the detection limit (filled in, it seems)"),
    "unread": ("无法读取的单元格", "cells that cannot be read"),
    "values": ("读出的值", "values read"),
    "uncoded": ("没有项目编码、略去的值", "values left out: their item has no code"),
    "outside": ("坐标在所称行政区之外", "points outside the district that they name"),
    "moved": ("已换算坐标的点", "points whose coordinates were converted"),
}


@dataclass(frozen=True, slots=True)
class Note:
    """Something an adapter left out or took for granted, in both languages."""

    zh: str
    en: str

    def __str__(self) -> str:
        return f"{self.zh} / {self.en}"


@dataclass(frozen=True, slots=True)
class Unread:
    """A cell that could not be read: where it is, and what it says."""

    place: str
    text: str


@dataclass(slots=True)
class Tally:
    """What a reading has come to so far: `counts` by the names in COUNTS; the first unreadable cells."""

    counts: Counter[str] = field(default_factory=Counter)
    notes: list[Note] = field(default_factory=list)
    unread: list[Unread] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Origin:
    """Where the rows of a piece stood: a line of the source each, and the cell where rows are cells.

    `lines` (int64) count from 1 as a spreadsheet does; `letters` is None where a row is a whole line. `fixed` names
    the source's column of a contract's column.
    """

    sheet: str
    lines: pa.Array
    letters: pa.Array | None
    fixed: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Piece:
    """Some rows for one contract."""

    contract: str
    rows: pa.RecordBatch
    origin: Origin | None = None


class Reading(Protocol):
    """One source being read, once and in bounded memory."""

    @property
    def tally(self) -> Tally:
        """Complete when `pieces` is at its end."""

    def pieces(self) -> Iterator[Piece]:
        """All rows; raises MalformedError where the source is of another kind."""


class Adapter(Protocol):
    """Reads one kind of source."""

    @property
    def name(self) -> str:
        """As in the entry point."""

    def read(self, source: str, mapping: Path) -> Reading:
        """Begin to read a file, URL or database under a mapping file; raises InvalidInputError."""


def place_of(sheet: str, line: int, letter: str | None) -> str:
    """A cell as a spreadsheet names it, `sheet!B7`; a line, or a field of a record, where there are no letters."""
    if letter is None:
        cell = f"row {line}"
    elif letter.isascii() and letter.isupper() and len(letter) <= 3:
        cell = f"{letter}{line}"
    else:
        cell = f"row {line} · {letter}"
    return f"{sheet}!{cell}" if sheet else cell
