"""SearchIndex on SQLite with FTS5. Every write is one transaction; what is written twice is there once."""

from __future__ import annotations

import secrets
from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, Engine, Row

from exchange.errors import StorageError
from exchange.ids import ContractRef, DatasetId, Version
from exchange.ports import DatasetRecord
from exchange.ports.search import Coverage, Cursor, Hit, Known, Listing, Place, Uncovered, Wanted
from exchange.settings import Store
from exchange.store.search.place import places_of, put_places, text_of
from exchange.store.search.question import Sql, count_sql, fold, page_sql
from exchange.store.search.schema import prepare
from exchange.store.sql.engine import explained, open_engine, reading, sqlite_url, writing
from exchange.store.sql.row import instant, micros

_READ: Final = "read the search index"
_WRITE: Final = "write the search index"
_PUT: Final = """
    INSERT INTO listing (
        hub, id, contract, version, department, sharing, title_zh, title_en, batches, accepted, rejected,
        period_from, period_until, updated_at, promised, coverable, owner_words, titled, owned
    ) VALUES (
        :hub, :id, :contract, :version, :department, :sharing, :title_zh, :title_en, :batches, :accepted,
        :rejected, :period_from, :period_until, :updated_at, :promised, :coverable, :owner_words, :titled, :owned
    ) ON CONFLICT (hub, id) DO UPDATE SET
        version = :version, sharing = :sharing, title_zh = :title_zh, title_en = :title_en,
        batches = :batches, accepted = :accepted, rejected = :rejected, period_from = :period_from,
        period_until = :period_until, updated_at = :updated_at, promised = :promised, coverable = :coverable,
        owner_words = :owner_words, titled = :titled, owned = :owned
    RETURNING number, placed"""
_SOURCE: Final = """
    INSERT INTO source (hub, size, contracts, tag) VALUES (:hub, :size, :contracts, '')
    ON CONFLICT (hub) DO UPDATE SET size = :size, contracts = :contracts"""


