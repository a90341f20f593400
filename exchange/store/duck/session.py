"""One question's own connection to DuckDB, and what its failures mean to us."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

import duckdb
import pyarrow as pa

from exchange.errors import BusyError, StorageError
from exchange.ports import Part
from exchange.store.duck.rows import Positions, RowSet
from exchange.store.duck.statement import Statement

_BATCH_ROWS: Final = 65_536


class Session:
    """Runs statements one after the other; each is read to its end before the next."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection

    def stream(self, text: str, statement: Statement) -> Iterator[pa.RecordBatch]:
        """Rows of a query as they come, at most 65,536 in a batch; `statement` holds the values of its markers."""
        relation = self._connection.sql(text, params=statement.values)
        yield from relation.to_arrow_reader(_BATCH_ROWS)

    def positions(self, text: str, statement: Statement) -> Iterator[Positions]:
        """The same for a query of one column of positions."""
        for batch in self.stream(text, statement):
            yield batch.column(0).to_numpy()

    def set_rejected(self, rows: RowSet) -> None:
        """Give later statements the table `rejected` of these rows."""
        self._connection.register("rejected", pa.table({"pos": rows.positions()}))


@contextmanager
def open_session(database: duckdb.DuckDBPyConnection, parts: Sequence[Part]) -> Iterator[Session]:
    """A session over these parts. Raises StorageError where a file is gone or damaged, BusyError out of memory."""
    connection = database.cursor()
    try:
        yield Session(connection)
    except duckdb.OutOfMemoryException as error:
        raise BusyError("the queries under way need more memory than the hub may use") from error
    except (duckdb.Error, pa.ArrowException, OSError) as error:
        raise StorageError(_reason(parts)) from error
    finally:
        connection.close()


def _reason(parts: Sequence[Part]) -> str:
    for part in parts:
        if not part.path.exists():
            return f"object {part.record.object} of batch {part.record.id} is missing"
        if part.report is not None and not part.report.exists():
            return f"report {part.record.report} of batch {part.record.id} is missing"
    return "a stored batch cannot be read: its object or its report is damaged"
