"""The comparison against a slow one, written row by row from the contract's words: pairs, verdicts, bias."""

from __future__ import annotations

import random
import statistics
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pytest

from exchange.reconcile.boundary import compare, crosswalk
from exchange.reconcile.engine.duck import DuckEngine
from exchange.reconcile.side import OBSERVED
from exchange.reconcile.terms import Item, Terms, shipped_terms

TERMS: Final = shipped_terms()
BEGINS: Final = datetime(2026, 3, 19, tzinfo=UTC)
SECTIONS: Final = 30
ITEMS: Final = ("w21003", "w01019", "w01001", "w21001")
MODES: Final = ("automatic", "manual")


@dataclass(frozen=True)
class Seen:
    """One side's row; instants in seconds since BEGINS."""

    section: str
    item: str
    mode: str
    at: int
    value: float
    unit: str
    limit: float | None

    def row(self, after: timedelta) -> dict[str, Any]:
        return {
            "section_code": self.section, "sampled_at": BEGINS + timedelta(seconds=self.at) + after,
            "item_code": self.item, "monitoring_mode": self.mode, "value": self.value, "unit": self.unit,
            "detection_limit": self.limit, "data_flag": "N",
        }  # fmt: skip


Pair = tuple[Seen | None, Seen | None]


def side(chance: random.Random) -> list[Seen]:
    """Rows around the hours of three weeks: at the hour, near it, or near the edge of a tolerance."""
    found: dict[tuple[str, str, str, int], Seen] = {}
    for number in range(SECTIONS):
        for item in ITEMS:
            for _ in range(chance.randrange(14)):
                off = chance.choice(
                    (
                        0,
                        0,
                        0,
                        *(sign * each for each in (599, 1800, 1801, 3600, 7200, 7201) for sign in (1, -1)),
                    )
                )
                at = chance.choice((4, 8, 12, 180, 200, 420)) * 3600 + off
                mode = chance.choice(MODES)
                unit = chance.choice(tuple(units(item).units))
                value = chance.choice((0.0, 0.02, 0.1, 0.4, 1.1, 2.0)) * chance.choice((1, 1.1, 1.3, 1.5))
                limit = chance.choice((None, None, 0.1)) if unit == units(item).unit else None
                seen = Seen(f"S{number:03}", item, mode, at, value / units(item).units[unit], unit, limit)
                found[seen.section, item, mode, at] = seen
    return list(found.values())


def units(code: str) -> Item:
    return next(item for item in TERMS.items if item.code == code)


def amount(row: Seen) -> float:
    return row.value * units(row.item).units[row.unit]


def mutual(left: Iterable[Seen], right: Iterable[Seen], terms: Terms, mixed: bool) -> list[tuple[Seen, Seen]]:
    """Rows that are each other's nearest within the tolerance."""
    wide = {"automatic": terms.pairing.automatic, "manual": terms.pairing.manual}
    near = [
        (a, b)
        for a in left
        for b in right
        if (a.mode != b.mode) == mixed
        and abs(a.at - b.at) <= (terms.pairing.mixed if mixed else wide[a.mode])
    ]
    ours = {a: min((abs(a.at - b.at), b.at) for c, b in near if c == a) for a, _ in near}
    theirs = {b: min((abs(a.at - b.at), a.at) for a, c in near if c == b) for _, b in near}
    return [(a, b) for a, b in near if ours[a][1] == b.at and theirs[b][1] == a.at]


def slowly(left: list[Seen], right: list[Seen]) -> list[Pair]:
    """All pairs and single rows of one item at one section, step by step."""
    pairs: list[Pair] = []
    found: list[tuple[Seen, Seen]] = [(a, b) for a in left for b in right if (a.at, a.mode) == (b.at, b.mode)]
    for step in range(3):
        if step:
            found = mutual(left, right, TERMS, mixed=step == 2)
        pairs += found
        left = [a for a in left if a not in {pair[0] for pair in found}]
        right = [b for b in right if b not in {pair[1] for pair in found}]
    return [*pairs, *((a, None) for a in left), *((None, b) for b in right)]


