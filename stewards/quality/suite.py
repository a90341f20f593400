"""From a contract to a Great Expectations suite: the rules that the hub checked, said once more in other words.

What Great Expectations can say of a pandas frame it says itself. For the rest (predicates over several columns,
references, instants, finiteness) the frame has a column named after the rule that DuckDB fills from the contract's own
SQL, true where a row violates; the expectation is that it is never true. Either way nothing of `exchange.contract`'s
kernels runs, so that two engines have to agree before a verdict is given.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Final

import sqlglot
from sqlglot import exp

from exchange.contract.model import Bounds, Contract, Kind, Rule, Severity

ROW: Final = "_row"
"""Column of a frame: zero-based position in the batch."""
_SEVERITIES: Final = {
    Severity.INFO: "info",
    Severity.WARNING: "warning",
    Severity.ERROR: "critical",
    Severity.BLOCKER: "critical",
}
_OBJECT: Final = "the_rows"
_ZONED: Final = (exp.DataType.Type.TIMESTAMPTZ, exp.DataType.Type.TIMESTAMPLTZ)


@dataclass(frozen=True, slots=True)
class Expected:
    """One expectation in Great Expectations' own JSON form, and the rule that it stands for.

    `violates` is SQL over the batch's columns for the frame's column `rule.id`; None where there is no such column.
    """

    rule: Rule
    config: dict[str, Any]
    violates: str | None = None


def compile_suite(contract: Contract) -> tuple[Expected, ...]:
    """Expectations for every rule that can be checked in stored rows, in the contract's order.

    Left out are types, which Parquet itself holds rows to, and whatever is about sealed columns.
    """
    contract = contract.stored
    return tuple(
        found for rule in contract.rules if rule.kind is not Kind.TYPE for found in _expected(rule, contract)
    )


def suite_digest(*parts: object) -> str:
    """`sha256:` of suites, tolerances and whatever else was asked."""
    text = json.dumps(parts, ensure_ascii=False, sort_keys=True, default=str)
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


def _expected(rule: Rule, contract: Contract) -> Iterator[Expected]:
    column = rule.columns[0]
    match rule.kind:
        case Kind.REQUIRED:
            yield _plain(rule, "expect_column_values_to_not_be_null", column=column)
        case Kind.ENUM:
            yield _plain(
                rule, "expect_column_values_to_be_in_set", column=column, value_set=list(rule.values)
            )
        case Kind.MISSING if None not in rule.values:
            yield _plain(
                rule, "expect_column_values_to_not_be_in_set", column=column, value_set=list(rule.values)
            )
        case Kind.LENGTH:
            yield _plain(rule, "expect_column_value_lengths_to_be_between", column=column, **_between(rule))
        case Kind.RANGE if contract.column(column).logical_type in ("integer", "number"):
            yield _plain(rule, "expect_column_values_to_be_between", column=column, **_between(rule))
        case Kind.UNIQUE | Kind.PRIMARY_KEY if len(rule.columns) == 1:
            yield _plain(rule, "expect_column_values_to_be_unique", column=column)
        case Kind.UNIQUE | Kind.PRIMARY_KEY:
            yield _plain(
                rule,
                "expect_compound_columns_to_be_unique",
                column_list=list(rule.columns),
                ignore_row_if="any_value_is_missing",
            )
        case _:
            config = _config(
                rule, "expect_column_values_to_be_in_set", {"column": rule.id, "value_set": [False]}
            )
            yield Expected(rule, config, _violates(rule, contract))


def _plain(rule: Rule, kind: str, **kwargs: Any) -> Expected:
    return Expected(rule, _config(rule, kind, kwargs))


def _config(rule: Rule, kind: str, kwargs: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": kind,
        "kwargs": kwargs,
        "severity": _SEVERITIES[rule.severity],
        "meta": {"rule": rule.id, "severity": rule.severity.value},
        "notes": f"**{rule.id}** {rule.zh} {rule.en}",
    }


def _between(rule: Rule) -> dict[str, Any]:
    bounds = rule.bounds or Bounds()
    return {
        "min_value": bounds.minimum,
        "max_value": bounds.maximum,
        "strict_min": bounds.exclusive_minimum,
        "strict_max": bounds.exclusive_maximum,
    }


def _violates(rule: Rule, contract: Contract) -> str:
    """DuckDB's SQL for the rows that violate; NULL counts as no violation."""
    name = _quoted(rule.columns[0])
    match rule.kind:
        case Kind.PREDICATE:
            return _where(rule)
        case Kind.REFERENCE:
            return f"{name} IS NOT NULL AND {name} NOT IN (SELECT value FROM {known_table(rule)})"
        case Kind.PATTERN:
            return f"NOT regexp_matches({name}, {_text(rule.pattern)})"
        case Kind.MULTIPLE:
            assert rule.multiple is not None
            return f"{name} % {int(rule.multiple)} <> 0"
        case Kind.MISSING:
            values = ", ".join(_literal(value) for value in rule.values if value is not None)
            return f"{name} IS NULL" + (f" OR {name} IN ({values})" if values else "")
        case Kind.FINITE if contract.column(rule.columns[0]).logical_type == "number":
            return f"isnan({name}) OR isinf({name})"
        case Kind.FINITE:
            return f"year({name}) NOT BETWEEN 1 AND 9999"
        case Kind.RANGE:
            return " OR ".join(_outside(name, rule.bounds or Bounds()))
    raise AssertionError(f"{rule.id}: no SQL for {rule.kind}")


def known_table(rule: Rule) -> str:
    """Name of the table with the column `value` that a reference's targets are put into."""
    return _quoted(f"known {rule.id}")


def _where(rule: Rule) -> str:
    """The WHERE of a contract's counting query, in DuckDB's dialect."""
    own = rule.id.partition(".")[0] if "." in rule.id else rule.columns[0]
    text = rule.sql
    for word in ("object", "table"):
        text = text.replace(f"${{{word}}}", _OBJECT).replace(f"{{{word}}}", _OBJECT)
    for word in ("property", "column"):
        text = text.replace(f"${{{word}}}", own).replace(f"{{{word}}}", own)
    where = sqlglot.parse_one(text).args["where"]
    assert isinstance(where, exp.Where)
    return str(where.this.transform(_zoneless).sql(dialect="duckdb", identify=True))


def _zoneless(node: exp.Expr) -> exp.Expr:
    """Instants as UTC without a zone, which is how the frame has them."""
    if isinstance(node, exp.Cast) and node.to.this in _ZONED and isinstance(node.this, exp.Literal):
        moment = datetime.fromisoformat(node.this.name).astimezone(UTC).replace(tzinfo=None)
        return exp.cast(exp.Literal.string(moment.isoformat()), "timestamp")
    return node


def _outside(name: str, bounds: Bounds) -> Iterator[str]:
    if bounds.minimum is not None:
        yield f"{name} {'<=' if bounds.exclusive_minimum else '<'} {_literal(bounds.minimum)}"
    if bounds.maximum is not None:
        yield f"{name} {'>=' if bounds.exclusive_maximum else '>'} {_literal(bounds.maximum)}"


def _literal(value: object) -> str:
    if isinstance(value, datetime):
        return f"TIMESTAMP {_text(value.astimezone(UTC).replace(tzinfo=None).isoformat())}"
    if isinstance(value, date):
        return f"DATE {_text(value.isoformat())}"
    if isinstance(value, str):
        return _text(value)
    return str(value).upper() if isinstance(value, bool) else repr(value)


def _text(value: object) -> str:
    return "'" + str(value).replace("'", "''") + "'"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
