"""Row checks of the whole water-quality contract against Great Expectations, pandera on Polars and DuckDB.

All get the same million rows, the same rules, and must find the same counts. What a tool cannot say by itself (rules
over several columns) is computed for it by DuckDB into a column of truth values, within its time.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import duckdb
import numpy as np
import pyarrow as pa

from benchmarks.figure import Figure, bench
from demo.sample import SECTIONS, water_quality
from exchange.contract.check import CompiledCheck
from exchange.contract.load import load_contract, shipped_contracts
from exchange.contract.model import Contract, Kind, Rule

_ROWS: Final = 1_000_000
_TIMES: Final = 3
_TOLD_BY_TYPE: Final = frozenset({Kind.TYPE, Kind.FINITE})
Counts = dict[str, int]


@bench("check.polars", "check.gx")
def measure(scratch: Path) -> Iterable[Figure]:
    """Best of three; Great Expectations once."""
    contract = next(
        item for item in map(load_contract, shipped_contracts()) if item.ref.name == "water-quality"
    )
    table = dirty_rows(_ROWS)
    check = CompiledCheck(contract, {item: pa.array(SECTIONS) for item in contract.references})
    batches = table.to_batches(max_chunksize=1 << 19)
    ours, found = _best(lambda: check.run(lambda: batches).counts)
    peers = {
        "DuckDB query": lambda: by_duckdb(table, contract),
        "pandera on Polars": lambda: by_pandera(table, contract),
    }
    times = {}
    for name, peer in peers.items():
        times[name], counts = _best(peer)
        _agree(name, found, counts)
    best = min(times, key=lambda name: times[name])
    yield Figure("check.polars", ours, "s", best, times[best], 1.2)
    began = time.perf_counter()
    counts = by_great_expectations(table, contract)
    slow = time.perf_counter() - began
    _agree("Great Expectations", found, counts)
    yield Figure("check.gx", 1 / ours, "checks/s", "Great Expectations", 1 / slow, 25, "higher")


def dirty_rows(count: int) -> pa.Table:
    """Rows of which about one in five hundred is wrong, strings as dictionaries: so Parquet gives them to a hub."""
    table = water_quality(count)
    number = np.arange(count)
    values = table["value"].to_numpy().copy()
    values[number % 1000 == 7] = -1.0
    columns = {"value": pa.array(values, mask=number % 4001 == 3)}
    for name, every, wrong in (
        ("section_code", 5003, "CQ-NOWHERE"),
        ("unit", 2003, "mg"),
        ("data_flag", 7001, "X"),
    ):
        words = np.array(table[name].to_pylist(), dtype=object)
        words[number % every == 11] = wrong
        columns[name] = pa.array(words, pa.string())
    for name, column in columns.items():
        table = table.set_column(table.column_names.index(name), name, column)
    again = table.slice(count // 2, 500)
    table = pa.concat_tables([table.slice(0, count - 500), again]).combine_chunks()
    for at, field in enumerate(table.schema):
        if field.type == pa.string():
            table = table.set_column(at, field.name, table[field.name].dictionary_encode())
    return table


def _best(act: Callable[[], Counts]) -> tuple[float, Counts]:
    times = []
    for _ in range(_TIMES):
        began = time.perf_counter()
        counts = act()
        times.append(time.perf_counter() - began)
    return min(times), counts


def _agree(name: str, ours: Mapping[str, int], theirs: Counts) -> None:
    expected = {rule: count for rule, count in ours.items() if rule in theirs}
    if expected != theirs or not any(theirs.values()):
        odd = {rule: (expected[rule], count) for rule, count in theirs.items() if expected[rule] != count}
        raise AssertionError(f"{name} counts otherwise (ours, theirs): {odd}")


def _judged(contract: Contract, table: pa.Table) -> list[Rule]:
    """Rules over columns that the rows have, but for those that the columns' types fulfil."""
    names = set(table.column_names)
    return [rule for rule in contract.rules if rule.kind not in _TOLD_BY_TYPE and set(rule.columns) <= names]


