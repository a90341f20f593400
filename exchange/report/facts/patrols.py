"""Patrols planned and done in a period, by side."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

import pyarrow as pa
import pyarrow.compute as pc

from exchange.ids import digest_of
from exchange.patrol.document import office_from_json, plan_from_json
from exchange.report.gather import Gatherer, within
from exchange.report.period import Period
from exchange.report.scope import Scope

_COLUMNS = ("reach_code", "started_at", "is_joint", "problems_found", "problems_solved")


@dataclass(frozen=True, slots=True)
class Planned:
    """The office's plan: visits by side in the period and in the next, and the key of its file."""

    now: Mapping[str, int]
    following: Mapping[str, int]
    source: str


@dataclass(frozen=True, slots=True)
class Patrolled:
    """One side's records of the period; None for `planned` where there is no plan."""

    side: str
    planned: int | None
    done: int
    joint: int
    found: int
    solved: int
    sources: tuple[str, ...]
    readable: bool


def planned(gatherer: Gatherer, files: tuple[bytes, bytes] | None, period: Period) -> Planned | None:
    """Visits of the plan, out of the office's file and the plan's; raises MalformedError."""
    if files is None:
        return None
    office, plan = office_from_json(files[0]), plan_from_json(files[1])
    side_of = {team.code: team.side for team in office.teams}
    counts: list[dict[str, int]] = [{}, {}]
    for visit in plan.visits():
        day, side = office.start + timedelta(days=visit.day), side_of.get(visit.team, "")
        for which, held in ((0, period), (1, period.following)):
            if held.holds(day):
                counts[which][side] = counts[which].get(side, 0) + 1
    source = gatherer.sources.file("patrol-plan", digest_of(files[1]))
    return Planned(counts[0], counts[1], source)


def patrolled(gatherer: Gatherer, scope: Scope, period: Period, plan: Planned | None) -> list[Patrolled]:
    """Both sides' patrols that began in the period."""
    found = []
    for side in scope.sides:
        dataset = side.datasets.get("patrol-record")
        rows = gatherer.rows(dataset, _COLUMNS, within("started_at", period.start, period.end))
        keys: tuple[str, ...] = ()
        if rows is not None and dataset is not None:
            keys = gatherer.batch_keys(dataset, rows)
        if plan is not None:
            keys = (*keys, plan.source)
        found.append(
            Patrolled(
                side.jurisdiction,
                None if plan is None else plan.now.get(side.jurisdiction, 0),
                0 if rows is None else rows.num_rows,
                0 if rows is None else rows.filter(rows["is_joint"]).num_rows,
                _sum(rows, "problems_found"),
                _sum(rows, "problems_solved"),
                keys,
                rows is not None,
            )
        )
    return found


def _sum(rows: pa.Table | None, column: str) -> int:
    return 0 if rows is None else int(pc.sum(rows[column]).as_py() or 0)
