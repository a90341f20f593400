"""Row filters against two slow judges, row by row: one written here, and CEL's own evaluator."""

from __future__ import annotations

import json
import math
import operator
import re
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import Any

import duckdb
import pyarrow as pa
from cel_expr_python import cel
from hypothesis import given, settings
from hypothesis import strategies as st

from exchange.contract.load import load_contract
from exchange.contract.model import Contract
from exchange.errors import InvalidInputError
from exchange.trust.condition import compile_condition
from tests.contracts import column, contract_text, key

Row = Mapping[str, Any]
Tree = tuple[Any, ...]

LIMIT = 2**53 - 1
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
KINDS = {
    "section": "string",
    "note": "string",
    "at": "instant",
    "level": "double",
    "count": "int",
    "small": "int",
    "narrow": "double",
    "day": "date",
    "automatic": "bool",
}
READER = {"agency": "500000/water", "jurisdiction": "500000", "department": "a"}
WORDS = ["", "a", "ab", "b", "嘉", "a嘉", "A", "a\nb", "%", "🙂b", "\x00"]
PATTERNS = ["^a", "a.b", "[嘉x]+", "", "(?i)a", r"\d|\pL"]
HUGE = [math.inf, -math.inf]  # what becomes NaN is an error here, and not in CEL
FAR = [2**53 - 1, 2**53, -(2**53), 2**63 - 1, -(2**63)]


@cache
def facts() -> Contract:
    """A column of every type that can be compared."""
    return load_contract(
        contract_text(
            [
                key("section", "string", 1),
                key("at", "timestamp", 2),
                column("level", "number"),
                column("narrow", "number", logicalTypeOptions={"format": "f32"}),
                column("count", "integer", logicalTypeOptions={"format": "i64"}),
                column("small", "integer", logicalTypeOptions={"format": "i16"}),
                column("day", "date"),
                column("automatic", "boolean"),
                column("note", "string"),
            ],
            timeColumn="at",
        )
    )


class Wrong(Exception):  # noqa: N818 - CEL's word for it is error
    """What CEL calls an error."""


# --- what is generated ---


def literals(kind: str, far: bool) -> st.SearchStrategy[Tree]:
    values: dict[str, st.SearchStrategy[Any]] = {
        "string": st.sampled_from(
            WORDS if far else WORDS[:-1]
        ),  # its evaluator takes strings up to the first NUL
        "instant": st.integers(-2, 4).map(lambda hours: EPOCH + timedelta(hours=hours, microseconds=hours)),
        "double": st.sampled_from([-1.5, -1.0, -0.0, 0.0, 0.1, 2.0, *(HUGE if far else [])]),
        "int": st.integers(-3, 5) | (st.sampled_from([LIMIT, -LIMIT]) if far else st.nothing()),
        "date": st.integers(0, 3).map(lambda days: date(2026, 1, 1) + timedelta(days)),
        "bool": st.booleans(),
        "duration": st.sampled_from([0, 1, -1, 3_600_000_000, 10**12]),
    }
    return values[kind].map(lambda value: ("lit", kind, value))


def columns(kind: str) -> st.SearchStrategy[Tree]:
    return st.sampled_from([("col", kind, name) for name, own in KINDS.items() if own == kind])


def reckoned(kind: str, far: bool) -> st.SearchStrategy[Tree]:
    """Something with a column in it."""
    base = columns(kind) if kind != "duration" else st.just(("arith", "duration", "-", at(), at()))
    if kind == "string" or kind == "bool" or kind == "date":
        return base
    if kind == "int":
        base |= columns("string").map(lambda item: ("size", "int", item))
    if kind == "double":
        base |= columns("int").map(lambda item: ("double", "double", item))

    def extend(inner: st.SearchStrategy[Tree]) -> st.SearchStrategy[Tree]:
        right = inner | literals(kind, far)
        if kind == "instant":
            made = st.tuples(st.sampled_from("+-"), inner, literals("duration", far))
        else:
            signs = {"int": "+-*/%", "double": "+-*/", "duration": "+-"}[kind]
            made = st.tuples(st.sampled_from(signs), inner, right)
        return made.map(lambda parts: ("arith", kind, *parts)).filter(lambda item: remainders(item) < 2)

    return st.recursive(base, extend, max_leaves=3)


def remainders(tree: object) -> int:
    """How many are nested."""
    if not isinstance(tree, tuple):
        return 0
    return (tree[:3] == ("arith", "int", "%")) + max((remainders(item) for item in tree), default=0)


