"""From the settings to a driver."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

from sqlalchemy import make_url

from exchange.errors import InvalidInputError
from exchange.settings import Store
from exchange.store.posix import PosixObjectStore
from exchange.store.s3 import S3ObjectStore
from exchange.store.search import SqliteSearchIndex
from exchange.store.sql import SqlLedgerStore
from exchange.store.sql.engine import schema_url, sqlite_url

_OPTIONS = frozenset({"endpoint", "region"})


def open_ledger(settings: Store, directory: Path) -> SqlLedgerStore:
    """The ledger that `settings.ledger` names, or SQLite in `directory`; raises InvalidInputError, StorageError."""
    directory.mkdir(parents=True, exist_ok=True)
    return SqlLedgerStore.open(settings.ledger or sqlite_url(directory / "ledger.sqlite"), settings)


def open_replica(settings: Store, directory: Path, hub: str) -> SqlLedgerStore:
    """A ledger of its own for the copy of a peer's: SQLite beside the hub's, or a schema in its PostgreSQL database."""
    if not settings.ledger:
        return open_ledger(settings, directory / "peers" / hub)
    url = make_url(settings.ledger)
    if url.get_backend_name() == "sqlite":
        return open_ledger(replace(settings, ledger=""), directory / "peers" / hub)
    return SqlLedgerStore.open(schema_url(url, f"peer_{hub}"), settings)


def open_search(settings: Store, directory: Path) -> SqliteSearchIndex:
    """The search index: a file in `directory`, whatever holds the ledger; raises StorageError."""
    return SqliteSearchIndex.open(directory / "search.sqlite", settings)


def open_objects(settings: Store, directory: Path) -> PosixObjectStore | S3ObjectStore:
    """The bucket that `settings.objects` names, or files in `directory`; raises InvalidInputError."""
    if not settings.objects:
        directory.mkdir(parents=True, exist_ok=True)
        return PosixObjectStore(directory, settings)
    address = urlsplit(settings.objects)
    options = dict(parse_qsl(address.query, strict_parsing=True) if address.query else ())
    if address.scheme != "s3" or not address.netloc or options.keys() - _OPTIONS or address.fragment:
        raise InvalidInputError(
            "objects are kept at s3://bucket/prefix?endpoint=https://host:port&region=name"
        )
    return S3ObjectStore(
        bucket=address.netloc,
        prefix=address.path,
        endpoint=options.get("endpoint", ""),
        region=options.get("region", "us-east-1"),
        cache=directory / "cache",
        cache_bytes=settings.cache_bytes,
    )
