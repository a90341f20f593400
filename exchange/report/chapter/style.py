"""Names and pieces that several chapters use."""

from __future__ import annotations

from collections.abc import Iterable

from exchange.report.facts.month import Facts
from exchange.report.figure import Figures
from exchange.report.mark import class_name
from exchange.report.page import Cell, Column, shown
from exchange.report.words import Words
from exchange.river.standard import Standard


def item_name(standard: Standard, code: str) -> Words:
    """An item's name; its code where the standard does not know it."""
    found = next((item for item in standard.items if item.code == code), None)
    return Words(found.zh, found.en) if found else Words(code, code)


def item_names(standard: Standard, codes: Iterable[str]) -> Words:
    """Several, in their order; a dash for none."""
    names = [item_name(standard, code) for code in codes]
    if not names:
        return Words("—", "—")
    return Words("、".join(name.zh for name in names), ", ".join(name.en for name in names))


def side_name(facts: Facts, jurisdiction: str) -> Words:
    """A side's name by its jurisdiction."""
    return next(side.name for side in facts.scope.sides if side.jurisdiction == jurisdiction)


def level_figure(figures: Figures, id: str, level: int, sources: Iterable[str]) -> str:
    """A class as a figure."""
    said = class_name(level) if level else None
    return figures.add(id, str(level) if level else None, said=said, level=level, sources=sources)


def share(figures: Figures, id: str, part: float, whole: float, sources: Iterable[str]) -> str:
    """A share in per cent with one digit; none of nothing."""
    return figures.add(id, 100 * part / whole if whole else None, unit="%", digits=1, sources=sources)


def number(title: Words, width: float = 1.0) -> Column:
    """A column of numbers."""
    return Column(title, width, True)


def summed(figures: Figures, id: str, parts: Iterable[str], column: str) -> Cell:
    """The sum of counts above it, and how a workbook sums them."""
    found = [figures[part] for part in parts]
    total = sum(int(figure.value or 0) for figure in found)
    sources = [source for figure in found for source in figure.sources]
    return shown(figures.add(id, total, sources=sources), f"=SUM({column}{{first}}:{column}{{last}})")
