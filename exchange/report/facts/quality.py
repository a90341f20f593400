"""Sections of a period against their targets and earlier periods: GB 3838-2002, 环办〔2011〕22号.

A section's class comes from the means of its items over the period; of an item that was measured both ways only
the preferred way counts. Settled values stand in for published ones.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from exchange.client import Filter
from exchange.report.facts.settled import Settled, with_settled_values
from exchange.report.gather import INDEX, Gatherer, among, within
from exchange.report.period import Period
from exchange.report.scope import Scope, Section
from exchange.river.assess import graded, main_items, means, section_classes
from exchange.river.plain import decoded
from exchange.river.standard import Standard
from exchange.river.verdict import Change, class_change

COLUMNS: Final = (
    "section_code",
    "sampled_at",
    "item_code",
    "monitoring_mode",
    "value",
    "unit",
    "qualifier",
    "detection_limit",
    "data_flag",
)
_KEY: Final = ("section_code",)


@dataclass(frozen=True, slots=True)
class Place:
    """What the register says of a section; `target` is a level, None where there is none."""

    target: int | None
    body: str
    reach: str
    longitude: float | None
    latitude: float | None


@dataclass(frozen=True, slots=True)
class Mean:
    """An item over the period, in its unit; `multiple` is how far it is above the limit of the target, where it is."""

    item: str
    value: float
    unit: str
    samples: int
    level: int
    exceeds: bool
    multiple: float | None


@dataclass(frozen=True, slots=True)
class Earlier:
    """A section's level in an earlier period, 0 where there are no data, and what it rests on."""

    level: int = 0
    sources: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class State:
    """A section in the period; `level` 0: no data. `settlements`: by item, keys of those whose values were used."""

    section: Section
    place: Place | None
    level: int
    before: Earlier
    year_ago: Earlier
    means: tuple[Mean, ...]
    main: tuple[str, ...]
    sources: tuple[str, ...]
    settlements: Mapping[str, tuple[str, ...]]

    @property
    def every_source(self) -> tuple[str, ...]:
        """Batches, and the settlements whose values were used."""
        return (*self.sources, *(key for keys in self.settlements.values() for key in keys))

    @property
    def target(self) -> int | None:
        """The level it is to reach."""
        return self.place.target if self.place else None

    @property
    def meets(self) -> bool | None:
        """Whether it does; None where target or data are missing."""
        return None if self.target is None or not self.level else self.level <= self.target

    @property
    def exceeding(self) -> tuple[Mean, ...]:
        """Items above the target's limit, the worst first."""
        over = [mean for mean in self.means if mean.exceeds]
        return tuple(sorted(over, key=lambda mean: (-mean.level, -(mean.multiple or 0.0), mean.item)))

    def change(self, before: int) -> Change | None:
        """How it compares with an earlier level."""
        return class_change(before, self.level) if before and self.level else None


def places(gatherer: Gatherer, scope: Scope, standard: Standard) -> dict[str, Place]:
    """The registers' rows by the codes that figures go by; of several rows the one valid last counts."""
    names = (
        "section_code",
        "target_class",
        "water_body",
        "reach_code",
        "longitude",
        "latitude",
        "valid_from",
    )
    found: dict[str, Place] = {}
    for side in scope.sides:
        codes = [each.code for each in scope.sections if each.source == side.which]
        rows = gatherer.rows(side.datasets.get("monitoring-section"), names, among("section_code", codes))
        for row in [] if rows is None else rows.to_pylist():
            target = row["target_class"]
            level = standard.classes.index(target) + 1 if target in standard.classes else None
            found[row["section_code"]] = Place(
                level,
                row["water_body"] or "river",
                row["reach_code"] or "",
                row["longitude"],
                row["latitude"],
            )
    return found


def observed(
    gatherer: Gatherer,
    scope: Scope,
    sections: Sequence[Section],
    period: Period,
    settled: Sequence[Settled],
    held: Mapping[str, Place],
) -> pa.Table | None:
    """Values of a period by the codes that figures go by, with `water_body`, `_source` (batch) and `_settlement`."""
    tables = []
    for side in scope.sides:
        codes = [each.code for each in sections if each.source == side.which]
        dataset = side.datasets.get("water-quality")
        conditions: list[Filter] = [*within("sampled_at", period.start, period.end), *among(_KEY[0], codes)]
        rows = gatherer.rows(dataset, COLUMNS, conditions) if codes else None
        if rows is None or dataset is None:
            continue
        rows = rows.filter(pc.is_in(rows["section_code"], pa.array(codes, pa.string())))
        rows = with_settled_values(rows, dataset, settled)
        gatherer.batch_keys(dataset, rows)
        keys = pc.binary_join_element_wise(dataset.owner.jurisdiction, rows[INDEX].cast(pa.string()), "#")
        bodies = [held[code].body if code in held else "river" for code in rows["section_code"].to_pylist()]
        rows = rows.append_column("_source", keys).append_column("water_body", pa.array(bodies, pa.string()))
        tables.append(rows.drop_columns([INDEX]))
    return preferred(pa.concat_tables(tables), scope.prefer) if tables else None


def preferred(rows: pa.Table, mode: str) -> pa.Table:
    """Valid values of the preferred way of monitoring, where a section's item has some; else of the other."""
    rows = rows.filter(pc.and_(pc.equal(rows["data_flag"], "N"), pc.is_valid(rows["value"])))
    by = ["section_code", "item_code"]
    chosen = rows.filter(pc.equal(rows["monitoring_mode"], mode)).group_by(by).aggregate([])
    other = rows.filter(pc.not_equal(rows["monitoring_mode"], mode))
    alone = other.join(chosen, by, join_type="left anti", use_threads=False)
    both = pa.concat_tables([rows.filter(pc.equal(rows["monitoring_mode"], mode)), alone])
    return both.sort_by([(name, "ascending") for name in (*by, "sampled_at")]).combine_chunks()


