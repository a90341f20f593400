"""The SQL that the engine runs: columns come from the contract, values are literals of their own type, never text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Final

import pyarrow as pa
from pyarrow import types

from exchange.contract.model import Contract
from exchange.ports import Condition

FILE: Final = "#file"
ROW: Final = "#row"
_OPERATORS: Final = {"eq": "=", "ne": "<>", "lt": "<", "le": "<=", "gt": ">", "ge": ">="}
_TYPES: Final[dict[pa.DataType, str]] = {
    pa.string(): "VARCHAR",
    pa.bool_(): "BOOLEAN",
    pa.date32(): "DATE",
    pa.timestamp("us", tz="UTC"): "TIMESTAMPTZ",
    pa.float64(): "DOUBLE",
    pa.float32(): "FLOAT",
    pa.int8(): "TINYINT",
    pa.int16(): "SMALLINT",
    pa.int32(): "INTEGER",
    pa.int64(): "BIGINT",
    pa.uint8(): "UTINYINT",
    pa.uint16(): "USMALLINT",
    pa.uint32(): "UINTEGER",
    pa.uint64(): "UBIGINT",
}


def files(paths: Iterable[Path]) -> str:
    """A scan of Parquet files in this order; columns that a file lacks are NULL."""
    listed = ", ".join(_path(path) for path in paths)
    return f"read_parquet([{listed}], union_by_name = true)"


def _path(path: Path) -> str:
    text = str(path)
    for wild in "[*?":
        text = text.replace(wild, f"[{wild}]")
    return text_literal(text)


def text_literal(text: str) -> str:
    """A string."""
    return "'" + text.replace("'", "''") + "'"


def name(column: str) -> str:
    """A column's name, quoted."""
    return '"' + column.replace('"', '""') + '"'


def typed(column: str, contract: Contract, present: Sequence[str], table: str = "") -> str:
    """A column in the contract's type; NULL where no file has it. A cast to the type it has costs nothing."""
    kind = _TYPES[contract.column(column).arrow_type]
    source = f"{table}{name(column)}" if column in present else "NULL"
    return f"CAST({source} AS {kind})"


def where(conditions: Iterable[Condition], contract: Contract, present: Sequence[str]) -> str:
    """`WHERE …`, or nothing. As in SQL, no comparison holds for NULL, `ne` included."""
    parts = [_condition(item, contract, present) for item in conditions]
    return f"WHERE {' AND '.join(parts)}" if parts else ""


def _condition(item: Condition, contract: Contract, present: Sequence[str]) -> str:
    column = typed(item.column, contract, present)
    kind = contract.column(item.column).arrow_type
    if item.operator == "is_null":
        return f"{column} IS NULL"
    if item.operator == "not_null":
        return f"{column} IS NOT NULL"
    values = [_literal(value, kind) for value in item.values]
    if item.operator == "in":
        return f"{column} IN ({', '.join(values)})"
    return f"{column} {_OPERATORS[item.operator]} {values[0]}"


def _literal(value: object, kind: pa.DataType) -> str:
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, datetime):
        return f"TIMESTAMPTZ '{value.astimezone(UTC).isoformat()}'"
    if isinstance(value, date):
        return f"DATE '{value.isoformat()}'"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return f"CAST('{value!r}' AS {_TYPES[kind]})"
    assert isinstance(value, str)
    assert types.is_string(kind)
    return text_literal(value)
