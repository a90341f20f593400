"""A report's files beside one another: report.json, and every form of it."""

from __future__ import annotations

from collections.abc import Mapping
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
    drawn = pictures(made, language)
    return {
        "report.json": made.report.to_bytes(),
        "report.pdf": pdf(made, drawn, language),
        "report.docx": docx(made, drawn, language),
        "report.xlsx": xlsx(made, language),
        "report.html": html(made, drawn, language),
    }


def write_forms(made: Made, directory: Path, language: str = "zh") -> list[Path]:
    """Write every form; the paths."""
    directory.mkdir(parents=True, exist_ok=True)
    found = []
    for name, data in forms(made, language).items():
        path = directory / name
        path.write_bytes(data)
        found.append(path)
    return found
