"""The assessment score: what it is made of, out of what, and nothing else. Over tables as of frozen ledger sizes.

Each component is a share between 0 and 1 with the counts it comes from. One without anything to count is left out, and
its weight with it; the score says so. The same tables under the same rules give the same score.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import pyarrow as pa
import pyarrow.compute as pc

from exchange.duty.chief import Patrolled
from exchange.duty.rules import Rules
from exchange.errors import InvalidInputError


@dataclass(frozen=True, slots=True)
class Component:
    """`share` of `total` that is as it should be; both are counts, or sums where `unit` says so."""

    name: str
    zh: str
    en: str
    met: float
    total: float

    @property
    def share(self) -> float | None:
        """0 to 1; None where there is nothing to count."""
        return min(1.0, self.met / self.total) if self.total else None


@dataclass(frozen=True, slots=True)
class Line:
    """A component in the score: its weight, and the points that it gives of the hundred; None where left out."""

    component: Component
    weight: float
    points: float | None


@dataclass(frozen=True, slots=True)
class Score:
    """`value` of 100, by `lines`; `as_of`: dataset → ledger size that it was read at."""

    value: float
    mark: str
    edition: str
    lines: tuple[Line, ...]
    as_of: Mapping[str, int]


def score(components: Sequence[Component], rules: Rules, as_of: Mapping[str, int]) -> Score:
    """Weigh components; raises InvalidInputError for one without a weight, and where nothing can be counted."""
    unknown = [item.name for item in components if item.name not in rules.weights]
    if unknown:
        raise InvalidInputError(f"规则没有此项权重 / the rules do not weigh {', '.join(unknown)}")
    counted = {item.name: rules.weights[item.name] for item in components if item.share is not None}
    whole = sum(counted.values())
    if not whole:
        raise InvalidInputError("没有可计分的内容 / there is nothing to count")
    lines = tuple(
        Line(
            item,
            rules.weights[item.name],
            None if item.share is None else 100 * rules.weights[item.name] / whole * item.share,
        )
        for item in components
    )
    value = round(sum(line.points or 0.0 for line in lines), 2)
    return Score(value, rules.mark(value), rules.edition, lines, dict(sorted(as_of.items())))


def quality_component(classes: pa.Table) -> Component:
    """Sections that reach their target: rows with `level` and `target`, 1 (I) to 6 (worse than V)."""
    met = pc.sum(pc.cast(pc.less_equal(classes["level"], classes["target"]), pa.int64())).as_py() or 0
    return Component("water_quality", "断面达标", "sections on target", met, classes.num_rows)


def plan_component(plans: pa.Table) -> Component:
    """Tasks' figures reached, each task counting as one, up to its target."""
    known = plans.filter(pc.greater(plans["target_value"], 0.0))
    done = pc.fill_null(pc.divide(known["done_value"], known["target_value"]), 0.0)
    met = pc.sum(pc.min_element_wise(done, 1.0)).as_py() or 0.0
    return Component("plan_progress", "一河一策进展", "plans' progress", met, known.num_rows)


def directive_component(points: pa.Table, on: date) -> Component:
    """Points closed of those that were due by a day."""
    due = points.filter(pc.less_equal(points["due_on"], pa.scalar(on, pa.date32())))
    met = pc.sum(pc.cast(pc.equal(due["status"], "closed"), pa.int64())).as_py() or 0
    return Component("directive_closed", "总河长令点位销号", "directives' points closed", met, due.num_rows)


def referral_component(closed_in_time: int, closed: int, overdue: int) -> Component:
    """Referrals closed in time, of those that were closed or are overdue."""
    return Component(
        "referrals_in_time", "交办按期办结", "referrals in time", closed_in_time, closed + overdue
    )


def patrol_component(found: Sequence[Patrolled]) -> Component:
    """Patrols made, up to what was asked of each chief."""
    asked = sum(each.asked for each in found)
    return Component("patrols", "巡河", "patrols", sum(min(each.asked, each.done) for each in found), asked)
