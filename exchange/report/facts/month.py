"""All facts of a period, read once, in the order in which they rest on one another.

(1) registers: targets, places; for a river, a chief or a campaign, which reaches and sections are theirs
(2) values of the period, the one before and the year before; settled values stand in for published ones
(3) classes, comparison, fluxes, compensation
(4) referrals, patrols, works, cases
"""

from __future__ import annotations

from dataclasses import dataclass

from exchange.report.facts.comparison import Compared, compared
from exchange.report.facts.compensation import Compensation, compensated
from exchange.report.facts.extent import chosen, reaches_of
from exchange.report.facts.flux import Passed, passed
from exchange.report.facts.patrols import Patrolled, Planned, patrolled, planned
from exchange.report.facts.quality import State, earlier, observed, places, states
from exchange.report.facts.referrals import Handled, handled
from exchange.report.facts.settled import Settled, settled_by
from exchange.report.facts.works import Counted, cases, points, tasks
from exchange.report.gather import Gatherer
from exchange.report.period import Period
from exchange.report.scope import Scope
from exchange.river.standard import Standard, national_standard


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything that chapters are made of; `reaches`: those it is about, None where it is about all."""

    scope: Scope
    reaches: frozenset[str] | None
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
    reaches = reaches_of(gatherer, scope, period, held)
    scope = chosen(scope, held, reaches)
    codes = [code for each in scope.sections for code in each.codes.values()]
    settled = settled_by(gatherer.client, gatherer.moment, codes, gatherer.sources)  # (2)
    rows, before, year_ago = (
        observed(gatherer, scope, scope.sections, each, settled, held)
        for each in (period, period.previous, period.year_ago)
    )
    found = states(scope, rows, earlier(before, standard), earlier(year_ago, standard), held, standard)  # (3)
    plan = planned(gatherer, scope, patrols, period, reaches)
    return Facts(
        scope,
        reaches,
        period,
        standard,
        tuple(found),
        tuple(settled),
        compared(gatherer, scope, period, settled),
        tuple(passed(gatherer, scope, period, rows)),
        tuple(compensated(gatherer, scope, period, found, held, rows, standard)),
        handled(gatherer.client, scope, period, gatherer.moment, gatherer.sources),  # (4)
        tuple(patrolled(gatherer, scope, period, plan, reaches)),
        plan,
        tuple(tasks(gatherer, scope, period, reaches)),
        tuple(points(gatherer, scope, period, reaches)),
        tuple(cases(gatherer, scope, period, reaches)),
    )