def chooses(tree: object) -> bool:
    return isinstance(tree, tuple) and (tree[:1] == ("if",) or any(chooses(item) for item in tree))


def at() -> Tree:
    return ("col", "instant", "at")


def comparisons(far: bool) -> st.SearchStrategy[Tree]:
    def of(kind: str) -> st.SearchStrategy[Tree]:
        signs = st.sampled_from(["==", "!="] if kind == "bool" else list(COMPARE))
        other = reckoned(kind, far) | literals(kind, far)
        if kind in ("int", "double"):
            other |= reckoned("int", far) | literals("int", far) | literals("double", far)
        return st.tuples(signs, reckoned(kind, far), other).map(lambda parts: ("cmp", *parts))

    kinds = [*sorted(set(KINDS.values())), "duration"]
    return st.one_of([of(kind) for kind in kinds]) | st.one_of(
        [
            st.tuples(reckoned(kind, far), st.lists(literals(kind, far), min_size=1, max_size=4)).map(
                lambda parts: ("in", *parts)
            )
            for kind in kinds
        ]
    )


def conditions(far: bool) -> st.SearchStrategy[Tree]:
    strings = columns("string") | literals("string", far)
    base = (
        comparisons(far)
        | columns("bool")
        | literals("bool", far)
        | st.sampled_from(list(KINDS)).map(lambda name: ("has", name))
        | st.tuples(st.sampled_from(["==", "!="]), st.sampled_from(list(KINDS))).map(lambda p: ("null", *p))
        | st.tuples(
            st.sampled_from(["startsWith", "endsWith", "contains"]), strings, st.sampled_from(WORDS[:-1])
        ).map(lambda parts: ("match", *parts))
        | st.tuples(strings, st.sampled_from(PATTERNS)).map(lambda parts: ("match", "matches", *parts))
        | st.tuples(st.sampled_from([*READER, "purpose"]), strings).map(lambda parts: ("reader", *parts))
    )
    return st.recursive(
        base,
        lambda inner: (
            inner.map(lambda item: ("not", item))
            | st.tuples(st.sampled_from(["and", "or", "same"]), inner, inner)
            | st.tuples(st.just("if"), inner.filter(lambda item: not chooses(item)), inner, inner)
        ),
        max_leaves=6,
    )


def rows(far: bool) -> st.SearchStrategy[list[dict[str, Any]]]:
    doubles = [-1.5, -1.0, -0.0, 0.0, 0.1, 2.0, *([1e308, *HUGE, math.nan] if far else [])]
    row = {
        "section": st.none() | st.sampled_from(WORDS if far else WORDS[:-1]),
        "note": st.none() | st.sampled_from(WORDS if far else WORDS[:-1]),
        "at": st.none()
        | st.integers(-2, 4).map(lambda hours: EPOCH + timedelta(hours=hours, microseconds=hours)),
        "level": st.none() | st.sampled_from(doubles),
        "count": st.none() | st.integers(-3, 5) | (st.sampled_from(FAR) if far else st.nothing()),
        "small": st.none() | st.integers(-3, 5),
        "narrow": st.none() | st.sampled_from([-1.5, -0.0, 2.0, float(2**30)]),
        "day": st.none() | st.integers(0, 3).map(lambda days: date(2026, 1, 1) + timedelta(days)),
        "automatic": st.none() | st.booleans(),
    }
    return st.lists(st.fixed_dictionaries(row), min_size=1, max_size=8)


# --- as text; `native` for CEL's evaluator, to which instants are handed as strings ---


def text(tree: Tree, native: bool = False) -> str:
    def of(item: Tree) -> str:
        return text(item, native)

    match tree:
        case ("lit", kind, value):
            return literal(kind, value)
        case ("col", kind, name):
            stamp = {"instant": f"timestamp(row.{name})", "date": f'timestamp(row.{name} + "T00:00:00Z")'}
            return stamp.get(kind, f"row.{name}") if native else f"row.{name}"
        case ("arith", _, sign, left, right):
            return f"({of(left)} {sign} {of(right)})"
        case ("size" | "double" as name, _, item):
            return f"{name}({of(item)})"
        case ("not", item):
            return f"!({of(item)})"
        case ("and" | "or" | "same" as name, left, right):
            return f"(({of(left)}) { {'and': '&&', 'or': '||', 'same': '=='}[name] } ({of(right)}))"
        case ("if", condition, yes, no):
            return f"(({of(condition)}) ? ({of(yes)}) : ({of(no)}))"
    return simple_text(tree, native)


