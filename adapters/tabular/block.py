"""A CSV text as batches of cells, in order: what has no quotation mark is cut at line ends and parsed by threads.

From the first quotation mark on the rest is one stream, because only whoever reads from there knows whether a line end
is inside a cell.
"""

from __future__ import annotations

import io
import os
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain
from typing import Any, Final

import pyarrow as pa
from pyarrow import csv as arrow_csv

from exchange.errors import LimitExceededError

# Parsing, reading of cells and the search for repeats go on side by side; each has its share of the machine.
_THREADS: Final = max(1, min(4, (os.cpu_count() or 1) // 2))
_AHEAD: Final = 4


@dataclass(frozen=True, slots=True)
class Odd:
    """A line with too few or too many cells: which it is (from 1, from where parsing began), and its text."""

    line: int
    text: str


@dataclass(frozen=True, slots=True)
class Block:
    """Cells, and the odd lines met so far and not told before; `again` where lines are counted from 1 again."""

    cells: pa.RecordBatch
    odd: Sequence[Odd]
    again: bool


@dataclass(frozen=True, slots=True)
class Parser:
    """How a file is parsed: names of its columns, the separator, and the most bytes of a line."""

    names: Sequence[str]
    delimiter: str
    line_bytes: int

    def blocks(self, text: Iterator[bytes]) -> Iterator[Block]:
        """All rows of a UTF-8 text; raises LimitExceededError, ArrowInvalid, UnicodeDecodeError (from `text`)."""
        pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="csv")
        waiting: deque[Future[Block]] = deque()
        rest: Iterator[bytes] | None = None
        try:
            lines = _whole_lines(text, self.line_bytes)
            for block in lines:
                if b'"' in block:
                    rest = chain([block], lines)
                    break
                waiting.append(pool.submit(self._parsed, block))
                if len(waiting) >= _AHEAD:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)
        if rest is not None:
            yield from self._streamed(rest)

    def _parsed(self, block: bytes) -> Block:
        odd: list[Odd] = []
        table = arrow_csv.read_csv(
            pa.BufferReader(block), self._read(len(block) + 1), self._parse(odd), self._convert()
        )
        return Block(_one(table), odd, True)

    def _streamed(self, text: Iterator[bytes]) -> Iterator[Block]:
        odd: list[Odd] = []
        again = True
        with arrow_csv.open_csv(
            io.BufferedReader(_Stream(text), self.line_bytes),
            self._read(self.line_bytes),
            self._parse(odd),
            self._convert(),
        ) as reader:
            for batch in reader:
                met = len(odd)
                yield Block(batch, odd[:met], again)
                del odd[:met]
                again = False
        if odd:
            none = pa.schema([(name, pa.string()) for name in self.names]).empty_table()
            yield Block(_one(none), odd, again)

    def _read(self, size: int) -> arrow_csv.ReadOptions:
        return arrow_csv.ReadOptions(column_names=self.names, block_size=size, use_threads=False)

    def _parse(self, odd: list[Odd]) -> arrow_csv.ParseOptions:
        def take(row: Any) -> str:
            odd.append(Odd(row.number, row.text))
            return "skip"

        return arrow_csv.ParseOptions(
            delimiter=self.delimiter,
            newlines_in_values=True,
            ignore_empty_lines=False,
            invalid_row_handler=take,
        )

    def _convert(self) -> arrow_csv.ConvertOptions:
        types = dict.fromkeys(self.names, pa.string())
        return arrow_csv.ConvertOptions(column_types=types, strings_can_be_null=False)


def _one(table: pa.Table) -> pa.RecordBatch:
    found = table.to_batches()
    return found[0] if len(found) == 1 else pa.RecordBatch.from_pylist([], table.schema)


def _whole_lines(text: Iterator[bytes], most: int) -> Iterator[bytes]:
    """The same bytes, cut after line ends."""
    held = b""
    for chunk in text:
        held += chunk
        end = held.rfind(b"\n") + 1 or held.rfind(b"\r", 0, -1) + 1
        if end:
            yield held[:end]
            held = held[end:]
        if len(held) > most:
            raise LimitExceededError(f"有一行超过 {most} 字节 / a line is longer than {most} bytes")
    if held:
        yield held


class _Stream(io.RawIOBase):
    """Chunks as a file."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks, self._held = chunks, memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, into: Any) -> int:
        if not self._held:
            self._held = memoryview(next(self._chunks, b""))
        count = min(len(into), len(self._held))
        into[:count] = self._held[:count]
        self._held = self._held[count:]
        return count
