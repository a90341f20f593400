"""What an erratum changes: each figure as it was signed and as it is now."""

from __future__ import annotations

from exchange.report.document import Report
from exchange.report.page import Cell, Chapter, Column, Table, Text, cell, shown
from exchange.report.words import EMPTY, Words, plain

_LISTED = 400


def changes_chapter(report: Report, before: Report) -> Chapter:
    """A row a figure; the first 400."""
    rows: list[tuple[Cell, ...]] = []
    for change in report.changes[:_LISTED]:
        was = EMPTY
        if change.figure in before.figures:
            held = before.figures[change.figure]
            was = Words(held.shown("zh"), held.shown("en"))
        now = shown(change.figure) if change.figure in report.figures else cell(EMPTY)
        rows.append((cell(plain(change.figure)), cell(was), now))
    columns = (
        Column(Words("数字编号", "Figure"), 3),
        Column(Words("原值", "As signed"), 1.4),
        Column(Words("现值", "Now"), 1.4),
    )
    text = Text(
        Words(
            f"本勘误更正报告 {report.corrects}；签署后数据有更正，{len(report.changes)}个数字随之变化。",
            f"This erratum corrects report {report.corrects}: {len(report.changes)} of its figures have changed "
            "since it was signed.",
        )
    )
    table = Table("changes", Words("变化的数字", "Figures that changed"), columns, tuple(rows))
    return Chapter("changes", Words("勘误", "Erratum"), (text, table) if rows else (text,))
