"""Which rows of which batches do not stand: rejected by the check, or superseded by a later batch."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from exchange.batch.manifest import Kind
from exchange.contract.model import Contract
from exchange.errors import StorageError
from exchange.ports import Condition, Part
from exchange.store.duck import sql
from exchange.store.duck.overlap import Contest, contests, may_hold
from exchange.store.duck.session import Session

_MANY: Final = 32
Bitmap = npt.NDArray[np.bool_]
Dropped = dict[int, Bitmap]
"""Ledger index of a batch → which of its rows do not count, a byte each; batches without such rows are not in it."""


REJECTS: Final = "severity IN ('error', 'blocker')"


def rejected_rows(session: Session, parts: Sequence[Part]) -> Dropped:
    """The rows of these parts that their reports reject; raises StorageError where a report is not the batch's."""
    bad = [part for part in parts if part.record.rejected]
    if any(part.report is None for part in bad):
        raise StorageError("a batch has rejected rows but no report")
    dropped: Dropped = {part.record.index: np.zeros(part.record.rows, np.bool_) for part in bad}
    if bad:
        query = f'SELECT at_part, "row" FROM {sql.reports(bad)} WHERE {REJECTS}'
        _drop(session.batches(query), bad, dropped)
    return dropped


def runs(part: npt.NDArray[np.int64]) -> Iterator[tuple[int, slice]]:
    """Each stretch of rows from one batch: its index, and where the stretch is."""
    edges = [0, *(np.flatnonzero(np.diff(part)) + 1).tolist(), len(part)]
    for start, end in pairwise(edges):
        if start < end:
            yield int(part[start]), slice(start, end)


def within(part: Part, row: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """These row numbers; raises StorageError where the batch has no such rows."""
    if len(row) and (row.min() < 0 or row.max() >= part.record.rows):
        raise StorageError(f"batch {part.record.id} or its report has rows that the ledger does not count")
    return row


class Kept:
    """Which rows of a scan over these parts, in ledger order, count."""

    def __init__(self, parts: Sequence[Part], dropped: Dropped) -> None:
        self._index = np.array([part.record.index for part in parts], np.int64)
        self._rows = np.array([part.record.rows for part in parts], np.int64)
        # one bitmap of all batches that have any, and where each begins in it; the others begin nowhere
        bitmaps = [dropped.get(part.record.index) for part in parts]
        sizes = np.array([0 if bitmap is None else len(bitmap) for bitmap in bitmaps], np.int64)
        self._start = np.where([bitmap is None for bitmap in bitmaps], -1, np.cumsum(sizes) - sizes)
        self._gone = np.concatenate([np.zeros(0, np.bool_), *(each for each in bitmaps if each is not None)])

    def mask(self, index: npt.NDArray[np.int64], row: npt.NDArray[np.int64]) -> Bitmap:
        """For rows by their batch's index and their number in it; raises StorageError for rows that cannot be."""
        at = np.minimum(np.searchsorted(self._index, index), len(self._index) - 1)
        keep: Bitmap = self._index[at] == index
        at, row = at[keep], row[keep]
        if ((row < 0) | (row >= self._rows[at])).any():
            raise StorageError("a batch has rows that the ledger does not count")
        start = self._start[at]
        judged = start >= 0
        gone = np.zeros(len(at), np.bool_)
        gone[judged] = self._gone[start[judged] + row[judged]]
        keep[keep] = ~gone
        return keep


def _drop(batches: Iterable[pa.RecordBatch], parts: Sequence[Part], dropped: Dropped) -> None:
    """Take up (index of the batch, row)."""
    known = {part.record.index: part for part in parts}
    for batch in batches:
        index, row = batch.column(0).to_numpy(), batch.column(1).to_numpy()
        for number, stretch in runs(index):
            part = known[number]
            if number not in dropped:
                dropped[number] = np.zeros(part.record.rows, np.bool_)
            dropped[number][within(part, row[stretch])] = True


def dropped_rows(
    session: Session,
    parts: Sequence[Part],
    chosen: Sequence[Part],
    conditions: Sequence[Condition],
    contract: Contract,
) -> Dropped:
    """What does not count among the rows of the chosen parts that meet the conditions; any of `parts` may supersede."""
    wanted = {part.record.index for part in chosen if part.record.kind is not Kind.RETRACTION}
    dropped = rejected_rows(session, [part for part in chosen if part.record.index in wanted])
    found = [
        contest
        for contest in contests(parts, contract)
        if contest.interval is None or may_hold(conditions, contract, *contest.interval)
    ]
    for contest in _few(found):
        if any(part.record.index in wanted for part in contest.parts[:-1]):
            _drop_superseded(session, contest, contract, dropped)
    return dropped


def _few(found: Sequence[Contest]) -> Sequence[Contest]:
    """Many small contests as one: a query over all their files is quicker than a query each."""
    if len(found) <= _MANY:
        return found
    parts = {part.record.index: part for contest in found for part in contest.parts}
    intervals = [contest.interval for contest in found if contest.interval is not None]
    whole = (min(start for start, _ in intervals), max(end for _, end in intervals))
    return [Contest(tuple(parts[index] for index in sorted(parts)), whole)]


def _drop_superseded(session: Session, contest: Contest, contract: Contract, dropped: Dropped) -> None:
    values: list[object] = []
    query = _superseded(contest, contract, values)
    _drop(session.batches(query, values), contest.parts, dropped)


def _superseded(contest: Contest, contract: Contract, values: list[object]) -> str:
    """Query for (batch, row): for each key the last batch counts; the first batch can only be superseded."""
    later = contest.parts[1:]
    every_row, later_rows = (sql.data(parts, contract) for parts in (contest.parts, later))
    columns = [f"{sql.column(name, contract)} AS k{at}" for at, name in enumerate(contract.primary_key)]
    keys = ", ".join(f"k{at}" for at in range(len(columns)))
    where = sql.where(contest.within(contract), contract, values)
    return f"""
        WITH later AS (
            SELECT {", ".join(columns)}, at_part, at_row FROM {later_rows} {where}
        ),
        newest AS (
            SELECT {keys}, max(at_part) AS at_part FROM later {without_rejected(later)} GROUP BY {keys}
        ),
        every AS (
            SELECT {", ".join(columns)}, at_part, at_row FROM {every_row} {where}
        )
        SELECT every.at_part, every.at_row FROM every JOIN newest USING ({keys})
        WHERE every.at_part < newest.at_part
    """


def without_rejected(later: Sequence[Part]) -> str:
    """A join that leaves rejected rows out of `later` (at_part, at_row)."""
    reported = [part for part in later if part.report and part.record.rejected]
    if not reported:
        return ""
    return f"""
        ANTI JOIN (
            SELECT DISTINCT at_part, "row" AS at_row FROM {sql.reports(reported)} WHERE {REJECTS}
        ) rejected ON later.at_part = rejected.at_part AND later.at_row = rejected.at_row
    """
