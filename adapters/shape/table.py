"""The rows of one contract out of batches of lines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from adapters.mapping.form import TableRule
from adapters.protocol import Origin, Piece, Unread, place_of
from adapters.shape.column import Context, Reader, reader_of
from adapters.shape.item import Widen, set_failed
from adapters.shape.repeat import Repeats
from adapters.shape.sheet import Lines
from exchange.contract.model import Contract

_FEW = 50


@dataclass(frozen=True, slots=True)
class Built:
    """A piece, and what was met on the way."""

    piece: Piece
    counts: Counter[str]
    unread: list[Unread]


class TableReader:
    """Reads one table of a mapping from one sheet; several threads may `build` at once."""

    def __init__(self, rule: TableRule, contract: Contract, context: Context) -> None:
        self._rule, self._contract, self._context = rule, contract, context
        self._readers: dict[str, Reader] = {
            name: reader_of(column, contract.column(name), contract, context)
            for name, column in rule.columns.items()
        }
        self._widen = Widen(rule.items, contract, context) if rule.items else None
        self._alike = {
            name
            for name, column in rule.columns.items()
            if column.value is not None and pa.types.is_string(contract.column(name).arrow_type)
        }
        letters = context.sheet.letters
        self._fixed = {
            name: letters[context.places[column.source]]
            for name, column in rule.columns.items()
            if column.source
        }

    def build(self, lines: Lines) -> Built:
        """The rows of a batch."""
        counts: Counter[str] = Counter()
        unread: list[Unread] = []
        found: dict[str, pa.Array] = {}
        for name, reader in self._readers.items():
            read = reader(lines.cells)
            found[name] = read.array
            if read.unread is not None:
                counts["unread"] += int(read.unread.sum())
                unread += self._unread(name, lines, np.flatnonzero(read.unread)[:_FEW])
        if self._widen is None:
            return Built(self._piece(found, lines.numbers, None), counts, unread)
        return self._long(found, lines, counts, unread)

    def _long(
        self, found: dict[str, pa.Array], lines: Lines, counts: Counter[str], unread: list[Unread]
    ) -> Built:
        items = self._rule.items
        assert self._widen is not None
        assert items is not None
        long = self._widen.read(lines.cells, counts)
        at = pa.array(long.line)
        wide = {
            name: _alike(array, len(at)) if name in self._alike else _encoded(array).take(at)
            for name, array in found.items()
        }
        if items.failed is not None and items.failed.column in wide:
            name = items.failed.column
            wide[name] = set_failed(wide[name], long.failed, items.failed.instead_of, items.failed.instead)
        numbers = lines.numbers.take(at)
        for row in long.unread[:_FEW]:
            letter = long.letters[int(row)].as_py()
            place = self._context.sheet.letters.index(letter)
            text = lines.cells.column(place)[int(long.line[row])].as_py() or ""
            unread.append(Unread(place_of(self._context.sheet.name, numbers[int(row)].as_py(), letter), text))
        return Built(self._piece(wide | long.columns, numbers, long.letters), counts, unread)

    def _piece(self, found: Mapping[str, pa.Array], numbers: pa.Array, letters: pa.Array | None) -> Piece:
        names = [column.name for column in self._contract.columns if column.name in found]
        rows = pa.RecordBatch.from_arrays([found[name] for name in names], names=names)
        origin = Origin(self._context.sheet.name, numbers, letters, self._fixed)
        return Piece(self._rule.contract, rows, origin)

    def _unread(self, name: str, lines: Lines, rows: npt.NDArray[np.int64]) -> list[Unread]:
        source = self._rule.columns[name].source
        if source is None:
            return []
        place, sheet = self._context.places[source], self._context.sheet
        cells = lines.cells.column(place)
        return [
            Unread(
                place_of(sheet.name, lines.numbers[int(row)].as_py(), sheet.letters[place]),
                cells[int(row)].as_py() or "",
            )
            for row in rows
        ]


class FirstOf:
    """Lets the first row of each key pass."""

    def __init__(self, rule: TableRule) -> None:
        self._names = rule.first_of
        self._repeats = Repeats() if rule.first_of else None

    def filter(self, piece: Piece, counts: Counter[str]) -> Piece:
        """The rows whose key is new; counts those that say something else of a known one."""
        if self._repeats is None:
            return piece
        names = piece.rows.schema.names
        found = self._repeats.feed(piece.rows, [names.index(name) for name in self._names])
        counts["varied"] += int(found.conflicting.sum())
        keep = pa.array(~(found.identical | found.conflicting))
        origin = piece.origin
        assert origin is not None
        return Piece(
            piece.contract,
            piece.rows.filter(keep),
            Origin(origin.sheet, origin.lines.filter(keep), None, origin.fixed),
        )


def _alike(array: pa.StringArray, count: int) -> pa.Array:
    """The one text of a column, so many times."""
    return pa.DictionaryArray.from_arrays(pa.array(np.zeros(count, np.int8)), array.slice(0, 1))


def _encoded(array: pa.Array) -> pa.Array:
    """Strings as dictionaries, so that repeating them costs four bytes a row."""
    return array.dictionary_encode() if pa.types.is_string(array.type) else array
