"""Joint patrols: how far a plan may be from the best, against a greedy planner, and after a cancellation."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Final

from benchmarks.figure import Figure, bench
from benchmarks.office import made_office
from exchange.patrol.assign import plan_of
from exchange.patrol.check import breaches
from exchange.patrol.cost import cost_of
from exchange.patrol.crew import crews_of
from exchange.patrol.greedy import insert_all
from exchange.patrol.model import Office, Plan
from exchange.patrol.outing import Meetings
from exchange.patrol.planner import plan, replan, without
from exchange.patrol.rules import Rules

_SECONDS: Final = 60.0


@bench("patrol.gap_100", "patrol.greedy", "patrol.replan")
def month(scratch: Path) -> Iterable[Figure]:
    """100 reaches, 20 teams, 30 days, one minute; then one team of a busy day does not go."""
    office = made_office(100, 20)
    made = plan(office, _SECONDS)
    _sound(office, made.plan)
    yield Figure("patrol.gap_100", 100 * made.gap, "%", "proven bound", None, 5.0)
    rules = Rules(office, crews_of(office))
    greedy = plan_of(rules, insert_all(rules, Meetings(office, rules.crews)))
    _sound(office, greedy)
    yield Figure(
        "patrol.greedy", made.cost.whole, "minutes", "cheapest insertion", cost_of(office, greedy).whole, 0.8
    )
    yield _cancelled("patrol.replan", office, made.plan)


@bench("patrol.gap_400", "patrol.first", "patrol.replan_400")
def large(scratch: Path) -> Iterable[Figure]:
    """400 reaches, 60 teams, 30 days, one minute."""
    office = made_office(400, 60)
    made = plan(office, _SECONDS)
    _sound(office, made.plan)
    yield Figure("patrol.gap_400", 100 * made.gap, "%", "proven bound", None, 12.0)
    yield Figure("patrol.first", made.first_seconds, "s", "first plan that keeps the rules", None, 5.0)
    yield _cancelled("patrol.replan_400", office, made.plan)


def _cancelled(name: str, office: Office, before: Plan) -> Figure:
    """Seconds of a replan after the longest tour is cancelled; at least nine of ten visits have to stay."""
    tour = max(before.tours, key=lambda tour: len(tour.stops))
    changed = without(replace(office, before=before), tour.team, office.date_of(tour.day))
    started = time.perf_counter()
    mended = replan(changed)
    took = time.perf_counter() - started
    _sound(changed, mended)
    kept = len(set(before.visits()) & set(mended.visits())) / len(set(before.visits()))
    if kept < 0.9:
        raise AssertionError(f"only {kept:.0%} of the visits stayed")
    return Figure(name, took, "s", f"{kept:.0%} of visits unchanged", None, 5.0)


def _sound(office: Office, plan: Plan) -> None:
    if found := breaches(office, plan):
        raise AssertionError(f"{len(found)} broken rules, first {found[0]}")
