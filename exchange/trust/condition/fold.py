"""What does not depend on the row is reckoned once, when a condition is compiled."""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from exchange.trust.condition.parse import Node, Place, refuse
from exchange.trust.condition.term import ERROR, MAX_WHOLE, Const, Kind, Plain, Term

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_DAY: Final = 86_400_000_000
# RFC 3339 §5.6, no finer than a microsecond and without leap seconds
_INSTANT: Final = re.compile(
    r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?(Z|[+-]\d\d:\d\d)", re.ASCII | re.IGNORECASE
)
_DURATION: Final = re.compile(r"[+-]?(\d{1,18}(\.\d{0,9})?(h|m|s|ms|us|ns))+", re.ASCII)
_PART: Final = re.compile(r"(\d+(?:\.\d*)?)(ms|us|ns|h|m|s)", re.ASCII)
_UNITS: Final = {
    "h": Fraction(3_600_000_000),
    "m": Fraction(60_000_000),
    "s": Fraction(1_000_000),
    "ms": Fraction(1000),
    "us": Fraction(1),
    "ns": Fraction(1, 1000),
}
_COMPARE: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def literal(node: Node) -> Const:
    """A literal as a value."""
    kinds = {bool: Kind.BOOL, int: Kind.INT, float: Kind.DOUBLE, str: Kind.STRING}
    if node.value is None:
        return Const(Kind.NULL, None)
    assert isinstance(node.value, bool | int | float | str)
    return Const(kinds[type(node.value)], node.value)


def check_whole(node: Node, term: Term) -> None:
    """Refuse a whole number or instant that a double does not hold exactly."""
    value = term.value if isinstance(term, Const) and term.kind is not Kind.DOUBLE else None
    if isinstance(value, int) and abs(value) > MAX_WHOLE:
        said = "a value too large to reckon with or to compare with a double"
        refuse(said, node.place, f"whole numbers end at ±{MAX_WHOLE}, instants in 1684 and 2255", "range")


def compare(op: str, left: Const, right: Const) -> Const:
    """Two values against each other; a string by its UTF-8 bytes."""
    if left.value is None or right.value is None:
        return ERROR
    pair = (left.value, right.value)
    if isinstance(left.value, str) and isinstance(right.value, str):
        return Const(Kind.BOOL, _COMPARE[op](left.value.encode(), right.value.encode()))
    return Const(Kind.BOOL, _COMPARE[op](*pair))


def match(how: str, item: str, argument: str) -> Const:
    """A string function over two values."""
    if how == "startsWith":
        return Const(Kind.BOOL, item.startswith(argument))
    if how == "endsWith":
        return Const(Kind.BOOL, item.endswith(argument))
    if how == "contains":
        return Const(Kind.BOOL, argument in item)
    return Const(Kind.BOOL, bool(pc.match_substring_regex(pa.array([item]), argument)[0].as_py()))


def check_pattern(node: Node, pattern: Const, most: int) -> None:
    """Refuse what RE2 does not take, and what is too long."""
    text = str(pattern.value)
    if len(text) > most:
        refuse(f"a pattern of {len(text)} characters", node.place, f"it has at most {most}", "limit")
    try:
        pc.match_substring_regex(pa.array([""]), text)
    except pa.ArrowInvalid as error:
        refuse(f"{str(error)[:120]}", node.place, "patterns are those of RE2", "pattern")


def reckon(node: Node, op: str, left: Const, right: Const, kind: Kind) -> Const:
    """Arithmetic over two values; what has no result in range is refused."""
    if left.value is None or right.value is None:
        return Const(kind, None)
    if kind is Kind.STRING:
        return Const(kind, str(left.value) + str(right.value))
    if op in "/%" and right.value == 0:
        refuse("a division by zero", node.place, rule="range")
    value = (
        _double(op, left.value, right.value) if kind is Kind.DOUBLE else _whole(op, left.value, right.value)
    )
    if math.isnan(value) or (kind is not Kind.DOUBLE and abs(value) > MAX_WHOLE):
        refuse("a result out of range", node.place, f"whole numbers end at ±{MAX_WHOLE}", "range")
    return Const(kind, value)


def _double(op: str, left: Plain, right: Plain) -> float:
    a, b = float(left), float(right)
    value: float = {"+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv}[op](a, b)
    return value


def _whole(op: str, left: Plain, right: Plain) -> int:
    a, b = int(left), int(right)
    if op in "/%":
        quotient = abs(a) // abs(b) * (1 if (a < 0) == (b < 0) else -1)
        return quotient if op == "/" else a - quotient * b
    whole: int = {"+": operator.add, "-": operator.sub, "*": operator.mul}[op](a, b)
    return whole


def instant(text: str, place: Place) -> int:
    """Microseconds since 1970 UTC of an RFC 3339 instant."""
    try:
        if not _INSTANT.fullmatch(text):
            raise ValueError
        return (datetime.fromisoformat(text.upper()) - _EPOCH) // timedelta(microseconds=1)
    except (ValueError, OverflowError):
        refuse(
            f"{text[:40]!r} is no instant",
            place,
            "write 2026-01-01T08:00:00+08:00, at most to the microsecond",
        )


def duration(text: str, place: Place) -> int:
    """Microseconds of a duration such as 1h30m or 0.5s."""
    if not _DURATION.fullmatch(text):
        refuse(f"{text[:40]!r} is no duration", place, "write 90m, 1h30m or 0.5s")
    total = sum((Fraction(number) * _UNITS[unit] for number, unit in _PART.findall(text)), Fraction(0))
    if total.denominator != 1 or total > MAX_WHOLE:
        refuse(
            f"{text[:40]!r} is too fine or too long",
            place,
            "durations are whole microseconds, up to 285 years",
        )
    return -int(total) if text.startswith("-") else int(total)


def dated(node: Node, term: Term, beside: Kind) -> Term:
    """The term, or its date where it is an instant at midnight beside a date column."""
    if beside is not Kind.DATE or not isinstance(term, Const) or term.kind is not Kind.INSTANT:
        return term
    return _midnight(node, term)


def _midnight(node: Node, value: Const) -> Const:
    """The date of an instant at midnight, UTC: what a date column is compared with."""
    if not isinstance(value.value, int) or value.value % _DAY:
        refuse(
            "a date beside an instant within a day",
            node.place,
            'write timestamp("2026-01-01T00:00:00Z")',
            "type",
        )
    return Const(Kind.DATE, value.value // _DAY)
