"""Places in the index: which dataset has rows where, and what the register of sections calls it."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection

from exchange.ports.search import SECTION_CONTRACT, Coverage, Place
from exchange.store.search.question import fold

_EVERY = 1 << 31
_NAMED = """
    SELECT own_name, own_river FROM place JOIN cover ON cover.place = place.number
    JOIN listing ON listing.number = cover.listing
    WHERE section = :section AND listing.contract = :register ORDER BY hub, id LIMIT 1"""
_INSERT = """
    INSERT INTO place (section, own_name, own_river, name, river, section_key, name_key, river_key)
    VALUES (:section, :name, :river, :name, :river, :section_key, :name_key, :river_key)
    ON CONFLICT (section, own_name, own_river) DO UPDATE SET section = :section RETURNING number"""


def places_of(
    connection: Connection, listing: int, limit: int = _EVERY, own: bool = False
) -> tuple[Place, ...]:
    """The first places of a dataset, by code; with `own` as the dataset itself names them."""
    names = "own_name, own_river" if own else "name, river"
    found = connection.exec_driver_sql(
        f"SELECT section, {names} FROM place JOIN cover ON cover.place = place.number "
        "WHERE listing = :listing ORDER BY section, own_river, own_name LIMIT :limit",
        {"listing": listing, "limit": limit},
    )
    return tuple(Place(*row) for row in found)


def text_of(connection: Connection, listing: int) -> str:
    """What a dataset's places are found by, folded."""
    words = {
        word for place in places_of(connection, listing) for word in (place.section, place.name, place.river)
    }
    return fold("\n".join(sorted(words - {""})))


def put_places(connection: Connection, listing: int, contract: str, coverage: Coverage) -> set[int]:
    """Write a dataset's coverage; the datasets whose text may be another one now, itself among them."""
    before = {place.section for place in places_of(connection, listing)}
    numbers = {_put_place(connection, place) for place in coverage.places}
    connection.exec_driver_sql("DELETE FROM cover WHERE listing = :listing", {"listing": listing})
    for number in numbers:
        connection.exec_driver_sql(
            "INSERT INTO cover (listing, place) VALUES (:listing, :place)",
            {"listing": listing, "place": number},
        )
    connection.exec_driver_sql(
        "UPDATE listing SET covered = :batches, sections = :sections, rivers = :rivers WHERE number = :listing",
        {
            "batches": coverage.batches,
            "sections": coverage.sections,
            "rivers": coverage.rivers,
            "listing": listing,
        },
    )
    sections = {place.section for place in coverage.places}
    changed = _resolve(connection, before | sections if contract == SECTION_CONTRACT else sections)
    _count_rivers(connection, changed | {listing})
    return changed | {listing}


def _put_place(connection: Connection, place: Place) -> int:
    row = {
        "section": place.section,
        "name": place.name,
        "river": place.river,
        "section_key": fold(place.section),
        "name_key": fold(place.name),
        "river_key": fold(place.river),
    }
    number: int = connection.exec_driver_sql(_INSERT, row).scalar_one()
    return number


def _resolve(connection: Connection, sections: Iterable[str]) -> set[int]:
    """Give sections without names of their own the register's; the datasets that this touches."""
    touched: set[int] = set()
    for section in sections:
        given = {"section": section, "register": SECTION_CONTRACT}
        found = connection.exec_driver_sql(_NAMED, given).one_or_none()
        name, river = found or ("", "")
        rows = connection.exec_driver_sql(
            "UPDATE place SET name = iif(own_name = '', :name, own_name), "
            "river = iif(own_river = '', :river, own_river), "
            "name_key = iif(own_name = '', :name_key, name_key), "
            "river_key = iif(own_river = '', :river_key, river_key) "
            "WHERE section = :section AND section <> '' AND ((own_name = '' AND name <> :name) "
            "OR (own_river = '' AND river <> :river)) RETURNING number",
            {
                "section": section,
                "name": name,
                "river": river,
                "name_key": fold(name),
                "river_key": fold(river),
            },
        ).all()
        for (number,) in rows:
            listings = connection.exec_driver_sql(
                "SELECT listing FROM cover WHERE place = :place", {"place": number}
            )
            touched |= {listing for (listing,) in listings}
    return touched


def _count_rivers(connection: Connection, listings: Iterable[int]) -> None:
    for listing in listings:
        connection.exec_driver_sql(
            "UPDATE listing SET rivers = max(rivers, (SELECT count(DISTINCT river) FROM place JOIN cover "
            "ON cover.place = place.number WHERE listing = :listing AND river <> '')) WHERE number = :listing",
            {"listing": listing},
        )
