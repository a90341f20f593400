"""Patrols planned and done in a period, by side."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

import pyarrow as pa
import pyarrow.compute as pc

from exchange.accord.case import fold
from exchange.accord.move import Move
from exchange.client.accord import get_accord
from exchange.ids import digest_of
from exchange.patrol.document import office_from_json, plan_from_json
from exchange.report.gather import Gatherer, within
from exchange.report.period import Period
from exchange.report.scope import Scope
from exchange.trust.envelope import Envelope

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


def planned(
    gatherer: Gatherer,
    scope: Scope,
    files: tuple[bytes, bytes] | None,
    period: Period,
    reaches: frozenset[str] | None = None,
) -> Planned | None:
    """Visits to `reaches` (None: to all) in the plan that both sides accepted, or in the office's files.

    Raises MalformedError, NotFoundError.
    """
    if scope.accord:
        given = _accepted(gatherer, scope.accord)
    else:
        given = files and (*files, gatherer.sources.file("patrol-plan", digest_of(files[1])))
    if given is None:
        return None
    office, plan = office_from_json(given[0]), plan_from_json(given[1])
    side_of = {team.code: team.side for team in office.teams}
    counts: list[dict[str, int]] = [{}, {}]
    for visit in plan.visits():
        if reaches is not None and visit.reach not in reaches:
            continue
        day, side = office.start + timedelta(days=visit.day), side_of.get(visit.team, "")
        for which, held in ((0, period), (1, period.following)):
            if held.holds(day):
                counts[which][side] = counts[which].get(side, 0) + 1
    return Planned(counts[0], counts[1], given[2])


def _accepted(gatherer: Gatherer, id: str) -> tuple[bytes, bytes, str] | None:
    """Office, plan and source of what stood at the moment; None where nothing had been accepted yet."""
    found = get_accord(gatherer.client, id)
    moves = (Move.parse(Envelope.from_json_bytes(envelope).payload) for envelope in found.moves)
    accord, _ = fold([move for move in moves if move.at <= gatherer.moment])
    proposal = None if accord is None else accord.standing
    if proposal is None or proposal.office is None or proposal.plan is None:
        return None
    source = gatherer.sources.step("accord", gatherer.client.profile.card.jurisdiction, proposal.digest, id)
    return proposal.office.document(), proposal.plan.document(), source


def patrolled(
    gatherer: Gatherer, scope: Scope, period: Period, plan: Planned | None, reaches: frozenset[str] | None
) -> list[Patrolled]:
    """Both sides' patrols of `reaches` (None: of all) that began in the period."""
    found = []
    for side in scope.sides:
        dataset = side.datasets.get("patrol-record")
        rows = gatherer.rows(dataset, _COLUMNS, within("started_at", period.start, period.end))
        keys: tuple[str, ...] = ()
        if rows is not None and dataset is not None:
            if reaches is not None:
                rows = rows.filter(pc.is_in(rows["reach_code"], pa.array(sorted(reaches), pa.string())))
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
