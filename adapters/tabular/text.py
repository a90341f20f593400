"""CSV files as sheets of text, a block at a time, in whatever encoding and with whatever separator they have."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa

from adapters.mapping.form import Form
from adapters.protocol import Tally, Unread
from adapters.settings import limit
from adapters.shape.sheet import Lines, Sheet
from adapters.tabular.block import Block, Parser
from adapters.tabular.encoding import encoding_of, utf8_of
from adapters.tabular.header import find_header, letters_of
from exchange.errors import LimitExceededError, MalformedError

_START: Final = 256 << 10
_SHOWN: Final = 200
_LINE_END: Final = re.compile(rb"\r\n|\r|\n")


@dataclass(frozen=True, slots=True)
class Top:
    """The first rows of a file as cells, how many lines there are to the end of each, and the separator."""

    rows: list[list[str]]
    ends: list[int]
    delimiter: str


def top_of(path: Path, encoding: str, delimiter: str | None) -> Top:
    """Look at a file's beginning; the separator is the commonest of `,;\\t|` where none is said."""
    raw = next(utf8_of(path, encoding), b"")[:_START]
    text = raw.decode("utf-8", "replace")
    if delimiter is None:
        delimiter = max(",;\t|", key=text.count) if any(map(text.count, ",;\t|")) else ","
    rows: list[list[str]] = []
    ends: list[int] = []
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        for row in reader:
            rows.append(row)
            ends.append(reader.line_num)
            if len(rows) == limit().header_rows:
                break
        else:
            rows = rows if len(raw) < _START else rows[:-1]
    except csv.Error as error:
        if "field limit" in str(error):
            raise LimitExceededError(f"{path.name}: 单元格过长 / a cell is too long: {error}") from None
        raise MalformedError(f"{path.name}: 表头无法读取 / the first lines do not parse: {error}") from None
    return Top(rows, ends, delimiter)


def read_text(path: Path, form: Form, tally: Tally) -> Iterator[Sheet]:
    """The one sheet of a CSV file; raises MalformedError, LimitExceededError (a line that is too long)."""
    encoding = encoding_of(path, form.source.encoding)
    top = top_of(path, encoding, form.source.delimiter)
    header = find_header(top.rows, form)
    names = tuple(header.headings)
    skipped = min(header.at + header.rows, len(top.ends))
    text = _after(utf8_of(path, encoding), top.ends[skipped - 1])
    parser = Parser([f"c{at}" for at in range(len(names))], top.delimiter, limit().line_bytes)
    yield Sheet("", names, letters_of(len(names)), _lines(path.name, parser, text, _Numbered(skipped, tally)))


def _after(text: Iterator[bytes], lines: int) -> Iterator[bytes]:
    """The text behind so many lines of its first chunk."""
    first = next(text, b"")
    ends = [0, *(found.end() for found in islice(_LINE_END.finditer(first), lines))]
    yield first[ends[-1] :] if len(ends) > lines else b""
    yield from text


def _lines(name: str, parser: Parser, text: Iterator[bytes], numbered: _Numbered) -> Iterator[Lines]:
    try:
        for block in parser.blocks(text):
            numbers = numbered.of(block)
            if block.cells.num_rows:
                yield Lines(block.cells, pa.array(numbers))
    except LimitExceededError as error:
        raise LimitExceededError(f"{name}: {error}") from None
    except (pa.ArrowInvalid, UnicodeDecodeError) as error:
        raise _explained(name, error) from None


def _explained(name: str, error: Exception) -> MalformedError | LimitExceededError:
    text = str(error)[:_SHOWN]
    if "straddling" in text:
        most = limit().line_bytes
        return LimitExceededError(
            f"{name}: 有一行超过 {most} 字节，或引号没有关闭 / a line is longer than {most} bytes, or a quotation "
            "mark is never closed"
        )
    return MalformedError(f"{name}: 无法读取 / does not parse: {text}")


class _Numbered:
    """Numbers lines. Those with too few or too many cells are counted and listed; blank ones are only counted."""

    def __init__(self, skipped: int, tally: Tally) -> None:
        self._begin = self._end = skipped
        self._tally = tally
        self._odd: list[int] = []

    def of(self, block: Block) -> np.ndarray[Any, np.dtype[np.int64]]:
        """The numbers of a block's rows, which pass over the odd lines."""
        if block.again:  # what is left of odd lines stood at the end of the part before
            self._begin = self._end = self._end + len(self._odd)
            self._odd = []
        for odd in block.odd:
            self._take(self._begin + odd.line, odd.text)
        count = block.cells.num_rows
        span = np.arange(self._end + 1, self._end + 1 + count + len(self._odd), dtype=np.int64)
        kept = span[~np.isin(span, self._odd)][:count] if self._odd else span
        if count:
            self._end = int(kept[-1])
            self._odd = [line for line in self._odd if line > self._end]
        return kept

    def _take(self, line: int, text: str) -> None:
        self._odd.append(line)
        if not text.strip().strip(",;\t|"):
            self._tally.counts["blank"] += 1
            return
        self._tally.counts["rows"] += 1
        self._tally.counts["malformed"] += 1
        if len(self._tally.unread) < limit().unread:
            self._tally.unread.append(Unread(f"row {line}", text[:_SHOWN]))
