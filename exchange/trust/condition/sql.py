"""A condition as DuckDB SQL: names quoted, every value bound. Text alone; nothing is run here."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Final

from exchange.trust.condition.term import (
    MAX_WHOLE,
    Among,
    And,
    Arithmetic,
    Choice,
    Column,
    Compare,
    Const,
    Has,
    Kind,
    Length,
    Match,
    Not,
    Or,
    Plain,
    Term,
)

_EPOCH: Final = date(1970, 1, 1)
_LOW, _HIGH = f"(-{MAX_WHOLE})", f"{MAX_WHOLE}"
_TYPES: Final = {Kind.BOOL: "BOOLEAN", Kind.INT: "BIGINT", Kind.DOUBLE: "DOUBLE", Kind.STRING: "VARCHAR"}
_SEARCHES: Final = {
    "startsWith": "starts_with",
    "endsWith": "ends_with",
    "contains": "contains",
    "matches": "regexp_matches",
}
_OPERATORS: Final = {"==": "=", "!=": "<>"}


def quoted(name: str) -> str:
    """An identifier in double quotes."""
    return '"' + name.replace('"', '""') + '"'


def write(
    term: Term, values: list[object], identifier: Callable[[str], str], mark: Callable[[int], str]
) -> str:
    """The SQL of a condition; `values` grows by what its markers stand for, `mark(n)` writes the nth, from 1."""
    return _Writer(values, identifier, mark).condition(term)


class _Writer:
    """Texts are made in the order in which they are read, since `?` counts by position."""

    def __init__(
        self, values: list[object], identifier: Callable[[str], str], mark: Callable[[int], str]
    ) -> None:
        self._values = values
        self._identifier = identifier
        self._mark = mark

    def condition(self, term: Term) -> str:
        match term:
            case And(items=items):
                return f"({' AND '.join([self.condition(item) for item in items])})"
            case Or(items=items):
                return f"({' OR '.join([self.condition(item) for item in items])})"
            case Not(item=item):
                return f"(NOT {self.condition(item)})"
            case Choice(condition=condition, yes=yes, no=no):
                first = f"WHEN {self.condition(condition)} THEN {self.condition(yes)}"
                return f"(CASE {first} WHEN NOT {self.condition(condition)} THEN {self.condition(no)} END)"
            case Has(name=name):
                return f"({self._identifier(name)} IS NOT NULL)"
            case _:
                return self._test(term)

    def _test(self, term: Term) -> str:
        match term:
            case Compare(op=op, left=left, right=right, measured=double):
                guards = self._guards(left) + self._guards(right) if double else []
                value = self._double if double else self.condition if left.kind is Kind.BOOL else self._stored
                text = f"{value(left)} {_OPERATORS.get(op, op)} {value(right)}"
            case Among(item=item, values=listed, measured=double):
                guards = self._guards(item) if double else []
                subject = self._double(item) if double else self._stored(item)
                text = f"{subject} IN ({', '.join([self._listed(item, each, double) for each in listed])})"
            case Match(how=how, item=item, argument=argument):
                return f"{_SEARCHES[how]}({self._stored(item)}, {self._value(Kind.STRING, argument)})"
            case _:
                return self._stored(term)
        if not guards:
            return f"({text})"
        return f"(CASE WHEN {' AND '.join(guards)} THEN {text} END)"

    def _listed(self, item: Term, value: Plain, double: bool) -> str:
        return self._value(Kind.DOUBLE, float(value)) if double else self._value(item.kind, value)

    def _stored(self, term: Term) -> str:
        """A value in the type in which it is stored."""
        match term:
            case Column(name=name):
                return self._identifier(name)
            case Length(item=item):
                return f"length({self._stored(item)})"
            case Const(kind=kind, value=value):
                return self._value(kind, value)
        raise AssertionError(term)

    def _double(self, term: Term) -> str:
        """A value as a double; it means nothing where one of `_guards` is not true."""
        match term:
            case Arithmetic(op="/", left=left, right=right, kind=Kind.INT):
                return f"trunc({self._double(left)} / {self._double(right)})"
            case Arithmetic(op="%", left=left, right=right):
                text = f"({self._double(left)} - trunc({self._double(left)} / {self._double(right)}) * "
                return f"{text}{self._double(right)})"
            case Arithmetic(op=op, left=left, right=right):
                return f"({self._double(left)} {op} {self._double(right)})"
            case Const(value=value):
                return "CAST(NULL AS DOUBLE)" if value is None else self._value(Kind.DOUBLE, float(value))
            case Column(kind=Kind.INSTANT):
                return f"CAST(epoch_us({self._stored(term)}) AS DOUBLE)"
            case _:
                return f"CAST({self._stored(term)} AS DOUBLE)"

    def _guards(self, term: Term) -> list[str]:
        match term:
            case Column(kind=Kind.DOUBLE):
                return [f"NOT isnan({self._stored(term)})"]
            case Column(kind=Kind.INSTANT):
                return [f"epoch_us({self._stored(term)}) BETWEEN {_LOW} AND {_HIGH}"]
            case Column():
                return [f"{self._stored(term)} BETWEEN {_LOW} AND {_HIGH}"]
            case Arithmetic(op=op, left=left, right=right, kind=kind):
                guards = self._guards(left) + self._guards(right)
                if op in "/%":
                    guards.append(f"{self._double(right)} <> 0")
                text = self._double(term)
                guards.append(
                    f"NOT isnan({text})" if kind is Kind.DOUBLE else f"{text} BETWEEN {_LOW} AND {_HIGH}"
                )
                return guards
        return []

    def _value(self, kind: Kind, value: Plain | None) -> str:
        if value is None:
            return f"CAST(NULL AS {_TYPES[kind]})"
        if kind is Kind.DATE:
            assert isinstance(value, int)
            return f"CAST({self._bound((_EPOCH + timedelta(value)).isoformat())} AS DATE)"
        if kind is Kind.INSTANT:
            return f"make_timestamptz(CAST({self._bound(value)} AS BIGINT))"
        return f"CAST({self._bound(value)} AS {_TYPES[kind]})"

    def _bound(self, value: object) -> str:
        self._values.append(value)
        return self._mark(len(self._values))
