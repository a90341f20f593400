"""A condition as an Arrow expression, and run over a batch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

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

# what a column is widened to before its values are compared
STORED: Final[Mapping[Kind, pa.DataType]] = {
    Kind.BOOL: pa.bool_(),
    Kind.INT: pa.int64(),
    Kind.DOUBLE: pa.float64(),
    Kind.STRING: pa.string(),
    Kind.INSTANT: pa.timestamp("us", "UTC"),
    Kind.DATE: pa.date32(),
}
_COMPARE: Final[Mapping[str, Callable[[pc.Expression, pc.Expression], pc.Expression]]] = {
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}
_SEARCHES: Final = {
    "startsWith": pc.starts_with,
    "endsWith": pc.ends_with,
    "contains": pc.match_substring,
    "matches": pc.match_substring_regex,
}
_ARITHMETIC: Final = {"+": pc.add, "-": pc.subtract, "*": pc.multiply, "/": pc.divide}


def expression_of(term: Term) -> pc.Expression:
    """The expression of a condition: true, false, or null for an error."""
    match term:
        case And(items=items):
            return _joined([expression_of(item) for item in items], lambda a, b: a & b)
        case Or(items=items):
            return _joined([expression_of(item) for item in items], lambda a, b: a | b)
        case Not(item=item):
            return ~expression_of(item)
        case Choice(condition=condition, yes=yes, no=no):
            return pc.if_else(expression_of(condition), expression_of(yes), expression_of(no))
        case Has(name=name):
            return pc.field(name).is_valid()
        case _:
            return _test(term)


def run(expression: pc.Expression, batch: pa.RecordBatch) -> pa.BooleanArray:
    """What an expression yields for each row; null counts as false."""
    from pyarrow import acero  # which imports pandas where it is installed: a third of a second

    source = acero.Declaration("table_source", acero.TableSourceNodeOptions(pa.Table.from_batches([batch])))
    project = acero.Declaration("project", acero.ProjectNodeOptions([expression], ["granted"]), [source])
    granted = project.to_table(use_threads=False)["granted"].combine_chunks()
    return granted.fill_null(False)


def _test(term: Term) -> pc.Expression:
    match term:
        case Compare(op=op, left=left, right=right, measured=double):
            guards = _guards(left) + _guards(right) if double else []
            value = _double if double else expression_of if left.kind is Kind.BOOL else _stored
            found = _COMPARE[op](value(left), value(right))
        case Among(item=item, values=listed, measured=double):
            guards = _guards(item) if double else []
            subject = _double(item) if double else _stored(item)
            found = pc.if_else(
                subject.is_valid(), subject.isin(_listed(item, listed, double)), _none(pa.bool_())
            )
        case Match(how=how, item=item, argument=argument):
            return _SEARCHES[how](_stored(item), pattern=argument)
        case _:
            return _stored(term)
    if not guards:
        return found
    return pc.if_else(_joined(guards, lambda a, b: a & b), found, _none(pa.bool_()))


def _listed(item: Term, values: Sequence[Plain], double: bool) -> pa.Array:
    if not double:
        return pa.array(values, _plain(item.kind)).cast(STORED[item.kind])
    doubles = [float(value) for value in values]
    # the kernel tells the zeros apart
    return pa.array([*doubles, 0.0, -0.0] if 0.0 in doubles else doubles, pa.float64())


def _stored(term: Term) -> pc.Expression:
    match term:
        case Column(name=name, kind=kind):
            return pc.field(name).cast(STORED[kind])
        case Length(item=item):
            return pc.utf8_length(_stored(item)).cast(pa.int64())
        case Const(kind=kind, value=value):
            return pc.scalar(pa.scalar(value, _plain(kind)).cast(STORED[kind]))
    raise AssertionError(term)


def _plain(kind: Kind) -> pa.DataType:
    return {Kind.INSTANT: pa.int64(), Kind.DATE: pa.int32()}.get(kind, STORED[kind])


def _double(term: Term) -> pc.Expression:
    match term:
        case Arithmetic(op="/", left=left, right=right, kind=Kind.INT):
            return pc.trunc(pc.divide(_double(left), _double(right)))
        case Arithmetic(op="%", left=left, right=right):
            a, b = _double(left), _double(right)
            return pc.subtract(a, pc.multiply(pc.trunc(pc.divide(a, b)), b))
        case Arithmetic(op=op, left=left, right=right):
            return _ARITHMETIC[op](_double(left), _double(right))
        case Const(value=value):
            return pc.scalar(pa.scalar(None if value is None else float(value), pa.float64()))
        case Column(kind=Kind.INSTANT):
            return _stored(term).cast(pa.int64()).cast(pa.float64(), safe=False)
        case _:
            return _stored(term).cast(pa.float64(), safe=False)


def _guards(term: Term) -> list[pc.Expression]:
    match term:
        case Column(kind=Kind.DOUBLE):
            return [~pc.is_nan(_stored(term))]
        case Column():
            return [_within(_stored(term).cast(pa.int64()))]
        case Arithmetic(op=op, left=left, right=right, kind=kind):
            guards = _guards(left) + _guards(right)
            if op in "/%":
                guards.append(_double(right) != pc.scalar(0.0))
            value = _double(term)
            guards.append(~pc.is_nan(value) if kind is Kind.DOUBLE else _within(value))
            return guards
    return []


def _within(value: pc.Expression) -> pc.Expression:
    return (value >= pc.scalar(-MAX_WHOLE)) & (value <= pc.scalar(MAX_WHOLE))


def _none(kind: pa.DataType) -> pc.Expression:
    return pc.scalar(pa.scalar(None, kind))


def _joined(
    items: Sequence[pc.Expression], join: Callable[[pc.Expression, pc.Expression], pc.Expression]
) -> pc.Expression:
    """Joined in pairs, so that a thousand items nest ten deep."""
    rest = list(items)
    while len(rest) > 1:
        rest = [reduce(join, rest[at : at + 2]) for at in range(0, len(rest), 2)]
    return rest[0]
