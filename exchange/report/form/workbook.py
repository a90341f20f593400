"""XLSX: a sheet a table, numbers as numbers, sums and shares as live formulas, and every figure with its sources."""

from __future__ import annotations

import io
import re
from datetime import UTC
from typing import Any, Final

from exchange.report.form.label import EASTERN, front, told
from exchange.report.form.zipped import settled
from exchange.report.make import Made
from exchange.report.page import Cell, Chapter, Table, tables
from exchange.report.words import Words
from exchange.river.extra import load

_FIRST: Final = 3
_ODD: Final = re.compile(r"[\[\]:*?/\\]")
_FIGURES: Final = Words("全部数字", "Figures")
_SOURCES: Final = Words("来源", "Sources")
_FIGURE_HEADS: Final = (
    Words("编号", "Id"),
    Words("数值", "Value"),
    Words("单位", "Unit"),
    Words("读法", "As read"),
    Words("来源", "Sources"),
)
_SOURCE_HEADS: Final = (
    Words("键", "Key"),
    Words("类型", "Kind"),
    Words("枢纽", "Hub"),
    Words("账本序号", "Index"),
    Words("摘要", "Digest"),
    Words("所指", "About"),
)


def xlsx(made: Made, language: str) -> bytes:
    """The annex as XLSX; the same report gives the same bytes."""
    out = io.BytesIO()
    book = load("xlsxwriter").Workbook(out, {"in_memory": True, "strings_to_numbers": False})
    moment = made.report.as_of.astimezone(UTC).replace(tzinfo=None, microsecond=0)
    page = front(made, language)
    book.set_properties({"title": page.title, "author": str(made.report.by), "created": moment})
    book.set_calc_mode("auto")
    formats = _Formats(book)
    for chapter, table in tables(made.chapters):
        _sheet(book, formats, made, chapter, table, language)
    _figures(book, formats, made, language)
    _sources(book, formats, made, language)
    book.close()
    return settled(out.getvalue())


class _Formats:
    """Formats of a book, each made once."""

    def __init__(self, book: Any) -> None:
        self._book = book
        self._held: dict[tuple[str, bool, str], Any] = {}
        self.title = book.add_format(
            {"bold": True, "font_size": 13, "font_name": EASTERN, "font_color": "#0b4f6c"}
        )
        self.head = book.add_format(
            {
                "bold": True,
                "bg_color": "#e8f0f4",
                "bottom": 2,
                "text_wrap": True,
                "indent": 1,
                "valign": "top",
                "font_name": EASTERN,
            }
        )
        self.number_head = book.add_format(
            {
                "bold": True,
                "bg_color": "#e8f0f4",
                "bottom": 2,
                "text_wrap": True,
                "align": "right",
                "valign": "top",
                "font_name": EASTERN,
            }
        )
        self.note = book.add_format({"font_size": 9, "font_color": "#6b7785", "font_name": EASTERN})

    def of(self, number: str = "", bold: bool = False, colour: str = "") -> Any:
        """By number format, weight, and the colour of a class as a broad left border."""
        key = (number, bold, colour)
        if key not in self._held:
            given: dict[str, Any] = {
                "bold": bold,
                "font_name": EASTERN,
                "bottom": 4,
                "bottom_color": "#c9d2dc",
            }
            # text beside a number of the column before does not touch it
            given |= {"num_format": number} if number else {"indent": 1}
            if colour:
                given |= {"left": 5, "left_color": colour}
            self._held[key] = self._book.add_format(given)
        return self._held[key]


