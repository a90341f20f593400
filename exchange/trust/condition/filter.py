"""Row filters and access conditions of agreements: CEL over `row` and `reader`, compiled once, never run row by row.

    row.item in ["NH3-N", "TP"] && row.sampled_at >= timestamp("2026-01-01T00:00:00Z") && reader.department == "water"

`row` has the contract's columns, `reader` the strings agency, jurisdiction, department and purpose. The reader's values
are put in first; what is left depends on the row alone and is written both as SQL for DuckDB and as an Arrow
expression.

A condition is true, false or an *error*, and only rows for which it is true are granted. Errors come about where CEL
has them, NULL being an absent field: the value of a column that is NULL is an error, `has(row.x)` tells, and
`row.x == null` is another way to write `!has(row.x)`. From there on:

| | |
|---|---|
| comparison, `in`, arithmetic, function | an error if any operand is one |
| `!e` | an error if e is one: `!(row.x == 1)` does not grant a row whose x is NULL |
| `a && b` | false if either is false, else an error if either is one, else true |
| `a \\|\\| b` | true if either is true, else an error if either is one, else false |
| `c ? a : b` | an error if c is one; else the one that is chosen, whatever the other |

That is CEL's absorption of errors, and Kleene's logic with NULL for the error, which SQL and Arrow share; so SQL text
and expression yield NULL for an error, and WHERE, as well as Arrow's filter, drops the row. Narrower than CEL:

- NaN, and a whole-number result beyond ±(2**53 − 1), and any division by zero, are errors. Arithmetic over instants
  ends in 1684 and 2255 for the same reason. All arithmetic is done in double precision and is exact within that.
- a date column is compared with an instant at midnight, UTC; 32-bit numbers are widened before they are compared.
- `%` does not nest, nor does `?:` in its own condition, so that what is written stays in proportion to the text.
- types are checked when the condition is compiled; whole numbers and doubles may be compared, but not added up.
- columns classified `restricted` are sealed: the hub cannot look into them, so no condition may.

Sources: cel-spec doc/langdef.md (§ Logical Operators, § Field Selection, § Numeric Values).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc

from exchange.errors import InvalidInputError, SchemaMismatchError
from exchange.trust.condition import arrow, sql
from exchange.trust.condition.build import READER, Builder
from exchange.trust.condition.column import Contract
from exchange.trust.condition.parse import parse
from exchange.trust.condition.term import Const, Term, columns_of


@dataclass(frozen=True)
class RowFilter:
    """One condition for one reader.

    `sql` and `expression` are NULL for an error: use them under WHERE or as a filter, and negate neither. `always` is
    True or False where no row can make a difference, None otherwise.
    """

    text: str
    columns: frozenset[str]
    sql: str
    values: tuple[object, ...]
    expression: pc.Expression = field(compare=False)
    always: bool | None
    term: Term = field(repr=False, compare=False)
    types: Mapping[str, pa.DataType] = field(repr=False, compare=False)

    def mask(self, batch: pa.RecordBatch) -> pa.BooleanArray:
        """True for the rows that are granted, false for all others; one value per row, no nulls.

        An optional column that the batch lacks counts as NULL. Raises SchemaMismatchError for a column that is not of
        the contract's type.
        """
        arrays = []
        for name, kind in self.types.items():
            at = batch.schema.get_field_index(name)
            given = batch.column(at) if at >= 0 else pa.nulls(batch.num_rows, kind)
            try:
                arrays.append(given.cast(kind))
            except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
                raise SchemaMismatchError(f"column {name} is {given.type}, not {kind}") from None
        if self.always is not None:
            return pa.array([self.always] * batch.num_rows, pa.bool_())
        return arrow.run(self.expression, pa.RecordBatch.from_arrays(arrays, names=list(self.types)))

    def sql_for(self, identifier: Callable[[str], str], values: list[object]) -> str:
        """The SQL with columns called otherwise, and markers `$n` that count on from `values`, which grows."""
        return sql.write(self.term, values, identifier, lambda number: f"${number}")


def compile_condition(text: str, contract: Contract, reader: Mapping[str, str]) -> RowFilter:
    """The filter that a condition is for one reader; a field that `reader` lacks is an error in the condition.

    Raises InvalidInputError for what is not supported or not of the right type (with line and column, from 1),
    MalformedError for what is not CEL, LimitExceededError for what is too long (4,096 characters), too deep (32) or
    lists too much (1,000 values).
    """
    for name, value in reader.items():
        if name not in READER or not isinstance(value, str):
            raise InvalidInputError(f"a reader has the fields {', '.join(READER)}, all of them strings")
    term = Builder(contract, reader).condition(parse(text))
    values: list[object] = []
    written = sql.write(term, values, sql.quoted, lambda _: "?")
    columns = columns_of(term)
    return RowFilter(
        text=text,
        columns=columns,
        sql=written,
        values=tuple(values),
        expression=arrow.expression_of(term),
        always=term.value is True if isinstance(term, Const) else None,
        term=term,
        types={column.name: column.arrow_type for column in contract.columns if column.name in columns},
    )
