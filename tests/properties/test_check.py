"""The contract check against two slow judges: plain Python for the column rules, DuckDB for the cross-column ones."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import Any

import duckdb
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from exchange.contract.check import CompiledCheck
from exchange.contract.load import load_contract
from exchange.contract.model import Contract, Kind, Reference, Rule
from tests.contracts import column, contract_text, key, rule

AT = datetime(2026, 1, 1, tzinfo=UTC)
KNOWN = ["A", "B", "C"]
PREDICATES = [
    "level > limit_level",
    "level IS NULL AND automatic",
    "NOT (level > 1 OR count < 2)",
    "level BETWEEN 0 AND 3 AND word IN ('a', 'b')",
    "word LIKE 'a%' AND NOT count = 1",
    "CASE WHEN automatic THEN level ELSE count END > 2",
    "COALESCE(level, limit_level, 0) * 2 - 1 >= count",
    "ABS(level - limit_level) > 1.5",
    "LENGTH(word) > 1 OR SUBSTRING(word, 1, 1) = 'b'",
    "LEFT(word, 1) <> 'a'",
    "day < DATE '2026-01-03' AND moment >= TIMESTAMPTZ '2026-01-02T00:00:00Z'",
    "automatic = FALSE OR word IS NOT NULL AND word NOT IN ('a', '嘉')",
    "NOT (automatic AND level <> limit_level)",
    "word < 'b' OR word >= 'a' AND count IN (1, 3)",
]


@cache
def contract() -> Contract:
    """Every kind of rule."""
    return load_contract(
        contract_text(
            [
                key(
                    "place",
                    "string",
                    1,
                    relationships=[{"to": "../place/1.0.0.yaml#/schema/place/properties/code"}],
                ),
                key("moment", "timestamp", 2),
                column("level", "number", logicalTypeOptions={"exclusiveMinimum": -1, "maximum": 3}),
                column("limit_level", "number"),
                column("count", "integer", logicalTypeOptions={"minimum": 0, "maximum": 4, "multipleOf": 2}),
                column(
                    "word",
                    "string",
                    logicalTypeOptions={"minLength": 1, "maxLength": 2, "pattern": "^[a-z嘉]+$"},
                ),
                column(
                    "grade",
                    "string",
                    enum=[{"value": "I", "label": "一级 / I"}, {"value": "II", "label": "二级 / II"}],
                    severity={"enum": "warning"},
                ),
                column("automatic", "boolean"),
                column("day", "date", logicalTypeOptions={"maximum": "2026-01-04"}),
                column("tag", "string", unique=True, severity={"unique": "info"}),
            ],
            [rule(f"rule_{at}", where) for at, where in enumerate(PREDICATES)],
            timeColumn="moment",
        )
    )


FLOATS = st.sampled_from([-2.0, -1.0, 0.0, 0.5, 1.0, 2.0, 3.0, 3.5, math.inf, -math.inf])
ROW = st.fixed_dictionaries(
    {
        "place": st.none() | st.sampled_from([*KNOWN, "X"]),
        "moment": st.none() | st.integers(0, 3).map(lambda days: AT + timedelta(days=days)),
        "level": st.none() | FLOATS,
        "limit_level": st.none() | FLOATS.filter(math.isfinite),
        "count": st.none() | st.integers(-1, 5),
        "word": st.none() | st.sampled_from(["", "a", "ab", "b", "abc", "嘉", "嘉陵", "A"]),
        "grade": st.none() | st.sampled_from(["I", "II", "III"]),
        "automatic": st.none() | st.booleans(),
        "day": st.none() | st.integers(0, 5).map(lambda days: date(2026, 1, 1) + timedelta(days=days)),
        "tag": st.none() | st.sampled_from(["p", "q", "r", "s"]),
    }
)


def slow(rows: Sequence[dict[str, Any]]) -> dict[str, list[int]]:
    """Rule → rows that violate it."""
    table = pa.Table.from_pylist(list(rows), nullable(contract()))
    found = {item.id: [] for item in contract().rules if item.kind is not Kind.PREDICATE}
    for item in contract().rules:
        if item.kind is Kind.PREDICATE:
            found[item.id] = by_duckdb(table, item)
        else:
            found[item.id] = list(by_hand(rows, item))
    return found


def nullable(of: Contract) -> pa.Schema:
    return pa.schema([pa.field(item.name, item.arrow_type) for item in of.columns])


def by_duckdb(table: pa.Table, item: Rule) -> list[int]:
    where = item.sql.split(" WHERE ", 1)[1]
    numbered = table.append_column("row", pa.array(range(table.num_rows), pa.int64()))
    session = judge()
    session.register("numbered", numbered)
    query = f"SELECT row FROM numbered WHERE {where} ORDER BY row"
    return [row for (row,) in session.execute(query).fetchall()]


@cache
def judge() -> duckdb.DuckDBPyConnection:
    session = duckdb.connect()
    session.execute("SET TimeZone = 'UTC'; SET threads = 1")
    return session


def by_hand(rows: Sequence[dict[str, Any]], item: Rule) -> Iterable[int]:
    if item.kind in (Kind.PRIMARY_KEY, Kind.UNIQUE):
        keys = [tuple(row[name] for name in item.columns) for row in rows]
        counts = Counter(keys)
        yield from (at for at, key in enumerate(keys) if None not in key and counts[key] > 1)
        return
    for at, row in enumerate(rows):
        value = row[item.columns[0]]
        if value is None:
            if item.kind is Kind.REQUIRED:
                yield at
        elif wrong(value, item):
            yield at


def wrong(value: Any, item: Rule) -> bool:
    match item.kind:
        case Kind.TYPE | Kind.REQUIRED:
            return False
        case Kind.FINITE:
            return isinstance(value, float) and not math.isfinite(value)
        case Kind.RANGE:
            return outside(value, item)
        case Kind.LENGTH:
            return outside(len(value), item)
        case Kind.PATTERN:
            return re.search(str(item.pattern), value) is None
        case Kind.ENUM:
            return value not in item.values
        case Kind.MULTIPLE:
            return bool(value % item.multiple != 0)
        case Kind.REFERENCE:
            return value not in KNOWN
    raise AssertionError(item.kind)


def outside(value: Any, item: Rule) -> bool:
    bounds = item.bounds
    assert bounds is not None
    low, high = bounds.minimum, bounds.maximum
    below = low is not None and (value <= low if bounds.exclusive_minimum else value < low)
    return bool(below or (high is not None and (value >= high if bounds.exclusive_maximum else value > high)))


@given(st.lists(ROW, min_size=1, max_size=30), st.integers(1, 30), st.booleans())
@settings(max_examples=60, deadline=None)
def test_as_two_slow_judges(rows: list[dict[str, Any]], size: int, coded: bool) -> None:
    table = pa.Table.from_pylist(rows, nullable(contract()))
    if coded:
        for name in ("place", "word", "grade"):
            at = table.column_names.index(name)
            table = table.set_column(at, name, table[name].dictionary_encode())
    check = CompiledCheck(contract(), {Reference("place", "place", "code"): pa.array(KNOWN)})
    result = check.run(lambda: table.to_batches(max_chunksize=size))
    expected = slow(rows)
    assert {name: count for name, count in result.counts.items() if count} == {
        name: len(at) for name, at in expected.items() if at
    }
    rejecting = {item.id for item in contract().rules if item.severity.rejects}
    listed: dict[str, list[int]] = {}
    for row in result.violations.select(["row", "rule"]).to_pylist():
        listed.setdefault(row["rule"], []).append(row["row"])
    assert {name: at for name, at in listed.items() if name in rejecting} == {
        name: at for name, at in expected.items() if at and name in rejecting
    }
    rejected = {at for name in rejecting for at in expected[name]}
    assert result.rejected_rows.to_pylist() == sorted(rejected)
    assert (result.rows, result.rejected, result.accepted) == (
        len(rows),
        len(rejected),
        len(rows) - len(rejected),
    )
    moments = [row["moment"] for row in rows if row["moment"] is not None]
    assert result.period == ((min(moments), max(moments)) if moments else None)


def test_duplicates_beyond_what_is_kept() -> None:
    count = 250_000
    table = pa.table(
        {
            "place": pa.array(["A"] * count),
            "moment": pa.array(
                [AT + timedelta(seconds=at % (count - 3)) for at in range(count)], pa.timestamp("us", "UTC")
            ),
        }
    )
    check = CompiledCheck(contract(), {})
    result = check.run(lambda: table.to_batches(max_chunksize=70_000))
    assert result.rejected_rows.to_pylist() == [0, 1, 2, count - 3, count - 2, count - 1]
    assert result.counts["primary_key"] == 6
    assert result.unchecked == ("place.reference",)
