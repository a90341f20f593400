"""The table engine: which rows of which parts count, streamed in ledger order.

A query reads its files once, in order, with conditions and columns pushed into the Parquet scan. What makes a row not
count (its report, a later part) is settled before, as a set of positions, and only where the parts' periods leave
room for it; so a plain slice costs a plain scan.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import duckdb
import pyarrow as pa

from exchange.ports import Plan
from exchange.store.duck.quarantine import quarantine_schema, read_quarantined
from exchange.store.duck.session import Session, open_session
from exchange.store.duck.standing import read_standing, standing_schema

_MAX_THREADS: Final = 8


class DuckTableEngine:
    """Implements ports.TableEngine with one DuckDB in memory; any number of threads may ask at once.

    memory_bytes bounds what DuckDB holds for all queries together; beyond it spills to `temp_directory`. What a
    query holds besides: an eighth of a byte for each row of its parts, where some row does not count.

    Every contract column is nullable in what is read, required or not: a column may be younger than a batch, and a
    retraction has none but keys.
    """

    def __init__(
        self, temp_directory: Path, memory_bytes: int = 512 << 20, threads: int | None = None
    ) -> None:
        temp_directory.mkdir(parents=True, exist_ok=True)
        wanted = threads or min(os.cpu_count() or 1, _MAX_THREADS)
        self._database = duckdb.connect(
            ":memory:",
            config={
                "memory_limit": f"{memory_bytes}B",
                "threads": str(wanted),
                "temp_directory": str(temp_directory),
                "preserve_insertion_order": "true",
                "autoinstall_known_extensions": "false",
                "autoload_known_extensions": "false",
                "python_enable_replacements": "false",
            },
        )

    def schema(self, plan: Plan) -> pa.Schema:
        """Schema of every batch that `standing` yields."""
        return standing_schema(plan)

    def quarantine_schema(self, plan: Plan) -> pa.Schema:
        """Schema of every batch that `quarantined` yields."""
        return quarantine_schema(plan)

    def standing(self, plan: Plan) -> Iterator[pa.RecordBatch]:
        """Rows that stand, or the plan's history; raises StorageError, BusyError."""
        return self._answer(plan, lambda session: read_standing(session, plan))

    def quarantined(self, plan: Plan, corrected: bool) -> Iterator[pa.RecordBatch]:
        """Rejected rows, a row per violation, open ones only without `corrected`; raises StorageError, BusyError."""
        return self._answer(plan, lambda session: read_quarantined(session, plan, corrected))

    def _answer(
        self, plan: Plan, read: Callable[[Session], Iterator[pa.RecordBatch]]
    ) -> Iterator[pa.RecordBatch]:
        left = plan.limit
        if left == 0 or not plan.parts:
            return
        with open_session(self._database, plan.parts) as session:
            for batch in read(session):
                if left is None:
                    yield batch
                    continue
                yield batch.slice(0, left)
                left -= batch.num_rows
                if left <= 0:
                    return
