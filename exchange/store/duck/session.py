"""One cursor on DuckDB, whose errors are ours."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import duckdb
import pyarrow as pa

from exchange.errors import HechuanError, StorageError

_ROWS = 1 << 16


@dataclass(frozen=True, slots=True)
class Session:
    """Runs queries; every error is a StorageError, for the queries are the engine's own."""

    cursor: duckdb.DuckDBPyConnection

    def columns(self, source: str) -> Sequence[str]:
        """Names of the columns that a scan has."""
        return self.cursor.sql(f"FROM {source}").columns

    def batches(self, query: str) -> Iterator[pa.RecordBatch]:
        """The result as it comes, in the order of the files and their rows."""
        yield from self.cursor.sql(query).to_arrow_reader(_ROWS)

    def table(self, query: str) -> pa.Table:
        """The whole result."""
        return self.cursor.sql(query).to_arrow_reader(_ROWS).read_all()


@contextmanager
def opened(cursor: duckdb.DuckDBPyConnection) -> Iterator[Session]:
    """A session in UTC."""
    try:
        cursor.execute("SET TimeZone = 'UTC'")
        yield Session(cursor)
    except HechuanError:
        raise
    except (duckdb.Error, pa.ArrowException) as error:
        raise StorageError("stored batches cannot be read as a table") from error
