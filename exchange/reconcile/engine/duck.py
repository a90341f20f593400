"""DuckDB in this process, within a bound of memory; what does not fit goes to a directory on disk.

ibis 12 has a backend for DuckDB, but one that DuckDB 2 does not run (its statements about views no longer parse).
Only its compiler is used: the SQL it writes for these expressions is the same for both.

DuckDB computes one statement while the next is being written: of a month of a hundred sections writing takes longer
than computing. So what fails in a statement is raised by the call after it, at the latest where rows are read.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Self

import duckdb
import ibis
import pyarrow as pa
from ibis.backends.sql.compilers import DuckDBCompiler
from ibis.expr.types import Table

from exchange.errors import BusyError, StorageError
from exchange.reconcile.engine.protocol import Source

_ROWS = 1 << 16


class DuckEngine:
    """`memory` in bytes; `spill` is a directory that may be written to."""

    def __init__(self, spill: Path, memory: int = 3 << 30, threads: int = 0) -> None:
        self._session = duckdb.connect()
        self._compiler = DuckDBCompiler()
        # DuckDB merges nested selections itself, and faster
        ibis.options.sql.fuse_selects = False
        self._worker = ThreadPoolExecutor(1, "comparison")
        self._begun: list[Future[None]] = []
        settings = {
            "TimeZone": "'UTC'",
            "memory_limit": f"'{memory >> 20} MiB'",
            "temp_directory": "'" + str(spill).replace("'", "''") + "'",
            "preserve_insertion_order": "false",
            "enable_progress_bar": "false",
        }
        if threads:
            settings["threads"] = str(threads)
        for name, value in settings.items():
            self._session.execute(f"SET {name} = {value}")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Forget everything, and stop what is still being computed."""
        self._session.interrupt()
        self._worker.shutdown(cancel_futures=True)
        self._session.close()

    def give(self, name: str, rows: Source) -> Table:
        """A view over files, or over the table where it lies in memory."""
        self._finish()
        if isinstance(rows, pa.Table):
            self._session.register(name, rows)
        else:
            self._execute(f'CREATE VIEW "{name}" AS SELECT * FROM {_files(rows)}')
        schema = self._session.sql(f'FROM "{name}" LIMIT 0').to_arrow_table().schema
        return ibis.table(ibis.Schema.from_pyarrow(schema), name=name)

    def keep(self, name: str, expression: Table) -> Table:
        """A table."""
        self._begin(f'CREATE TABLE "{name}" AS {self._sql(expression)}')
        return ibis.table(expression.schema(), name=name)

    def name(self, name: str, expression: Table) -> Table:
        """A view."""
        self._begin(f'CREATE VIEW "{name}" AS {self._sql(expression)}')
        return ibis.table(expression.schema(), name=name)

    def table(self, expression: Table) -> pa.Table:
        """Into memory."""
        return pa.Table.from_batches(self.batches(expression), expression.schema().to_pyarrow())

    def batches(self, expression: Table) -> Iterator[pa.RecordBatch]:
        """Piece by piece."""
        schema, text = expression.schema().to_pyarrow(), self._sql(expression)
        self._finish()
        try:
            reader = self._session.sql(text).to_arrow_reader(_ROWS)
            yield from (batch.cast(schema) for batch in reader)
        except duckdb.OutOfMemoryException as error:
            raise BusyError("the comparison needs more memory and disk than it may use") from error

    def _sql(self, expression: Table) -> str:
        text: str = self._compiler.to_sqlglot(expression).sql(dialect=self._compiler.dialect)
        return text

    def _begin(self, statement: str) -> None:
        self._begun.append(self._worker.submit(self._execute, statement))

    def _finish(self) -> None:
        """Wait for all that was begun; what failed first is raised."""
        begun, self._begun = self._begun, []
        for each in begun:
            each.result()

    def _execute(self, statement: str) -> None:
        try:
            self._session.execute(statement)
        except duckdb.OutOfMemoryException as error:
            raise BusyError("the comparison needs more memory and disk than it may use") from error
        except duckdb.IOException as error:
            raise StorageError("rows to compare cannot be read") from error


def _files(paths: Sequence[Path]) -> str:
    listed = ", ".join("'" + str(path).replace("'", "''") + "'" for path in paths)
    return f"read_parquet([{listed}])"