def by_duckdb(table: pa.Table, contract: Contract) -> Counts:
    """One query for all rules."""
    rules = _judged(contract, table)
    key = ", ".join(contract.primary_key)
    sums = [
        f"count(*) FILTER (WHERE {violation(rule)}) AS r{at}"
        for at, rule in enumerate(rules)
        if rule.kind is not Kind.PRIMARY_KEY
    ]
    with duckdb.connect() as session:
        session.execute("SET TimeZone = 'UTC'")
        session.register("the_rows", table)
        sums.append(
            "(SELECT coalesce(sum(n), 0) FROM "
            f"(SELECT count(*) AS n FROM the_rows GROUP BY {key} HAVING n > 1)) AS k"
        )
        counts = session.execute(f"SELECT {', '.join(sums)} FROM the_rows").fetchall()[0]
    names = [rule.id for rule in rules if rule.kind is not Kind.PRIMARY_KEY] + [Kind.PRIMARY_KEY.value]
    return {name: int(count) for name, count in zip(names, counts, strict=True)}


def violation(rule: Rule) -> str:
    """SQL that holds for the rows that break a rule."""
    column = rule.columns[0]
    match rule.kind:
        case Kind.REQUIRED:
            return f"{column} IS NULL"
        case Kind.PATTERN:
            return f"NOT regexp_matches({column}, {_text(str(rule.pattern))})"
        case Kind.ENUM:
            return f"{column} NOT IN ({', '.join(map(_text, map(str, rule.values)))})"
        case Kind.REFERENCE:
            return f"{column} NOT IN ({', '.join(map(_text, SECTIONS))})"
        case Kind.RANGE:
            return _outside(rule, column)
        case Kind.LENGTH:
            return _outside(rule, f"length({column})")
        case Kind.PREDICATE:
            return f"({rule.sql.split(' WHERE ', 1)[1]})"
    raise AssertionError(rule.kind)


def _outside(rule: Rule, value: str) -> str:
    assert rule.bounds is not None
    low, high = rule.bounds.minimum, rule.bounds.maximum
    parts = []
    if low is not None:
        parts.append(f"{value} {'<=' if rule.bounds.exclusive_minimum else '<'} {_literal(low)}")
    if high is not None:
        parts.append(f"{value} {'>=' if rule.bounds.exclusive_maximum else '>'} {_literal(high)}")
    return f"({' OR '.join(parts)})"


def _literal(value: object) -> str:
    return f"TIMESTAMPTZ '{value.isoformat()}'" if isinstance(value, datetime) else str(value)


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _with_predicates(table: pa.Table, rules: Iterable[Rule]) -> pa.Table:
    """The rows with a column per rule over several columns, true where it is broken."""
    broken = [
        f'coalesce({violation(rule)}, FALSE) AS "{rule.id}"' for rule in rules if rule.kind is Kind.PREDICATE
    ]
    with duckdb.connect() as session:
        session.execute("SET TimeZone = 'UTC'")
        session.register("the_rows", table)
        return session.sql(f"SELECT *, {', '.join(broken)} FROM the_rows").to_arrow_table()


def by_pandera(table: pa.Table, contract: Contract) -> Counts:
    """A lazy validation of a Polars frame; failures are counted by check."""
    import pandera.polars as pandera
    import polars
    from pandera.errors import SchemaErrors

    rules = _judged(contract, table)
    frame = polars.from_arrow(_with_predicates(table, rules))
    assert isinstance(frame, polars.DataFrame)
    checks: dict[str, list[Any]] = {}
    for rule in rules:
        if rule.kind is not Kind.PRIMARY_KEY:
            name = rule.id if rule.kind is Kind.PREDICATE else rule.columns[0]
            checks.setdefault(name, []).append(pandera.Check(_expression(rule), name=rule.id))
    columns = {name: pandera.Column(None, checks=found, nullable=True) for name, found in checks.items()}
    counts = {rule.id: 0 for rule in rules if rule.kind is not Kind.PRIMARY_KEY}
    try:
        pandera.DataFrameSchema(columns).validate(frame, lazy=True)
    except SchemaErrors as errors:
        for row in errors.failure_cases.group_by("check").len().to_dicts():
            counts[row["check"]] = row["len"]
    counts[Kind.PRIMARY_KEY] = int(
        frame.select(polars.struct(contract.primary_key).is_duplicated().sum()).item()
    )
    return counts


