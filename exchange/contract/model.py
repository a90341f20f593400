"""What a contract says, as frozen values: columns, rules, references and promises.

Built only by `exchange.contract.load`; everything here has been checked there.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import date, datetime
from enum import StrEnum
from functools import cached_property

import pyarrow as pa

from exchange.contract.expression import Expression
from exchange.ids import ContractRef

CONTRACT_TYPE = "application/vnd.hechuan.contract+json"
"""Payload type of the statement that registers a version."""
Scalar = str | int | float | bool
Bound = int | float | date | datetime


class Severity(StrEnum):
    """How much a violated rule costs: `error` quarantines the row, `blocker` refuses the batch."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"
    BLOCKER = "blocker"

    @property
    def rejects(self) -> bool:
        """True if a row that violates such a rule does not count."""
        return self in (Severity.ERROR, Severity.BLOCKER)

    @property
    def rank(self) -> int:
        """0 (info) to 3 (blocker)."""
        return list(Severity).index(self)


class Kind(StrEnum):
    """What a rule looks at."""

    TYPE = "type"
    REQUIRED = "required"
    FINITE = "finite"
    RANGE = "range"
    PATTERN = "pattern"
    LENGTH = "length"
    ENUM = "enum"
    MULTIPLE = "multiple"
    MISSING = "missing"
    REFERENCE = "reference"
    UNIQUE = "unique"
    PRIMARY_KEY = "primary_key"
    PREDICATE = "predicate"


class Sharing(StrEnum):
    """政务数据共享条例 art. 11: unconditional (无条件), conditional (有条件), withheld (不予)."""

    UNCONDITIONAL = "unconditional"
    CONDITIONAL = "conditional"
    WITHHELD = "withheld"


class Compatibility(StrEnum):
    """What a new version must keep: see `exchange.contract.compat`."""

    NONE = "none"
    BACKWARD = "backward"
    FORWARD = "forward"
    FULL = "full"


class Classification(StrEnum):
    """How closely a column is held, lowest first; `restricted` covers sensitive personal data (PIPL art. 28)."""

    PUBLIC = "public"
    INTERNAL = "internal"
    SENSITIVE = "sensitive"
    RESTRICTED = "restricted"

    @property
    def rank(self) -> int:
        """0 (public) to 3 (restricted)."""
        return list(Classification).index(self)


@dataclass(frozen=True, slots=True)
class Value:
    """One permitted value of a column, with its meaning."""

    value: Scalar
    zh: str
    en: str


@dataclass(frozen=True, slots=True)
class Column:
    """One column; `unit` is empty where none applies, `1` where the number has no dimension."""

    name: str
    logical_type: str
    arrow_type: pa.DataType
    required: bool
    classification: Classification
    unit: str
    title_zh: str
    title_en: str
    zh: str
    en: str
    examples: tuple[Scalar, ...] = ()
    values: tuple[Value, ...] = ()


@dataclass(frozen=True, slots=True)
class Bounds:
    """A closed or open interval; None means unbounded."""

    minimum: Bound | None = None
    maximum: Bound | None = None
    exclusive_minimum: bool = False
    exclusive_maximum: bool = False


@dataclass(frozen=True, slots=True)
class Reference:
    """Every value of `column` must be among `target_column` of the datasets under `contract` (its name)."""

    column: str
    contract: str
    target_column: str


@dataclass(frozen=True, slots=True)
class Rule:
    """One check. Only the fields its kind needs are set.

    bounds: range (numbers, dates, instants) and length (characters). pattern: RE2, found anywhere unless anchored.
    values: enum (permitted) and missing (forbidden, None standing for NULL). multiple: multiple. reference: reference.
    predicate: true exactly for the rows that violate; `sql` is the query it came from.
    """

    id: str
    kind: Kind
    columns: tuple[str, ...]
    severity: Severity
    zh: str
    en: str
    dimension: str = ""
    bounds: Bounds | None = None
    pattern: str | None = None
    values: tuple[Scalar | None, ...] = ()
    multiple: float | None = None
    reference: Reference | None = None
    predicate: Expression | None = None
    sql: str = ""


@dataclass(frozen=True, slots=True)
class Sla:
    """One promise of the publisher, e.g. freshness 6 h."""

    name: str
    value: Scalar | None
    unit: str
    zh: str
    en: str


@dataclass(frozen=True, slots=True)
class Role:
    """Who may do what with data under this contract."""

    name: str
    access: str
    zh: str
    en: str


@dataclass(frozen=True)
class Contract:
    """One version of one contract. `text` is the YAML as given, `digest` its SHA-256."""

    ref: ContractRef
    status: str
    title_zh: str
    title_en: str
    zh: str
    en: str
    columns: tuple[Column, ...]
    primary_key: tuple[str, ...]
    time_column: str | None
    section_column: str | None
    rules: tuple[Rule, ...]
    references: tuple[Reference, ...]
    sharing: Sharing
    compatibility: Compatibility
    max_rejected_share: float
    steward: str
    sla: tuple[Sla, ...]
    roles: tuple[Role, ...]
    text: bytes = field(repr=False)
    digest: str

    @cached_property
    def arrow_schema(self) -> pa.Schema:
        """The Arrow schema of conforming data, non-nullable where required, columns in contract order."""
        return pa.schema(
            [
                pa.field(column.name, column.arrow_type, nullable=not column.required)
                for column in self.columns
            ]
        )

    @cached_property
    def _by_name(self) -> dict[str, Column]:
        return {column.name: column for column in self.columns}

    @cached_property
    def sealed_columns(self) -> tuple[str, ...]:
        """Columns that come sealed: the restricted ones."""
        return tuple(c.name for c in self.columns if c.classification is Classification.RESTRICTED)

    @cached_property
    def stored(self) -> Contract:
        """The contract as far as a hub can hold anybody to it: sealed columns are bytes, rules about them are absent.

        What a sealed value is was checked by its publisher, who says so in the manifest.
        """
        sealed = set(self.sealed_columns)
        if not sealed:
            return self
        return replace(
            self,
            columns=tuple(
                replace(column, logical_type="binary", arrow_type=pa.binary(), examples=(), values=())
                if column.name in sealed
                else column
                for column in self.columns
            ),
            rules=tuple(rule for rule in self.rules if not sealed & set(rule.columns)),
            references=tuple(reference for reference in self.references if reference.column not in sealed),
        )

    def column(self, name: str) -> Column:
        """The column of that name; KeyError if there is none."""
        return self._by_name[name]

    def has_column(self, name: str) -> bool:
        """Whether a column of that name exists."""
        return name in self._by_name

    def rule(self, rule_id: str) -> Rule:
        """The rule of that id; KeyError if there is none."""
        return self._rules_by_id[rule_id]

    @cached_property
    def _rules_by_id(self) -> dict[str, Rule]:
        return {rule.id: rule for rule in self.rules}
