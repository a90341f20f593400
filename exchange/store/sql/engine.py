"""Opening a database, and turning its errors into ours."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import psycopg
from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.schema import CreateSchema

from exchange.errors import BusyError, HechuanError, InvalidInputError, StorageError, UnavailableError
from exchange.settings import Store

_POOL: Final = 8
_POOL_OVERFLOW: Final = 56
_TRANSACTION_TIMEOUT_SINCE: Final = 170000
_IMMEDIATE: Final = "hechuan_immediate"
_LOCKED: Final = "55P03"
# the server has ended a session that was idle in its transaction, or whose transaction took too long
_OUTSTAYED: Final = ("25P03", "25P04")
_DAMAGED: Final = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def sqlite_url(path: Path) -> URL:
    """Where a SQLite file is, whatever characters its path has."""
    return URL.create("sqlite", database=str(path))


def schema_url(url: URL, schema: str) -> URL:
    """The same PostgreSQL database, another schema of it, made where it is not there; raises as `explained`."""
    with explained(f"make the schema {schema}"):
        engine = create_engine(url.set(drivername="postgresql+psycopg"))
        try:
            with engine.begin() as connection:
                connection.execute(CreateSchema(schema, if_not_exists=True))
        finally:
            engine.dispose()
    options = f"{url.query.get('options', '')} -csearch_path={schema}".strip()
    return url.update_query_dict({"options": options})


def open_engine(url: str | URL, settings: Store) -> Engine:
    """An engine for SQLite (`sqlite:///path`) or PostgreSQL (`postgresql+psycopg://…`); raises InvalidInputError."""
    try:
        parsed = make_url(url)
        if parsed.get_backend_name() == "postgresql":
            return _open_postgresql(parsed.set(drivername="postgresql+psycopg"), settings)
        if parsed.drivername != "sqlite" or not parsed.database:
            raise InvalidInputError(f"a ledger is kept in SQLite or PostgreSQL, not in {parsed.drivername}")
        return _open_sqlite(parsed, settings)
    except ArgumentError as error:
        raise InvalidInputError("the ledger's address is not a database URL") from error


def open_read_only(path: Path) -> Engine:
    """An engine for a SQLite file that nobody writes."""
    url = URL.create("sqlite", database=path.absolute().as_uri(), query={"mode": "ro", "uri": "true"})
    return create_engine(url, paramstyle="named")


def writing(engine: Engine) -> Engine:
    """The same engine for transactions that write: SQLite takes its one write lock when they begin."""
    return engine.execution_options(**{_IMMEDIATE: True})


def reading(engine: Engine) -> Engine:
    """The same engine for single statements that read: no transaction around them."""
    return (
        engine if engine.dialect.name == "sqlite" else engine.execution_options(isolation_level="AUTOCOMMIT")
    )


@contextmanager
def explained(act: str, conflict: type[HechuanError] = StorageError) -> Iterator[None]:
    """Turn the database's errors into ours; a broken constraint becomes `conflict`."""
    try:
        yield
    except PoolTimeoutError as error:
        raise BusyError(f"cannot {act}: all connections to the database are in use") from error
    except IntegrityError as error:
        raise conflict(f"cannot {act}: it contradicts what is stored") from error
    except DBAPIError as error:
        raise _translated(act, error.orig) from error
    except (psycopg.Error, sqlite3.Error) as error:
        raise _translated(act, error) from error
    except SQLAlchemyError as error:
        raise StorageError(f"cannot {act}: {type(error).__name__}") from error


def _translated(act: str, error: BaseException | None) -> HechuanError:
    if isinstance(error, sqlite3.Error):
        # extended result codes carry the plain one in their low byte
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            return BusyError(f"cannot {act}: another process keeps the database locked")
        if code in _DAMAGED:
            return StorageError(f"cannot {act}: the database is damaged ({error})")
    if isinstance(error, psycopg.Error) and error.sqlstate == _LOCKED:
        return BusyError(f"cannot {act}: another process keeps the turn to append")
    if isinstance(error, psycopg.Error) and error.sqlstate in _OUTSTAYED:
        return UnavailableError(f"cannot {act}: the turn was held for too long and went to another")
    if isinstance(error, sqlite3.OperationalError | psycopg.OperationalError | psycopg.InterfaceError):
        return UnavailableError(f"cannot {act}: the database does not answer")
    return StorageError(f"cannot {act}: the database refused a statement ({type(error).__name__})")


def _open_sqlite(url: URL, settings: Store) -> Engine:
    engine = create_engine(url, paramstyle="named", pool_size=_POOL, max_overflow=_POOL_OVERFLOW)
    busy = int(settings.sequence_wait_seconds * 1000)

    @event.listens_for(engine, "connect")
    def connected(connection: Any, record: object) -> None:
        # the driver begins no transactions of its own: those that write begin with a lock, below
        connection.isolation_level = None
        cursor = connection.cursor()
        for pragma in (f"busy_timeout={busy}", "journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def begun(connection: Connection) -> None:
        if connection.get_execution_options().get(_IMMEDIATE):
            connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine


def _open_postgresql(url: URL, settings: Store) -> Engine:
    engine = create_engine(url, pool_size=_POOL, max_overflow=_POOL_OVERFLOW)
    wait, hold = (
        int(seconds * 1000) for seconds in (settings.sequence_wait_seconds, settings.sequence_hold_seconds)
    )

    @event.listens_for(engine, "connect")
    def connected(connection: Any, record: object) -> None:
        limits = {
            "lock_timeout": wait,
            "idle_in_transaction_session_timeout": hold,
            # an acknowledged batch is on disk, whatever the server's default
            "synchronous_commit": "on",
        }
        if connection.info.server_version >= _TRANSACTION_TIMEOUT_SINCE:
            limits["transaction_timeout"] = wait + hold
        with connection.cursor() as cursor:
            for name, value in limits.items():
                cursor.execute(f"SET {name} = {value}")
        connection.commit()

    return engine