def verdict(a: Seen | None, b: Seen | None) -> str:
    if a is None or b is None:
        return "right_only" if a is None else "left_only"
    item, apart = units(a.item), abs(amount(a) - amount(b))
    limit = max(item.detection_limit if each.limit is None else each.limit for each in (a, b))
    total = abs(amount(a)) + abs(amount(b))
    share = next(band.share for band in item.bands if band.upto is None or total / 2 <= band.upto)
    within = apart <= total * share
    if a.mode != b.mode:
        within = across(a, b, item, limit)
    if within or apart <= item.absolute:
        return "agree"
    return "noise" if apart <= limit else "disagree"


def across(a: Seen, b: Seen, item: Item, limit: float) -> bool:
    lab, apart = amount(a if a.mode == "manual" else b), abs(amount(a) - amount(b))
    if item.class_ii is not None and max(amount(a), amount(b)) <= item.class_ii:
        return True
    if lab <= 4 * limit and apart <= 4 * limit:
        return True
    mixed = TERMS.mixed
    share = mixed.above_ii if item.class_ii is None or lab > item.class_ii else mixed.up_to_ii
    if item.class_iv is not None and lab > item.class_iv:
        share = mixed.above_iv
    return apart <= abs(lab) * share


def window(a: Seen) -> tuple[str, str, str, int]:
    pairing = TERMS.pairing
    length = pairing.window_manual if a.mode == "manual" else pairing.window_automatic
    return a.section, a.item, a.mode, (int(BEGINS.timestamp()) + a.at) // length


def table(rows: list[Seen], chance: random.Random) -> pa.Table:
    schema = pa.schema([(name, kind.to_pyarrow()) for name, kind in OBSERVED.items()])
    # what is less than a second is cut off
    return pa.Table.from_pylist(
        [row.row(timedelta(microseconds=chance.choice((0, 700_000)))) for row in rows], schema
    )


@pytest.mark.parametrize("seed", [1, 2])
def test_as_a_slow_comparison_has_it(seed: int, tmp_path: Path) -> None:
    chance = random.Random(seed)
    left, right = side(chance), side(chance)
    by_place: dict[tuple[str, str], tuple[list[Seen], list[Seen]]] = defaultdict(lambda: ([], []))
    for which, rows in enumerate((left, right)):
        for row in rows:
            by_place[row.section, row.item][which].append(row)
    wanted = [pair for place in by_place.values() for pair in slowly(*place)]
    walk = crosswalk({f"S{at:03}": f"S{at:03}" for at in range(SECTIONS)})
    with DuckEngine(tmp_path, memory=256 << 20) as engine:
        found = compare(engine, TERMS, walk, table(left, chance), table(right, chance))
        pairs = engine.table(found.all_pairs()).to_pylist()
        bias = engine.table(found.bias()).to_pylist()
    assert sorted(map(told, pairs)) == sorted(expected(pair) for pair in wanted)
    assert {verdict(*pair) for pair in wanted} == {"agree", "noise", "disagree", "left_only", "right_only"}
    assert {each["pairing"] for each in pairs} >= {"automatic-manual", "manual-automatic", "manual-manual"}
    apart = defaultdict(list)
    for a, b in wanted:
        if a is not None and b is not None:
            apart[window(a)].append(amount(b) - amount(a))
    given = {(each["left_section"], each["item_code"], each["mode"], each["window"]): each for each in bias}
    for key, values in apart.items():
        assert given[key]["pairs"] == len(values)
        assert given[key]["bias"] == pytest.approx(statistics.fmean(values), abs=1e-12)
        if len(values) > 1:
            assert given[key]["deviation"] == pytest.approx(statistics.stdev(values), abs=1e-9)


def told(pair: dict[str, Any]) -> tuple[str, ...]:
    halves = [
        f"{(pair[f'{which}_at'] - BEGINS).total_seconds():g} {pair[f'{which}_value']!r} {pair[f'{which}_unit']}"
        if pair[f"{which}_at"]
        else ""
        for which in ("left", "right")
    ]
    return pair["left_section"], pair["item_code"], *halves, pair["pairing"], pair["verdict"]


def expected(pair: Pair) -> tuple[str, ...]:
    one = next(each for each in pair if each is not None)
    halves = [f"{each.at:g} {each.value!r} {each.unit}" if each else "" for each in pair]
    pairing = "-".join(each.mode if each else "none" for each in pair)
    return one.section, one.item, *halves, pairing, verdict(*pair)
