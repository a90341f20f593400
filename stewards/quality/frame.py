"""A batch as Great Expectations takes it: a pandas frame with Arrow's types, and a column per rule that SQL judges."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

import duckdb
import pyarrow as pa

from exchange.contract.model import Contract, Reference
from stewards.quality.suite import ROW, Expected, known_table

if TYPE_CHECKING:
    import pandas as pd

_BATCH: Final = "batch"


def frame_of(
    table: pa.Table, contract: Contract, expected: Sequence[Expected], known: Mapping[Reference, pa.Array]
) -> pd.DataFrame:
    """Columns of the contract, `_row`, and a boolean column for each rule with SQL, true where a row violates.

    Columns that the batch left out are NULL. `known` holds the values that references may take.
    """
    import pandas as pd

    contract = contract.stored
    with duckdb.connect(":memory:") as connection:
        connection.register(_BATCH, _whole(table, contract))
        for each in expected:
            if each.rule.reference is not None:
                values = pa.table({"value": known[each.rule.reference].drop_null()})
                connection.register(known_table(each.rule).strip('"'), values)
        judged = [
            f'coalesce({each.violates}, false) AS "{each.rule.id}"' for each in expected if each.violates
        ]
        found = connection.sql(f"SELECT {', '.join(['*', *judged])} FROM {_BATCH}").to_arrow_table()
    return found.to_pandas(types_mapper=pd.ArrowDtype)


def _zoneless(kind: pa.DataType) -> pa.DataType:
    """Instants as UTC without saying so: DuckDB needs an extension for time zones, and all of ours are UTC."""
    return pa.timestamp(kind.unit) if pa.types.is_timestamp(kind) else kind


def _whole(table: pa.Table, contract: Contract) -> pa.Table:
    arrays = [
        table.column(column.name).cast(column.arrow_type).cast(_zoneless(column.arrow_type))
        if column.name in table.column_names
        else pa.nulls(table.num_rows, _zoneless(column.arrow_type))
        for column in contract.columns
    ]
    names = [column.name for column in contract.columns]
    return pa.table([*arrays, pa.array(range(table.num_rows), pa.int64())], names=[*names, ROW])
