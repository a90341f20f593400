"""CSV files as sheets of text, a block at a time, in whatever encoding and with whatever separator they have."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
from pyarrow import csv as arrow_csv

from adapters.mapping.form import Form
from adapters.protocol import MAX_UNREAD, Tally, Unread
from adapters.shape.sheet import Lines, Sheet
from adapters.tabular.encoding import encoding_of
from adapters.tabular.header import LOOKED_AT, Header, find_header, letters_of
from exchange.errors import LimitExceededError, MalformedError

BLOCK: Final = 8 << 20
_START: Final = 256 << 10
_SHOWN: Final = 200


def first_lines(path: Path, encoding: str, delimiter: str | None) -> tuple[list[list[str]], str]:
    """Cells of the first lines, and the separator, which is the commonest of `,;\\t|` where none is said."""
    with path.open("rb") as file:
        raw = file.read(_START)
    text = raw.decode(encoding, "replace")
    whole = len(raw) < _START
    if delimiter is None:
        delimiter = max(",;\t|", key=text.count) if any(map(text.count, ",;\t|")) else ","
    lines = []
    try:
        for line in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter):
            lines.append(line)
            if len(lines) == LOOKED_AT:
                break
        else:
            lines = lines if whole else lines[:-1]
    except csv.Error as error:
        if "field limit" in str(error):
            raise LimitExceededError(f"{path.name}: 单元格过长 / a cell is too long: {error}") from None
        raise MalformedError(f"{path.name}: 表头无法读取 / the first lines do not parse: {error}") from None
    return lines, delimiter


def read_text(path: Path, form: Form, tally: Tally) -> Iterator[Sheet]:
    """The one sheet of a CSV file; raises MalformedError, LimitExceededError (a line longer than BLOCK)."""
    encoding = encoding_of(path, form.source.encoding)
    lines, delimiter = first_lines(path, encoding, form.source.delimiter)
    header = find_header(lines, form)
    count = len(header.headings)
    names = tuple(header.headings)
    yield Sheet("", names, letters_of(count), _lines(path, encoding, delimiter, header, tally))


def _lines(path: Path, encoding: str, delimiter: str, header: Header, tally: Tally) -> Iterator[Lines]:
    skip = header.at + header.rows
    names = [f"c{at}" for at in range(len(header.headings))]
    odd = _OddRows(path.name, skip, tally)
    end = skip
    try:
        with arrow_csv.open_csv(
            path,
            read_options=arrow_csv.ReadOptions(
                column_names=names, skip_rows=skip, block_size=BLOCK, encoding=encoding, use_threads=False
            ),
            parse_options=arrow_csv.ParseOptions(
                delimiter=delimiter,
                newlines_in_values=True,
                ignore_empty_lines=False,
                invalid_row_handler=odd.take,
            ),
            convert_options=arrow_csv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False
            ),
        ) as reader:
            for batch in reader:
                numbers, end = odd.number(end, batch.num_rows)
                yield Lines(batch, pa.array(numbers))
    except (pa.ArrowInvalid, UnicodeDecodeError) as error:
        raise _explained(path.name, error) from None


def _explained(name: str, error: Exception) -> MalformedError | LimitExceededError:
    text = str(error)[:_SHOWN]
    if "straddling" in text:
        return LimitExceededError(
            f"{name}: 有一行超过 {BLOCK} 字节，或引号没有关闭 / a line is longer than {BLOCK} bytes, or a "
            "quotation mark is never closed"
        )
    if "Empty CSV" in text:
        return MalformedError(f"{name}: 表头之后没有数据 / nothing follows the header")
    return MalformedError(f"{name}: 无法读取 / does not parse: {text}")


class _OddRows:
    """Rows with too few or too many cells: counted, listed, and left out; blank lines are only counted."""

    def __init__(self, name: str, skipped: int, tally: Tally) -> None:
        self._name, self._skipped, self._tally = name, skipped, tally
        self._at: list[int] = []

    def take(self, row: Any) -> str:
        """Arrow's handler of rows that do not fit."""
        line = row.number
        self._at.append(line)
        if not row.text.strip().strip(",;\t|"):
            self._tally.counts["blank"] += 1
            return "skip"
        self._tally.counts["rows"] += 1
        self._tally.counts["malformed"] += 1
        if len(self._tally.unread) < MAX_UNREAD:
            self._tally.unread.append(Unread(f"row {line}", row.text[:_SHOWN]))
        return "skip"

    def number(self, end: int, count: int) -> tuple[np.ndarray[Any, np.dtype[np.int64]], int]:
        """Line numbers of the next `count` rows after line `end`, passing over those that were left out."""
        span = np.arange(end + 1, end + 1 + count + len(self._at), dtype=np.int64)
        kept = span[~np.isin(span, self._at)][:count]
        last = int(kept[-1]) if count else end
        self._at = [line for line in self._at if line > last]
        return kept, last
