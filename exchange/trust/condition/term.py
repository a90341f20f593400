"""Typed conditions over one row: what is left of a CEL expression once the reader's values are put in.

Term
├── Column · Const                  a column; a value, None standing for an error
├── Length · Arithmetic             numbers
├── Has                             never an error
├── Compare · Among · Match         conditions over values; error in, error out
└── Choice · And · Or · Not         errors are absorbed as CEL says

`exchange.trust.condition.build` makes them, `sql` and `arrow` write them.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

# Whole numbers are reckoned with in double precision, which is exact up to here; instants are then the microseconds
# since 1970, and lie in the years 1684 to 2255.
MAX_WHOLE: Final = 2**53 - 1

Plain = bool | int | float | str


class Kind(StrEnum):
    """A CEL type, and DATE, which CEL does not know."""

    BOOL = "bool"
    INT = "int"
    DOUBLE = "double"
    STRING = "string"
    INSTANT = "timestamp"
    DATE = "date"
    DURATION = "duration"
    NULL = "null"


@dataclass(frozen=True, slots=True)
class Column:
    name: str
    kind: Kind


@dataclass(frozen=True, slots=True)
class Const:
    """Instants and durations are microseconds, dates days since 1970."""

    kind: Kind
    value: Plain | None


@dataclass(frozen=True, slots=True)
class Length:
    """Characters (code points) of a string."""

    item: Term
    kind: Kind = Kind.INT


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """`+ - * / %`; whole numbers, instants and durations must stay within ±MAX_WHOLE, else the result is an error."""

    op: str
    left: Term
    right: Term
    kind: Kind


@dataclass(frozen=True, slots=True)
class Has:
    name: str
    kind: Kind = Kind.BOOL


@dataclass(frozen=True, slots=True)
class Compare:
    """`== != < <= > >=`; `measured` where both sides are doubles, else both are of one stored type."""

    op: str
    left: Term
    right: Term
    measured: bool
    kind: Kind = Kind.BOOL


@dataclass(frozen=True, slots=True)
class Among:
    """Whether the item is one of the values."""

    item: Term
    values: tuple[Plain, ...]
    measured: bool
    kind: Kind = Kind.BOOL


@dataclass(frozen=True, slots=True)
class Match:
    """`how`: startsWith, endsWith, contains, matches (RE2, anywhere)."""

    how: str
    item: Term
    argument: str
    kind: Kind = Kind.BOOL


@dataclass(frozen=True, slots=True)
class Choice:
    condition: Term
    yes: Term
    no: Term
    kind: Kind = Kind.BOOL


@dataclass(frozen=True, slots=True)
class And:
    items: tuple[Term, ...]
    kind: Kind = Kind.BOOL


@dataclass(frozen=True, slots=True)
class Or:
    items: tuple[Term, ...]
    kind: Kind = Kind.BOOL


@dataclass(frozen=True, slots=True)
class Not:
    item: Term
    kind: Kind = Kind.BOOL


Term = Column | Const | Length | Arithmetic | Has | Compare | Among | Match | Choice | And | Or | Not

TRUE: Final = Const(Kind.BOOL, True)
FALSE: Final = Const(Kind.BOOL, False)
ERROR: Final = Const(Kind.BOOL, None)


def measured(term: Term) -> bool:
    """Whether a term exists as a double alone."""
    return isinstance(term, Arithmetic) or term.kind in (Kind.DOUBLE, Kind.DURATION)


def both(items: tuple[Term, ...]) -> Term:
    """Conjunction: false wins over an error, an error over true."""
    flat = [part for item in items for part in (item.items if isinstance(item, And) else (item,))]
    if FALSE in flat:
        return FALSE
    left = tuple(dict.fromkeys(item for item in flat if item != TRUE))
    return And(left) if len(left) > 1 else left[0] if left else TRUE


def either(items: tuple[Term, ...]) -> Term:
    """Disjunction: true wins over an error, an error over false."""
    flat = [part for item in items for part in (item.items if isinstance(item, Or) else (item,))]
    if TRUE in flat:
        return TRUE
    left = tuple(dict.fromkeys(item for item in flat if item != FALSE))
    return Or(left) if len(left) > 1 else left[0] if left else FALSE


def negated(item: Term) -> Term:
    """Negation; of an error it is one."""
    if isinstance(item, Const):
        return item if item.value is None else Const(Kind.BOOL, not item.value)
    return item.item if isinstance(item, Not) else Not(item)


def chosen(condition: Term, yes: Term, no: Term) -> Term:
    """`condition ? yes : no`; what is not chosen may be an error."""
    if isinstance(condition, Const):
        return Const(yes.kind, None) if condition.value is None else yes if condition.value else no
    return Choice(condition, yes, no)


def holds(term: Term, what: type | str) -> bool:
    """Whether a term contains a Choice, or arithmetic with that sign."""
    if isinstance(term, Arithmetic) and term.op == what:
        return True
    if not isinstance(what, str) and isinstance(term, what):
        return True
    return any(holds(item, what) for item in parts_of(term))


def parts_of(term: Term) -> tuple[Term, ...]:
    """The terms right below."""
    match term:
        case And(items=items) | Or(items=items):
            return items
        case Arithmetic(left=left, right=right) | Compare(left=left, right=right):
            return (left, right)
        case Choice(condition=condition, yes=yes, no=no):
            return (condition, yes, no)
        case Length(item=item) | Among(item=item) | Match(item=item) | Not(item=item):
            return (item,)
        case Column() | Const() | Has():
            return ()


def columns_of(term: Term) -> frozenset[str]:
    """Every column that a term looks at."""
    if isinstance(term, Column | Has):
        return frozenset((term.name,))
    return frozenset().union(*(columns_of(item) for item in parts_of(term)))