def simple_text(tree: Tree, native: bool) -> str:
    def of(item: Tree) -> str:
        return text(item, native)

    match tree:
        case ("cmp", sign, left, right):
            return f"{of(left)} {sign} {of(right)}"
        case ("in", item, values):
            return f"{of(item)} in [{', '.join(of(value) for value in values)}]"
        case ("has", name):
            return f"has(row.{name})"
        case ("null", sign, name):
            return f"{'!' if sign == '==' else ''}has(row.{name})" if native else f"row.{name} {sign} null"
        case ("match", how, item, argument):
            return f"{of(item)}.{how}({literal('string', argument)})"
        case ("reader", name, item):
            return f"reader.{name} == {of(item)}"
    raise AssertionError(tree)


def literal(kind: str, value: Any) -> str:
    match kind:
        case "string":
            return json.dumps(value, ensure_ascii=False)
        case "bool":
            return str(value).lower()
        case "duration":
            return f'duration("{value}us")'
        case "instant":
            return f'timestamp("{value.isoformat()}")'
        case "date":
            return f'timestamp("{value.isoformat()}T08:00:00+08:00")'
        case "double":
            return f"({'-' if value < 0 else ''}1e999)" if math.isinf(value) else f"({value!r})"
    return f"({value})"


# --- the judge ---


def verdict(tree: Tree, row: Row) -> bool | None:
    """None is CEL's error."""
    match tree:
        case ("not", item):
            found = verdict(item, row)
            return None if found is None else not found
        case ("and", left, right):
            pair = {verdict(left, row), verdict(right, row)}
            return False if False in pair else None if None in pair else True
        case ("or", left, right):
            pair = {verdict(left, row), verdict(right, row)}
            return True if True in pair else None if None in pair else False
        case ("if", condition, yes, no):
            found = verdict(condition, row)
            return None if found is None else verdict(yes if found else no, row)
        case ("same", left, right):
            ours, theirs = verdict(left, row), verdict(right, row)
            return None if None in (ours, theirs) else ours == theirs
    try:
        return simple(tree, row)
    except Wrong:
        return None


def simple(tree: Tree, row: Row) -> bool:
    match tree:
        case ("lit" | "col", "bool", _):
            return bool(value(tree, row))
        case ("has", name):
            return row[name] is not None
        case ("null", sign, name):
            return (row[name] is None) == (sign == "==")
        case ("reader", name, item):
            if name not in READER:
                raise Wrong
            return bool(READER[name] == value(item, row))
        case ("match", how, item, argument):
            subject = value(item, row)
            search = {"startsWith": str.startswith, "endsWith": str.endswith, "contains": str.__contains__}
            if how != "matches":
                return bool(search[how](subject, argument))
            return re.search(argument.replace(r"\pL", r"[^\W\d_]"), subject, re.ASCII * 0) is not None
        case ("cmp", sign, left, right):
            return COMPARE[sign](*paired(left, right, row))
        case ("in", item, values):
            found = [operator.eq(*paired(item, each, row)) for each in values]
            return any(found)
    raise AssertionError(tree)


def paired(left: Tree, right: Tree, row: Row) -> tuple[Any, Any]:
    ours, theirs = value(left, row), value(right, row)
    if any(item[0] in ("arith", "double") or item[1] in ("double", "duration") for item in (left, right)):
        within(ours, theirs)
    return ours, theirs


def value(tree: Tree, row: Row) -> Any:
    match tree:
        case ("lit", "instant", moment):
            return micros(moment)
        case ("lit", _, given):
            return given
        case ("col", kind, name):
            given = row[name]
            if given is None or given != given:
                raise Wrong
            return micros(given) if kind == "instant" else given
        case ("size", _, item):
            return len(value(item, row))
        case ("double", _, item):
            return float(within(value(item, row)))
        case ("arith", kind, sign, left, right):
            return arithmetic(kind, sign, within(value(left, row)), within(value(right, row)))
    raise AssertionError(tree)


def arithmetic(kind: str, sign: str, left: Any, right: Any) -> Any:
    if sign in "/%" and right == 0:
        raise Wrong
    if kind == "double":
        found = {"+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv}[sign](
            left, right
        )
        if math.isnan(found):
            raise Wrong
        return found
    if sign in "/%":
        quotient = abs(left) // abs(right) * (1 if left * right >= 0 else -1)
        return within(quotient if sign == "/" else left - quotient * right)
    return within({"+": operator.add, "-": operator.sub, "*": operator.mul}[sign](left, right))


