"""Works of the plans for rivers, points of campaigns, and enforcement cases, by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import pyarrow as pa

from exchange.client import Filter
from exchange.report.gather import Gatherer, among
from exchange.report.period import Period
from exchange.report.scope import About, Scope, Side


@dataclass(frozen=True, slots=True)
class Counted:
    """Of a side's tasks, points or cases: all there are, those done, those late; what they rest on."""

    side: str
    total: int
    done: int
    late: int
    sources: tuple[str, ...]


def tasks(gatherer: Gatherer, scope: Scope, period: Period, reaches: frozenset[str] | None) -> list[Counted]:
    """Tasks of 一河一策 plans in force at the period's end; done: the target is reached; late: due, and not done."""
    columns = ("river_name", "reach_code", "target_value", "done_value", "due_on", "valid_from", "valid_to")
    found = []
    for side in scope.sides:
        rows, sources = _read(
            gatherer, side, "river-plan", columns, among("river_name", sorted(scope.rivers))
        )
        if rows is None:
            continue
        listed = [row for row in rows.to_pylist() if _in_force(row, period.last) and _on(row, scope, reaches)]
        done = [
            row for row in listed if row["target_value"] and (row["done_value"] or 0) >= row["target_value"]
        ]
        late = [row for row in listed if row not in done and row["due_on"] <= period.last]
        found.append(Counted(side.jurisdiction, len(listed), len(done), len(late), sources))
    return found


def points(gatherer: Gatherer, scope: Scope, period: Period, reaches: frozenset[str] | None) -> list[Counted]:
    """Points of campaigns listed by the period's end, or of the scope's own campaign; done: closed; late: due, open."""
    columns = (
        "directive",
        "campaign",
        "river_name",
        "reach_code",
        "listed_on",
        "due_on",
        "closed_on",
        "status",
    )
    conditions = [Filter("listed_on", "le", (period.last.isoformat(),))]
    if scope.about is About.CAMPAIGN:
        conditions.append(Filter("campaign", "eq", (scope.name,)))
    found = []
    for side in scope.sides:
        rows, sources = _read(gatherer, side, "directive-point", columns, conditions)
        if rows is None:
            continue
        campaign = scope.about is About.CAMPAIGN
        listed = [row for row in rows.to_pylist() if campaign or _on(row, scope, reaches)]
        done = [row for row in listed if row["closed_on"] and row["closed_on"] <= period.last]
        late = [row for row in listed if row not in done and row["due_on"] <= period.last]
        found.append(Counted(side.jurisdiction, len(listed), len(done), len(late), sources))
    return found


def cases(gatherer: Gatherer, scope: Scope, period: Period, reaches: frozenset[str] | None) -> list[Counted]:
    """Enforcement cases discovered in the period; done: closed by its end; `late` counts those transferred in it."""
    columns = ("case_number", "reach_code", "discovered_on", "transferred_to", "transferred_on", "closed_on")
    conditions = [
        Filter("discovered_on", "ge", (period.first.isoformat(),)),
        Filter("discovered_on", "le", (period.last.isoformat(),)),
    ]
    found = []
    for side in scope.sides:
        rows, sources = _read(gatherer, side, "enforcement-case", columns, conditions)
        if rows is None:
            continue
        listed = [row for row in rows.to_pylist() if reaches is None or row["reach_code"] in reaches]
        done = [row for row in listed if row["closed_on"] and row["closed_on"] <= period.last]
        moved = [row for row in listed if row["transferred_on"] and period.holds(row["transferred_on"])]
        found.append(Counted(side.jurisdiction, len(listed), len(done), len(moved), sources))
    return found


def _read(
    gatherer: Gatherer, side: Side, contract: str, columns: Sequence[str], conditions: Sequence[Filter]
) -> tuple[pa.Table | None, tuple[str, ...]]:
    dataset = side.datasets.get(contract)
    rows = gatherer.rows(dataset, columns, conditions)
    if rows is None or dataset is None:
        return None, ()
    return rows, gatherer.batch_keys(dataset, rows)


def _in_force(row: dict[str, Any], on: date) -> bool:
    until: date = row["valid_to"] or on + timedelta(days=1)
    begun: date = row["valid_from"]
    return begun <= on <= until


def _on(row: dict[str, Any], scope: Scope, reaches: frozenset[str] | None) -> bool:
    """By its reach where the report is about some, else by its river."""
    if reaches is not None and scope.about is not About.RIVER:
        return row["reach_code"] in reaches
    return not scope.rivers or not row["river_name"] or row["river_name"] in scope.rivers
