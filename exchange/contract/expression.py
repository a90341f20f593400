"""The small language of cross-column rules: SQL's three-valued logic over one row.

Expression
├── Col · Lit                   a column, a literal
├── Arithmetic · Case · Call    values
├── Compare · In · Like         conditions over values; NULL in, NULL out
├── IsNull                      never NULL
└── And · Or · Not              Kleene logic

Trees come from `exchange.contract.predicate` and are evaluated by `exchange.contract.evaluate`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

Plain = str | int | float | bool


class Type(StrEnum):
    """What an expression yields. `timestamp` is microseconds since 1970 UTC, `date` days since 1970."""

    STRING = "string"
    NUMBER = "number"
    BOOLEAN = "boolean"
    DATE = "date"
    TIMESTAMP = "timestamp"


@dataclass(frozen=True)
class Expression:
    """A node; equal nodes are interchangeable."""

    @property
    def children(self) -> tuple[Expression, ...]:
        """The nodes below this one."""
        return ()

    @cached_property
    def columns(self) -> frozenset[str]:
        """Every column that the value depends on."""
        return frozenset().union(*(child.columns for child in self.children))

    @cached_property
    def ordered_columns(self) -> tuple[str, ...]:
        """`columns` in a fixed order."""
        return tuple(sorted(self.columns))

    @property
    def type(self) -> Type:
        """What it yields; conditions yield booleans."""
        return Type.BOOLEAN


@dataclass(frozen=True)
class Col(Expression):
    name: str
    kind: Type

    @cached_property
    def columns(self) -> frozenset[str]:
        return frozenset((self.name,))

    @property
    def type(self) -> Type:
        return self.kind


@dataclass(frozen=True)
class Lit(Expression):
    value: Plain
    kind: Type

    @property
    def type(self) -> Type:
        return self.kind


@dataclass(frozen=True)
class Arithmetic(Expression):
    """`+`, `-` or `*` in double precision, so that nothing overflows into an error."""

    op: str
    left: Expression
    right: Expression

    @property
    def children(self) -> tuple[Expression, ...]:
        return (self.left, self.right)

    @property
    def type(self) -> Type:
        return Type.NUMBER


@dataclass(frozen=True)
class Call(Expression):
    """`abs`, `length` or `substring` (start, length: one-based, in characters)."""

    name: str
    args: tuple[Expression, ...]
    kind: Type

    @property
    def children(self) -> tuple[Expression, ...]:
        return self.args

    @property
    def type(self) -> Type:
        return self.kind


@dataclass(frozen=True)
class Case(Expression):
    """The first branch whose condition is true; otherwise `default`, or NULL."""

    branches: tuple[tuple[Expression, Expression], ...]
    default: Expression | None
    kind: Type

    @property
    def children(self) -> tuple[Expression, ...]:
        nodes = tuple(node for branch in self.branches for node in branch)
        return nodes if self.default is None else (*nodes, self.default)

    @property
    def type(self) -> Type:
        return self.kind


@dataclass(frozen=True)
class Compare(Expression):
    """`=`, `<>`, `<`, `<=`, `>` or `>=`; strings compare by their UTF-8 bytes."""

    op: str
    left: Expression
    right: Expression

    @property
    def children(self) -> tuple[Expression, ...]:
        return (self.left, self.right)


@dataclass(frozen=True)
class In(Expression):
    item: Expression
    values: tuple[Plain, ...]

    @property
    def children(self) -> tuple[Expression, ...]:
        return (self.item,)


@dataclass(frozen=True)
class Like(Expression):
    item: Expression
    pattern: str

    @property
    def children(self) -> tuple[Expression, ...]:
        return (self.item,)


@dataclass(frozen=True)
class IsNull(Expression):
    item: Expression

    @property
    def children(self) -> tuple[Expression, ...]:
        return (self.item,)


@dataclass(frozen=True)
class And(Expression):
    items: tuple[Expression, ...]

    @property
    def children(self) -> tuple[Expression, ...]:
        return self.items


@dataclass(frozen=True)
class Or(Expression):
    items: tuple[Expression, ...]

    @property
    def children(self) -> tuple[Expression, ...]:
        return self.items


@dataclass(frozen=True)
class Not(Expression):
    item: Expression

    @property
    def children(self) -> tuple[Expression, ...]:
        return (self.item,)