def _sheet(book: Any, formats: _Formats, made: Made, chapter: Chapter, table: Table, language: str) -> None:
    sheet = book.add_worksheet(_name(book, table.title.say(language)))
    sheet.write_string(0, 0, f"{chapter.title.say(language)} · {table.title.say(language)}", formats.title)
    shares = max(column.share for column in table.columns)
    for at, column in enumerate(table.columns):
        sheet.set_column(at, at, 11 + 26 * column.share / shares if not column.number else 15)
        head = formats.number_head if column.number else formats.head
        sheet.write_string(_FIRST - 1, at, column.title.say(language), head)
    sheet.freeze_panes(_FIRST, 1)
    summed = len(table.rows) - 1 if table.total else len(table.rows)
    for row, cells in enumerate(table.rows):
        bold = table.total and row == len(table.rows) - 1
        place = {"row": _FIRST + row + 1, "first": _FIRST + 1, "last": _FIRST + summed}
        for at, cell in enumerate(cells):
            _put(sheet, formats, made, (_FIRST + row, at), cell, place, bold, language)
    if table.note is not None:
        sheet.write_string(_FIRST + len(table.rows) + 1, 0, table.note.say(language), formats.note)
    _printed(sheet, _FIRST - 1)


def _printed(sheet: Any, head: int) -> None:
    """On A4 across, as wide as a page, its head on each."""
    sheet.set_landscape()
    sheet.set_paper(9)
    sheet.fit_to_pages(1, 0)
    sheet.repeat_rows(head)


def _put(
    sheet: Any,
    formats: _Formats,
    made: Made,
    at: tuple[int, int],
    cell: Cell,
    place: dict[str, int],
    bold: bool,
    language: str,
) -> None:
    figures = made.report.figures
    read = told(cell, figures, language, made.facts.standard)
    figure = figures[cell.figure] if cell.figure else None
    number = figure.number if figure is not None else None
    if figure is None or (number is None and not cell.formula):
        sheet.write_string(*at, read.text, formats.of("", bold, read.colour))
        return
    shape = formats.of("#,##0" + ("." + "0" * figure.digits if figure.digits else ""), bold)
    if cell.formula:
        value: float | str = "" if number is None else float(number)
        sheet.write_formula(*at, cell.formula.format(**place), shape, value)
    elif number is not None:
        sheet.write_number(*at, float(number), shape)


def _figures(book: Any, formats: _Formats, made: Made, language: str) -> None:
    rows = [
        (figure.id, figure.number if figure.number is not None else figure.value or "", figure.unit,
         figure.shown(language), " ".join(figure.sources))
        for figure in made.report.figures
    ]  # fmt: skip
    _plain(book, formats, _FIGURES.say(language), [head.say(language) for head in _FIGURE_HEADS], rows)


def _sources(book: Any, formats: _Formats, made: Made, language: str) -> None:
    rows = [
        (each.key, each.kind, each.hub, each.index if each.index >= 0 else "", each.digest, each.about)
        for each in made.report.sources
    ]
    _plain(book, formats, _SOURCES.say(language), [head.say(language) for head in _SOURCE_HEADS], rows)


def _plain(book: Any, formats: _Formats, name: str, heads: list[str], rows: list[tuple[Any, ...]]) -> None:
    sheet = book.add_worksheet(_name(book, name))
    for at, head in enumerate(heads):
        sheet.write_string(0, at, head, formats.head)
    sheet.set_column(0, 0, 44)
    sheet.set_column(1, len(heads) - 2, 16)
    sheet.set_column(len(heads) - 1, len(heads) - 1, 60)
    sheet.freeze_panes(1, 1)
    _printed(sheet, 0)
    for row, values in enumerate(rows, 1):
        for at, value in enumerate(values):
            if isinstance(value, str):
                sheet.write_string(row, at, value, formats.of())
            else:
                sheet.write_number(row, at, float(value), formats.of())


def _name(book: Any, title: str) -> str:
    """A sheet's name: 31 characters, none of those that a sheet may not have, no two alike."""
    taken = {sheet.get_name().lower() for sheet in book.worksheets()}
    plain = _ODD.sub(" ", title)[:31]
    found, number = plain, 1
    while found.lower() in taken:
        number += 1
        found = f"{plain[:28]} {number}"
    return found