def levels(rows: pa.Table | None, standard: Standard, months: bool = False) -> dict[Any, int]:
    """The level of each section, from the means of the rows; by (section, month) where `months`."""
    if rows is None or not rows.num_rows:
        return {}
    keys = ("section_code", "water_body")
    by = ("section_code", "month") if months else _KEY
    found = section_classes(graded(means(rows, keys, months), standard, with_saturation=False), standard, by)
    named = found["section_code"].to_pylist()
    at = list(zip(named, found["month"].to_pylist(), strict=True)) if months else named
    return dict(zip(at, found["level"].to_pylist(), strict=True))


def earlier(rows: pa.Table | None, standard: Standard) -> dict[str, Earlier]:
    """Sections' levels from the rows of an earlier period."""
    used = _used(rows, "_source")
    found: dict[str, int] = levels(rows, standard)
    return {code: Earlier(level, used.get(code, ())) for code, level in found.items()}


def states(
    scope: Scope,
    rows: pa.Table | None,
    before: Mapping[str, Earlier],
    year_ago: Mapping[str, Earlier],
    held: Mapping[str, Place],
    standard: Standard,
) -> list[State]:
    """Every section of the scope, in its order."""
    now = levels(rows, standard)
    by_section = _means(rows, held, standard)
    main = _main(rows, standard)
    used = _used(rows, "_source")
    settlements = _settlements(rows)
    return [
        State(
            each,
            held.get(each.code),
            now.get(each.code, 0),
            before.get(each.code, Earlier()),
            year_ago.get(each.code, Earlier()),
            tuple(by_section.get(each.code, ())),
            main.get(each.code, ()),
            used.get(each.code, ()),
            settlements.get(each.code, {}),
        )
        for each in scope.sections
    ]


def _means(rows: pa.Table | None, held: Mapping[str, Place], standard: Standard) -> dict[str, list[Mean]]:
    found: dict[str, list[Mean]] = {}
    if rows is None or not rows.num_rows:
        return found
    averaged = graded(means(rows, ("section_code", "water_body"), False), standard, with_saturation=False)
    assessed = {item.code: item for item in standard.items if item.assessed}
    for row in averaged.to_pylist():
        item = assessed.get(row["item_code"])
        if item is None or not row["level"]:
            continue
        code = row["section_code"]
        target = held[code].target if code in held else None
        exceeds = target is not None and row["level"] > target
        multiple = None
        if exceeds and item.multiple and target is not None and target <= len(standard.classes) - 1:
            body = "lake" if row["water_body"] in ("lake", "reservoir") else "river"
            limit = standard.limit(item.code, standard.classes[target - 1], body)
            scale = {("ug/L", "mg/L"): 1e3, ("mg/L", "ug/L"): 1e-3}.get((row["unit"], item.unit), 1.0)
            multiple = row["value"] / (limit * scale) - 1
        found.setdefault(code, []).append(
            Mean(item.code, row["value"], row["unit"], row["samples"], row["level"], exceeds, multiple)
        )
    return found


def averages(rows: pa.Table | None) -> dict[str, dict[str, float]]:
    """Means by section and item, of items that no class rests on as well, in the units of the rows."""
    found: dict[str, dict[str, float]] = {}
    if rows is None or not rows.num_rows:
        return found
    for row in means(rows, ("section_code", "water_body"), False).to_pylist():
        found.setdefault(row["section_code"], {})[row["item_code"]] = row["value"]
    return found


def _main(rows: pa.Table | None, standard: Standard) -> dict[str, tuple[str, ...]]:
    """Main pollutants, against class III. Source: 环办〔2011〕22号 §二（一）3."""
    if rows is None or not rows.num_rows:
        return {}
    averaged = graded(means(rows, ("section_code", "water_body"), False), standard, with_saturation=False)
    assessed = pa.array([item.code for item in standard.items if item.assessed])
    counted = averaged.filter(pc.is_in(averaged["item_code"], assessed))
    found = main_items(decoded(counted), standard, _KEY)
    return {
        row["section_code"]: tuple(each["item_code"] for each in row["main"] or ())
        for row in found.to_pylist()
    }


def _used(rows: pa.Table | None, column: str) -> dict[str, tuple[str, ...]]:
    """What a section's rows name in a column."""
    if rows is None or not rows.num_rows:
        return {}
    pairs = (
        rows.filter(pc.is_valid(rows[column])).group_by(["section_code", column]).aggregate([]).to_pylist()
    )
    found: dict[str, list[str]] = {}
    for row in pairs:
        found.setdefault(row["section_code"], []).append(row[column])
    return {code: tuple(sorted(keys)) for code, keys in found.items()}


def _settlements(rows: pa.Table | None) -> dict[str, dict[str, tuple[str, ...]]]:
    """By section and item."""
    if rows is None or not rows.num_rows:
        return {}
    held = rows.filter(pc.is_valid(rows["_settlement"]))
    by = ["section_code", "item_code", "_settlement"]
    found: dict[str, dict[str, tuple[str, ...]]] = {}
    for row in held.group_by(by).aggregate([]).sort_by([(name, "ascending") for name in by]).to_pylist():
        items = found.setdefault(row["section_code"], {})
        items[row["item_code"]] = (*items.get(row["item_code"], ()), row["_settlement"])
    return found
