"""A reading on disk: a Parquet file per contract, and beside it where each row stood, in bounded memory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq

from adapters.protocol import Piece, Reading, Tally, place_of
from exchange.batch.encode import ROW_GROUP, Writer
from exchange.contract.model import Contract
from exchange.contract.physical import conform

_ORIGIN: Final = pa.schema([("sheet", pa.string()), ("line", pa.int64()), ("letter", pa.string())])
_NOWHERE: Final = ("", 0, None)


@dataclass(slots=True)
class Taken:
    """Rows for one contract as they would be published."""

    contract: Contract
    path: Path
    rows: int = 0
    fixed: dict[str, Mapping[str, str]] = field(default_factory=dict)
    _group: tuple[int, pa.Table] | None = None

    @property
    def origins(self) -> Path:
        """The file that says where each row stood."""
        return self.path.with_suffix(".origin.parquet")

    def place(self, row: int, columns: str) -> str:
        """Where the cell stood that `columns` (joined by commas) of a row came from."""
        sheet, line, item = self._origin(row)
        names = columns.split(",")
        fixed = self.fixed.get(sheet, {})
        letters = [fixed[name] for name in names if name in fixed]
        letter = letters[0] if letters and (len(names) == 1 or item is None) else item
        return place_of(sheet, line, letter)

    def _origin(self, row: int) -> tuple[str, int, str | None]:
        if not self.origins.exists():
            return _NOWHERE
        number, at = divmod(row, ROW_GROUP)
        if self._group is None or self._group[0] != number:
            with pq.ParquetFile(self.origins) as file:
                self._group = number, file.read_row_group(number)
        found = self._group[1].slice(at, 1).to_pylist()[0]
        return found["sheet"], found["line"], found["letter"]


@dataclass(frozen=True, slots=True)
class Spooled:
    """A whole reading: what was taken, in the order in which it is to be published, and the tally."""

    taken: Mapping[str, Taken]
    tally: Tally


class _Target:
    """The two files of one contract while they are written."""

    def __init__(self, taken: Taken, first: pa.RecordBatch) -> None:
        conform(first.schema, taken.contract)
        self._taken = taken
        names = [column.name for column in taken.contract.columns if column.name in first.schema.names]
        self._schema = pa.schema([pa.field(name, taken.contract.column(name).arrow_type) for name in names])
        self._rows = Writer(taken.path, self._schema)
        self._origins = Writer(taken.origins, _ORIGIN)

    def write(self, piece: Piece) -> None:
        arrays = [piece.rows.column(name).cast(self._schema.field(name).type) for name in self._schema.names]
        self._rows.write(pa.RecordBatch.from_arrays(arrays, schema=self._schema))
        count = piece.rows.num_rows
        self._taken.rows += count
        origin = piece.origin
        sheet = pa.repeat(pa.scalar(origin.sheet if origin else "", pa.string()), count)
        lines = origin.lines if origin else pa.array(range(1, count + 1), pa.int64())
        letters = pa.nulls(count, pa.string())
        if origin is not None:
            self._taken.fixed.setdefault(origin.sheet, origin.fixed)
            if origin.letters is not None:
                letters = origin.letters.cast(pa.string())
        self._origins.write(pa.RecordBatch.from_arrays([sheet, lines, letters], schema=_ORIGIN))

    def close(self) -> None:
        self._rows.close()
        self._origins.close()


def spool(reading: Reading, contracts: Mapping[str, Contract], scratch: Path) -> Spooled:
    """Read a source to its end into `scratch`; raises what the reading raises, and SchemaMismatchError."""
    taken: dict[str, Taken] = {}
    targets: dict[str, _Target] = {}
    try:
        for piece in reading.pieces():
            name = piece.contract
            if name not in targets:
                taken[name] = Taken(contracts[name], scratch / f"{name}.parquet")
                targets[name] = _Target(taken[name], piece.rows)
            targets[name].write(piece)
    finally:
        for target in targets.values():
            target.close()
    return Spooled(taken, reading.tally)
