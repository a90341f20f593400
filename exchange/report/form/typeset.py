"""PDF by typst: a template and the report's data, with the one font that the extra brings."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib.resources import files
from typing import Any, Final

from exchange.report.chart.canvas import Picture
from exchange.report.form.label import AGENCY, DAY, FONT, PAGE, PERSON, SIGN, SIGNED, front, told
from exchange.report.make import Made
from exchange.report.page import Block, Chapter, Chart, Table, Text
from exchange.river.extra import load
from exchange.river.letter import font_file

_TEMPLATE: Final = "data/report.typ"


def pdf(made: Made, pictures: Mapping[str, Picture], language: str) -> bytes:
    """The report as PDF; the same report gives the same bytes."""
    return bytes(load("typst").compile(_inputs(made, pictures, language), format="pdf", **_how(made)))


def page_images(made: Made, pictures: Mapping[str, Picture], language: str, ppi: float = 100) -> list[bytes]:
    """Each page of that PDF as PNG, to be looked at."""
    found = load("typst").compile(_inputs(made, pictures, language), format="png", ppi=ppi, **_how(made))
    return [found] if isinstance(found, bytes) else list(found)


def raster(picture: Picture, ppi: float = 200) -> bytes:
    """A chart as PNG; drawing it a second time would take matplotlib several times as long."""
    size = f"width: {picture.width}in, height: {picture.height}in, margin: 0pt"
    text = f'#set page({size})\n#image("chart.svg", width: 100%)'.encode()
    given = {"main.typ": text, "chart.svg": picture.svg}
    return bytes(load("typst").compile(given, format="png", ppi=ppi, ignore_system_fonts=True))


def _how(made: Made) -> dict[str, Any]:
    moment = int(made.report.as_of.timestamp())
    return {"ignore_system_fonts": True, "font_paths": [str(font_file().parent)], "timestamp": moment}


def _inputs(made: Made, pictures: Mapping[str, Picture], language: str) -> dict[str, bytes]:
    template = (files("exchange.report") / _TEMPLATE).read_bytes()
    data = json.dumps(_data(made, pictures, language), ensure_ascii=False).encode()
    svgs = {_file(name): picture.svg for name, picture in pictures.items()}
    return {"main.typ": template, "data.json": data, **svgs}


def _file(name: str) -> str:
    return f"chart-{name}.svg"


def _data(made: Made, pictures: Mapping[str, Picture], language: str) -> dict[str, Any]:
    page = front(made, language)
    sides = made.report.scope.sides
    return {
        "font": FONT,
        "language": language,
        "front": {name: getattr(page, name) for name in page.__slots__},
        "page": PAGE.say(language),
        "chapters": [_chapter(made, each, pictures, language) for each in made.chapters],
        "sign": {
            "title": SIGN.say(language),
            "note": SIGNED.say(language),
            "agency": AGENCY.say(language),
            "person": PERSON.say(language),
            "day": DAY.say(language),
            "sides": [{"name": side.name.say(language), "agency": str(side.signatory)} for side in sides],
        },
    }


def _chapter(made: Made, chapter: Chapter, pictures: Mapping[str, Picture], language: str) -> dict[str, Any]:
    blocks = [_block(made, each, language) for each in chapter.blocks if _drawn(each, pictures)]
    return {"title": chapter.title.say(language), "blocks": blocks}


def _drawn(block: Block, pictures: Mapping[str, Picture]) -> bool:
    return not isinstance(block, Chart) or block.name in pictures


def _block(made: Made, block: Block, language: str) -> dict[str, Any]:
    figures = made.report.figures
    if isinstance(block, Text):
        return {"kind": "text", "text": block.say(figures, language), "weak": block.weak}
    if isinstance(block, Chart):
        return {
            "kind": "chart",
            "file": _file(block.name),
            "title": block.title.say(language),
            "alt": block.alt.say(language),
        }
    return _table(made, block, language)


def _table(made: Made, table: Table, language: str) -> dict[str, Any]:
    columns = [
        {"title": each.title.say(language), "share": each.share, "number": each.number}
        for each in table.columns
    ]
    rows = []
    for at, row in enumerate(table.rows):
        bold = table.total and at == len(table.rows) - 1
        cells = [told(cell, made.report.figures, language, made.facts.standard) for cell in row]
        rows.append([{"text": each.text, "colour": each.colour, "bold": bold} for each in cells])
    return {
        "kind": "table",
        "title": table.title.say(language),
        "columns": columns,
        "rows": rows,
        "note": table.note.say(language) if table.note else "",
        "total": table.total,
    }
