"""HTML: one file that asks for nothing else; charts are SVG inside, figures carry their ids."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from html import escape
from importlib.resources import files
from typing import Final

from exchange.report.chart.canvas import Picture
from exchange.report.form.label import AGENCY, SIGN, SIGNED, front, told
from exchange.report.make import Made
from exchange.report.page import Block, Cell, Chart, Table, Text

_STYLE: Final = "data/page.css"
_ID: Final = re.compile(r'(\bid="|href="#|url\(#)')
_BEFORE: Final = re.compile(r"^.*?(?=<svg)", re.DOTALL)
_SIZE: Final = re.compile(r'(<svg[^>]*?) width="[^"]*"| height="[^"]*pt"')


def html(made: Made, pictures: Mapping[str, Picture], language: str) -> bytes:
    """The report as HTML; the same report gives the same bytes."""
    return "\n".join(_lines(made, pictures, language)).encode() + b"\n"


def _lines(made: Made, pictures: Mapping[str, Picture], language: str) -> Iterator[str]:
    page = front(made, language)
    style = (files("exchange.report") / _STYLE).read_text(encoding="utf-8").strip()
    yield f'<!doctype html>\n<html lang="{"zh-CN" if language == "zh" else "en"}">\n<head>\n<meta charset="utf-8">'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    policy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
    yield f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
    yield f"<title>{escape(page.title)} · {escape(page.period)}</title>\n<style>\n{style}\n</style>\n</head>\n<body>"
    yield f"<header><p>{escape(page.kind)}</p><h1>{escape(page.title)}</h1>"
    yield f"<p><span>{escape(page.period)}</span><span>{escape(page.moment)}</span></p></header>"
    yield f'<p class="weak">{escape(page.about)}</p>\n<nav>'
    for at, chapter in enumerate(made.chapters, 1):
        yield f'<a href="#{chapter.name}">{at}　{escape(chapter.title.say(language))}</a><br>'
    yield "</nav>\n<main>"
    for at, chapter in enumerate(made.chapters, 1):
        yield f'<section id="{chapter.name}"><h2>{at}　{escape(chapter.title.say(language))}</h2>'
        for block in chapter.blocks:
            yield from _block(made, block, pictures, language)
        yield "</section>"
    yield from _signatures(made, language)
    yield f"</main>\n<footer>{escape(page.digest)}</footer>\n</body>\n</html>"


def _block(made: Made, block: Block, pictures: Mapping[str, Picture], language: str) -> Iterator[str]:
    if isinstance(block, Text):
        weak = ' class="weak"' if block.weak else ""
        yield f"<p{weak}>{escape(block.say(made.report.figures, language))}</p>"
    elif isinstance(block, Chart):
        if block.name in pictures:
            yield f'<figure role="img" aria-label="{escape(block.alt.say(language))}">'
            yield inline(block.name, pictures[block.name].svg.decode())
            yield f"<figcaption>{escape(block.title.say(language))}</figcaption></figure>"
    else:
        yield from _table(made, block, language)


def inline(name: str, svg: str) -> str:
    """An SVG file as a part of a page: without its prolog and fixed size, its ids its own."""
    bare = _SIZE.sub(r"\1", _BEFORE.sub("", svg), count=2)
    return _ID.sub(rf"\g<1>{name}-", bare).strip()


def _table(made: Made, table: Table, language: str) -> Iterator[str]:
    yield f'<h3>{escape(table.title.say(language))}</h3>\n<div class="wide"><table>\n<thead><tr>'
    for column in table.columns:
        number = ' class="number"' if column.number else ""
        yield f'<th scope="col"{number}>{escape(column.title.say(language))}</th>'
    yield "</tr></thead>\n<tbody>"
    for at, row in enumerate(table.rows):
        total = ' class="total"' if table.total and at == len(table.rows) - 1 else ""
        cells = (
            _cell(made, cell, column.number, language)
            for cell, column in zip(row, table.columns, strict=True)
        )
        yield f"<tr{total}>{''.join(cells)}</tr>"
    yield "</tbody></table></div>"
    if table.note is not None:
        yield f'<p class="note">{escape(table.note.say(language))}</p>'


def _cell(made: Made, cell: Cell, number: bool, language: str) -> str:
    read = told(cell, made.report.figures, language, made.facts.standard)
    figure = f' data-figure="{escape(cell.figure)}" title="{escape(cell.figure)}"' if cell.figure else ""
    looks = (
        f' class="class" style="--class: {read.colour}"'
        if read.colour
        else ' class="number"'
        if number
        else ""
    )
    return f"<td{looks}{figure}>{escape(read.text)}</td>"


def _signatures(made: Made, language: str) -> Iterator[str]:
    yield f'<section id="sign"><h2>{escape(SIGN.say(language))}</h2><p class="weak">{escape(SIGNED.say(language))}</p>'
    yield '<div class="sign">'
    for side in made.report.scope.sides:
        agency = f"{AGENCY.say(language)} {side.signatory}"
        yield f"<div><strong>{escape(side.name.say(language))}</strong><br>{escape(agency)}</div>"
    yield "</div></section>"
