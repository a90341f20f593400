"""CSV (RFC 4180, UTF-8, commas, a header) read as text a block at a time."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO, Final

import pyarrow as pa
from pyarrow import csv as arrow_csv

from exchange.batch.limit import Limits, bounded, foreign
from exchange.batch.utf8 import BOM, check_utf8
from exchange.contract.model import Contract
from exchange.contract.text import conform_names
from exchange.errors import LimitExceededError, MalformedError

BLOCK: Final = 4 << 20
_MAX_HEADER: Final = 64 << 10
_LINE_END: Final = re.compile(rb"\r\n|\r|\n")
_FIELDS: Final = re.compile(r"Row #(\d+): Expected (\d+) columns, got (\d+)")


def read_csv(file: BinaryIO, contract: Contract, limit: Limits) -> Iterator[pa.RecordBatch]:
    """Batches of text columns, at most BLOCK bytes of the file each; an empty cell is NULL, quoted or not.

    Raises MalformedError (encoding, quotes, fields; rows counted from the header, which is row 1),
    SchemaMismatchError (the header's names) and LimitExceededError (a row longer than BLOCK).
    """
    quotes = check_utf8(file)
    if quotes % 2:
        raise MalformedError(
            '引号不成对：单元格中的引号须写成 "" / a quotation mark is never closed: write those within a cell twice'
        )
    file.seek(0)
    names, rest = _header(file.read(len(BOM) + _MAX_HEADER), contract, limit)
    if not rest:
        return
    file.seek(0)
    reader = _open(file, names)
    while (batch := _next(reader)) is not None:
        yield batch


def _header(start: bytes, contract: Contract, limit: Limits) -> tuple[list[str], bool]:
    """The columns' names, and whether anything follows them."""
    start = start.removeprefix(BOM)
    end = _LINE_END.search(start)
    if end is None and len(start) >= _MAX_HEADER:
        raise LimitExceededError(f"the header is longer than {_MAX_HEADER} bytes")
    line = start[: end.start() if end else len(start)].decode("utf-8", "replace")
    try:
        rows = list(csv.reader([line], strict=True))
    except csv.Error as error:
        raise MalformedError(f"the header does not parse: {error}") from None
    names = [name.strip() for name in rows[0]] if rows else []
    if not any(names):
        raise MalformedError("第一行须是列名 / the first line is empty; it must name the columns")
    bounded("columns of the header", len(names), limit.columns)
    if len(names) == 1 and len(contract.columns) > 1 and re.search(r"[;\t|]", names[0]):
        raise MalformedError("列须以逗号分隔 / the header has no comma: separate columns by commas")
    conform_names(names, contract)
    return names, end is not None


def _open(file: BinaryIO, names: list[str]) -> arrow_csv.CSVStreamingReader:
    with _explained():
        return arrow_csv.open_csv(
            file,
            read_options=arrow_csv.ReadOptions(
                column_names=names, skip_rows=1, block_size=BLOCK, use_threads=False
            ),
            parse_options=arrow_csv.ParseOptions(newlines_in_values=True),
            convert_options=arrow_csv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.string()),
                null_values=[""],
                strings_can_be_null=True,
                quoted_strings_can_be_null=True,
            ),
        )


def _next(reader: arrow_csv.CSVStreamingReader) -> pa.RecordBatch | None:
    with _explained():
        return next(reader, None)


@contextmanager
def _explained() -> Iterator[None]:
    """Say what Arrow found in terms of rows and cells."""
    try:
        with foreign("the CSV file"):
            yield
    except MalformedError as error:
        raise _in_rows(error) from None


def _in_rows(error: MalformedError) -> MalformedError | LimitExceededError:
    found = _FIELDS.search(error.message)
    if found:
        row, expected, got = found.groups()
        return MalformedError(
            f"第 {row} 行有 {got} 个字段，表头有 {expected} 个；含逗号的单元格须加引号 / "
            f"row {row} has {got} fields, the header {expected}; put a cell with a comma in quotation marks",
            detail={"row": row},
        )
    if "straddl" in error.message:
        return LimitExceededError(
            f"有一行超过 {BLOCK} 字节，或引号没有关闭 / "
            f"a row is longer than {BLOCK} bytes, or a quotation mark is never closed",
            detail={"limit": str(BLOCK)},
        )
    return error
