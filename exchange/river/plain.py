"""Tables whose words are dictionaries, as Parquet and hubs give them, in the form that sorting and joining need."""

from __future__ import annotations

import pyarrow as pa


def decoded(table: pa.Table) -> pa.Table:
    """The same rows without dictionaries."""
    for at, field in enumerate(table.schema):
        if pa.types.is_dictionary(field.type):
            table = table.set_column(at, field.name, table.column(at).cast(field.type.value_type))
    return table