def within(*values: Any) -> Any:
    if any(isinstance(item, int) and abs(item) > LIMIT for item in values):
        raise Wrong
    return values[0]


def micros(moment: datetime) -> int:
    return (moment - EPOCH) // timedelta(microseconds=1)


# --- the tests ---


@given(conditions(far=True), rows(far=True))
@settings(max_examples=400)
def test_arrow_and_duckdb_as_the_judge(tree: Tree, given_rows: list[dict[str, Any]]) -> None:
    found = compile_condition(text(tree), facts(), READER)
    expected = [verdict(tree, row) is True for row in given_rows]
    table = table_of(given_rows)
    assert by_arrow(found, table) == expected
    assert by_duckdb(found.sql, found.values, table) == expected
    values: list[object] = ["of another"]
    numbered = found.sql_for(lambda name: f'"{name}"', values)
    assert by_duckdb(f"CASE WHEN $1 = 'of another' THEN {numbered} END", values, table) == expected
    assert found.always is None or expected == [found.always] * len(given_rows)
    refused = [verdict(("not", tree), row) is True for row in given_rows]
    assert by_arrow(compile_condition(f"!({text(tree)})", facts(), READER), table) == refused


@given(conditions(far=False), rows(far=False))
@settings(max_examples=200)
def test_the_judge_as_the_evaluator_of_cel(tree: Tree, given_rows: list[dict[str, Any]]) -> None:
    program = cel.NewEnv(variables={"row": cel.Type.DYN, "reader": cel.Type.DYN}).compile(
        text(tree, native=True), disable_check=True
    )
    for row in given_rows:
        known = {name: item for name, item in row.items() if item is not None}
        for name in {"at", "day"} & set(known):
            known[name] = known[name].isoformat()
        found = program.eval(data={"row": known, "reader": READER}).value()
        ours = verdict(tree, row)
        if not divides(tree):  # CEL divides doubles by zero
            assert (found if isinstance(found, bool) else None) == ours


def divides(tree: object) -> bool:
    if not isinstance(tree, tuple | list):
        return False
    return tree[:3] == ("arith", "double", "/") or any(divides(item) for item in tree)


def table_of(given_rows: list[dict[str, Any]]) -> pa.Table:
    schema = pa.schema([pa.field(item.name, item.arrow_type) for item in facts().columns])
    return pa.Table.from_pylist(given_rows, schema)


def by_arrow(found: Any, table: pa.Table) -> list[bool]:
    (batch,) = table.combine_chunks().to_batches()
    mask: list[bool] = found.mask(batch).to_pylist()
    kept = table.append_column("n", pa.array(range(len(table)))).filter(found.expression)["n"].to_pylist()
    assert kept == [at for at, granted in enumerate(mask) if granted]
    return mask


def by_duckdb(sql: str, values: Any, table: pa.Table) -> list[bool]:
    judge().register("given", table.append_column("n", pa.array(range(len(table)))))
    kept = {n for (n,) in judge().execute(f"SELECT n FROM given WHERE {sql}", list(values)).fetchall()}
    return [at in kept for at in range(len(table))]


@cache
def judge() -> duckdb.DuckDBPyConnection:
    session = duckdb.connect()
    session.execute("SET TimeZone = 'Asia/Shanghai'; SET threads = 1")
    return session


FRAGMENTS = [
    *"()[]{}!-?:.,'\"\\`\n\t \x00嘉🙂",
    *[
        "row",
        "reader",
        ".",
        "section",
        "count",
        "&&",
        "||",
        "==",
        "in",
        "has(",
        "1",
        "1.5",
        "null",
        "true",
        "1u",
    ],
    *[
        "timestamp(",
        "duration(",
        '"1h"',
        "size(",
        ".matches(",
        ".all(",
        "b'",
        "r'",
        "//",
        "\\a",
        "0x",
        "9" * 30,
    ],
    *["*", "/", "%", "+", "row.count", "row.at", "row.section", "cel.bind(", "1e999", '"""', "\ud800"],
]


@given(st.lists(st.sampled_from(FRAGMENTS), max_size=60).map("".join) | st.text(max_size=80))
@settings(max_examples=1500)
def test_hostile_text_is_refused_quickly(hostile: str) -> None:
    began = time.process_time()
    with suppress(InvalidInputError):
        compile_condition(hostile, facts(), READER)
    assert time.process_time() - began < 1
