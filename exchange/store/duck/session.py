"""One cursor on DuckDB, whose errors are ours."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import duckdb
import pyarrow as pa

from exchange.errors import BusyError, HechuanError, StorageError

_ROWS = 1 << 16


@dataclass(frozen=True, slots=True)
class Session:
    """Runs queries; an error is a StorageError, for the queries are the engine's own, or a lack of memory."""

    cursor: duckdb.DuckDBPyConnection

    def batches(self, query: str, values: Sequence[object] = ()) -> Iterator[pa.RecordBatch]:
        """The result as it comes; `values` are what $1, $2, … stand for."""
        yield from self.cursor.sql(query, params=list(values)).to_arrow_reader(_ROWS)


@contextmanager
def opened(cursor: duckdb.DuckDBPyConnection) -> Iterator[Session]:
    """A session in UTC."""
    try:
        cursor.execute("SET TimeZone = 'UTC'")
        yield Session(cursor)
    except HechuanError:
        raise
    except duckdb.OutOfMemoryException as error:
        raise BusyError("the queries under way need more memory than the hub may use") from error
    except (duckdb.Error, pa.ArrowException, OSError) as error:
        raise StorageError("stored batches cannot be read as a table") from error
