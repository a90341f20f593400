"""A report's files beside one another: report.json, and every form of it."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from exchange.errors import InvalidInputError
from exchange.report.chart.draw import pictures
from exchange.report.form.typeset import pdf
from exchange.report.form.webpage import html
from exchange.report.form.word import docx
from exchange.report.form.workbook import xlsx
from exchange.report.make import Made
from exchange.report.words import LANGUAGES


def forms(made: Made, language: str = "zh") -> Mapping[str, bytes]:
    """File name → bytes; the same report gives the same bytes. Raises InvalidInputError for another language."""
    if language not in LANGUAGES:
        raise InvalidInputError(
            f"语言须为 {'、'.join(LANGUAGES)} / a language is one of {', '.join(LANGUAGES)}"
        )
    drawn, document = pictures(made, language), made.report.to_bytes()
    with ThreadPoolExecutor(1) as beside:  # typst leaves the interpreter to the others
        typeset = beside.submit(pdf, made, drawn, language)
        others = {
            "report.docx": docx(made, drawn, language),
            "report.xlsx": xlsx(made, language),
            "report.html": html(made, drawn, language),
        }
        return {"report.json": document, "report.pdf": typeset.result(), **others}


def write_forms(made: Made, directory: Path, language: str = "zh") -> list[Path]:
    """Write every form; the paths."""
    directory.mkdir(parents=True, exist_ok=True)
    found = []
    for name, data in forms(made, language).items():
        path = directory / name
        path.write_bytes(data)
        found.append(path)
    return found
