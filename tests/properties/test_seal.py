"""Whatever is sealed opens as it was, row by row; whatever was touched does not open at all."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exchange.errors import InvalidInputError, NotFoundError, UntrustedError
from exchange.trust.seal import new_batch_key, open_columns, seal_columns

TYPES: dict[str, tuple[pa.DataType, st.SearchStrategy[Any]]] = {
    "text": (pa.string(), st.text(max_size=40) | st.text(min_size=100, max_size=200)),
    "large": (pa.large_string(), st.text(max_size=20)),
    "bytes": (pa.binary(), st.binary(max_size=70)),
    "flag": (pa.bool_(), st.booleans()),
    "small": (pa.int16(), st.integers(-(2**15), 2**15 - 1)),
    "whole": (pa.uint64(), st.integers(0, 2**64 - 1)),
    "level": (pa.float64(), st.floats(allow_nan=False)),
    "day": (pa.date32(), st.dates(date(1700, 1, 1))),
    "moment": (
        pa.timestamp("us", "UTC"),
        st.datetimes(datetime(1700, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC)),
    ),
}
KEYS = {
    "place": (pa.string(), st.none() | st.text(max_size=50)),
    "at": (pa.int32(), st.integers(-(2**31), 2**31 - 1)),
}
ROW = st.fixed_dictionaries(
    {name: values for name, (_, values) in KEYS.items()}
    | {name: st.none() | values for name, (_, values) in TYPES.items()}
)
SCHEMA = pa.schema([(name, kind) for name, (kind, _) in (KEYS | TYPES).items()])
KINDS = {name: kind for name, (kind, _) in TYPES.items()}


@given(st.lists(ROW, min_size=1, max_size=12), st.data())
@settings(max_examples=100)
def test_round_trip_of_some_rows_of_two_batches(rows: list[dict[str, Any]], data: st.DataObject) -> None:
    keys = [new_batch_key("500000/ecology/x", list(KEYS)) for _ in range(2)]
    table = pa.Table.from_pylist(rows, SCHEMA)
    cut = data.draw(st.integers(0, len(rows)))
    sealed = pa.concat_tables(
        [
            seal_columns(table.slice(0, cut), list(TYPES), keys[0]),
            seal_columns(table.slice(cut), list(TYPES), keys[1]),
        ]
    )
    taken = data.draw(st.lists(st.integers(0, len(rows) - 1), max_size=15))
    some = sealed.take(pa.array(taken, pa.int64()))
    assert open_columns(some, list(TYPES), KINDS, keys).equals(table.take(pa.array(taken, pa.int64())))


@given(st.lists(ROW, min_size=1, max_size=4), st.data())
@settings(max_examples=150)
def test_a_touched_cell_never_opens(rows: list[dict[str, Any]], data: st.DataObject) -> None:
    key = new_batch_key("500000/ecology/x", list(KEYS))
    name = data.draw(st.sampled_from(list(TYPES)))
    sealed = seal_columns(pa.Table.from_pylist(rows, SCHEMA), [name], key)
    cells = sealed[name].to_pylist()
    at = data.draw(st.integers(0, len(rows) - 1))
    touched = bytearray(cells[at])
    touched[data.draw(st.integers(0, len(touched) - 1))] ^= data.draw(st.integers(1, 255))
    cells[at] = data.draw(st.sampled_from([bytes(touched), bytes(touched[:-1])]) | st.binary(max_size=80))
    index = sealed.schema.get_field_index(name)
    with pytest.raises((UntrustedError, InvalidInputError, NotFoundError)):
        open_columns(sealed.set_column(index, name, pa.array(cells, pa.binary())), [name], KINDS, [key])
