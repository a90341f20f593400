"""SQL text over stored Parquet files. Names in it are ours (c0, c1, …), values are bound; paths are quoted.

Every file is read under the contract's schema by column name: a column that a file lacks is NULL, a narrower one is
cast, and no order or spelling of the file's own matters.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa

from exchange.contract.instant import microseconds
from exchange.contract.model import Contract
from exchange.ports import Condition, Part
from exchange.store.duck.rows import SHIFT

_TYPES: Final[Mapping[pa.DataType, str]] = {
    pa.string(): "VARCHAR",
    pa.bool_(): "BOOLEAN",
    pa.date32(): "DATE",
    pa.timestamp("us", tz="UTC"): "TIMESTAMP WITH TIME ZONE",
    pa.float32(): "FLOAT",
    pa.float64(): "DOUBLE",
    pa.int8(): "TINYINT",
    pa.int16(): "SMALLINT",
    pa.int32(): "INTEGER",
    pa.int64(): "BIGINT",
    pa.uint8(): "UTINYINT",
    pa.uint16(): "USMALLINT",
    pa.uint32(): "UINTEGER",
    pa.uint64(): "UBIGINT",
}
_REPORT: Final = {
    "row": ("r_row", "BIGINT"),
    "rule": ("r_rule", "VARCHAR"),
    "column": ("r_column", "VARCHAR"),
    "value": ("r_value", "VARCHAR"),
    "severity": ("r_severity", "VARCHAR"),
}
_COMPARISONS: Final = {"eq": "=", "ne": "<>", "lt": "<", "le": "<=", "gt": ">", "ge": ">="}
_FLOAT_MAX: Final = float(np.finfo(np.float32).max)
_FAR: Final = 1 << 100


@dataclass(frozen=True)
class Statement:
    """One SQL statement in the making: `values` are what its markers $1, $2, … stand for."""

    contract: Contract
    parts: Sequence[Part]
    values: list[object] = field(default_factory=list)

    def mark(self, value: object) -> str:
        """Bind a value; the marker that stands for it."""
        self.values.append(value)
        return f"${len(self.values)}"

    def name(self, column: str) -> str:
        """The contract's column as these statements call it."""
        return f"c{self.contract.arrow_schema.get_field_index(column)}"

    def names(self, columns: Iterable[str]) -> str:
        """The same for several, with commas."""
        return ", ".join(self.name(column) for column in columns)

    @property
    def keys(self) -> str:
        """The primary key's columns, with commas."""
        return self.names(self.contract.primary_key)

    def rows(self, parts: Sequence[int], columns: Iterable[str], conditions: Iterable[Condition] = ()) -> str:
        """Rows of these parts as a query: the columns, then `pos`."""
        fields = {
            column.name: (self.name(column.name), _TYPES[column.arrow_type])
            for column in self.contract.columns
        }
        source = _parquet([self.parts[part].path for part in parts], fields)
        wanted = "".join(f"{self.name(column)}, " for column in columns)
        inner = f"SELECT *, {self._position(parts, 'file_row_number')} AS pos FROM {source}"
        return f"SELECT {wanted}pos FROM ({inner}) WHERE {self._where(conditions)}"

    def accepted(self, parts: Sequence[int], conditions: Iterable[Condition], rejected: bool) -> str:
        """Keys of these parts and `pos`, without the positions in the table `rejected`, if there is one."""
        found = self.rows(parts, self.contract.primary_key, conditions)
        return f"SELECT * FROM ({found}) ANTI JOIN rejected USING (pos)" if rejected else found

    def violations(self, parts: Sequence[int]) -> str:
        """What the reports of these parts list against rejected rows, as a query: pos, seq, rule, column, value."""
        reports = [report for part in parts if (report := self.parts[part].report) is not None]
        return (
            f"SELECT {self._position(parts, 'r_row')} AS pos, file_row_number AS seq, r_rule, r_column, r_value"
            f" FROM {_parquet(reports, _REPORT)} WHERE r_severity IN ('error', 'blocker')"
        )

    def _position(self, parts: Sequence[int], row: str) -> str:
        places = f"{self.mark(list(parts))}::BIGINT[]"
        return f"((list_extract({places}, file_index::BIGINT + 1) << {SHIFT}) | {row})"

    def _where(self, conditions: Iterable[Condition]) -> str:
        """All conditions, as SQL has it: no comparison is true of NULL, `ne` included."""
        return " AND ".join(self._condition(condition) for condition in conditions) or "TRUE"

    def _condition(self, condition: Condition) -> str:
        column, name = self.contract.column(condition.column), self.name(condition.column)
        if condition.operator == "is_null":
            return f"{name} IS NULL"
        if condition.operator == "not_null":
            return f"{name} IS NOT NULL"
        kind = column.arrow_type
        if pa.types.is_integer(kind) and not all(_fits(value, kind) for value in condition.values):
            name = f"{name}::HUGEINT"
            markers = [f"{self.mark(_far(value))}::HUGEINT" for value in condition.values]
        else:
            markers = [self._value(value, kind) for value in condition.values]
        if condition.operator == "in":
            return f"{name} IN ({', '.join(markers)})"
        return f"{name} {_COMPARISONS[condition.operator]} {markers[0]}"

    def _value(self, value: object, kind: pa.DataType) -> str:
        """A marker of the column's type; numbers are compared as the column keeps them."""
        if isinstance(value, datetime):
            return f"make_timestamptz({self.mark(microseconds(value))}::BIGINT)"
        if pa.types.is_floating(kind):
            assert isinstance(value, int | float)
            value = float(value)
            if kind == pa.float32() and _FLOAT_MAX < abs(value):
                value = math.copysign(math.inf, value)
        elif isinstance(value, date):
            value = value.isoformat()
        return f"{self.mark(value)}::{_TYPES[kind]}"


def joins(conditions: Iterable[Condition]) -> bool:
    """Whether the conditions may become a join in DuckDB, which does not keep the order of rows."""
    return any(condition.operator == "in" and len(condition.values) > 1 for condition in conditions)


def _fits(value: object, kind: pa.DataType) -> bool:
    assert isinstance(value, int)
    limits = np.iinfo(kind.to_pandas_dtype())
    return int(limits.min) <= value <= int(limits.max)


def _far(value: object) -> str:
    """An integer as text, cut to a range that exceeds every column's."""
    assert isinstance(value, int)
    return str(max(-_FAR, min(_FAR, value)))


def _parquet(paths: Sequence[Path], fields: Mapping[str, tuple[str, str]]) -> str:
    """`fields`: column in the file → (name here, SQL type)."""
    files = ", ".join(_text(_literal_path(path)) for path in paths)
    schema = ", ".join(
        f"{_text(given)}: {{name: {_text(name)}, type: {_text(kind)}, default_value: NULL}}"
        for given, (name, kind) in fields.items()
    )
    return f"read_parquet([{files}], schema = MAP {{{schema}}}, hive_partitioning = false)"


def _literal_path(path: Path) -> str:
    """The path with what DuckDB would take for a pattern made literal."""
    return re.sub(r"[\[*?]", r"[\g<0>]", str(path))


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
