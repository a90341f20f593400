"""Both banks' values at the sections that both watch: counts of verdicts, what differs and why, what was settled."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from exchange.contract.model import Contract
from exchange.reconcile.boundary import compare, crosswalk
from exchange.reconcile.engine.duck import DuckEngine
from exchange.reconcile.grades import class_differences
from exchange.reconcile.side import OBSERVED
from exchange.reconcile.terms import read_terms
from exchange.report.facts.settled import Settled
from exchange.report.gather import INDEX, Gatherer, among, within
from exchange.report.period import Period
from exchange.report.scope import SIDES, Scope, Section

_MEMORY: Final = 2 << 30


@dataclass(frozen=True, slots=True)
class Difference:
    """A pair that differs, or a value alone; `settled` is what both sides use since, `source` its last step."""

    section: Section
    item: str
    at: datetime
    left: float | None
    left_unit: str
    right: float | None
    right_unit: str
    cause: str
    settled: float | None
    state: str
    source: str


@dataclass(frozen=True, slots=True)
class Compared:
    """`verdicts` by section's code, then verdict; `sources` by section's code."""

    terms: Contract
    sections: tuple[Section, ...]
    verdicts: Mapping[str, Mapping[str, int]]
    differences: tuple[Difference, ...]
    classes: int
    samples: int
    sources: Mapping[str, tuple[str, ...]]


def compared(gatherer: Gatherer, scope: Scope, period: Period, settled: Sequence[Settled]) -> Compared | None:
    """The comparison by the hub's terms; None where no section has two codes, or a side cannot be read."""
    both = tuple(each for each in scope.sections if len(each.codes) == len(SIDES))
    if not both:
        return None
    tables = [_rows(gatherer, scope, both, which, period) for which in SIDES]
    if any(rows is None for rows, _ in tables):
        return None
    terms = read_terms(gatherer.client.contract(scope.comparison))
    walk = crosswalk({each.codes["left"]: each.codes["right"] for each in both})
    with (
        tempfile.TemporaryDirectory(prefix="hechuan-") as scratch,
        DuckEngine(Path(scratch), _MEMORY) as engine,
    ):
        found = compare(engine, terms, walk, *(rows for rows, _ in tables))
        pairs = engine.table(found.all_pairs())
        differing = engine.table(found.all_differences().order_by("compared_at", "left_section", "item_code"))
    by_code = {each.codes["left"]: each for each in both}
    counts = Counter(zip(pairs["left_section"].to_pylist(), pairs["verdict"].to_pylist(), strict=True))
    verdicts: dict[str, dict[str, int]] = {}
    for (left, verdict), count in sorted(counts.items()):
        verdicts.setdefault(by_code[left].code, {})[verdict] = count
    samples = pairs.filter(pc.and_(pc.is_valid(pairs["left_at"]), pc.is_valid(pairs["right_at"])))
    return Compared(
        terms.contract,
        both,
        verdicts,
        tuple(_difference(row, by_code, settled) for row in differing.to_pylist()),
        class_differences(pairs).num_rows,
        samples.group_by(["left_section", "compared_at"]).aggregate([]).num_rows,
        {each.code: _sources(each, tables) for each in both},
    )


_Side = tuple[pa.Table | None, Mapping[str, tuple[str, ...]]]


def _rows(gatherer: Gatherer, scope: Scope, both: Sequence[Section], which: str, period: Period) -> _Side:
    """One side's rows of the period, and the source keys of each of its sections."""
    dataset = scope.side(which).datasets.get("water-quality")
    codes = [each.codes[which] for each in both]
    conditions = [*within("sampled_at", period.start, period.end), *among("section_code", codes)]
    rows = gatherer.rows(dataset, list(OBSERVED), conditions)
    if rows is None or dataset is None:
        return None, {}
    rows = rows.filter(pc.is_in(rows["section_code"], pa.array(codes, pa.string())))
    gatherer.batch_keys(dataset, rows)
    keys: dict[str, list[str]] = {}
    for row in rows.group_by(["section_code", INDEX]).aggregate([]).to_pylist():
        keys.setdefault(row["section_code"], []).append(f"{dataset.owner.jurisdiction}#{row[INDEX]}")
    return rows.select(list(OBSERVED)), {code: tuple(sorted(found)) for code, found in keys.items()}


def _sources(section: Section, tables: Sequence[_Side]) -> tuple[str, ...]:
    of = zip(SIDES, (keys for _, keys in tables), strict=True)
    return tuple(key for which, keys in of for key in keys.get(section.codes[which], ()))


def _difference(
    row: Mapping[str, Any], by_code: Mapping[str, Section], settled: Sequence[Settled]
) -> Difference:
    section = by_code[row["left_section"]]
    ended = None
    for each in settled:
        about = each.settlement.matter
        instants = {about.left_at, about.right_at} - {None}
        same = (about.left_section, about.right_section) == (section.codes["left"], section.codes["right"])
        if same and about.item == row["item_code"] and instants & {row["left_at"], row["right_at"]}:
            ended = each
    return Difference(
        section,
        row["item_code"],
        row["compared_at"],
        row["left_value"],
        row["left_unit"] or "",
        row["right_value"],
        row["right_unit"] or "",
        row["cause"],
        ended.value if ended else None,
        ended.settlement.state.value if ended else "",
        ended.source if ended else "",
    )
