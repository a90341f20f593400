"""The index's tables. There are no migrations: an index of another form is emptied and filled again.

`listing` has a row for each dataset of each hub, `word` what it is found by, folded, under the same number: trigrams
find any part of three characters or more, Chinese too. `place` has each section once, `cover` which dataset has rows
where. A place's own name and river are what the dataset itself says; the others may come from the sections' register.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import Engine

from exchange.store.sql.engine import explained, writing

VERSION: Final = 1
_TABLES: Final = ("source", "listing", "word", "place", "cover")
_DDL: Final = (
    """CREATE TABLE source (
        hub TEXT PRIMARY KEY, size INTEGER NOT NULL, contracts TEXT NOT NULL, tag TEXT NOT NULL
    ) STRICT""",
    """CREATE TABLE listing (
        number INTEGER PRIMARY KEY, hub TEXT NOT NULL, id TEXT NOT NULL, contract TEXT NOT NULL,
        version TEXT NOT NULL, department TEXT NOT NULL, sharing TEXT NOT NULL, title_zh TEXT NOT NULL,
        title_en TEXT NOT NULL, batches INTEGER NOT NULL, accepted INTEGER NOT NULL, rejected INTEGER NOT NULL,
        period_from INTEGER, period_until INTEGER, updated_at INTEGER NOT NULL, promised INTEGER,
        coverable INTEGER NOT NULL, owner_words TEXT NOT NULL, titled TEXT NOT NULL, owned TEXT NOT NULL,
        placed TEXT NOT NULL DEFAULT '', covered INTEGER NOT NULL DEFAULT 0,
        sections INTEGER NOT NULL DEFAULT 0, rivers INTEGER NOT NULL DEFAULT 0,
        UNIQUE (hub, id)
    ) STRICT""",
    "CREATE INDEX listing_id ON listing (id, hub)",
    "CREATE INDEX listing_contract ON listing (contract, id)",
    "CREATE VIRTUAL TABLE word USING fts5 (body, tokenize = 'trigram')",
    """CREATE TABLE place (
        number INTEGER PRIMARY KEY, section TEXT NOT NULL, own_name TEXT NOT NULL, own_river TEXT NOT NULL,
        name TEXT NOT NULL, river TEXT NOT NULL, section_key TEXT NOT NULL, name_key TEXT NOT NULL,
        river_key TEXT NOT NULL,
        UNIQUE (section, own_name, own_river)
    ) STRICT""",
    """CREATE TABLE cover (
        listing INTEGER NOT NULL, place INTEGER NOT NULL, PRIMARY KEY (listing, place)
    ) STRICT, WITHOUT ROWID""",
    "CREATE INDEX cover_place ON cover (place, listing)",
)


def prepare(engine: Engine) -> None:
    """Make the tables where they are not there, or are those of another version; raises as `explained`."""
    with explained("prepare the search index"), writing(engine).begin() as connection:
        found = connection.exec_driver_sql("PRAGMA user_version").scalar()
        if found == VERSION:
            return
        for table in _TABLES:
            connection.exec_driver_sql(f"DROP TABLE IF EXISTS {table}")
        for statement in _DDL:
            connection.exec_driver_sql(statement)
        connection.exec_driver_sql(f"PRAGMA user_version = {VERSION}")
