"""Grading, whatever the water: order and units change nothing, and more of a bad thing is no better."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from exchange.river.assess import graded, section_classes
from exchange.river.grade import item_levels
from exchange.river.standard import national_standard

STANDARD = national_standard()
NOW = datetime(2026, 3, 19, tzinfo=UTC)
ITEMS = st.sampled_from(STANDARD.items)
VALUES = st.floats(0, 1e5, allow_nan=False)
SAMPLES = st.lists(st.tuples(ITEMS, VALUES, st.sampled_from("ABC")), min_size=1, max_size=40)


def table(samples: list[tuple[Any, float, str]]) -> pa.Table:
    return pa.table(
        {
            "section_code": [section for _, _, section in samples],
            "sampled_at": [NOW] * len(samples),
            "item_code": [item.code for item, _, _ in samples],
            "value": [value for _, value, _ in samples],
            "unit": [item.unit for item, _, _ in samples],
        }
    )


def levels(item: Any, values: list[float], body: str) -> list[int]:
    count = len(values)
    given = {"item_code": [item.code] * count, "value": values, "unit": [item.unit] * count}
    return item_levels(pa.table(given | {"water_body": [body] * count}), STANDARD).tolist()


@given(ITEMS, st.lists(VALUES, min_size=2, max_size=20), st.sampled_from(["river", "lake"]))
def test_class_is_monotone(item: Any, values: list[float], body: str) -> None:
    found = levels(item, sorted(values), body)
    bounds = item.limits.get(body)
    if bounds is None:
        assert set(found) == {0}
    elif math.isinf(bounds[0][1]):
        assert found == sorted(found, reverse=True)
    elif math.isinf(bounds[0][0]):
        assert found == sorted(found)


@given(ITEMS, VALUES, st.sampled_from(["river", "lake"]))
def test_a_class_is_the_best_whose_limit_is_kept(item: Any, value: float, body: str) -> None:
    bounds = item.limits.get(body, ())
    kept = [grade for grade, (low, high) in enumerate(bounds, 1) if low <= value <= high]
    near = any(math.isclose(value, edge, rel_tol=1e-8) for pair in bounds for edge in pair)
    assert near or levels(item, [value], body) == [(kept or [6])[0] if bounds else 0]


@given(SAMPLES)
def test_the_worst_item_wins(samples: list[tuple[Any, float, str]]) -> None:
    rows = graded(table(samples), STANDARD)
    worst: dict[str, int] = {}
    for (item, _, section), level in zip(samples, rows["level"].to_pylist(), strict=True):
        if item.assessed and level:
            worst[section] = max(worst.get(section, 0), level)
    found = section_classes(rows, STANDARD)
    assert dict(zip(found["section_code"].to_pylist(), found["level"].to_pylist(), strict=True)) == worst
    for section in found.to_pylist():
        assert bool(section["main"]) == (section["level"] > STANDARD.good)


@given(SAMPLES, st.randoms(use_true_random=False))
def test_order_changes_nothing(samples: list[tuple[Any, float, str]], chance: Any) -> None:
    mixed = list(samples)
    chance.shuffle(mixed)
    first, second = (section_classes(graded(table(each), STANDARD), STANDARD) for each in (samples, mixed))
    assert first.equals(second)


@given(st.lists(VALUES, min_size=1, max_size=30), st.sampled_from(["w20142", "w20143", "w20144", "w21003"]))
def test_units_change_nothing(values: list[float], code: str) -> None:
    # the edge of a limit included: what is 0.00005 mg/L is 0.05 µg/L
    edges = [high for _, high in STANDARD.item(code).limits["river"]]
    milli = np.array([*values, *edges])
    count = len(milli)
    given = {"item_code": [code] * count}
    first = item_levels(pa.table(given | {"value": milli, "unit": ["mg/L"] * count}), STANDARD)
    second = item_levels(pa.table(given | {"value": milli * 1e3, "unit": ["ug/L"] * count}), STANDARD)
    assert first.tolist() == second.tolist()
