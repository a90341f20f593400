"""From what is wanted to SQL. Text from callers goes into parameters alone."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any, Final

from exchange.ports.search import Cursor, Wanted
from exchange.store.sql.row import micros

TRIGRAM: Final = 3
# where a word is found, and what that is worth; a dataset that is called exactly so comes first
EXACT: Final = 16
WORTH: Final = (("titled", 8), ("owned", 4), ("placed", 2))
COLUMNS: Final = (
    "hub, id, contract, version, sharing, title_zh, title_en, batches, accepted, rejected, period_from, "
    "period_until, updated_at, promised, coverable, owner_words, number, sections, rivers"
)


@dataclass(frozen=True, slots=True)
class Sql:
    """One statement and its parameters."""

    text: str
    parameters: dict[str, Any]


def fold(text: str) -> str:
    """Without differences of case and of full and half width, as everything is compared."""
    return unicodedata.normalize("NFKC", text).casefold()


def page_sql(wanted: Wanted, hubs: Collection[str], after: Cursor | None, limit: int) -> Sql:
    """The hits of one page: `COLUMNS`, then the relevance."""
    parameters: dict[str, Any] = {"limit": limit}
    where = " AND ".join(_conditions(wanted, hubs, parameters))
    behind = ""
    if after is not None:
        parameters |= {"relevance": after.relevance, "last": after.id, "last_hub": after.hub}
        behind = (
            "WHERE relevance < :relevance OR (relevance = :relevance AND (id, hub) > (:last, :last_hub)) "
        )
    relevance = " + ".join(_relevance(at) for at in range(len(wanted.words))) or "0"
    return Sql(
        f"SELECT {COLUMNS}, relevance FROM (SELECT {COLUMNS}, {relevance} AS relevance FROM listing "
        f"WHERE {where}) {behind}ORDER BY relevance DESC, id, hub LIMIT :limit",
        parameters,
    )


def count_sql(wanted: Wanted, hubs: Collection[str]) -> Sql:
    """How many there are in all."""
    parameters: dict[str, Any] = {}
    where = " AND ".join(_conditions(wanted, hubs, parameters))
    return Sql(f"SELECT count(*) FROM listing WHERE {where}", parameters)


def _relevance(at: int) -> str:
    exact = f"WHEN contract = :word{at} OR id = :word{at} THEN {EXACT} "
    parts = (f"WHEN instr({column}, :word{at}) THEN {worth} " for column, worth in WORTH)
    return f"CASE {exact}{''.join(parts)}ELSE 0 END"


def _conditions(wanted: Wanted, hubs: Collection[str], parameters: dict[str, Any]) -> Iterator[str]:
    chosen = [hub for hub in sorted(hubs) if wanted.hub in ("", hub)]
    yield _among("hub", "hub", chosen, parameters)
    for at, word in enumerate(map(fold, wanted.words)):
        parameters[f"word{at}"] = word
        if len(word) >= TRIGRAM:
            parameters[f"match{at}"] = '"' + word.replace('"', '""') + '"'
            yield f"number IN (SELECT rowid FROM word WHERE word MATCH :match{at})"
        # fewer characters have no trigram; and what has one is looked at again, as written
        found = (f"instr({column}, :word{at})" for column, _ in WORTH)
        yield f"({' OR '.join(found)})"
    for column, text in (("contract", wanted.contract), ("department", wanted.department)):
        if text:
            parameters[column] = text
            yield f"{column} = :{column}"
    if wanted.sharing:
        yield _among("sharing", "sharing", wanted.sharing, parameters)
    yield from _times(wanted, parameters)
    yield from _places(wanted, parameters)


def _times(wanted: Wanted, parameters: dict[str, Any]) -> Iterator[str]:
    for name, instant, condition in (
        ("since", wanted.since, "period_until >= :since"),
        ("until", wanted.until, "period_from <= :until"),
        ("updated_after", wanted.updated_after, "updated_at >= :updated_after"),
    ):
        if instant is not None:
            parameters[name] = micros(instant)
            yield condition


def _places(wanted: Wanted, parameters: dict[str, Any]) -> Iterator[str]:
    for name, text, condition in (
        ("river", wanted.river, "instr(river_key, :river)"),
        ("section", wanted.section, "section_key = :section OR instr(name_key, :section)"),
    ):
        if text:
            parameters[name] = fold(text)
            yield (
                "number IN (SELECT listing FROM cover WHERE place IN "
                f"(SELECT number FROM place WHERE {condition}))"
            )


def _among(column: str, name: str, values: Collection[str], parameters: dict[str, Any]) -> str:
    parameters |= {f"{name}{at}": value for at, value in enumerate(values)}
    return f"{column} IN ({', '.join(f':{name}{at}' for at in range(len(values)))})"
