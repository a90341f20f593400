"""DOCX: real headings, styles and tables, so that Word and WPS can go on with it."""

from __future__ import annotations

import io
from collections.abc import Mapping
from datetime import UTC
from typing import Any, Final

from exchange.report.chart.canvas import Picture
from exchange.report.form.label import (
    AGENCY,
    DAY,
    EASTERN,
    PERSON,
    SIGN,
    SIGNED,
    WESTERN,
    front,
    told,
)
from exchange.report.form.zipped import settled
from exchange.report.make import Made
from exchange.report.page import Block, Chart, Table, Text
from exchange.river.extra import load

_WIDTH: Final = 17.0
_SMALL, _TEXT = 8.5, 10.5
_SIZES: Final = {"Normal": _TEXT, "Title": 22, "Heading 1": 15, "Heading 2": 11.5, "Caption": _SMALL}
_INK, _ACCENT, _HEAD = "24303C", "0B4F6C", "E8F0F4"


def docx(made: Made, pictures: Mapping[str, Picture], language: str) -> bytes:
    """The report as DOCX; the same report gives the same bytes."""
    document = load("docx").Document()
    _dress(document)
    page = front(made, language)
    _describe(document, made, page.title)
    document.add_paragraph(page.kind, style="Subtitle")
    document.add_paragraph(page.title, style="Title")
    document.add_paragraph(f"{page.period}　{page.moment}")
    document.add_paragraph(page.about)
    for at, chapter in enumerate(made.chapters, 1):
        document.add_heading(f"{at}　{chapter.title.say(language)}", 1)
        for block in chapter.blocks:
            _add(document, made, block, pictures, language)
    _signatures(document, made, language)
    _foot(document, page.digest)
    out = io.BytesIO()
    document.save(out)
    return settled(out.getvalue())


def _dress(document: Any) -> None:
    """Page, fonts of both scripts, sizes and colours, in the styles and nowhere else."""
    shared, ns = load("docx.shared"), load("docx.oxml.ns")
    [section] = document.sections
    section.page_width, section.page_height = shared.Cm(21), shared.Cm(29.7)
    section.left_margin = section.right_margin = shared.Cm(2)
    section.top_margin = section.bottom_margin = shared.Cm(2.2)
    for name, size in (*_SIZES.items(), ("Subtitle", _TEXT)):
        style = document.styles[name]
        style.font.name, style.font.size = WESTERN, shared.Pt(size)
        fonts = style.element.get_or_add_rPr().get_or_add_rFonts()
        for theme in ("asciiTheme", "hAnsiTheme", "eastAsiaTheme", "cstheme"):
            fonts.attrib.pop(ns.qn(f"w:{theme}"), None)
        fonts.set(ns.qn("w:eastAsia"), EASTERN)
        style.font.color.rgb = shared.RGBColor.from_string(
            _ACCENT if "eading" in name or name == "Title" else _INK
        )
        style.font.italic = False
    document.styles["Heading 1"].paragraph_format.space_before = shared.Pt(18)
    document.styles["Normal"].paragraph_format.space_after = shared.Pt(6)


def _describe(document: Any, made: Made, title: str) -> None:
    moment = made.report.as_of.astimezone(UTC).replace(tzinfo=None, microsecond=0)
    properties = document.core_properties
    properties.title, properties.author = title, str(made.report.by)
    properties.last_modified_by, properties.revision = str(made.report.by), 1
    properties.created = properties.modified = moment
    properties.comments, properties.identifier = "", made.report.digest


def _add(document: Any, made: Made, block: Block, pictures: Mapping[str, Picture], language: str) -> None:
    if isinstance(block, Text):
        run = document.add_paragraph().add_run(block.say(made.report.figures, language))
        if block.weak:
            run.font.size = load("docx.shared").Pt(_SMALL)
    elif isinstance(block, Chart):
        if block.name in pictures:
            _picture(document, pictures[block.name], block, language)
    else:
        _table(document, made, block, language)


