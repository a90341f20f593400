"""XLSX and XLS workbooks as sheets of text: merged cells filled, dates as ISO 8601, numbers as they were typed.

Workbooks are held whole while they are read (openpyxl, xlrd); their size is limited for that.
"""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime, time
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa

from adapters.mapping.form import Form
from adapters.settings import limit
from adapters.shape.sheet import Lines, Sheet
from adapters.tabular.header import find_header, letters_of, padded
from exchange.errors import LimitExceededError, MalformedError, NotFoundError

_BATCH: Final = 1 << 14
Grid = list[list[str]]


def sheets_of(path: Path) -> dict[str, Callable[[], Grid]]:
    """What gives the cells of each sheet as text, by name; merged cells say what their first does."""
    most = limit().workbook_bytes
    if path.stat().st_size > most:
        raise LimitExceededError(f"{path.name}: 工作簿超过 {most} 字节 / is larger than {most} bytes")
    return _xlsx(path) if path.suffix.lower() in (".xlsx", ".xlsm") else _xls(path)


def read_workbook(path: Path, form: Form) -> Iterator[Sheet]:
    """The sheet that the mapping names, or the first that has its headings."""
    found = sheets_of(path)
    wanted = form.source.sheet
    if wanted is not None and wanted not in found:
        raise NotFoundError(
            f"{path.name} 没有工作表 {wanted} / has no sheet {wanted}; there are {', '.join(found)}"
        )
    problem: MalformedError | None = None
    for name, cells in found.items():
        if wanted in (None, name):
            try:
                yield _sheet(name, cells(), form)
            except MalformedError as error:
                problem = problem or error
            else:
                return
    raise problem or MalformedError(f"{path.name} 没有工作表 / has no sheet")


def _sheet(name: str, cells: Grid, form: Form) -> Sheet:
    header = find_header(cells[: limit().header_rows], form)
    width = len(header.headings)
    start = header.at + header.rows

    def lines() -> Iterator[Lines]:
        for at in range(start, len(cells), _BATCH):
            rows = padded(cells[at : at + _BATCH], width)
            arrays = [pa.array(column, pa.string()) for column in zip(*rows, strict=True)]
            batch = pa.RecordBatch.from_arrays(arrays, names=[f"c{place}" for place in range(width)])
            yield Lines(batch, pa.array(np.arange(at + 1, at + 1 + len(rows), dtype=np.int64)))

    return Sheet(name, header.headings, letters_of(width), lines())


def _xlsx(path: Path) -> dict[str, Callable[[], Grid]]:
    import openpyxl

    try:
        with zipfile.ZipFile(path) as archive:
            unfolded = sum(each.file_size for each in archive.infolist())
        if unfolded > limit().workbook_unfolded_bytes:
            raise LimitExceededError(f"{path.name}: 解压后 {unfolded} 字节 / unfolds to {unfolded} bytes")
        book = openpyxl.load_workbook(path, data_only=True)
    except (zipfile.BadZipFile, KeyError, ValueError, OSError) as error:
        raise MalformedError(f"{path.name} 不是 XLSX / is no XLSX workbook: {str(error)[:200]}") from None

    def cells(sheet: Any) -> Grid:
        grid = [[_text(value) for value in row] for row in sheet.iter_rows(values_only=True)]
        for merged in sheet.merged_cells.ranges:
            _fill(grid, merged.min_row - 1, merged.max_row, merged.min_col - 1, merged.max_col)
        return grid

    return {sheet.title: lambda sheet=sheet: cells(sheet) for sheet in book.worksheets}  # type: ignore[misc]


def _xls(path: Path) -> dict[str, Callable[[], Grid]]:
    import xlrd

    try:
        book = xlrd.open_workbook(str(path), formatting_info=True, logfile=_Silent())
    except (
        xlrd.XLRDError,
        xlrd.compdoc.CompDocError,
        AssertionError,
        IndexError,
        KeyError,
        ValueError,
    ) as error:
        raise MalformedError(f"{path.name} 不是 XLS / is no XLS workbook: {str(error)[:200]}") from None

    def cells(sheet: Any) -> Grid:
        grid = [[_old(cell, book.datemode) for cell in sheet.row(at)] for at in range(sheet.nrows)]
        for top, bottom, left, right in sheet.merged_cells:
            _fill(grid, top, bottom, left, right)
        return grid

    return {sheet.name: lambda sheet=sheet: cells(sheet) for sheet in book.sheets()}  # type: ignore[misc]


class _Silent:
    """Where xlrd's remarks on odd files go: what matters it raises."""

    def write(self, text: str) -> int:
        """Drop a text."""
        return len(text)


def _fill(grid: Grid, top: int, bottom: int, left: int, right: int) -> None:
    if top >= len(grid) or left >= len(grid[top]):
        return
    text = grid[top][left]
    for row in grid[top:bottom]:
        row.extend([""] * (min(right, len(grid[top])) - len(row)))
        row[left:right] = [text] * len(row[left:right])


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    if isinstance(value, datetime):
        return value.isoformat(sep=" ", timespec="seconds")
    if isinstance(value, (date, time)):
        return value.isoformat()
    return str(value).strip()


def _old(cell: Any, mode: int) -> str:
    import xlrd

    if cell.ctype == xlrd.XL_CELL_DATE:
        try:
            return _text(xlrd.xldate_as_datetime(cell.value, mode))
        except (xlrd.xldate.XLDateError, OverflowError, ValueError):
            return repr(cell.value)
    if cell.ctype == xlrd.XL_CELL_BOOLEAN:
        return _text(bool(cell.value))
    if cell.ctype in (xlrd.XL_CELL_ERROR, xlrd.XL_CELL_EMPTY, xlrd.XL_CELL_BLANK):
        return ""
    return _text(cell.value)


def first_rows(path: Path, sheet: str | None) -> tuple[str, Sequence[Sequence[str]]]:
    """Name and first rows of a sheet, the first with anything in it where none is named."""
    for name, cells in sheets_of(path).items():
        if sheet in (None, name):
            grid = cells()
            if any(any(row) for row in grid):
                return name, grid[: limit().header_rows]
    raise MalformedError(f"{path.name} 没有数据 / has no data")
