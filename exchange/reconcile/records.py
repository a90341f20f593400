"""Two lists of the same things: what only one has, and where they say different things of one.

The expressions run on any engine, like those of pairs. Values are compared as text; two empty ones are equal.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from typing import Final

import ibis
import pyarrow as pa
from ibis.expr.types import Table

from exchange.errors import SchemaMismatchError
from exchange.reconcile.engine.protocol import Engine

RESULT: Final = ("column", "left", "right", "verdict")
"""After the key: which column differs (empty where a side lacks the thing), both sides' words, and the verdict:
`differs`, `left_only`, `right_only`, or `twice` where the key does not tell two rows of one side apart."""


def compare_records(
    engine: Engine, left: pa.Table, right: pa.Table, key: Sequence[str], columns: Sequence[str]
) -> pa.Table:
    """One row per difference: the key's columns, then RESULT. Raises SchemaMismatchError for a missing column."""
    for name, rows in (("first", left), ("second", right)):
        missing = [each for each in (*key, *columns) if each not in rows.column_names]
        if missing:
            raise SchemaMismatchError(f"缺少列 / the {name} side lacks columns: {', '.join(missing)}")
    ours, theirs = (
        engine.give(f"records_{name}", _texts(rows.select([*key, *columns])))
        for name, rows in (("left", left), ("right", right))
    )
    return engine.table(differences(ours, theirs, key, columns).order_by(*key, "verdict", "column", "left"))


def differences(left: Table, right: Table, key: Sequence[str], columns: Sequence[str]) -> Table:
    """The expression behind `compare_records`."""
    twice = Table.union(*(_twice(rows, key, which) for rows, which in ((left, "left"), (right, "right"))))
    ours, theirs = (
        rows.distinct()
        .anti_join(twice.select(*key), list(key))
        .mutate(**{f"has_{which}": ibis.literal(True)})
        for rows, which in ((left, "left"), (right, "right"))
    )
    met = ours.outer_join(theirs, list(key), rname="{name}_right")
    alone = [
        met.filter(met[f"has_{absent}"].isnull()).select(
            **{name: ibis.coalesce(met[name], met[f"{name}_right"]) for name in key},
            column=ibis.literal(""),
            left=ibis.null("string"),
            right=ibis.null("string"),
            verdict=ibis.literal(f"{there}_only"),
        )
        for there, absent in (("left", "right"), ("right", "left"))
    ]
    both = met.filter(met.has_left.notnull(), met.has_right.notnull())
    changed = [
        both.filter(~both[name].identical_to(both[f"{name}_right"])).select(
            **{each: both[each] for each in key},
            column=ibis.literal(name),
            left=both[name],
            right=both[f"{name}_right"],
            verdict=ibis.literal("differs"),
        )
        for name in columns
    ]
    return reduce(Table.union, [*alone, *changed, twice])


def _twice(rows: Table, key: Sequence[str], which: str) -> Table:
    """Keys under which a side has several rows that are not the same."""
    counted = rows.distinct().group_by(*key).agg(rows=ibis._.count())
    found = counted.filter(counted["rows"] > 1)
    number = found["rows"].cast("string")
    return found.select(
        *key,
        column=ibis.literal(""),
        left=number if which == "left" else ibis.null("string"),
        right=number if which == "right" else ibis.null("string"),
        verdict=ibis.literal("twice"),
    )


def _texts(rows: pa.Table) -> pa.Table:
    """Every column as text; spaces around it and empty text mean nothing."""
    columns = []
    for column in rows.columns:
        text = pa.compute.utf8_trim_whitespace(column.cast(pa.string()))
        columns.append(pa.compute.if_else(pa.compute.equal(text, ""), None, text))
    return pa.table(dict(zip(rows.column_names, columns, strict=True)))
