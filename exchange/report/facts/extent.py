"""What a report is about: of a river, a chief or a campaign only its reaches count, and the sections on them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from typing import Any

from exchange.client import Filter
from exchange.errors import NotFoundError
from exchange.report.facts.quality import Place
from exchange.report.gather import Gatherer
from exchange.report.period import Period
from exchange.report.scope import About, Scope, Side


def reaches_of(
    gatherer: Gatherer, scope: Scope, period: Period, held: Mapping[str, Place]
) -> frozenset[str] | None:
    """Codes of the reaches; None where all count: for a boundary, and for a river whose reaches nobody registers."""
    if scope.about is About.BOUNDARY:
        return None
    found: set[str] = set()
    for side in scope.sides:
        found |= _READERS[scope.about](gatherer, side, scope.name, period)
    if scope.about is About.RIVER:
        codes = (each.code for each in scope.sections if each.river == scope.name)
        found |= {held[code].reach for code in codes if code in held} - {""}
        return frozenset(found) or None
    return frozenset(found)


def chosen(scope: Scope, held: Mapping[str, Place], reaches: frozenset[str] | None) -> Scope:
    """The scope with the sections that belong to what it is about; raises NotFoundError where there is none."""
    if scope.about is About.BOUNDARY:
        return scope
    if scope.about is About.RIVER:
        kept = tuple(each for each in scope.sections if each.river == scope.name)
    else:
        kept = tuple(
            each
            for each in scope.sections
            if each.code in held and held[each.code].reach in (reaches or frozenset())
        )
    if not kept:
        raise NotFoundError(f"{scope.name} 没有断面 / no section of the scope belongs to {scope.name}")
    return replace(scope, sections=kept)


def _of_river(gatherer: Gatherer, side: Side, name: str, period: Period) -> set[str]:
    """Reaches that a side has registered on the river, valid at some time of the period."""
    rows = _rows(gatherer, side, "river-reach", ("valid_from", "valid_to"), "river_name", name)
    return {row["reach_code"] for row in rows if _during(row, period)}


def _of_chief(gatherer: Gatherer, side: Side, name: str, period: Period) -> set[str]:
    """Reaches that the chief had at some time of the period."""
    rows = _rows(gatherer, side, "river-chief", ("valid_from", "valid_to"), "chief_name", name)
    return {row["reach_code"] for row in rows if _during(row, period)}


def _of_campaign(gatherer: Gatherer, side: Side, name: str, period: Period) -> set[str]:
    """Reaches with points of the campaign that were listed by the period's end."""
    rows = _rows(gatherer, side, "directive-point", ("reach_code", "listed_on"), "campaign", name)
    return {row["reach_code"] for row in rows if row["listed_on"] <= period.last}


_READERS = {About.RIVER: _of_river, About.CHIEF: _of_chief, About.CAMPAIGN: _of_campaign}


def _rows(
    gatherer: Gatherer, side: Side, contract: str, columns: tuple[str, ...], column: str, name: str
) -> list[dict[str, Any]]:
    rows = gatherer.rows(side.datasets.get(contract), (column, *columns), [Filter(column, "eq", (name,))])
    return [] if rows is None else list(rows.to_pylist())


def _during(row: Mapping[str, Any], period: Period) -> bool:
    begun: date = row["valid_from"]
    ended: date | None = row["valid_to"]
    return begun <= period.last and (ended is None or ended >= period.first)
