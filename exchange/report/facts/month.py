"""All facts of a period, read once, in the order in which they rest on one another.

(1) registers: targets, places; for a chief or a campaign, which sections are theirs
(2) values of the period, the one before and the year before; settled values stand in for published ones
(3) classes, comparison, fluxes, compensation
(4) referrals, patrols, works, cases
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import pyarrow as pa

from exchange.client import Filter
from exchange.errors import NotFoundError
from exchange.report.facts.comparison import Compared, compared
from exchange.report.facts.compensation import Compensation, compensated
from exchange.report.facts.flux import Passed, passed
from exchange.report.facts.patrols import Patrolled, Planned, patrolled, planned
from exchange.report.facts.quality import Place, State, earlier, levels, observed, places, states
from exchange.report.facts.referrals import Handled, handled
from exchange.report.facts.settled import Settled, settled_by
from exchange.report.facts.works import Counted, cases, points, tasks
from exchange.report.gather import Gatherer
from exchange.report.period import Period
from exchange.report.scope import About, Scope
from exchange.river.standard import Standard, national_standard


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything that chapters are made of."""

    scope: Scope
    period: Period
    standard: Standard
    states: tuple[State, ...]
    settled: tuple[Settled, ...]
    compared: Compared | None
    passed: tuple[Passed, ...]
    compensation: tuple[Compensation, ...]
    handled: Handled
    patrolled: tuple[Patrolled, ...]
    plan: Planned | None
    tasks: tuple[Counted, ...]
    points: tuple[Counted, ...]
    cases: tuple[Counted, ...]


def facts(
    gatherer: Gatherer, scope: Scope, period: Period, patrols: tuple[bytes, bytes] | None = None
) -> Facts:
    """Read and work out; `patrols`: the office's file and its plan. Raises as queries do, and NotFoundError."""
    standard = national_standard()
    held = places(gatherer, scope, standard)  # (1)
    scope = _chosen(gatherer, scope, period, held)
    codes = [code for each in scope.sections for code in each.codes.values()]
    settled = settled_by(gatherer.client, gatherer.moment, codes, gatherer.sources)  # (2)
    rows, before, year_ago = (
        observed(gatherer, scope, scope.sections, each, settled, held)
        for each in (period, period.previous, period.year_ago)
    )
    found = states(scope, rows, earlier(before, standard), earlier(year_ago, standard), held, standard)  # (3)
    plan = planned(gatherer, scope, patrols, period)
    return Facts(
        scope,
        period,
        standard,
        tuple(found),
        tuple(settled),
        compared(gatherer, scope, period, settled),
        tuple(passed(gatherer, scope, period, rows)),
        tuple(_compensated(gatherer, scope, period, found, held, rows, standard)),
        handled(gatherer.client, scope, period, gatherer.moment, gatherer.sources),  # (4)
        tuple(patrolled(gatherer, scope, period, plan)),
        plan,
        tuple(tasks(gatherer, scope, period)),
        tuple(points(gatherer, scope, period)),
        tuple(cases(gatherer, scope, period)),
    )


def _compensated(
    gatherer: Gatherer,
    scope: Scope,
    period: Period,
    found: list[State],
    held: Mapping[str, Place],
    rows: pa.Table | None,
    standard: Standard,
) -> list[Compensation]:
    months = levels(rows, standard, months=True)
    return compensated(gatherer, scope, period, found, held, months, standard)


def _chosen(gatherer: Gatherer, scope: Scope, period: Period, held: Mapping[str, Place]) -> Scope:
    """The scope with the sections that a river, a chief or a campaign has; raises NotFoundError where it has none."""
    if scope.about is About.BOUNDARY:
        return scope
    if scope.about is About.RIVER:
        kept = tuple(each for each in scope.sections if each.river == scope.name)
    else:
        reaches = _reaches(gatherer, scope, period)
        kept = tuple(
            each for each in scope.sections if each.code in held and held[each.code].reach in reaches
        )
    if not kept:
        raise NotFoundError(f"{scope.name} 没有断面 / no section of the scope belongs to {scope.name}")
    return replace(scope, sections=kept)


def _reaches(gatherer: Gatherer, scope: Scope, period: Period) -> set[str]:
    """Reaches of a chief in office during the period, or of a campaign's points."""
    found: set[str] = set()
    for side in scope.sides:
        if scope.about is About.CHIEF:
            columns = ("chief_name", "valid_to")
            conditions = [Filter("chief_name", "eq", (scope.name,))]
            rows = gatherer.rows(side.datasets.get("river-chief"), columns, conditions)
            listed = [] if rows is None else rows.to_pylist()
            listed = [row for row in listed if row["valid_from"] <= period.last]
            found |= {
                row["reach_code"] for row in listed if not row["valid_to"] or row["valid_to"] >= period.first
            }
        else:
            conditions = [Filter("campaign", "eq", (scope.name,))]
            rows = gatherer.rows(side.datasets.get("directive-point"), ("reach_code",), conditions)
            found |= set() if rows is None else set(rows["reach_code"].to_pylist())
    return found
