"""Whether a batch has the contract's columns, and the lossless casts that bring it to the contract's types.

| contract | accepted |
|---|---|
| string | string, large_string, string_view, dictionaries of these (they stay dictionaries) |
| integer | any integer whose values fit |
| number | any float no wider; integers whose values survive |
| boolean | boolean |
| date | date32, date64 |
| timestamp (us, UTC) | timestamps with a time zone, none finer than a microsecond in fact |
| sealed | binary: a restricted column comes sealed, never in the clear |
| any | the null type, as all NULL |
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import pyarrow as pa
from pyarrow import types

from exchange.contract.model import Column, Contract
from exchange.errors import FieldViolation, MalformedError, SchemaMismatchError


def conform(schema: pa.Schema, contract: Contract) -> None:
    """Check names and types of a batch's columns; raises SchemaMismatchError, one violation per column.

    The violations' rules: `missing_column`, `unknown_column`, `repeated_column`, `wrong_type`.
    """
    found = list(_differences(schema, contract))
    if found:
        said = "; ".join(item.description for item in found[:5])
        raise SchemaMismatchError(f"columns are not those of {contract.ref}: {said}", violations=found)


def _differences(schema: pa.Schema, contract: Contract) -> list[FieldViolation]:
    found: list[FieldViolation] = []
    names = schema.names
    for name in dict.fromkeys(names):
        shown = name[:80]
        if names.count(name) > 1:
            found.append(FieldViolation(shown, "repeated_column", f"column {shown} occurs more than once"))
        if not contract.has_column(name):
            found.append(FieldViolation(shown, "unknown_column", f"the contract has no column {shown}"))
    for column in contract.columns:
        if column.name not in names:
            if column.required:
                found.append(
                    FieldViolation(column.name, "missing_column", f"column {column.name} is missing")
                )
        elif names.count(column.name) == 1 and not accepts(column.arrow_type, schema.field(column.name).type):
            given = str(schema.field(column.name).type)[:80]
            said = f"column {column.name} is {given}, the contract says {column.arrow_type}"
            if types.is_binary(column.arrow_type):
                said = f"受限列须由发布方密封 / restricted column {column.name} comes sealed, not as {given}"
            found.append(FieldViolation(column.name, "wrong_type", said))
    return found


def accepts(target: pa.DataType, given: pa.DataType) -> bool:
    """Whether values of a given type can become the contract's type without loss."""
    if types.is_dictionary(given):
        given = given.value_type
    if types.is_null(given) or given == target:
        return True
    if types.is_string(target):
        return bool(types.is_large_string(given) or types.is_string_view(given))
    if types.is_integer(target):
        return bool(types.is_integer(given))
    if types.is_floating(target):
        narrower = types.is_floating(given) and given.bit_width <= target.bit_width
        return bool(types.is_integer(given) or narrower)
    if types.is_date(target):
        return bool(types.is_date(given))
    if types.is_timestamp(target):
        return types.is_timestamp(given) and given.tz is not None
    return False


def cast(batch: pa.RecordBatch, contract: Contract) -> pa.RecordBatch:
    """The batch with the contract's columns in its order; strings that came as dictionaries stay so.

    Raises MalformedError (buffers that contradict themselves, bad UTF-8) and SchemaMismatchError.
    """
    validate(batch)
    conform(batch.schema, contract)
    return arrange(batch, contract)


def validate(batch: pa.RecordBatch) -> None:
    """Check every offset, index and string of the buffers; raises MalformedError."""
    try:
        batch.validate(full=True)
    except (pa.ArrowInvalid, pa.ArrowIndexError) as error:
        raise MalformedError(f"the batch contradicts itself: {str(error)[:200]}") from None


def arrange(batch: pa.RecordBatch, contract: Contract) -> pa.RecordBatch:
    """`cast` for a batch that is already known to be valid and to conform."""
    arrays: list[pa.Array] = []
    fields: list[pa.Field] = []
    failed: list[FieldViolation] = []
    place = {name: position for position, name in enumerate(batch.schema.names)}
    for column in contract.columns:
        array: Any = None
        if column.name in place:
            try:
                array = _cast(batch.column(place[column.name]), column)
            except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
                said = f"column {column.name} does not fit {column.arrow_type}: {str(error)[:200]}"
                failed.append(FieldViolation(column.name, "wrong_type", said))
        if array is None:
            array = _nulls(batch.num_rows, column.arrow_type)
        arrays.append(array)
        fields.append(pa.field(column.name, array.type))
    if failed:
        raise SchemaMismatchError(failed[0].description, violations=failed)
    return pa.RecordBatch.from_arrays(arrays, schema=pa.schema(fields))


# columns that a file leaves out are the same from slice to slice
_nulls = lru_cache(32)(pa.nulls)


def _cast(array: pa.Array, column: Column) -> pa.Array:
    target = column.arrow_type
    if array.type == target:
        return array
    if not types.is_dictionary(array.type):
        return array.cast(target)
    words = array.dictionary
    if not types.is_string(target) or words.null_count or types.is_null(words.type):
        return array.dictionary_decode().cast(target)
    if words.type == target:
        return array
    return pa.DictionaryArray.from_arrays(array.indices, words.cast(target))
