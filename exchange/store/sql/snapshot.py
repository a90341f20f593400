"""Copies of a whole ledger: out of a running store into one SQLite file, and back into an empty store of any kind."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, Engine, delete, func, insert, select

from exchange.errors import ConflictError
from exchange.store.sql.schema import PROJECTIONS, head, metadata, schema_version

_PAGE: Final = 500
_PROBLEMS: Final = 100


def copy_sqlite(engine: Engine, path: Path) -> None:
    """SQLite's online backup: the state of one moment, while others write."""
    with engine.connect() as connection:
        source = connection.connection.driver_connection
        assert isinstance(source, sqlite3.Connection)
        target = sqlite3.connect(path, isolation_level=None)
        try:
            source.backup(target)
            # one file, without a write-ahead log beside it
            target.execute("PRAGMA journal_mode=DELETE")
        finally:
            target.close()


def copy_tables(source: Connection, target: Connection) -> None:
    """Fill the empty tables of `target`, a page of rows at a time; both have today's schema.

    Raises ConflictError where there is anything in them.
    """
    for connection in (source, target):
        _take_time(connection)
    left = {schema_version, *PROJECTIONS}
    tables = [table for table in metadata.sorted_tables if table not in left]
    for table in tables:
        rows = select(func.count()).select_from(table)
        if target.execute(rows.where(table.c.size > 0) if table is head else rows).scalar():
            raise ConflictError("a snapshot is loaded into an empty ledger only")
    target.execute(delete(head))
    for table in tables:
        with source.execution_options(yield_per=_PAGE).execute(select(table)) as result:
            for page in result.mappings().partitions():
                target.execute(insert(table), [dict(row) for row in page])


def _take_time(connection: Connection) -> None:
    """Lift the limits that take the turn from a process that hangs."""
    if connection.dialect.name == "postgresql":
        timeouts = "SELECT name FROM pg_settings WHERE name LIKE '%%transaction%%_timeout'"
        for name in connection.exec_driver_sql(timeouts).scalars().all():
            connection.exec_driver_sql(f"SET LOCAL {name} = 0")


def sqlite_damage(engine: Engine) -> list[str]:
    """What SQLite's own checks find."""
    with engine.connect() as connection:
        found = connection.exec_driver_sql(f"PRAGMA integrity_check({_PROBLEMS})").scalars().all()
        dangling = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
    problems = [line for line in found if line != "ok"]
    return problems + [
        f"row {row[1]} of {row[0]} refers to nothing in {row[2]}" for row in dangling[:_PROBLEMS]
    ]
