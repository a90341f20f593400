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
    paths = [part.report for part in bad if part.report is not None]
    if len(paths) < len(bad):
        raise StorageError("a batch has rejected rows but no report")
    dropped: Dropped = {part.record.index: np.zeros(part.record.rows, np.bool_) for part in bad}
    if bad:
        query = f'SELECT CAST(file_index AS BIGINT), "row" FROM {sql.reports(paths)} WHERE {REJECTS}'
        _drop(session.batches(query), bad, dropped)
    return dropped


def runs(file: npt.NDArray[np.int64]) -> Iterator[tuple[int, slice]]:
    """Each stretch of rows from one file: the file, and where the stretch is."""
    edges = [0, *(np.flatnonzero(np.diff(file)) + 1).tolist(), len(file)]
    for start, end in pairwise(edges):
        if start < end:
            yield int(file[start]), slice(start, end)


def within(part: Part, row: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """These row numbers; raises StorageError where the batch has no such rows."""
    if len(row) and (row.min() < 0 or row.max() >= part.record.rows):
        raise StorageError(f"batch {part.record.id} or its report has rows that the ledger does not count")
    return row


def _drop(batches: Iterable[pa.RecordBatch], parts: Sequence[Part], dropped: Dropped) -> None:
    """Take up (file, row), files counted as in `parts`."""
    for batch in batches:
        file, row = batch.column(0).to_numpy(), batch.column(1).to_numpy()
        for number, stretch in runs(file):
            part = parts[number]
            if part.record.index not in dropped:
                dropped[part.record.index] = np.zeros(part.record.rows, np.bool_)
            dropped[part.record.index][within(part, row[stretch])] = True


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
    """Query for (file, row): for each key the last batch counts; the first batch can only be superseded."""
    later = contest.parts[1:]
    every_file, later_files = (
        sql.data((part.path for part in parts), contract) for parts in (contest.parts, later)
    )
    columns = [f"{sql.column(name, contract)} AS k{at}" for at, name in enumerate(contract.primary_key)]
    keys = ", ".join(f"k{at}" for at in range(len(columns)))
    where = sql.where(contest.within(contract), contract, values)
    return f"""
        WITH later AS (
            SELECT {", ".join(columns)}, file_index + 1 AS file, file_row_number AS row FROM {later_files} {where}
        ),
        newest AS (
            SELECT {keys}, max(file) AS file FROM later {without_rejected(later, 1)} GROUP BY {keys}
        ),
        every AS (
            SELECT {", ".join(columns)}, file_index AS file, file_row_number AS row FROM {every_file} {where}
        )
        SELECT CAST(every.file AS BIGINT), every.row FROM every JOIN newest USING ({keys})
        WHERE every.file < newest.file
    """


def without_rejected(later: Sequence[Part], first: int = 0) -> str:
    """A join that leaves rejected rows out of `later` (file, row), whose files count from `first`."""
    reported = [
        (number, part.report) for number, part in enumerate(later) if part.report and part.record.rejected
    ]
    if not reported:
        return ""
    numbers = ", ".join(str(number + first) for number, _ in reported)
    reports = sql.reports(report for _, report in reported)
    return f"""
        ANTI JOIN (
            SELECT DISTINCT list_extract([{numbers}], CAST(file_index + 1 AS BIGINT)) AS file, "row"
            FROM {reports} WHERE {REJECTS}
        ) rejected ON later.file = rejected.file AND later.row = rejected.row
    """
