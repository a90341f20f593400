"""Two lists of the same things: sections, cases, batches, totals; each with what only one has, and what differs."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from exchange.errors import InvalidInputError, SchemaMismatchError
from exchange.reconcile.engine.duck import DuckEngine
from exchange.reconcile.lists import Lists, campaign, cases, deliveries, registry
from exchange.reconcile.records import compare_records

TODAY = date(2026, 11, 1)


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[DuckEngine]:
    with DuckEngine(tmp_path, memory=256 << 20) as engine:
        yield engine


def found(engine: DuckEngine, lists: Lists) -> list[tuple[Any, ...]]:
    table = compare_records(engine, lists.left, lists.right, lists.key, lists.columns)
    return [tuple(row.values()) for row in table.to_pylist()]


def sections(*rows: tuple[str, str, str | None, date | None]) -> pa.Table:
    return pa.Table.from_pylist(
        [
            {
                "section_code": code, "section_name": name, "river_name": "铜钵河", "target_class": target,
                "is_boundary": True, "upstream_code": "510000", "downstream_code": "500000",
                "valid_from": date(2020, 1, 1), "valid_to": end,
            }
            for code, name, target, end in rows
        ],
        pa.schema(
            [
                *[(name, pa.string()) for name in ("section_code", "section_name", "river_name", "target_class")],
                ("is_boundary", pa.bool_()), ("upstream_code", pa.string()), ("downstream_code", pa.string()),
                ("valid_from", pa.date32()), ("valid_to", pa.date32()),
            ]
        ),
    )  # fmt: skip


def test_registers_through_the_crosswalk(engine: DuckEngine) -> None:
    left = sections(
        ("A", "上河坝 ", "III", None), ("B", "联盟桥", "III", None), ("C", "湖海场", None, None),
        ("X", "别处", "II", None), ("D", "旧断面", "II", date(2024, 1, 1)),
    )  # fmt: skip
    right = sections(("a", "上河坝", "II", None), ("b", "联盟桥", "III", None), ("d", "旧断面", "II", None))
    walk = {"a": "A", "b": "B", "c": "C", "d": "D"}
    assert found(engine, registry("monitoring-section", left, right, walk, TODAY)) == [
        ("A", "target_class", "III", "II", "differs"),
        ("C", "", None, None, "left_only"),
        ("D", "", None, None, "right_only"),
    ]
    with pytest.raises(InvalidInputError):
        registry("water-quality", left, right, walk, TODAY)


def test_cases_sent_and_received(engine: DuckEngine) -> None:
    sent = pa.table(
        {
            "case_number": ["1号", "2号", "3号"],
            "category": ["illegal-discharge"] * 3,
            "transferred_to": ["public-security", "public-security", "none"],
            "transferred_on": pa.array([date(2026, 3, 20), date(2026, 3, 21), None], pa.date32()),
        }
    )
    received = pa.table(
        {
            "case_number": ["1号", "9号"],
            "category": ["illegal-discharge"] * 2,
            "received_on": pa.array([date(2026, 3, 22), date(2026, 3, 22)], pa.date32()),
        }
    )
    assert found(engine, cases(sent, received, "public-security")) == [
        ("1号", "on", "2026-03-20", "2026-03-22", "differs"),
        ("2号", "", None, None, "left_only"),
        ("9号", "", None, None, "right_only"),
    ]


def test_deliveries(engine: DuckEngine) -> None:
    counts = {"rows": [6, 7], "accepted": [6, 7]}
    sent = pa.table({"batch": ["x", "y"], "object": ["p", "q"], **counts, "contract": ["c"] * 2})
    mirrored = pa.table({"batch": ["x"], "object": ["p"], "rows": [6], "accepted": [5], "contract": ["c"]})
    assert found(engine, deliveries(sent, mirrored)) == [
        ("x", "accepted", "6", "5", "differs"),
        ("y", "", None, None, "left_only"),
    ]


def test_totals_against_points(engine: DuckEngine) -> None:
    points = pa.table(
        {
            "directive": ["1号令"] * 4,
            "campaign": ["three-discharges"] * 4,
            "county_code": ["500155", "500155", "500155", "500156"],
            "status": ["listed", "mended", "closed", "closed"],
        }
    )
    totals = pa.table(
        {
            "directive": ["1号令", "1号令"],
            "campaign": ["three-discharges"] * 2,
            "county_code": [500155, 500156],
            "listed": [3, 1],
            "mended": [3, 1],
            "closed": [1, 1],
        }
    )
    assert found(engine, campaign(totals, points)) == [
        ("1号令", "three-discharges", "500155", "mended", "3", "2", "differs")
    ]


def test_a_key_that_tells_nothing_apart_and_a_column_that_is_missing(engine: DuckEngine) -> None:
    left = pa.table({"k": ["1", "1", "2"], "v": ["a", "b", "c"]})
    right = pa.table({"k": ["1", "2"], "v": ["a", "c"]})
    assert found(engine, Lists(left, right, ("k",), ("v",)))[0] == ("1", "", "2", None, "twice")
    with pytest.raises(SchemaMismatchError):
        compare_records(engine, left, right, ("k",), ("w",))