class SqliteSearchIndex:
    """SearchIndex in one file; several processes may share it."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._reading = reading(engine)
        self._writing = writing(engine)

    @classmethod
    def open(cls, path: Path, settings: Store) -> SqliteSearchIndex:
        """Open the file, or make a new one where it is damaged; raises StorageError, BusyError."""
        path.parent.mkdir(parents=True, exist_ok=True)
        engine = open_engine(sqlite_url(path), settings)
        try:
            prepare(engine)
        except StorageError:
            engine.dispose()
            for suffix in ("", "-wal", "-shm"):
                path.with_name(path.name + suffix).unlink(missing_ok=True)
            prepare(engine)
        return cls(engine)

    def close(self) -> None:
        """Let go of connections."""
        self._engine.dispose()

    def known(self, hub: str) -> Known:
        sql = (
            "SELECT size, contracts, (SELECT count(*) FROM listing WHERE hub = :hub), tag "
            "FROM source WHERE hub = :hub"
        )
        found = self._all(sql, {"hub": hub})
        return Known(*found[0]) if found else Known()

    def put(
        self, hub: str, listings: Sequence[Listing], size: int, contracts: str, whole: bool = False
    ) -> None:
        with explained(_WRITE), self._writing.begin() as connection:
            found = connection.exec_driver_sql("SELECT size FROM source WHERE hub = :hub", {"hub": hub})
            if (found.scalar() or 0) > size and not whole:  # another process is further
                return
            numbers = {_put_listing(connection, hub, listing) for listing in listings}
            if whole:
                rows = connection.exec_driver_sql("SELECT number FROM listing WHERE hub = :hub", {"hub": hub})
                _remove(connection, {row[0] for row in rows} - numbers)
            connection.exec_driver_sql(_SOURCE, {"hub": hub, "size": size, "contracts": contracts})

    def uncovered(self, hub: str, limit: int) -> Sequence[Uncovered]:
        sql = (
            "SELECT id, updated_at FROM listing WHERE hub = :hub AND coverable AND covered < batches "
            "ORDER BY updated_at, id LIMIT :limit"
        )
        rows = self._all(sql, {"hub": hub, "limit": limit})
        return [Uncovered(DatasetId.parse(id), instant(updated_at)) for id, updated_at in rows]

    def coverage(self, hub: str, id: DatasetId) -> Coverage | None:
        sql = "SELECT number, sections, rivers, covered FROM listing WHERE hub = :hub AND id = :id AND covered > 0"
        found = self._all(sql, {"hub": hub, "id": str(id)})
        if not found:
            return None
        number, sections, rivers, covered = found[0]
        with explained(_READ), self._reading.connect() as connection:
            return Coverage(places_of(connection, number, own=True), sections, rivers, covered)

    def cover(self, hub: str, coverages: Mapping[DatasetId, Coverage]) -> None:
        with explained(_WRITE), self._writing.begin() as connection:
            for id, coverage in coverages.items():
                _cover(connection, hub, id, coverage)
            _set_tag(connection, hub, secrets.token_hex(8))

    def cover_all(self, hub: str, coverages: Mapping[DatasetId, Coverage], tag: str) -> bool:
        with explained(_WRITE), self._writing.begin() as connection:
            rows = connection.exec_driver_sql(
                "SELECT id FROM listing WHERE hub = :hub AND covered > 0", {"hub": hub}
            )
            gone = {DatasetId.parse(row[0]) for row in rows} - coverages.keys()
            for id in gone:
                _cover(connection, hub, id, Coverage((), 0, 0, 0))
            done = [_cover(connection, hub, id, coverage) for id, coverage in coverages.items()]
            if all(done):
                _set_tag(connection, hub, tag)
        return all(done)

    def covered(self, hub: str, after: str, limit: int) -> Sequence[tuple[DatasetId, Coverage]]:
        sql = (
            "SELECT id, number, sections, rivers, covered FROM listing WHERE hub = :hub AND id > :after "
            "AND coverable AND covered > 0 ORDER BY id LIMIT :limit"
        )
        rows = self._all(sql, {"hub": hub, "after": after, "limit": limit})
        with explained(_READ), self._reading.connect() as connection:
            return [
                (DatasetId.parse(id), Coverage(places_of(connection, number), sections, rivers, covered))
                for id, number, sections, rivers, covered in rows
            ]

    def ask(
        self, wanted: Wanted, hubs: Collection[str], after: Cursor | None, limit: int, few: int
    ) -> Sequence[Hit]:
        sql = page_sql(wanted, hubs, after, limit)
        with explained(_READ), self._reading.connect() as connection:
            rows = connection.exec_driver_sql(sql.text, sql.parameters).all()
            return [_hit(connection, row, few) for row in rows]

    def count(self, wanted: Wanted, hubs: Collection[str]) -> int:
        return int(self._scalar(count_sql(wanted, hubs)))

    def _scalar(self, sql: Sql) -> Any:
        return self._all(sql.text, sql.parameters)[0][0]

    def _all(self, sql: str, parameters: Mapping[str, Any]) -> Sequence[Row[*tuple[Any, ...]]]:
        with explained(_READ), self._reading.connect() as connection:
            return connection.exec_driver_sql(sql, dict(parameters)).all()


def _put_listing(connection: Connection, hub: str, listing: Listing) -> int:
    dataset = listing.dataset
    name = dataset.id.contract
    titled = fold(f"{name}\n{name.replace('-', ' ')}\n{listing.title_zh}\n{listing.title_en}")
    owned = fold(f"{dataset.id}\n{listing.owner_words}")
    row = {
        "hub": hub,
        "id": str(dataset.id),
        "contract": name,
        "version": str(dataset.contract.version),
        "department": dataset.id.owner.name,
        "sharing": listing.sharing,
        "title_zh": listing.title_zh,
        "title_en": listing.title_en,
        "batches": dataset.batches,
        "accepted": dataset.accepted,
        "rejected": dataset.rejected,
        "period_from": dataset.period_from and micros(dataset.period_from),
        "period_until": dataset.period_until and micros(dataset.period_until),
        "updated_at": micros(dataset.updated_at),
        "promised": None if listing.promised is None else int(listing.promised.total_seconds()),
        "coverable": int(listing.coverable),
        "owner_words": listing.owner_words,
        "titled": titled,
        "owned": owned,
    }
    number, placed = connection.exec_driver_sql(_PUT, row).one()
    if not listing.coverable and placed:
        _clear(connection, number)
        _set_tag(connection, hub, secrets.token_hex(8))  # peers shall drop it too
        placed = ""
    _write_words(connection, number, "\n".join((titled, owned, placed)))
    return int(number)


def _write_words(connection: Connection, number: int, body: str) -> None:
    given = {"number": number, "body": body}
    found = connection.exec_driver_sql("SELECT body FROM word WHERE rowid = :number", given).scalar()
    if found is None:
        connection.exec_driver_sql("INSERT INTO word (rowid, body) VALUES (:number, :body)", given)
    elif found != body:
        connection.exec_driver_sql("UPDATE word SET body = :body WHERE rowid = :number", given)


def _clear(connection: Connection, number: int) -> None:
    connection.exec_driver_sql("DELETE FROM cover WHERE listing = :number", {"number": number})
    connection.exec_driver_sql(
        "UPDATE listing SET placed = '', covered = 0, sections = 0, rivers = 0 WHERE number = :number",
        {"number": number},
    )


def _remove(connection: Connection, numbers: Collection[int]) -> None:
    for number in numbers:
        for table, column in (("cover", "listing"), ("word", "rowid"), ("listing", "number")):
            connection.exec_driver_sql(f"DELETE FROM {table} WHERE {column} = :number", {"number": number})


def _cover(connection: Connection, hub: str, id: DatasetId, coverage: Coverage) -> bool:
    """Whether the dataset is listed; one that nobody may know the places of keeps none."""
    found = connection.exec_driver_sql(
        "SELECT number, coverable FROM listing WHERE hub = :hub AND id = :id", {"hub": hub, "id": str(id)}
    ).one_or_none()
    if found is None:
        return False
    number, coverable = found
    if coverable:
        changed = put_places(connection, number, id.contract, coverage)
        for each in changed:
            placed = text_of(connection, each)
            row = connection.exec_driver_sql(
                "UPDATE listing SET placed = :placed WHERE number = :number RETURNING titled, owned",
                {"placed": placed, "number": each},
            ).one()
            _write_words(connection, each, "\n".join((*row, placed)))
    return True


def _set_tag(connection: Connection, hub: str, tag: str) -> None:
    connection.exec_driver_sql("UPDATE source SET tag = :tag WHERE hub = :hub", {"tag": tag, "hub": hub})


def _hit(connection: Connection, row: Row[*tuple[Any, ...]], few: int) -> Hit:
    hub, id, contract, version, sharing, title_zh, title_en, batches, accepted, rejected = row[:10]
    period_from, period_until, updated_at, promised, coverable, owner_words = row[10:16]
    number, sections, rivers, relevance = row[16:]
    record = DatasetRecord(
        DatasetId.parse(id),
        ContractRef(contract, Version.parse(version)),
        batches,
        accepted,
        rejected,
        None if period_from is None else instant(period_from),
        None if period_until is None else instant(period_until),
        instant(updated_at),
    )
    pause = None if promised is None else timedelta(seconds=promised)
    listing = Listing(hub, record, sharing, title_zh, title_en, pause, bool(coverable), owner_words)
    places: tuple[Place, ...] = ()
    names: tuple[str, ...] = ()
    if sections or rivers:
        places = tuple(place for place in places_of(connection, number, few) if place.section)
        found = connection.exec_driver_sql(
            "SELECT DISTINCT river FROM place JOIN cover ON place = place.number "
            "WHERE listing = :number AND river <> '' ORDER BY river LIMIT :few",
            {"number": number, "few": few},
        )
        names = tuple(river for (river,) in found)
    return Hit(listing, relevance, names, places, rivers, sections)
