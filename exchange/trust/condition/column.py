"""What a condition needs to know of a contract's columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import pyarrow as pa
from pyarrow import types

from exchange.trust.condition.term import Kind


class ContractColumn(Protocol):
    """What a condition needs to know of a column."""

    @property
    def name(self) -> str: ...
    @property
    def arrow_type(self) -> pa.DataType: ...
    @property
    def required(self) -> bool: ...
    @property
    def classification(self) -> str: ...


class Contract(Protocol):
    """What a condition needs to know of a contract; `exchange.contract.model.Contract` is one."""

    @property
    def columns(self) -> Sequence[ContractColumn]: ...


def kind_of(kind: pa.DataType) -> Kind | None:
    """The kind of a column's values; None where such columns cannot be compared."""
    if types.is_boolean(kind):
        return Kind.BOOL
    if types.is_integer(kind):
        return None if types.is_uint64(kind) else Kind.INT
    if types.is_float32(kind) or types.is_float64(kind):
        return Kind.DOUBLE
    if types.is_string(kind) or types.is_large_string(kind):
        return Kind.STRING
    if types.is_date32(kind):
        return Kind.DATE
    return Kind.INSTANT if types.is_timestamp(kind) and kind.unit == "us" and kind.tz else None
