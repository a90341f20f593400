"""DOCX: real headings, styles and tables, so that Word and WPS can go on with it."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from datetime import UTC
from typing import Any, Final
from xml.sax.saxutils import escape

from exchange.report.chart.canvas import Picture
from exchange.report.form.label import (
    AGENCY,
    DAY,
    EASTERN,
    PERSON,
    SIGN,
    SIGNED,
    WESTERN,
    Told,
    front,
    told,
)
from exchange.report.form.typeset import raster
from exchange.report.form.zipped import settled
from exchange.report.make import Made
from exchange.report.page import Block, Chart, Table, Text
from exchange.river.extra import load

_WIDTH: Final = 17.0
_WIDTH_TWIPS: Final = 9638
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
    align = load("docx.enum.text").WD_ALIGN_PARAGRAPH
    for name, side in (("Table Text", align.LEFT), ("Table Number", align.RIGHT), ("Table Note", align.LEFT)):
        style = document.styles.add_style(name, load("docx.enum.style").WD_STYLE_TYPE.PARAGRAPH)
        style.base_style = document.styles["Normal"]
        style.font.size = shared.Pt(_SMALL)
        style.paragraph_format.alignment = side
        style.paragraph_format.space_before = shared.Pt(3 if name == "Table Note" else 0)
        style.paragraph_format.space_after = shared.Pt(6 if name == "Table Note" else 1)
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
        style = "Table Note" if block.weak else "Normal"
        document.add_paragraph(block.say(made.report.figures, language), style=style)
    elif isinstance(block, Chart):
        if block.name in pictures:
            _picture(document, pictures[block.name], block, language)
    else:
        _table(document, made, block, language)


def _picture(document: Any, picture: Picture, block: Chart, language: str) -> None:
    width = load("docx.shared").Cm(_WIDTH)
    shape = document.add_picture(io.BytesIO(raster(picture)), width=width)
    shape._inline.docPr.set("descr", block.alt.say(language))
    document.paragraphs[-1].paragraph_format.keep_with_next = True
    caption = document.add_paragraph(block.title.say(language), style="Caption")
    caption.alignment = load("docx.enum.text").WD_ALIGN_PARAGRAPH.CENTER


def _table(document: Any, made: Made, table: Table, language: str) -> None:
    """Written as XML: python-docx walks the whole table for each cell."""
    document.add_heading(table.title.say(language), 2)
    shares = sum(column.share for column in table.columns)
    widths = [round(_WIDTH_TWIPS * column.share / shares) for column in table.columns]
    styles = ["TableNumber" if column.number else "TableText" for column in table.columns]
    heads = [Told(column.title.say(language), "") for column in table.columns]
    rows = [_row(heads, styles, widths, bold=True, head=True)]
    for at, row in enumerate(table.rows, 1):
        cells = [told(cell, made.report.figures, language, made.facts.standard) for cell in row]
        rows.append(_row(cells, styles, widths, bold=table.total and at == len(table.rows)))
    grid = "".join(f'<w:gridCol w:w="{width}"/>' for width in widths)
    properties = (
        '<w:tblStyle w:val="TableGrid"/><w:tblW w:w="5000" w:type="pct"/><w:tblLayout w:type="fixed"/>'
    )
    xml = f"<w:tbl {_NS}><w:tblPr>{properties}</w:tblPr><w:tblGrid>{grid}</w:tblGrid>{''.join(rows)}</w:tbl>"
    note = document.add_paragraph("" if table.note is None else table.note.say(language), style="Table Note")
    note._p.addprevious(load("docx.oxml").parse_xml(xml))


def _row(
    cells: Sequence[Told], styles: Sequence[str], widths: Sequence[int], bold: bool, head: bool = False
) -> str:
    """A row that stays on one page; a head that every page repeats."""
    shade = f'<w:shd w:val="clear" w:color="auto" w:fill="{_HEAD}"/>' if head else ""
    run = "<w:rPr><w:b/></w:rPr>" if bold else ""
    found = []
    for cell, style, width in zip(cells, styles, widths, strict=True):
        # a broad left border in the class's colour; the text keeps its contrast
        colour = cell.colour.lstrip("#")
        edge = (
            f'<w:tcBorders><w:left w:val="single" w:sz="36" w:color="{colour}"/></w:tcBorders>'
            if colour
            else ""
        )
        properties = f'<w:tcPr><w:tcW w:w="{width}" w:type="dxa"/>{edge}{shade}</w:tcPr>'
        text = f'<w:r>{run}<w:t xml:space="preserve">{escape(cell.text)}</w:t></w:r>'
        found.append(f'<w:tc>{properties}<w:p><w:pPr><w:pStyle w:val="{style}"/></w:pPr>{text}</w:p></w:tc>')
    return f"<w:tr><w:trPr><w:cantSplit/>{'<w:tblHeader/>' if head else ''}</w:trPr>{''.join(found)}</w:tr>"


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
