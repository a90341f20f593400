"""A source being read: sheets of text in, pieces under contracts out, everything that is left out counted."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Generator, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from adapters.codes.crosswalk import Crosswalk
from adapters.mapping.form import Form, TableRule
from adapters.protocol import Piece, Tally
from adapters.settings import limit
from adapters.shape.column import Context
from adapters.shape.repeat import Repeats
from adapters.shape.sheet import Lines, Sheet, places_of, require
from adapters.shape.table import Built, FirstOf, TableReader
from exchange.contract.model import Contract

_THREADS: Final = max(1, min(4, (os.cpu_count() or 1) // 2))
_AHEAD: Final = 4
Bools = npt.NDArray[np.bool_]
Sheets = Callable[[Tally], Generator[Sheet, None, None]]


class ShapedReading:
    """Reads sheets under a mapping, once, a few batches ahead. `sheets` gets the tally, to count what it leaves out."""

    def __init__(
        self,
        form: Form,
        contracts: Mapping[str, Contract],
        sheets: Sheets,
        crosswalk: Crosswalk | None = None,
    ) -> None:
        self.tally = Tally()
        self._form, self._contracts, self._sheets = form, contracts, sheets
        self._crosswalk = crosswalk or Crosswalk()
        self._first = [FirstOf(table) for table in form.tables]
        self._repeats = Repeats()

    def pieces(self) -> Iterator[Piece]:
        """All rows, in the order of the source."""
        workers = ThreadPoolExecutor(_THREADS, thread_name_prefix="adapter")
        with workers as pool, closing(self._sheets(self.tally)) as sheets:
            for sheet in sheets:
                yield from self._sheet(sheet, pool)
        if self._repeats.keys:
            self.tally.counts["keys"] = self._repeats.keys

    def _sheet(self, sheet: Sheet, pool: ThreadPoolExecutor) -> Iterator[Piece]:
        require(sheet, sorted(self._form.headings()))
        places = places_of(sheet.headings, sorted(self._form.all_headings()))
        context = Context(self._form, sheet, places, self._crosswalk)
        readers = [
            TableReader(table, self._contracts[table.contract], context) for table in self._form.tables
        ]
        waiting: deque[list[Future[Built]]] = deque()
        for lines in sheet.lines:
            kept = self._kept(lines, context)
            if kept.cells.num_rows:
                waiting.append([pool.submit(reader.build, kept) for reader in readers])
            if len(waiting) >= _AHEAD:
                yield from self._finished(waiting.popleft())
        while waiting:
            yield from self._finished(waiting.popleft())

    def _finished(self, futures: list[Future[Built]]) -> Iterator[Piece]:
        for first, future in zip(self._first, futures, strict=True):
            built = future.result()
            self.tally.counts.update(built.counts)
            self.tally.unread += built.unread[: limit().unread - len(self.tally.unread)]
            piece = first.filter(built.piece, self.tally.counts)
            if piece.rows.num_rows:
                yield piece

    def _kept(self, lines: Lines, context: Context) -> Lines:
        """Without blank rows, rows that were not asked for, and rows that repeat another whole."""
        counts, cells = self.tally.counts, lines.cells
        keep = _not_blank(cells)
        counts["blank"] += int((~keep).sum())
        counts["rows"] += int(keep.sum())
        for heading, wanted in context.form.source.only.items():
            of = pc.is_in(pc.utf8_trim_whitespace(cells.column(context.places[heading])), pa.array(wanted))
            other = keep & ~of.fill_null(False).to_numpy(zero_copy_only=False)
            counts["elsewhere"] += int(other.sum())
            keep &= ~other
        lines = _filter(lines, keep)
        keys = _keys(context, self._form.tables, self._contracts)
        if not keys:
            return lines
        found = self._repeats.feed(lines.cells, keys, _named(lines.cells, keys, context))
        counts["identical"] += int(found.identical.sum())
        counts["conflicting"] += int(found.conflicting.sum())
        return _filter(lines, ~found.identical)


def _filter(lines: Lines, keep: Bools) -> Lines:
    if keep.all():
        return lines
    mask = pa.array(keep)
    return Lines(lines.cells.filter(mask), lines.numbers.filter(mask))


def _not_blank(cells: pa.RecordBatch) -> Bools:
    """Rows with anything in them; columns are looked at until every row has shown something."""
    found = np.zeros(cells.num_rows, np.bool_)
    for array in cells.columns:
        found |= pc.greater(pc.binary_length(array).fill_null(0), 0).to_numpy(zero_copy_only=False)
        if found.all():
            break
    return found


def _keys(context: Context, tables: tuple[TableRule, ...], contracts: Mapping[str, Contract]) -> list[int]:
    """Where the cells are that name a row: of the first table whose every row counts."""
    for table in tables:
        if table.first_of:
            continue
        headings: set[str] = set()
        for name in contracts[table.contract].primary_key:
            rule = table.columns.get(name)
            if rule is not None:
                headings |= {rule.source} if rule.source else set()
                headings |= {*rule.made.of, *filter(None, [rule.made.province])} if rule.made else set()
        year = context.form.source.year
        if headings and year and year.column:
            headings.add(year.column)
        return sorted(context.places[heading] for heading in headings)
    return []


def _named(cells: pa.RecordBatch, keys: list[int], context: Context) -> Bools:
    """Rows whose every key cell says something."""
    marks = pa.array(list(context.form.source.cells))
    found = np.ones(cells.num_rows, np.bool_)
    for at in keys:
        found &= ~pc.is_in(cells.column(at).fill_null(""), marks).to_numpy(zero_copy_only=False)
    return found