def _picture(document: Any, picture: Picture, block: Chart, language: str) -> None:
    width = load("docx.shared").Cm(_WIDTH)
    shape = document.add_picture(io.BytesIO(picture.png), width=width)
    shape._inline.docPr.set("descr", block.alt.say(language))
    document.paragraphs[-1].paragraph_format.keep_with_next = True
    caption = document.add_paragraph(block.title.say(language), style="Caption")
    caption.alignment = load("docx.enum.text").WD_ALIGN_PARAGRAPH.CENTER


def _table(document: Any, made: Made, table: Table, language: str) -> None:
    document.add_heading(table.title.say(language), 2)
    whole = document.add_table(rows=1 + len(table.rows), cols=len(table.columns))
    whole.style, whole.autofit = "Table Grid", False
    shares = sum(column.share for column in table.columns)
    widths = [load("docx.shared").Cm(_WIDTH * column.share / shares) for column in table.columns]
    numbers = [column.number for column in table.columns]
    # Table.cell() walks the whole grid each time
    rows = [row.cells for row in whole.rows]
    _row(rows[0], [(column.title.say(language), "") for column in table.columns], numbers, widths, True)
    _repeat(whole.rows[0])
    for at, row in enumerate(table.rows, 1):
        cells = [told(cell, made.report.figures, language, made.facts.standard) for cell in row]
        last = table.total and at == len(table.rows)
        _row(rows[at], [(cell.text, cell.colour) for cell in cells], numbers, widths, last)
    for cell in rows[0]:
        _shade(cell, _HEAD)
    note = document.add_paragraph()
    if table.note is not None:
        note.add_run(table.note.say(language)).font.size = load("docx.shared").Pt(_SMALL)


def _row(
    cells: Any, texts: list[tuple[str, str]], numbers: list[bool], widths: list[Any], bold: bool
) -> None:
    shared, right = load("docx.shared"), load("docx.enum.text").WD_ALIGN_PARAGRAPH.RIGHT
    for cell, (text, colour), number, width in zip(cells, texts, numbers, widths, strict=True):
        cell.width = width
        [paragraph] = cell.paragraphs
        paragraph.paragraph_format.space_after = shared.Pt(1)
        run = paragraph.add_run(text)
        run.font.size, run.bold = shared.Pt(_SMALL), bold
        if number:
            paragraph.alignment = right
        if colour:
            _edge(cell, colour.lstrip("#"))


def _shade(cell: Any, colour: str) -> None:
    _append(cell, f'<w:shd {_NS} w:val="clear" w:color="auto" w:fill="{colour}"/>')


def _edge(cell: Any, colour: str) -> None:
    """A broad left border in the class's colour; the text keeps its contrast."""
    _append(cell, f'<w:tcBorders {_NS}><w:left w:val="single" w:sz="36" w:color="{colour}"/></w:tcBorders>')


def _append(cell: Any, xml: str) -> None:
    cell._tc.get_or_add_tcPr().append(load("docx.oxml").parse_xml(xml))


def _repeat(row: Any) -> None:
    """The head of a table on every page; no row over two pages."""
    properties = row._tr.get_or_add_trPr()
    for name in ("cantSplit", "tblHeader"):
        properties.append(load("docx.oxml").parse_xml(f"<w:{name} {_NS}/>"))


_NS: Final = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'


def _signatures(document: Any, made: Made, language: str) -> None:
    document.add_heading(SIGN.say(language), 1)
    document.add_paragraph(SIGNED.say(language))
    sides = made.report.scope.sides
    table = document.add_table(rows=1, cols=len(sides))
    table.style = "Table Grid"
    for cell, side in zip(table.rows[0].cells, sides, strict=True):
        cell.paragraphs[0].add_run(side.name.say(language)).bold = True
        cell.add_paragraph(f"{AGENCY.say(language)} {side.signatory}")
        cell.add_paragraph()
        cell.add_paragraph(f"{PERSON.say(language)} ____________　{DAY.say(language)} ____________")


def _foot(document: Any, digest: str) -> None:
    [section] = document.sections
    [paragraph] = section.footer.paragraphs
    run = paragraph.add_run(f"{digest}　")
    run.font.size = load("docx.shared").Pt(7)
    field = load("docx.oxml").parse_xml(
        f'<w:fldSimple {_NS} w:instr="PAGE"><w:r><w:t>1</w:t></w:r></w:fldSimple>'
    )
    paragraph._p.append(field)
