"""Violations as they are found: counted for every rule, itemised where a row is rejected."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from exchange.contract.frame import Bools
from exchange.contract.model import Contract, Kind, Rule

Rows = npt.NDArray[np.int64]

EXAMPLES: Final = 100
MAX_LISTED: Final = 2_000_000
_MAX_VALUE: Final = 200

VIOLATIONS: Final = pa.schema(
    [
        pa.field("row", pa.int64(), nullable=False),
        pa.field("rule", pa.dictionary(pa.int32(), pa.string()), nullable=False),
        pa.field("column", pa.dictionary(pa.int32(), pa.string()), nullable=False),
        pa.field("value", pa.string()),
    ]
)


class Findings:
    """What one batch violates. Rules that reject list every row, the others their first EXAMPLES.

    Beyond MAX_LISTED items nothing more is listed and `complete` is False: such a batch is to be refused.
    """

    def __init__(self, contract: Contract) -> None:
        self.counts: dict[str, int] = {rule.id: 0 for rule in contract.rules}
        self.complete = True
        self._rules = contract.rules
        self._number = {rule.id: number for number, rule in enumerate(contract.rules)}
        self._items: dict[int, list[tuple[Rows, pa.StringArray]]] = {}
        self._listed = 0

    def add(self, rule: Rule, hit: Bools, batch: pa.RecordBatch, start: int) -> None:
        """Take the rows of one batch that violate one rule; `start` is the batch's first row."""
        at = np.flatnonzero(hit)
        listed = at[: self._room(rule, len(at))]
        values = text_of(batch.select(list(rule.columns)).take(pa.array(listed))) if len(listed) else None
        self._take(rule, len(at), listed + start, values)

    def add_rows(self, rule: Rule, rows: Rows, found: pa.Table) -> None:
        """Take violations by row number, with the columns' values at these rows."""
        room = self._room(rule, len(rows))
        values = (
            text_of(found.slice(0, room).combine_chunks().to_batches()[0]) if room and len(rows) else None
        )
        self._take(rule, len(rows), rows[:room], values)

    def add_listed(self, table: pa.Table | pa.RecordBatch, start: int = 0) -> None:
        """Take violations listed elsewhere: row, rule, column (not read) and value, all strings but the row."""
        if not table.num_rows:
            return
        rows = table.column("row").to_numpy() + start
        rules = table.column("rule").cast(pa.string())
        values = table.column("value").cast(pa.string())
        for rule_id in rules.unique().to_pylist():
            rule = self._rules[self._number[rule_id]]
            at = np.flatnonzero(pc.equal(rules, rule_id).to_numpy(zero_copy_only=False))
            room = self._room(rule, len(at))
            chosen = values.take(pa.array(at[:room]))
            flat = chosen.combine_chunks() if isinstance(chosen, pa.ChunkedArray) else chosen
            self._take(rule, len(at), rows[at[:room]], _short(flat))

    def settle(self) -> None:
        """Drop `required` where the value was there but could not be read: `type` has said so already."""
        for number, rule in enumerate(self._rules):
            unreadable = self._number.get(f"{rule.columns[0]}.{Kind.TYPE}")
            if rule.kind is not Kind.REQUIRED or unreadable not in self._items or number not in self._items:
                continue
            typed = np.concatenate([rows for rows, _ in self._items[unreadable]])
            kept = []
            for rows, values in self._items[number]:
                stays = ~np.isin(rows, typed)
                self.counts[rule.id] -= int(len(rows) - stays.sum())
                kept.append((rows[stays], values.filter(pa.array(stays))))
            self._items[number] = kept

    def rejected_rows(self) -> Rows:
        """Rows that violate a rule of severity error or blocker, ascending."""
        lists = [
            rows
            for number, items in self._items.items()
            if self._rules[number].severity.rejects
            for rows, _ in items
        ]
        return np.unique(np.concatenate(lists)) if lists else np.zeros(0, np.int64)

    def table(self) -> pa.Table:
        """Everything itemised, by row, then in the order of the contract's rules; schema VIOLATIONS."""
        rows: list[Rows] = []
        numbers: list[npt.NDArray[np.int32]] = []
        values: list[pa.Array] = []
        for number, items in self._items.items():
            for at, text in items:
                rows.append(at)
                numbers.append(np.full(len(at), number, np.int32))
                values.append(text)
        if not rows:
            return VIOLATIONS.empty_table()
        row, number_of = np.concatenate(rows), np.concatenate(numbers)
        order = np.lexsort((number_of, row))
        names = [rule.id for rule in self._rules]
        columns = [",".join(rule.columns) for rule in self._rules]
        rule = pa.array(number_of[order])
        arrays = [
            pa.array(row[order]),
            pa.DictionaryArray.from_arrays(rule, pa.array(names, pa.string())),
            pa.DictionaryArray.from_arrays(rule, pa.array(columns, pa.string())),
            pa.concat_arrays(values).take(pa.array(order)),
        ]
        return pa.Table.from_arrays(arrays, schema=VIOLATIONS)

    def _room(self, rule: Rule, wanted: int) -> int:
        if not rule.severity.rejects:
            return min(wanted, max(0, EXAMPLES - self.counts[rule.id]))
        return min(wanted, max(0, MAX_LISTED - self._listed))

    def _take(self, rule: Rule, count: int, rows: Rows, values: pa.StringArray | None) -> None:
        self.counts[rule.id] += count
        if rule.severity.rejects and len(rows) < count:
            self.complete = False
        if len(rows) and values is not None:
            self._listed += len(rows)
            self._items.setdefault(self._number[rule.id], []).append((rows, values))


def text_of(batch: pa.RecordBatch) -> pa.StringArray:
    """The values of each row as text: one column as it is, several as `name=value, …`; at most 200 characters."""
    texts = [_text(array) for array in batch.columns]
    if len(texts) == 1:
        return _short(texts[0])
    return _short(_joined(batch.schema.names, texts))


def _joined(names: Iterable[str], texts: list[pa.StringArray]) -> pa.StringArray:
    parts: list[Any] = []
    for name, text in zip(names, texts, strict=True):
        label = pa.scalar(f"{name}=")
        parts.append(pc.binary_join_element_wise(label, text.fill_null("null"), ""))
    return pc.binary_join_element_wise(*parts, ", ")


def _text(array: pa.Array) -> pa.StringArray:
    if isinstance(array, pa.DictionaryArray):
        array = array.dictionary_decode()
    if not pa.types.is_timestamp(array.type):
        return array.cast(pa.string())
    try:
        return pc.replace_substring(array.cast(pa.string()), " ", "T")
    except pa.ArrowInvalid:  # beyond the calendar
        return array.cast(pa.int64()).cast(pa.string())


def _short(text: pa.StringArray) -> pa.StringArray:
    return pc.utf8_slice_codeunits(text, 0, _MAX_VALUE)
