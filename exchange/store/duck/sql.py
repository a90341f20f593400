"""The SQL that the engine runs: names are its own, values are bound, paths are quoted."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
from pyarrow import types

from exchange.contract.instant import microseconds
from exchange.contract.model import Contract
from exchange.ports import Condition, Part
from exchange.trust.condition import RowFilter

_OPERATORS: Final = {"eq": "=", "ne": "<>", "lt": "<", "le": "<=", "gt": ">", "ge": ">="}
_TYPES: Final[dict[pa.DataType, str]] = {
    pa.string(): "VARCHAR",
    pa.binary(): "BLOB",
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
PROVENANCE: Final = ("_index", "_row")
"""The columns of a segment that say where a row is from; no contract's begin with an underscore."""
REPORT: Final = {
    "row": "BIGINT",
    "rule": "VARCHAR",
    "column": "VARCHAR",
    "value": "VARCHAR",
    "severity": "VARCHAR",
}
"""Column of a report → its type."""
_FLOAT_MAX: Final = float(np.finfo(np.float32).max)
_FAR: Final = 1 << 100


def reports(parts: Sequence[Part]) -> str:
    """The lines of these parts' reports in this order, as `data`; `at_row` is a line's place in its report."""
    fields = {name: (name, kind) for name, kind in REPORT.items()}
    return _only(_scan([(part, part.report) for part in parts if part.report is not None], fields), parts)


def data(parts: Sequence[Part], contract: Contract, only: bool = True) -> str:
    """The rows of these parts in this order, each read by column name under the contract's schema.

    Columns that a file lacks are NULL, narrower ones are cast. They are called as `column` says, so that none can
    hide where a row is from: `at_part` (its batch's index in the ledger), `at_row`. Without `only`, rows of other
    batches in the same segments come too; what leaves them out may change the order.
    """
    fields = {item.name: (column(item.name, contract), _TYPES[item.arrow_type]) for item in contract.columns}
    scan = _scan([(part, part.path) for part in parts], fields)
    return _only(scan, parts) if only else f"({scan})"


def _scan(parts: Sequence[tuple[Part, Path]], fields: Mapping[str, tuple[str, str]]) -> str:
    """`fields`: column in the file → (name in the query, type). Nothing is read out of a directory's name."""
    # a segment is read once; the same bytes may have been published twice
    files = list(dict.fromkeys((path, None if part.packed else part.record.index) for part, path in parts))
    listed = ", ".join(_path(path) for path, _ in files)
    named = {**{given: (given, "BIGINT") for given in PROVENANCE}, **fields}
    schema = ", ".join(
        f"{_quoted(given)}: {{name: {_quoted(name)}, type: {_quoted(kind)}, default_value: NULL}}"
        for given, (name, kind) in named.items()
    )
    index, row = PROVENANCE
    columns = "".join(f'"{name}", ' for name, _ in fields.values())
    # in a file of its own, a batch's rows are where the file has them, whatever columns it brings
    own = ", ".join("NULL" if index is None else str(index) for _, index in files)
    own = f"list_extract(CAST([{own}] AS BIGINT[]), CAST(file_index AS BIGINT) + 1)"
    return (
        f'SELECT {columns}coalesce({own}, "{index}") AS at_part,'
        f' CASE WHEN {own} IS NULL THEN "{row}" ELSE file_row_number END AS at_row'
        f" FROM read_parquet([{listed}], schema = MAP {{{schema}}}, hive_partitioning = false)"
    )


def _only(scan: str, parts: Sequence[Part]) -> str:
    if not any(part.packed for part in parts):
        return f"({scan})"
    wanted = ", ".join(str(part.record.index) for part in parts)
    wanted = f"(SELECT unnest(CAST([{wanted}] AS BIGINT[])) AS at_part)"
    return f"(FROM ({scan}) SEMI JOIN {wanted} wanted USING (at_part))"


def _path(path: Path) -> str:
    text = str(path)
    return _quoted("".join(f"[{sign}]" if sign in "[*?" else sign for sign in text))


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def column(name: str, contract: Contract) -> str:
    """What a contract's column is called in a query: c0, c1, …"""
    return f"c{contract.arrow_schema.get_field_index(name)}"


def filtered(text: str, row_filter: RowFilter | None, contract: Contract, values: list[object]) -> str:
    """`text`, a WHERE clause or nothing, and an agreement's filter; its values are appended to `values`."""
    if row_filter is None:
        return text
    condition = row_filter.sql_for(lambda name: column(name, contract), values)
    return f"{text} AND ({condition})" if text else f"WHERE ({condition})"


def where(conditions: Iterable[Condition], contract: Contract, values: list[object]) -> str:
    """`WHERE …`, or nothing; what its markers stand for is appended to `values`.

    As in SQL, no comparison holds for NULL, `ne` included. Numbers are compared as the column keeps them.
    """
    parts = [_condition(item, contract, values) for item in conditions]
    return f"WHERE {' AND '.join(parts)}" if parts else ""


def scatters(conditions: Iterable[Condition]) -> bool:
    """Whether DuckDB may make a join of a condition; a join does not keep the order of rows."""
    return any(item.operator == "in" and len(item.values) > 1 for item in conditions)


def _condition(item: Condition, contract: Contract, values: list[object]) -> str:
    name, kind = column(item.column, contract), contract.column(item.column).arrow_type
    if item.operator == "is_null":
        return f"{name} IS NULL"
    if item.operator == "not_null":
        return f"{name} IS NOT NULL"
    if types.is_integer(kind) and not all(_fits(value, kind) for value in item.values):
        name = f"CAST({name} AS HUGEINT)"
        markers = [f"CAST({_mark(_far(value), values)} AS HUGEINT)" for value in item.values]
    else:
        markers = [_marked(value, kind, values) for value in item.values]
    if item.operator == "in":
        return f"{name} IN ({', '.join(markers)})"
    return f"{name} {_OPERATORS[item.operator]} {markers[0]}"


def _marked(value: object, kind: pa.DataType, values: list[object]) -> str:
    if isinstance(value, datetime):
        # Not as text: an instant may lie outside the years 1 to 9999 once it is turned to UTC.
        return f"make_timestamptz(CAST({_mark(microseconds(value), values)} AS BIGINT))"
    if types.is_floating(kind):
        assert isinstance(value, int | float)
        value = float(value)
        if kind == pa.float32() and abs(value) > _FLOAT_MAX:
            value = math.copysign(math.inf, value)
    elif isinstance(value, date):
        value = value.isoformat()
    return f"CAST({_mark(value, values)} AS {_TYPES[kind]})"


def _mark(value: object, values: list[object]) -> str:
    values.append(value)
    return f"${len(values)}"


def _fits(value: object, kind: pa.DataType) -> bool:
    assert isinstance(value, int)
    limits = np.iinfo(kind.to_pandas_dtype())
    return int(limits.min) <= value <= int(limits.max)


def _far(value: object) -> str:
    """An integer as text, cut to a range that still exceeds every column's."""
    assert isinstance(value, int)
    return str(max(-_FAR, min(_FAR, value)))