def _expression(rule: Rule) -> Callable[[Any], Any]:
    """A pandera check on a Polars column: true where the rule holds, NULL where it has nothing to say."""
    import polars

    bounds, allowed = rule.bounds, SECTIONS if rule.kind is Kind.REFERENCE else rule.values

    def holds(data: Any) -> Any:
        column = polars.col(data.key)
        value = column.str.len_chars() if rule.kind is Kind.LENGTH else column
        if bounds is not None:
            good = polars.lit(True)
            if bounds.minimum is not None:
                good &= value > bounds.minimum if bounds.exclusive_minimum else value >= bounds.minimum
            if bounds.maximum is not None:
                good &= value < bounds.maximum if bounds.exclusive_maximum else value <= bounds.maximum
        elif rule.kind is Kind.PREDICATE:
            good = ~column
        elif rule.kind is Kind.REQUIRED:
            return data.lazyframe.select(column.is_not_null())
        elif rule.kind is Kind.PATTERN:
            good = column.str.contains(str(rule.pattern))
        else:
            good = column.is_in(list(allowed))
        return data.lazyframe.select(good.fill_null(True))

    return holds


def by_great_expectations(table: pa.Table, contract: Contract) -> Counts:
    """A suite over a pandas frame."""
    import great_expectations as gx
    from great_expectations.data_context.types.base import ProgressBarsConfig

    rules = _judged(contract, table)
    frame = _with_predicates(table, rules).to_pandas()
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    asset = context.data_sources.add_pandas("pandas").add_dataframe_asset("rows")
    batch = asset.add_batch_definition_whole_dataframe("all").get_batch({"dataframe": frame})
    suite = gx.ExpectationSuite(name="suite", expectations=[_expectation(rule) for rule in rules])
    outcomes = batch.validate(suite).results
    return {
        rule.id: int(outcome["result"].get("unexpected_count", 0))
        for rule, outcome in zip(rules, outcomes, strict=True)
    }


def _expectation(rule: Rule) -> Any:
    import great_expectations.expectations as gxe

    column, bounds = rule.columns[0], rule.bounds
    match rule.kind:
        case Kind.REQUIRED:
            return gxe.ExpectColumnValuesToNotBeNull(column=column)
        case Kind.PATTERN:
            return gxe.ExpectColumnValuesToMatchRegex(column=column, regex=str(rule.pattern))
        case Kind.ENUM | Kind.REFERENCE:
            allowed = SECTIONS if rule.kind is Kind.REFERENCE else rule.values
            return gxe.ExpectColumnValuesToBeInSet(column=column, value_set=list(allowed))
        case Kind.PREDICATE:
            return gxe.ExpectColumnValuesToBeInSet(column=rule.id, value_set=[False])
        case Kind.PRIMARY_KEY:
            return gxe.ExpectCompoundColumnsToBeUnique(column_list=list(rule.columns))
    assert bounds is not None
    ends = {"min_value": bounds.minimum, "max_value": bounds.maximum}
    if rule.kind is Kind.LENGTH:
        return gxe.ExpectColumnValueLengthsToBeBetween(column=column, **ends)
    strict = {"strict_min": bounds.exclusive_minimum, "strict_max": bounds.exclusive_maximum}
    return gxe.ExpectColumnValuesToBeBetween(column=column, **ends, **strict)
