"""What a predicate can come to in rows that lack some of its columns.

A version that does not have a column reads it as NULL. Whether a rule can then be violated at all is decided here
without data, by three-valued logic over sets of outcomes. Where it is not certain, the answer is that it can.
"""

from __future__ import annotations

from collections.abc import Set
from enum import Enum
from itertools import product
from typing import Final

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


class _Outcome(Enum):
    """Ordered as SQL's AND and OR do: the least of a conjunction, the greatest of a disjunction."""

    FALSE = 0
    NULL = 1
    TRUE = 2


_Outcomes = frozenset[_Outcome]
_NULL: Final = frozenset({_Outcome.NULL})
_FALSE: Final = frozenset({_Outcome.FALSE})
_TRUE: Final = frozenset({_Outcome.TRUE})
# Of a value that is not a condition: TRUE and FALSE together stand for any value but NULL.
_VALUE: Final = _TRUE | _FALSE


def can_hold(node: Expression, absent: Set[str]) -> bool:
    """Whether a condition may be TRUE in some row where every column named in `absent` is NULL."""
    return _Outcome.TRUE in _outcomes(node, absent)


def _outcomes(node: Expression, absent: Set[str]) -> _Outcomes:
    match node:
        case Col():
            return _NULL if node.name in absent else _VALUE | _NULL
        case Lit():
            if node.kind is not Type.BOOLEAN:
                return _VALUE
            return _TRUE if node.value else _FALSE
        case Not():
            return frozenset(_Outcome(2 - item.value) for item in _outcomes(node.item, absent))
        case And() | Or():
            return _junction(node, absent)
        case IsNull():
            item = _outcomes(node.item, absent)
            return (_TRUE if item & _NULL else frozenset()) | (_FALSE if item & _VALUE else frozenset())
        case Case():
            return _case(node, absent)
        case Compare() | In() | Like() | Arithmetic() | Call():
            return _strict(node, absent)
    raise AssertionError(f"{type(node).__name__} is no expression of a rule")


def _junction(node: And | Or, absent: Set[str]) -> _Outcomes:
    pick = min if isinstance(node, And) else max
    found = _outcomes(node.items[0], absent)
    for item in node.items[1:]:
        pairs = product(found, _outcomes(item, absent))
        found = frozenset(_Outcome(pick(left.value, right.value)) for left, right in pairs)
    return found


def _case(node: Case, absent: Set[str]) -> _Outcomes:
    found: _Outcomes = frozenset()
    for condition, value in node.branches:
        taken = _outcomes(condition, absent)
        if taken & _TRUE:
            found |= _outcomes(value, absent)
        if taken == _TRUE:
            return found
    return found | (_NULL if node.default is None else _outcomes(node.default, absent))


def _strict(node: Expression, absent: Set[str]) -> _Outcomes:
    """NULL where an operand is; otherwise any value."""
    operands = [_outcomes(child, absent) for child in node.children]
    found = _VALUE if all(item & _VALUE for item in operands) else frozenset[_Outcome]()
    return found | (_NULL if any(item & _NULL for item in operands) else frozenset())
