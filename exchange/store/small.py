"""Small objects as rows of one SQLite file: a group of them is durable with one fsync, and none costs a file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from exchange.errors import NotFoundError
from exchange.settings import Store
from exchange.store.sql.engine import explained, open_engine, reading, sqlite_url, writing
from exchange.store.sql.row import digest as digest_text
from exchange.store.sql.row import instant, micros, raw

_PAGE: Final = 1000
_CREATE: Final = """
    CREATE TABLE IF NOT EXISTS object (digest BLOB PRIMARY KEY, data BLOB NOT NULL, put_at INTEGER NOT NULL)"""
_PUT: Final = """
    INSERT INTO object (digest, data, put_at) VALUES (:digest, :data, :at)
    ON CONFLICT (digest) DO UPDATE SET put_at = :at"""
_TOUCH: Final = "UPDATE object SET put_at = :at WHERE digest = :digest AND length(data) = :size"
_DATA: Final = "SELECT data FROM object WHERE digest = :digest"
_SIZE: Final = "SELECT length(data) FROM object WHERE digest = :digest"
_LIST: Final = """
    SELECT digest, length(data), put_at FROM object WHERE digest > :after ORDER BY digest LIMIT :page"""
_DELETE: Final = "DELETE FROM object WHERE digest = :digest AND put_at < :before"
# later than any instant
_EVER: Final = (1 << 63) - 1


class SmallObjects:
    """Part of an ObjectStore, of the same meaning; processes of one machine may share the file."""

    def __init__(self, path: Path, settings: Store) -> None:
        """Open or make the file; raises StorageError, UnavailableError, BusyError as all methods do."""
        self._engine = open_engine(sqlite_url(path), settings)
        self._reading = reading(self._engine)
        self._writing = writing(self._engine)
        with explained("open the small objects"), self._writing.begin() as connection:
            connection.exec_driver_sql(_CREATE)

    def close(self) -> None:
        """Let go of connections."""
        self._engine.dispose()

    def put(self, items: Sequence[tuple[bytes, str]]) -> None:
        """Store (data, digest) pairs in one transaction; durable on return."""
        at = micros(datetime.now(UTC))
        rows = [{"digest": raw(digest), "data": data, "at": at} for data, digest in items]
        with explained(f"store {len(rows)} objects"), self._writing.begin() as connection:
            connection.exec_driver_sql(_PUT, rows)

    def touch(self, digest: str, size: int) -> bool:
        """Whether the object is there; then it counts as put now."""
        found = {"digest": raw(digest), "size": size, "at": micros(datetime.now(UTC))}
        return self._change(f"store {digest}", _TOUCH, found)

    def read(self, digest: str) -> bytes:
        """All bytes; raises NotFoundError."""
        return bytes(self._value(_DATA, digest))

    def size(self, digest: str) -> int:
        """Size in bytes; raises NotFoundError."""
        return int(self._value(_SIZE, digest))

    def digests(self) -> Iterator[tuple[str, int, datetime]]:
        """(digest, bytes, last put at) of every object, in order of digest."""
        after = b""
        while page := self._page(after):
            for key, size, put_at in page:
                yield digest_text(key), size, instant(put_at)
            after = page[-1][0]

    def delete(self, digest: str, before: datetime | None) -> bool:
        """Remove an object unless it was put at or after `before`; whether it was removed."""
        limit = _EVER if before is None else micros(before)
        return self._change(f"delete {digest}", _DELETE, {"digest": raw(digest), "before": limit})

    def _value(self, statement: str, digest: str) -> Any:
        with explained(f"read {digest}"), self._reading.connect() as connection:
            row = connection.exec_driver_sql(statement, {"digest": raw(digest)}).first()
        if row is None:
            raise NotFoundError(f"cannot read {digest}: there is no such object")
        return row[0]

    def _page(self, after: bytes) -> Sequence[Any]:
        with explained("list the objects"), self._reading.connect() as connection:
            return connection.exec_driver_sql(_LIST, {"after": after, "page": _PAGE}).all()

    def _change(self, act: str, statement: str, parameters: dict[str, Any]) -> bool:
        with explained(act), self._writing.begin() as connection:
            return connection.exec_driver_sql(statement, parameters).rowcount > 0
