"""From a syntax tree to a typed condition: names against the contract, types against each other, constants folded."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from exchange.errors import LimitExceededError
from exchange.trust.condition import fold
from exchange.trust.condition.column import Contract, kind_of
from exchange.trust.condition.parse import Node, refuse
from exchange.trust.condition.term import (
    ERROR,
    Among,
    Arithmetic,
    Choice,
    Column,
    Compare,
    Const,
    Has,
    Kind,
    Length,
    Match,
    Plain,
    Term,
    both,
    chosen,
    either,
    holds,
    measured,
    negated,
)

MAX_LIST: Final = 1000
MAX_PATTERN: Final = 1000
READER: Final = ("agency", "jurisdiction", "department", "purpose")
SEALED: Final = "restricted"
_COMPARISONS: Final = {f"_{op}_": op for op in ("==", "!=", "<", "<=", ">", ">=")}
_ARITHMETIC: Final = {f"_{op}_": op for op in "+-*/%"}
_SEARCHES: Final = ("startsWith", "endsWith", "contains", "matches")
_MIRRORED: Final = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}
_ALLOWED: Final = (
    "allowed are && || ! == != < <= > >= in + - * / % ?: has() size() double() timestamp() duration() "
    "startsWith() endsWith() contains() matches()"
)
_NUMBERS: Final = frozenset({Kind.INT, Kind.DOUBLE})
# left kind, right kind → kind of the result; for + and -
_TIMES: Final = {
    ("+", Kind.INSTANT, Kind.DURATION): Kind.INSTANT,
    ("+", Kind.DURATION, Kind.INSTANT): Kind.INSTANT,
    ("-", Kind.INSTANT, Kind.DURATION): Kind.INSTANT,
    ("-", Kind.INSTANT, Kind.INSTANT): Kind.DURATION,
    ("+", Kind.DURATION, Kind.DURATION): Kind.DURATION,
    ("-", Kind.DURATION, Kind.DURATION): Kind.DURATION,
}


class Builder:
    """Makes the term of one expression; raises InvalidInputError, with the place, for what cannot be one."""

    def __init__(self, contract: Contract, reader: Mapping[str, str]) -> None:
        self._columns = {column.name: column for column in contract.columns}
        self._reader = reader
        self._forms: Mapping[str, Callable[[Node], Term]] = {
            "literal": fold.literal,
            "field": self._field,
            "has": self._has,
            "call": self._call,
        }
        self._calls: Mapping[str, Callable[[Node], Term]] = {
            "_&&_": lambda node: both(tuple(self.condition(item) for item in node.args)),
            "_||_": lambda node: either(tuple(self.condition(item) for item in node.args)),
            "!_": lambda node: negated(self.condition(node.args[0])),
            "-_": lambda node: self._arithmetic(node, "-", Const(Kind.NULL, None), self.term(node.args[0])),
            "_?_:_": self._choice,
            "_[_]": self._index,
            "@in": self._among,
            "size": self._size,
            "double": self._double,
            "timestamp": lambda node: self._time(node, Kind.INSTANT),
            "duration": lambda node: self._time(node, Kind.DURATION),
            **dict.fromkeys(_COMPARISONS, self._compare),
            **dict.fromkeys(_ARITHMETIC, self._binary),
            **dict.fromkeys(_SEARCHES, self._match),
        }

    def condition(self, node: Node) -> Term:
        """A term that is true, false or an error."""
        term = self.term(node)
        if term.kind is not Kind.BOOL:
            refuse(f"a condition is expected, not a {term.kind}", node.place, rule="type")
        return term

    def term(self, node: Node) -> Term:
        """Any term."""
        form = self._forms.get(node.form)
        if form is None:
            said = f"the name {str(node.value)[:40]!r} alone" if node.form == "name" else "a list"
            refuse(
                said, node.place, "values are row.<column>, reader.<field> and literals; lists stand after in"
            )
        return form(node)

    def _field(self, node: Node) -> Term:
        owner, name = self._owned(node, str(node.value))
        return self._reading(name) if owner == "reader" else Column(name, self._kind(node, name))

    def _index(self, node: Node) -> Term:
        key = node.args[1]
        if key.form != "literal" or not isinstance(key.value, str):
            refuse("an index", node.place, 'only row["<column>"] has one')
        return self._field(Node("field", key.value, node.args[:1], node.place))

    def _has(self, node: Node) -> Term:
        owner, name = self._owned(node, str(node.value))
        if owner == "reader":
            return Const(Kind.BOOL, self._reading(name).value is not None)
        self._kind(node, name)
        return Has(name)

    def _owned(self, node: Node, name: str) -> tuple[str, str]:
        owner = node.args[0]
        if owner.form != "name" or owner.value not in ("row", "reader"):
            refuse(f"the field {name[:40]!r} of something", node.place, "fields are those of row and reader")
        if owner.value == "reader" and name not in READER:
            refuse(f"reader has no field {name[:40]!r}", node.place, f"it has {', '.join(READER)}", "name")
        return str(owner.value), name

    def _reading(self, name: str) -> Const:
        return Const(Kind.STRING, self._reader.get(name))

    def _kind(self, node: Node, name: str) -> Kind:
        column = self._columns.get(name)
        if column is None:
            refuse(f"the contract has no column {name[:80]!r}", node.place, rule="name")
        if column.classification == SEALED:
            refuse(f"column {name!r} is sealed, the hub cannot look into it", node.place, rule="sealed")
        kind = kind_of(column.arrow_type)
        if kind is None:
            refuse(
                f"column {name!r} is {column.arrow_type}",
                node.place,
                "such columns cannot be compared",
                "type",
            )
        return kind

    def _call(self, node: Node) -> Term:
        call = self._calls.get(str(node.value))
        if call is None:
            refuse(f"{str(node.value)[:40]}()", node.place, _ALLOWED)
        return call(node)

    def _arguments(self, node: Node, count: int) -> list[Term]:
        if len(node.args) != count:
            refuse(f"{node.value}() with {len(node.args)} arguments", node.place, f"it takes {count}", "type")
        return [self.term(item) for item in node.args]

    def _choice(self, node: Node) -> Term:
        condition = self.condition(node.args[0])
        yes, no = (self.term(item) for item in node.args[1:])
        if yes.kind is not no.kind:
            refuse(f"a choice between a {yes.kind} and a {no.kind}", node.place, rule="type")
        if yes.kind is not Kind.BOOL and not isinstance(condition, Const):
            refuse(
                "a choice between values that depends on the row",
                node.place,
                "write row.x ? a == 1 : b == 1 for (row.x ? a : b) == 1",
            )
        if holds(condition, Choice):
            refuse("a choice in the condition of another", node.place, "write it with && and ||")
        return chosen(condition, yes, no)

    def _compare(self, node: Node) -> Term:
        op = _COMPARISONS[str(node.value)]
        left, right = self.term(node.args[0]), self.term(node.args[1])
        if Kind.NULL in (left.kind, right.kind):
            return _null(node, op, right if left.kind is Kind.NULL else left)
        return self._compared(node, op, left, right)

    def _compared(self, node: Node, op: str, left: Term, right: Term) -> Term:
        left, right = fold.dated(node, left, right.kind), fold.dated(node, right, left.kind)
        if left.kind is not right.kind and {left.kind, right.kind} != _NUMBERS:
            refuse(f"a {left.kind} is compared with a {right.kind}", node.place, rule="type")
        if left.kind is Kind.BOOL and op in _MIRRORED:
            refuse(f"{op} between conditions", node.place, "they are equal or not", "type")
        if isinstance(left, Const) and isinstance(right, Const):
            return fold.compare(op, left, right)
        if isinstance(left, Const):
            left, right, op = right, left, _MIRRORED.get(op, op)
        if isinstance(right, Const) and right.value is None:
            return ERROR
        double = measured(left) or measured(right)
        if double:
            fold.check_whole(node, right)
        return Compare(op, left, right, double)

    def _among(self, node: Node) -> Term:
        listed = node.args[1]
        if listed.form != "list":
            refuse("in without a list", node.place, "write x in [a, b]")
        if not listed.args or len(listed.args) > MAX_LIST:
            raise LimitExceededError(f"condition {listed.place}: a list has 1 to {MAX_LIST} values")
        item = self.term(node.args[0])
        tests: list[Term] = []
        values: list[Plain] = []
        for each in listed.args:
            value = fold.dated(each, self.term(each), item.kind)
            if not isinstance(value, Const) or value.kind is Kind.NULL:
                refuse("a list of anything but values", each.place, "neither columns nor null stand in one")
            # types and errors are those of a comparison
            tests.append(self._compared(each, "==", item, value))
            if value.value is not None:
                values.append(value.value)
        if ERROR in tests:
            return ERROR
        if isinstance(item, Const) or item.kind is Kind.BOOL:
            return either(tuple(tests))
        double = any(isinstance(test, Compare) and test.measured for test in tests)
        return Among(item, tuple(dict.fromkeys(values)), double)

    def _match(self, node: Node) -> Term:
        item, argument = self._arguments(node, 2)
        how = str(node.value)
        if (item.kind, argument.kind) != (Kind.STRING, Kind.STRING):
            refuse(f"{how}() of a {item.kind} and a {argument.kind}", node.place, "it takes strings", "type")
        if not isinstance(argument, Const):
            refuse(f"{how}() with an argument that depends on the row", node.place)
        if how == "matches":
            fold.check_pattern(node, argument, MAX_PATTERN)
        if argument.value is None or (isinstance(item, Const) and item.value is None):
            return ERROR
        if isinstance(item, Const):
            return fold.match(how, str(item.value), str(argument.value))
        return Match(how, item, str(argument.value))

    def _size(self, node: Node) -> Term:
        (item,) = self._arguments(node, 1)
        if item.kind is not Kind.STRING:
            refuse(f"size() of a {item.kind}", node.place, "it takes a string", "type")
        if isinstance(item, Const):
            return Const(Kind.INT, None if item.value is None else len(str(item.value)))
        return Length(item)

    def _double(self, node: Node) -> Term:
        (item,) = self._arguments(node, 1)
        if item.kind not in _NUMBERS:
            refuse(f"double() of a {item.kind}", node.place, "it takes a number", "type")
        if isinstance(item, Const):
            return Const(Kind.DOUBLE, None if item.value is None else float(item.value))
        return (
            item if item.kind is Kind.DOUBLE else Arithmetic("+", item, Const(Kind.DOUBLE, 0.0), Kind.DOUBLE)
        )

    def _time(self, node: Node, kind: Kind) -> Term:
        if len(node.args) != 1 or node.args[0].form != "literal" or not isinstance(node.args[0].value, str):
            refuse(
                f"{node.value}() of anything but a literal",
                node.place,
                'write timestamp("2026-01-01T00:00:00Z")',
            )
        read = fold.instant if kind is Kind.INSTANT else fold.duration
        return Const(kind, read(node.args[0].value, node.args[0].place))

    def _binary(self, node: Node) -> Term:
        return self._arithmetic(node, _ARITHMETIC[str(node.value)], *self._arguments(node, 2))

    def _arithmetic(self, node: Node, op: str, left: Term, right: Term) -> Term:
        if node.value == "-_":
            left = Const(right.kind, 0.0 if right.kind is Kind.DOUBLE else 0)
            if right.kind not in (*_NUMBERS, Kind.DURATION):
                refuse(f"minus a {right.kind}", node.place, rule="type")
        kind = _TIMES.get((op, left.kind, right.kind))
        if left.kind is right.kind and (left.kind is Kind.INT or (left.kind is Kind.DOUBLE and op != "%")):
            kind = left.kind
        constant = isinstance(left, Const) and isinstance(right, Const)
        if left.kind is right.kind is Kind.STRING and op == "+" and constant:
            kind = Kind.STRING
        if kind is None:
            hint = "write 1.0 rather than 1 beside a double" if {left.kind, right.kind} == _NUMBERS else ""
            refuse(
                f"{left.kind} {op} {right.kind}",
                node.place,
                hint or "texts are joined only before rows are seen",
            )
        if isinstance(left, Const) and isinstance(right, Const):
            return fold.reckon(node, op, left, right, kind)
        if op == "%" and (holds(left, "%") or holds(right, "%")):
            refuse("a remainder of a remainder", node.place)
        fold.check_whole(node, left)
        fold.check_whole(node, right)
        return Arithmetic(op, left, right, kind)


def _null(node: Node, op: str, term: Term) -> Term:
    if op in _MIRRORED:
        refuse(f"{op} null", node.place, "only == null and != null", "type")
    if isinstance(term, Const):
        found: Term = Const(Kind.BOOL, term.value is not None)
    elif isinstance(term, Column):
        found = Has(term.name)
    else:
        refuse("null beside anything but a column", node.place, "write row.x == null")
    return found if op == "!=" else negated(found)
