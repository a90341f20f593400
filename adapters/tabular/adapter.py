"""Files of tables under a mapping."""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Final

from adapters.codes.crosswalk import load_crosswalk
from adapters.mapping.document import load_form, shipped
from adapters.mapping.form import Form
from adapters.protocol import Tally
from adapters.shape.reading import ShapedReading
from adapters.shape.sheet import Sheet
from adapters.tabular.excel import read_workbook
from adapters.tabular.text import read_text
from exchange.contract.model import Contract
from exchange.errors import InvalidInputError, NotFoundError

TEXT: Final = frozenset({".csv", ".tsv", ".txt"})
WORKBOOKS: Final = frozenset({".xlsx", ".xlsm", ".xls"})
_DATE: Final = re.compile(
    r"(?<![0-9])((?:19|20)[0-9]{2})[-_.年]?([01][0-9])(?:[-_.月]?([0-3][0-9]))?(?![0-9])"
)
_YEAR: Final = re.compile(r"(?<![0-9])((?:19|20)[0-9]{2})(?![0-9])")


@dataclass(frozen=True, slots=True)
class TabularAdapter:
    """Reads CSV, XLSX and XLS. `only` chooses rows beside what the mapping chooses: heading → the texts wanted."""

    contracts: Mapping[str, Contract] | None = None
    only: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """As in the entry point."""
        return "tabular"

    def of(self, heading: str, *texts: str) -> TabularAdapter:
        """The same for the rows alone where `heading` has one of the texts."""
        return replace(self, only={**self.only, heading: texts})

    def read(self, source: str, mapping: Path) -> ShapedReading:
        """Begin to read a file; raises InvalidInputError, NotFoundError. Rows are read as they are asked for."""
        contracts = shipped() if self.contracts is None else self.contracts
        form = load_form(mapping, contracts)
        form = replace(form, source=replace(form.source, only={**form.source.only, **self.only}))
        path = Path(source)
        if not path.is_file():
            raise NotFoundError(f"没有文件 {source} / no file {source}")
        if path.suffix.lower() not in TEXT | WORKBOOKS:
            raise InvalidInputError(
                f"{path.name}: 须为 {' '.join(sorted(TEXT | WORKBOOKS))} / is none of these"
            )
        _year_known(path, form)

        def sheets(tally: Tally) -> Generator[Sheet, None, None]:
            about, year = told_date(path.name)
            for sheet in _sheets(path, form, tally):
                yield replace(sheet, about=about, year=year)

        table = form.source.crosswalk
        codes = load_crosswalk(mapping.parent / table) if table else None
        return ShapedReading(form, contracts, sheets, codes)


adapter: Final = TabularAdapter()


def _sheets(path: Path, form: Form, tally: Tally) -> Iterator[Sheet]:
    if path.suffix.lower() in TEXT:
        return read_text(path, form, tally)
    return read_workbook(path, form)


def told_date(name: str) -> tuple[date | None, int | None]:
    """The date in a file's name, and the year."""
    found = _DATE.search(name)
    if found is not None:
        try:
            return date(int(found[1]), int(found[2]), int(found[3] or 1)), int(found[1])
        except ValueError:
            pass
    year = _YEAR.search(name)
    return None, int(year[1]) if year else None


def _year_known(path: Path, form: Form) -> None:
    if form.source.year is not None and form.source.year.name and told_date(path.name)[1] is None:
        raise InvalidInputError(
            f"{path.name} 中没有年份，文件内时间也不含年份 / "
            f"neither the name of {path.name} nor the times in it say the year; name it as …_2021-04-01.csv"
        )
