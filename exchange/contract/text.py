"""From text to a contract's types, by vector kernels: what cannot be read becomes NULL and a `type` violation.

| contract | text |
|---|---|
| string | itself |
| integer | `12`, `-3`, `+4`, `5.0`; within the column's range |
| number | `1`, `-2.5`, `.5`, `1e-3`; no NaN, no infinity, nothing beyond the largest float |
| boolean | `true` `1` `是`, `false` `0` `否`, in any case |
| date | `2026-01-31`, `2026/1/31` |
| timestamp | ISO 8601 with `Z` or an offset, to the microsecond; refused without, for then it names no instant |

White space around a value is dropped and an empty cell is NULL, except in string columns, which are left as they are.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import types

from exchange.contract.finding import VIOLATIONS, text_of
from exchange.contract.instant import FIRST_INSTANT, LAST_INSTANT
from exchange.contract.model import Column, Contract, Kind
from exchange.contract.physical import conform

_INTEGER: Final = r"^(?P<sign>[+-]?)0*(?P<digits>[0-9]{1,20})(?:\.0*)?$"
_NUMBER: Final = r"^[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,6})?$"
_DAY: Final = r"(?P<year>[0-9]{4})-(?P<month>[0-9]{2})-(?P<day>[0-9]{2})"
_DATE: Final = rf"^{_DAY}$"
_SLASHED: Final = r"^(?P<year>[0-9]{4})/(?P<month>[0-9]{1,2})/(?P<day>[0-9]{1,2})$"
_TIME: Final = (
    r"(?P<hour>[0-9]{2}):(?P<minute>[0-9]{2})(?::(?P<second>[0-9]{2})(?:[.,](?P<part>[0-9]{1,6})0{0,6})?)?"
)
_ZONE: Final = r"(?:[Zz]|(?P<sign>[+-])(?P<east>[0-9]{2}):?(?P<past>[0-9]{2})?)"
_INSTANT: Final = rf"^{_DAY}[Tt ]{_TIME}{_ZONE}$"
_TRUE: Final = ["true", "1", "是"]
_FALSE: Final = ["false", "0", "否"]
_WIDTH: Final = 20

Numbers = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


def from_text(batch: pa.RecordBatch, contract: Contract, start: int = 0) -> tuple[pa.RecordBatch, pa.Table]:
    """Read columns of text as the contract's types.

    Returns the rows in the contract's columns and order, all nullable, and the violations (schema VIOLATIONS, rows
    numbered from `start`): rule `<column>.type` and the text as it came. A column that is not required may be absent.
    Raises SchemaMismatchError where the columns' names are not the contract's.
    """
    conform_names(batch.schema.names, contract)
    arrays: list[pa.Array] = []
    violations: list[pa.RecordBatch] = []
    place = {name: position for position, name in enumerate(batch.schema.names)}
    for number, column in enumerate(contract.columns):
        if column.name not in place:
            arrays.append(pa.nulls(batch.num_rows, column.arrow_type))
            continue
        text = batch.column(place[column.name]).cast(pa.string())
        if types.is_binary(
            column.arrow_type
        ):  # a sealed column in the clear: kept as it came, to be refused by name
            arrays.append(text.cast(column.arrow_type))
            continue
        array, failed = _read(text, column)
        arrays.append(array)
        if failed.any():
            violations.append(_violations(text, np.flatnonzero(failed), number, contract, start))
    typed = pa.RecordBatch.from_arrays(arrays, schema=nullable_schema(contract))
    return typed, pa.Table.from_batches(violations, schema=VIOLATIONS)


def nullable_schema(contract: Contract) -> pa.Schema:
    """The contract's Arrow schema with every column nullable: what was unreadable in a required one is NULL."""
    return pa.schema([pa.field(column.name, column.arrow_type) for column in contract.columns])


def conform_names(names: list[str], contract: Contract) -> None:
    """Check names alone, as `conform` does; raises SchemaMismatchError, one violation per column."""
    conform(pa.schema([pa.field(name, pa.null()) for name in names]), contract)


def _violations(
    text: pa.StringArray, at: Numbers, number: int, contract: Contract, start: int
) -> pa.RecordBatch:
    # Every batch has the same dictionaries, so that tables of them can be concatenated as they are.
    index = pa.array(np.full(len(at), number, np.int32))
    names = [column.name for column in contract.columns]
    rules = pa.array([f"{name}.{Kind.TYPE}" for name in names], pa.string())
    value = text_of(pa.RecordBatch.from_arrays([text.take(pa.array(at))], ["value"]))
    arrays = [
        pa.array(at + start, pa.int64()),
        pa.DictionaryArray.from_arrays(index, rules),
        pa.DictionaryArray.from_arrays(index, pa.array(names, pa.string())),
        value,
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=VIOLATIONS)


