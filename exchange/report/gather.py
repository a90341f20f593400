"""Rows as they stood at one moment, each with the batch that it stands in.

A dataset is pinned to the ledger size that its first answer names. Which batch a row stands in follows from the
dataset's history: of the batches that hold its key, the latest. What cannot be read is noted, and the report says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from exchange.client import Client, Filter
from exchange.errors import NotFoundError, PermissionDeniedError, UnavailableError
from exchange.ids import DatasetId
from exchange.report.source import Sources
from exchange.river.plain import decoded

INDEX: Final = "_index"
_IN: Final = 500


@dataclass(frozen=True, slots=True)
class Pinned:
    """A dataset as it was read: the hub whose ledger holds it, and the size of that ledger."""

    dataset: DatasetId
    hub: str
    tree_size: int


@dataclass(frozen=True, slots=True)
class Absent:
    """What could not be read, and the error's code."""

    dataset: DatasetId
    code: str


@dataclass(slots=True)
class Gatherer:
    """Reads through one agency's hub, under its agreements, as of `moment`."""

    client: Client
    moment: datetime
    sources: Sources = field(default_factory=Sources)
    pinned: dict[DatasetId, Pinned] = field(default_factory=dict)
    absent: dict[DatasetId, Absent] = field(default_factory=dict)
    _batches: dict[DatasetId, dict[int, str]] = field(default_factory=dict)

    def rows(
        self, dataset: DatasetId | None, columns: Sequence[str], filters: Sequence[Filter] = ()
    ) -> pa.Table | None:
        """Rows that stood, with `_index`; None where there is no dataset, or it may not be read. Raises as a query."""
        if dataset is None or dataset in self.absent:
            return None
        try:
            return self._read(dataset, columns, filters)
        except (NotFoundError, PermissionDeniedError, UnavailableError) as error:
            self.absent[dataset] = Absent(dataset, error.code)
            return None

    def batch_keys(self, dataset: DatasetId, rows: pa.Table) -> tuple[str, ...]:
        """Source keys of the batches that these rows stand in, oldest first."""
        known, hub = self._known(dataset), dataset.owner.jurisdiction
        found = sorted(index for index in pc.unique(rows[INDEX]).to_pylist() if index is not None)
        missing = [index for index in found if index not in known]
        if missing:
            raise UnavailableError(f"本枢纽的 {hub} 账本副本尚未跟上 / the copy of {hub}'s ledger is behind")
        return tuple(self.sources.batch(hub, index, known[index], str(dataset)) for index in found)

    def _read(self, dataset: DatasetId, columns: Sequence[str], filters: Sequence[Filter]) -> pa.Table:
        contract = self.client.contract(dataset.contract)
        asked = [*dict.fromkeys([*contract.primary_key, *columns])]
        held = self.pinned.get(dataset)
        moment: int | datetime = held.tree_size if held else self.moment
        answer = self.client.query(str(dataset), columns=asked, filters=filters, as_of=moment)
        rows = decoded(answer.table())
        size = answer.tree_size or 0
        self.pinned.setdefault(dataset, Pinned(dataset, dataset.owner.jurisdiction, size))
        key = list(contract.primary_key)
        past = self.client.query(str(dataset), columns=key, filters=filters, as_of=size, history=True).table()
        met = _with_latest(rows, past, key)
        return met.sort_by([(name, "ascending") for name in key]).combine_chunks()

    def _known(self, dataset: DatasetId) -> dict[int, str]:
        if dataset not in self._batches:
            self._batches[dataset] = {each.index: each.id for each in self.client.batches(str(dataset))}
        return self._batches[dataset]


def _with_latest(rows: pa.Table, past: pa.Table, key: list[str]) -> pa.Table:
    """The rows with `_index`: the latest of the batches that hold their key."""
    ends = pc.min_max(past[INDEX])
    if ends["min"] == ends["max"]:  # one batch, as a month's values often are
        return rows.append_column(INDEX, pa.repeat(ends["max"], rows.num_rows))
    latest = decoded(past).group_by(key, use_threads=False).aggregate([(INDEX, "max")])
    return rows.join(latest.rename_columns([*key, INDEX]), key, join_type="left outer", use_threads=False)


def among(column: str, values: Sequence[str]) -> list[Filter]:
    """A condition for a few values; none where they are too many for one, and the reader filters."""
    found = sorted(set(values))
    return [Filter(column, "in", tuple(found))] if 0 < len(found) <= _IN else []


def within(column: str, start: datetime, end: datetime) -> list[Filter]:
    """From `start` on and before `end`."""
    return [Filter(column, "ge", (start,)), Filter(column, "lt", (end,))]
