"""What stands in a report, whatever form it takes: chapters of text, tables and charts.

A cell is a figure or words; text names figures in braces: {quality.meets}. Nothing here holds a number of its own, so
all forms show the same.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from exchange.report.figure import Figures
from exchange.report.words import Words, plain

_NAMED: Final = re.compile(r"\{([A-Za-z0-9._-]+)\}")


@dataclass(frozen=True, slots=True)
class Cell:
    """`figure` is an id; words stand before it where both are there.

    `formula` is what a workbook computes the figure by: A1 style, {row}, {first} and {last} being rows of its table.
    """

    words: Words | None = None
    figure: str = ""
    formula: str = ""

    def say(self, figures: Figures, language: str) -> str:
        """As it is read."""
        parts = [] if self.words is None else [self.words.say(language)]
        if self.figure:
            parts.append(figures[self.figure].shown(language))
        return " ".join(parts)


@dataclass(frozen=True, slots=True)
class Column:
    """`share` is its width in relation to the others; numbers stand to the right."""

    title: Words
    share: float = 1.0
    number: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """`total`: whether the last row sums up the others."""

    name: str
    title: Words
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    note: Words | None = None
    total: bool = False


@dataclass(frozen=True, slots=True)
class Text:
    """A paragraph; `weak` is small print."""

    words: Words
    weak: bool = False

    def say(self, figures: Figures, language: str) -> str:
        """With the figures put in."""
        return _NAMED.sub(lambda found: figures[found[1]].shown(language), self.words.say(language))


@dataclass(frozen=True, slots=True)
class Chart:
    """A picture by its name; `title` stands below it, `alt` says what it shows."""

    name: str
    title: Words
    alt: Words


Block = Text | Table | Chart


@dataclass(frozen=True, slots=True)
class Chapter:
    """Under one heading."""

    name: str
    title: Words
    blocks: tuple[Block, ...]


def cell(text: Words | str) -> Cell:
    """Words in a cell."""
    return Cell(text if isinstance(text, Words) else plain(text))


def shown(figure: str, formula: str = "") -> Cell:
    """A figure in a cell."""
    return Cell(figure=figure, formula=formula)


def tables(chapters: Iterable[Chapter]) -> list[tuple[Chapter, Table]]:
    """Every table with the chapter that it stands in."""
    return [(chapter, block) for chapter in chapters for block in chapter.blocks if isinstance(block, Table)]