def _read(text: pa.StringArray, column: Column) -> tuple[pa.Array, Bools]:
    """The values, NULL where unreadable, and where that is."""
    target = column.arrow_type
    if types.is_string(target):
        return text, np.zeros(len(text), np.bool_)
    text = pc.utf8_trim_whitespace(text)
    text = pc.if_else(pc.equal(text, ""), pa.scalar(None, pa.string()), text)
    if types.is_integer(target):
        array = _integers(text, target)
    elif types.is_floating(target):
        array = _floats(text, target)
    elif types.is_boolean(target):
        array = _booleans(text)
    elif types.is_date(target):
        array = _dates(text)
    else:
        array = _instants(text, target)
    return array, _bools(pc.and_(pc.is_valid(text), pc.is_null(array)))


def _integers(text: pa.StringArray, target: pa.DataType) -> pa.Array:
    parts = pc.extract_regex(text, _INTEGER)
    digits = parts.field("digits")
    negative = pc.and_(pc.equal(parts.field("sign"), "-"), pc.not_equal(digits, "0"))
    low, high = _range(target)
    # Of equally long digits the order as text is the order as numbers.
    most = pc.if_else(negative, str(-low).zfill(_WIDTH), str(high).zfill(_WIDTH))
    fits = pc.and_(pc.is_valid(parts), pc.less_equal(pc.utf8_lpad(digits, _WIDTH, "0"), most))
    plain = pc.binary_join_element_wise(pc.if_else(negative, "-", ""), digits, "")
    return _where(fits, plain).cast(target)


def _range(target: pa.DataType) -> tuple[int, int]:
    limits = np.iinfo(np.dtype(target.to_pandas_dtype()))
    return int(limits.min), int(limits.max)


def _floats(text: pa.StringArray, target: pa.DataType) -> pa.Array:
    numbers = _where(pc.match_substring_regex(text, _NUMBER), text).cast(target)
    return _where(pc.is_finite(numbers), numbers)


def _booleans(text: pa.StringArray) -> pa.Array:
    lower = pc.utf8_lower(text)
    yes = pc.is_in(lower, pa.array(_TRUE))
    return _where(pc.or_(yes, pc.is_in(lower, pa.array(_FALSE))), yes)


def _dates(text: pa.StringArray) -> pa.Array:
    days, good = _days(pc.extract_regex(text, _DATE))
    if not good.all() and pc.any(pc.match_substring(text, "/")).as_py():
        slashed, also = _days(pc.extract_regex(text, _SLASHED))
        days, good = np.where(good, days, slashed), good | also
    return pa.array(days.astype(np.int32), mask=~good).view(pa.date32())


def _instants(text: pa.StringArray, target: pa.DataType) -> pa.Array:
    parts = pc.extract_regex(text, _INSTANT)
    days, good = _days(parts)
    hour, minute, second = (_number(parts, name) for name in ("hour", "minute", "second"))
    east, past = _number(parts, "east"), _number(parts, "past")
    part = _whole(
        pc.utf8_rpad(pc.if_else(pc.equal(parts.field("part"), ""), "0", parts.field("part")), 6, "0")
    )
    good &= (hour < 24) & (minute < 60) & (second < 60) & (east < 24) & (past < 60)
    west = _bools(pc.equal(parts.field("sign"), "-"))
    offset = np.where(west, -1, 1) * (east * 60 + past)
    value = ((days * 1440 + hour * 60 + minute - offset) * 60 + second) * 1_000_000 + part
    good &= (value >= FIRST_INSTANT) & (value <= LAST_INSTANT)
    return pa.array(value, mask=~good).view(target)


def _days(parts: pa.StructArray) -> tuple[Numbers, Bools]:
    """Days since 1970-01-01 of year, month and day, and whether the calendar has such a day."""
    year, month, day = (_number(parts, name) for name in ("year", "month", "day"))
    months = ((year - 1970) * 12 + month - 1).astype("datetime64[M]")
    first = months.astype("datetime64[D]").astype(np.int64)
    length = (months + 1).astype("datetime64[D]").astype(np.int64) - first
    known = _bools(pc.is_valid(parts))
    good = known & (year >= 1) & (month >= 1) & (month <= 12) & (day >= 1) & (day <= length)
    return first + day - 1, good


def _number(parts: pa.StructArray, name: str) -> Numbers:
    """A group of digits, 0 where there is none."""
    text = parts.field(name)
    return _whole(pc.if_else(pc.equal(text, ""), "0", text))


def _whole(text: pa.StringArray) -> Numbers:
    found: Numbers = text.fill_null("0").cast(pa.int64()).to_numpy(zero_copy_only=False)
    return found


def _where(condition: pa.BooleanArray, values: Any) -> Any:
    """The values where the condition holds, NULL elsewhere."""
    return pc.if_else(condition.fill_null(False), values, pa.scalar(None, values.type))


def _bools(condition: pa.BooleanArray) -> Bools:
    found: Bools = condition.fill_null(False).to_numpy(zero_copy_only=False)
    return found
