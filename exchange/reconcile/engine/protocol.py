"""What an engine does with the expressions; see the modules beside for those there are."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol, TypeAlias

import pyarrow as pa
from ibis.expr.types import Table

Source: TypeAlias = Any
"""`pa.Table | Sequence[Path]`: rows in memory, or Parquet files. (pyarrow has no types of its own.)"""


class Engine(Protocol):
    """Tables by name. Expressions are ibis's; each engine has them as SQL in its own dialect."""

    def give(self, name: str, rows: Source) -> Table:
        """Make rows known to the engine under a name."""
        ...

    def keep(self, name: str, expression: Table) -> Table:
        """Compute now, and keep what comes of it under a name."""
        ...

    def name(self, name: str, expression: Table) -> Table:
        """Give an expression a name, to be computed where it is used."""
        ...

    def table(self, expression: Table) -> pa.Table:
        """Compute, into memory; the order of rows is that of the expression."""
        ...

    def batches(self, expression: Table) -> Iterator[pa.RecordBatch]:
        """Compute, piece by piece."""
        ...
