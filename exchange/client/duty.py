"""Duties, plans, directives and the score, out of what an agency may read, as of one moment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from exchange.client.referral import list_referrals
from exchange.duty.chief import patrolled
from exchange.duty.directive import COUNTS, KEYS
from exchange.duty.matrix import Duty, route
from exchange.duty.rules import Rules
from exchange.duty.score import (
    Component,
    Score,
    directive_component,
    patrol_component,
    plan_component,
    quality_component,
    referral_component,
    score,
)
from exchange.errors import MalformedError
from exchange.ids import DatasetId
from exchange.referral.case import State
from exchange.referral.history import fold
from exchange.referral.move import Move
from exchange.river.assess import graded, means, section_classes
from exchange.river.standard import Standard, national_standard
from exchange.trust.envelope import Envelope
from exchange.trust.workday import SHANGHAI, deadline_instant

if TYPE_CHECKING:
    from exchange.client.connection import Client

_SCORED: Final = (
    "water-quality",
    "monitoring-section",
    "river-plan",
    "directive-point",
    "river-chief",
    "patrol-record",
)


@dataclass(slots=True)
class Frozen:
    """Reads datasets once, each pinned to the ledger size that its answer names."""

    client: Client
    moment: int | datetime | None = None
    sizes: dict[str, int] = field(default_factory=dict)

    def table(self, dataset: str) -> pa.Table:
        """All rows that stood at the moment."""
        rows = self.client.query(dataset, as_of=self.moment)
        found = rows.table()
        self.sizes[dataset] = rows.tree_size or 0
        return found


def assess(
    client: Client,
    datasets: Mapping[str, str],
    rules: Rules,
    start: date,
    end: date,
    moment: int | datetime | None = None,
) -> Score:
    """The score of a period; `datasets`: contract → dataset, for what is to be counted.

    Referrals are those of the calling agency that were sent in the period. Raises InvalidInputError.
    """
    frozen = Frozen(client, moment)
    tables = {name: frozen.table(datasets[name]) for name in _SCORED if name in datasets}
    found: list[Component] = []
    if {"water-quality", "monitoring-section"} <= tables.keys():
        found.append(_quality(tables["water-quality"], tables["monitoring-section"], start, end))
    if "river-plan" in tables:
        found.append(plan_component(tables["river-plan"]))
    if "directive-point" in tables:
        found.append(directive_component(tables["directive-point"], end))
    if {"river-chief", "patrol-record"} <= tables.keys():
        chiefs, patrols = tables["river-chief"], tables["patrol-record"]
        found.append(patrol_component(patrolled(chiefs, patrols, rules.quota, start, end)))
    found.append(_referrals(client, start, end))
    return score(found, rules, frozen.sizes)


def routed(client: Client, dataset: str, matter: str, river: str = "", county: str = "") -> Duty:
    """Who leads on a matter today by a duty matrix; raises NotFoundError, ConflictError, MalformedError."""
    today = datetime.now(UTC).astimezone(SHANGHAI).date()
    return route(client.query(str(DatasetId.parse(dataset))).table(), matter, river, county, on=today)


def read_totals(file: Path) -> pa.Table:
    """Totals that were reported: a CSV with the columns of `progress`; raises MalformedError."""
    types = {**dict.fromkeys(KEYS, pa.string()), **dict.fromkeys(COUNTS, pa.int64())}
    options = csv.ConvertOptions(column_types=types, include_columns=list(types))
    try:
        return csv.read_csv(file, convert_options=options)
    except (pa.ArrowInvalid, KeyError) as error:
        raise MalformedError(f"填报汇总无法读取 / the totals cannot be read: {error}") from None


def dataset_of(datasets: list[str]) -> dict[str, str]:
    """Datasets by contract; raises MalformedError."""
    return {DatasetId.parse(text).contract: text for text in datasets}


def _quality(rows: pa.Table, sections: pa.Table, start: date, end: date) -> Component:
    """Sections whose means over the period reach their target class."""
    standard = national_standard()
    first, last = day_begins(start), deadline_instant(end)
    rows = rows.filter(
        pc.and_(pc.greater_equal(rows["sampled_at"], first), pc.less(rows["sampled_at"], last))
    )
    targets = _targets(sections, standard)
    averaged = means(rows, ("section_code",), month=False)
    classes = section_classes(graded(averaged, standard), standard, ("section_code",))
    classes = classes.filter(pc.is_in(classes["section_code"], pa.array(list(targets), pa.string())))
    target = pa.array([targets[code] for code in classes["section_code"].to_pylist()], pa.int64())
    return quality_component(pa.table({"level": classes["level"], "target": target}))


def _targets(sections: pa.Table, standard: Standard) -> dict[str, int]:
    return {
        row["section_code"]: standard.classes.index(row["target_class"]) + 1
        for row in sections.select(["section_code", "target_class"]).to_pylist()
        if row["target_class"]
    }


def _referrals(client: Client, start: date, end: date) -> Component:
    """As they stood at the end of the period, out of the moves up to then."""
    first, last = day_begins(start), deadline_instant(end)
    in_time = closed = overdue = 0
    for each in list_referrals(client, closed=True, moves=True):
        moves = (Move.parse(Envelope.from_json_bytes(move.envelope).payload) for move in each.moves)
        known = fold([move for move in moves if move.at < last]).standing
        if known is None or known.order.at < first or known.state is State.WITHDRAWN:
            continue
        if known.state is State.APPROVED:
            closed += 1
            in_time += known.moves[-1].at < known.due
        else:
            overdue += known.due <= last
    return referral_component(in_time, closed, overdue)


def day_begins(day: date) -> datetime:
    """0:00 of a day in Asia/Shanghai, UTC."""
    return deadline_instant(day - timedelta(days=1))
