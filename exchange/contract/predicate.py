"""From `SELECT COUNT(*) FROM ${object} WHERE …` to an expression that is true for the rows that violate.

Any ODCS tool can run the query as it stands; here only its WHERE is compiled. What cannot be compiled is
refused by name, and so is what would make a verdict depend on anything but the row (clocks, other tables).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date
from typing import Final, cast

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from exchange.contract.expression import (
    And,
    Arithmetic,
    Call,
    Case,
    Col,
    Compare,
    Expression,
    In,
    IsNull,
    Like,
    Lit,
    Not,
    Or,
    Type,
)
from exchange.contract.instant import days, microseconds, parse_instant
from exchange.errors import MalformedError

MAX_SQL: Final = 4000
_TABLE: Final = "the_rows"
_COLOURS: Final = re.compile(r"\x1b\[[0-9;]*m")
_PLACEHOLDERS: Final = re.compile(r"\$?\{(object|table|property|column)\}")
_COMPARISONS: Final[dict[type[exp.Expr], str]] = {
    exp.EQ: "=",
    exp.NEQ: "<>",
    exp.LT: "<",
    exp.LTE: "<=",
    exp.GT: ">",
    exp.GTE: ">=",
}
_ARGUMENTS: Final = frozenset(
    {"this", "expression", "expressions", "low", "high", "ifs", "true", "default", "to", "start", "length"}
    | {"is_string", "negate", "table", "query", "unnest"}
)
_ARITHMETIC: Final[dict[type[exp.Expr], str]] = {exp.Add: "+", exp.Sub: "-", exp.Mul: "*"}


def parse_violation_query(sql: str, columns: Mapping[str, Type], own: str | None = None) -> Expression:
    """The violation predicate of a counting query; `own` is what `${property}` stands for.

    Raises MalformedError naming the construct that cannot be compiled.
    """
    if len(sql) > MAX_SQL:
        raise MalformedError(f"query of {len(sql)} characters; at most {MAX_SQL} are compiled")
    names = {"object": _TABLE, "table": _TABLE, "property": own, "column": own}

    def fill(match: re.Match[str]) -> str:
        name = names[match.group(1)]
        if name is None:
            raise MalformedError(f"{match.group(0)} has no meaning at this place")
        return name

    try:
        where = _where(sqlglot.parse(_PLACEHOLDERS.sub(fill, sql)))
        predicate = _Compiler(columns).condition(where)
    except SqlglotError as error:
        raise MalformedError(f"not SQL: {_COLOURS.sub('', str(error))[:200]}") from None
    except RecursionError:
        raise MalformedError("the query is nested too deeply") from None
    return predicate


def _where(statements: list[exp.Expr | None]) -> exp.Expr:
    if len(statements) != 1 or not isinstance(statements[0], exp.Select):
        raise MalformedError("a rule is one SELECT COUNT(*) FROM ${object} WHERE … query")
    select = statements[0]
    parts = {key for key, value in select.args.items() if value}
    where = select.args.get("where")
    source = select.args.get("from_") or select.args.get("from")
    counted = select.expressions
    one_count = (
        len(counted) == 1 and isinstance(counted[0], exp.Count) and isinstance(counted[0].this, exp.Star)
    )
    if not one_count or where is None or source is None or not isinstance(source.this, exp.Table):
        raise MalformedError("a rule is SELECT COUNT(*) FROM ${object} WHERE …")
    surplus = parts - {"expressions", "from", "from_", "where"}
    if surplus:
        raise MalformedError(f"a rule cannot use {', '.join(sorted(surplus))}")
    if source.this.name != _TABLE or len([key for key, value in source.this.args.items() if value]) != 1:
        raise MalformedError("a rule reads ${object} and nothing else")
    return cast(exp.Expr, where.this)


class _Compiler:
    def __init__(self, columns: Mapping[str, Type]) -> None:
        self._columns = columns
        self._conditions: dict[type[exp.Expr], Callable[[exp.Expr], Expression]] = {
            exp.Paren: lambda node: self.condition(node.this),
            exp.And: lambda node: And(tuple(self.condition(item) for item in node.flatten())),
            exp.Or: lambda node: Or(tuple(self.condition(item) for item in node.flatten())),
            exp.Not: lambda node: Not(self.condition(node.this)),
            exp.Is: self._is,
            exp.In: self._in,
            exp.Between: self._between,
            exp.Like: self._like,
            exp.Column: self._flag,
            **dict.fromkeys(_COMPARISONS, self._compare),
        }
        self._values: dict[type[exp.Expr], Callable[[exp.Expr], Expression]] = {
            exp.Paren: lambda node: self.value(node.this),
            exp.Column: self._column,
            exp.Literal: _literal,
            exp.Boolean: lambda node: Lit(bool(node.this), Type.BOOLEAN),
            exp.Neg: self._negative,
            exp.Cast: _instant,
            exp.Case: self._case,
            exp.Abs: lambda node: self._call("abs", Type.NUMBER, Type.NUMBER, node.this),
            exp.Length: lambda node: self._call("length", Type.STRING, Type.NUMBER, node.this),
            exp.Substring: self._substring,
            exp.Left: self._left,
            exp.Coalesce: self._coalesce,
            **dict.fromkeys(_ARITHMETIC, self._arithmetic),
        }

    def condition(self, node: exp.Expr) -> Expression:
        found = self._conditions.get(type(node))
        if found is None:
            raise MalformedError(f"cannot compile {_named(node)} as a condition")
        _check_arguments(node)
        condition = found(node)
        if not condition.columns:
            raise MalformedError(f"{node.sql()[:120]!r} looks at no column")
        return Not(condition) if node.args.get("negate") else condition

    def value(self, node: exp.Expr) -> Expression:
        found = self._values.get(type(node))
        if found is None:
            raise MalformedError(f"cannot compile {_named(node)} as a value")
        _check_arguments(node)
        return found(node)

    def _column(self, node: exp.Expr) -> Col:
        name = node.name
        if name not in self._columns or node.args.get("table"):
            raise MalformedError(f"unknown column {node.sql()[:80]!r}")
        return Col(name, self._columns[name])

    def _flag(self, node: exp.Expr) -> Expression:
        return _of_type(self._column(node), Type.BOOLEAN, node)

    def _is(self, node: exp.Expr) -> Expression:
        if not isinstance(node.expression, exp.Null):
            raise MalformedError(f"cannot compile {_named(node)}; IS takes NULL only")
        return IsNull(self.value(node.this))

    def _compare(self, node: exp.Expr) -> Expression:
        return _comparison(_COMPARISONS[type(node)], self.value(node.this), self.value(node.expression), node)

    def _between(self, node: exp.Expr) -> Expression:
        item = self.value(node.this)
        low, high = self.value(node.args["low"]), self.value(node.args["high"])
        return And((_comparison(">=", item, low, node), _comparison("<=", item, high, node)))

    def _in(self, node: exp.Expr) -> Expression:
        item = self.value(node.this)
        if node.args.get("query") or node.args.get("unnest") or not node.expressions:
            raise MalformedError("IN takes a list of literals")
        values = [self.value(value) for value in node.expressions]
        for value in values:
            if not isinstance(value, Lit):
                raise MalformedError("IN takes a list of literals")
            _of_type(value, item.type, node)
        return In(item, tuple(cast(Lit, value).value for value in values))

    def _like(self, node: exp.Expr) -> Expression:
        item = _of_type(self.value(node.this), Type.STRING, node)
        pattern = self.value(node.expression)
        if not isinstance(pattern, Lit) or not isinstance(pattern.value, str):
            raise MalformedError("LIKE takes a literal pattern")
        if "\\" in pattern.value:
            raise MalformedError("LIKE takes no escapes: databases differ on them")
        return Like(item, pattern.value)

    def _negative(self, node: exp.Expr) -> Expression:
        item = _of_type(self.value(node.this), Type.NUMBER, node)
        if isinstance(item, Lit):
            return Lit(-cast(float, item.value), Type.NUMBER)
        return Arithmetic("-", Lit(0, Type.NUMBER), item)

    def _arithmetic(self, node: exp.Expr) -> Expression:
        left = _of_type(self.value(node.this), Type.NUMBER, node)
        right = _of_type(self.value(node.expression), Type.NUMBER, node)
        return Arithmetic(_ARITHMETIC[type(node)], left, right)

    def _call(self, name: str, takes: Type, gives: Type, *args: exp.Expr) -> Expression:
        values = tuple(self.value(arg) for arg in args)
        _of_type(values[0], takes, args[0])
        if not values[0].columns:
            raise MalformedError(f"{name} of {args[0].sql()[:80]!r} looks at no column")
        return Call(name, values, gives)

    def _substring(self, node: exp.Expr) -> Expression:
        start, length = node.args.get("start"), node.args.get("length")
        if not (
            isinstance(start, exp.Literal)
            and start.is_int
            and isinstance(length, exp.Literal)
            and length.is_int
        ):
            raise MalformedError("SUBSTRING takes a literal start and length")
        if int(start.this) < 1:
            raise MalformedError("SUBSTRING counts from 1")
        return self._call("substring", Type.STRING, Type.STRING, node.this, start, length)

    def _left(self, node: exp.Expr) -> Expression:
        length = node.expression
        if not (isinstance(length, exp.Literal) and length.is_int):
            raise MalformedError("LEFT takes a literal length")
        return self._call("substring", Type.STRING, Type.STRING, node.this, exp.Literal.number(1), length)

    def _coalesce(self, node: exp.Expr) -> Expression:
        args = tuple(self.value(arg) for arg in (node.this, *node.expressions))
        for position, arg in enumerate(args):
            _of_type(arg, args[0].type, node)
            if not arg.columns and position != len(args) - 1:
                raise MalformedError("COALESCE takes a literal only as its last argument")
        default = None if args[-1].columns else args[-1]
        return Case(tuple((Not(IsNull(arg)), arg) for arg in args if arg.columns), default, args[0].type)

    def _case(self, node: exp.Expr) -> Expression:
        operand = node.args.get("this")
        branches = []
        for branch in node.args["ifs"]:
            when = branch.this
            condition = (
                _comparison("=", self.value(operand), self.value(when), node)
                if operand
                else self.condition(when)
            )
            branches.append((condition, self.value(branch.args["true"])))
        default = self.value(node.args["default"]) if node.args.get("default") else None
        kind = branches[0][1].type
        for result in [*(result for _, result in branches), *([default] if default else [])]:
            _of_type(result, kind, node)
        return Case(tuple(branches), default, kind)


def _check_arguments(node: exp.Expr) -> None:
    surplus = {key for key, value in node.args.items() if value and key not in _ARGUMENTS}
    if surplus:
        raise MalformedError(f"cannot compile {', '.join(sorted(surplus))} of {_named(node)}")


def _comparison(op: str, left: Expression, right: Expression, node: exp.Expr) -> Expression:
    if left.type is not right.type:
        raise MalformedError(f"{node.sql()[:120]!r} compares {left.type} with {right.type}")
    if left.type is Type.BOOLEAN and op not in ("=", "<>"):
        raise MalformedError(f"{node.sql()[:120]!r} orders booleans")
    return Compare(op, left, right)


def _of_type(item: Expression, kind: Type, node: exp.Expr) -> Expression:
    if item.type is not kind:
        raise MalformedError(f"{node.sql()[:120]!r} needs a {kind} where it has a {item.type}")
    return item


def _literal(node: exp.Expr) -> Lit:
    text = str(node.this)
    if node.args.get("is_string"):
        return Lit(text, Type.STRING)
    if re.fullmatch(r"[0-9]{1,15}", text):
        return Lit(int(text), Type.NUMBER)
    if re.fullmatch(r"[0-9]{0,15}\.?[0-9]{0,15}([eE][+-]?[0-9]{1,2})?", text) and text[0] != "e":
        return Lit(float(text), Type.NUMBER)
    raise MalformedError(f"cannot compile number {text[:40]!r}")


def _instant(node: exp.Expr) -> Lit:
    target = node.args["to"].this
    text = str(node.this.this) if isinstance(node.this, exp.Literal) and node.this.is_string else None
    try:
        if text is not None and target is exp.DataType.Type.DATE:
            return Lit(days(date.fromisoformat(text)), Type.DATE)
        if text is not None and target in (exp.DataType.Type.TIMESTAMP, exp.DataType.Type.TIMESTAMPTZ):
            return Lit(microseconds(parse_instant(text)), Type.TIMESTAMP)
    except ValueError as error:
        raise MalformedError(f"{text!r:.80}: {error}") from None
    raise MalformedError(
        f"cannot compile {_named(node)}; CAST serves DATE '…' and TIMESTAMP '…' literals only"
    )


def _named(node: exp.Expr) -> str:
    return f"{type(node).__name__.upper()} in {node.sql()[:80]!r}"
