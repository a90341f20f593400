"""The hub's checks at ingest and the suites that stewards run agree on every rule, row by row, on good and bad data."""

from __future__ import annotations

import math
import os
import random
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest

from exchange.contract.check import CompiledCheck
from exchange.contract.load import load_contract, shipped_contracts
from exchange.contract.model import Column, Contract, Kind, Reference, Severity
from stewards.quality.frame import frame_of
from stewards.quality.run import run_suite
from stewards.quality.suite import compile_suite
from tests.properties.test_check import KNOWN, contract, nullable

SHIPPED = sorted(map(load_contract, shipped_contracts()), key=lambda each: each.ref)
SEED = 20260319
# Great Expectations takes seconds a contract: `make soak` tries them all
EVERY = os.environ.get("HECHUAN_SUITES") == "all"
TRIED = [contract(), *(each for each in SHIPPED if EVERY or each.ref.name == "water-quality")]
WORDS = ["", "a", "ab", "abc", "嘉", "嘉陵江", "A", "q\n", "１", "x" * 300, "500000", "2026-01-01", " "]
NUMBERS = [-2.0, -1.0, 0.0, 0.5, 1.0, 3.0, 3.5, 14.0, 2e9, math.inf, -math.inf, math.nan]
FIRST = datetime(2026, 1, 1, tzinfo=UTC)


def any_value(column: Column, chance: random.Random) -> Any:
    """Sometimes nothing, often something permitted, sometimes anything of the type."""
    if chance.random() < 0.1:
        return None
    likely = [each.value for each in column.values] or list(column.examples)
    match column.logical_type:
        case "string":
            return chance.choice(likely if likely and chance.random() < 0.8 else WORDS)
        case "integer":
            return chance.randint(-2, 9)
        case "number":
            return chance.choice(NUMBERS) if chance.random() < 0.3 else round(chance.uniform(0, 20), 2)
        case "boolean":
            return chance.random() < 0.5
        case "date":
            return (
                date(1900, 1, 1)
                if chance.random() < 0.1
                else (FIRST + timedelta(chance.randint(0, 3))).date()
            )
    return FIRST + timedelta(hours=chance.randint(-9, 40))


def generated(of: Contract, rows: int) -> pa.Table:
    chance = random.Random(SEED)
    columns = {column.name: [any_value(column, chance) for _ in range(rows)] for column in of.stored.columns}
    for name in of.stored.sealed_columns:
        columns[name] = [b""] * rows
    schema = nullable(of.stored)
    sealed = {name: pa.binary() for name in of.sealed_columns}
    arrays = [
        pa.array([None] * rows, sealed[field.name])
        if field.name in sealed
        else pa.array(columns[field.name], field.type, from_pandas=False)
        for field in schema
    ]
    return pa.table(arrays, schema=schema)


def at_ingest(of: Contract, table: pa.Table, known: Mapping[Reference, pa.Array]) -> dict[str, list[int]]:
    """Rule → rows that violate it. Every rule is made to reject, so that every row is listed."""
    strict = replace(
        of.stored, rules=tuple(replace(rule, severity=Severity.ERROR) for rule in of.stored.rules)
    )
    result = CompiledCheck(strict, known).run(table.to_batches)
    found: dict[str, list[int]] = {rule.id: [] for rule in strict.rules}
    for row in result.violations.select(["row", "rule"]).to_pylist():
        found[row["rule"]].append(row["row"])
    return found


def by_suite(of: Contract, table: pa.Table, known: Mapping[Reference, pa.Array]) -> dict[str, list[int]]:
    expected = compile_suite(of)
    outcome = run_suite("parity", expected, frame_of(table, of, expected, known), rows=True)
    return {each.expected.rule.id: list(each.rows or ()) for each in outcome.judged}


@pytest.mark.parametrize("of", TRIED, ids=lambda of: of.ref.name)
def test_both_name_the_same_rows_for_every_rule(of: Contract) -> None:
    table = generated(of, 400)
    known = {
        reference: pa.array([*KNOWN, "CQ-ZHUTUO", "CQ-TONGBO-LP"], pa.string()) for reference in of.references
    }
    ingest, suite = at_ingest(of, table, known), by_suite(of, table, known)
    assert suite.keys() == {rule.id for rule in of.stored.rules if rule.kind is not Kind.TYPE}
    # of a number that is none, `finite` speaks; how NaN compares with others is each engine's own affair
    no_numbers = {row for rule, rows in suite.items() if of.rule(rule).kind is Kind.FINITE for row in rows}
    for rule, rows in suite.items():
        apart = set() if of.rule(rule).kind is Kind.FINITE else no_numbers
        assert [row for row in rows if row not in apart] == [r for r in ingest[rule] if r not in apart], rule
    assert {Kind.REQUIRED, Kind.PREDICATE} <= {of.rule(rule).kind for rule, rows in suite.items() if rows}
