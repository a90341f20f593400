"""Which rows of which batches do not stand: rejected by the check, or superseded by a later batch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from exchange.batch.manifest import Kind
from exchange.contract.model import Contract
from exchange.ports import Condition, Part
from exchange.store.duck import sql
from exchange.store.duck.overlap import Contest, contests, may_hold
from exchange.store.duck.session import Session

_MANY: Final = 32
Bitmap = npt.NDArray[np.bool_]
Dropped = dict[int, Bitmap]
"""Ledger index of a batch → which of its rows do not count, a byte each; batches without such rows are not in it."""


def rejected_rows(session: Session, part: Part) -> Bitmap:
    """The rows that the report rejects."""
    assert part.report is not None
    found = session.table(f'SELECT DISTINCT "row" FROM {sql.files([part.report])} WHERE {REJECTS}')
    gone = np.zeros(part.record.rows, np.bool_)
    gone[found.column(0).to_numpy()] = True
    return gone


REJECTS = "severity IN ('error', 'blocker')"


def dropped_rows(
    session: Session,
    parts: Sequence[Part],
    chosen: Sequence[Part],
    conditions: Sequence[Condition],
    contract: Contract,
) -> Dropped:
    """What does not count among the rows of the chosen parts that meet the conditions; any of `parts` may supersede."""
    wanted = {part.record.index for part in chosen if part.record.kind is not Kind.RETRACTION}
    dropped = {
        part.record.index: rejected_rows(session, part)
        for part in chosen
        if part.report and part.record.index in wanted
    }
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
    for batch in session.batches(_superseded(session, contest, contract)):
        file, row = batch.column(0).to_numpy(), batch.column(1).to_numpy()
        for number in np.unique(file):
            record = contest.parts[number].record
            if record.index not in dropped:
                dropped[record.index] = np.zeros(record.rows, np.bool_)
            dropped[record.index][row[file == number]] = True


def _superseded(session: Session, contest: Contest, contract: Contract) -> str:
    """Query for (file, row): for each key the last batch counts; the first batch can only be superseded."""
    later = contest.parts[1:]
    every_file, later_files = (sql.files(part.path for part in parts) for parts in (contest.parts, later))
    present = session.columns(every_file)
    columns = [
        f"{sql.typed(column, contract, present)} AS k{at}" for at, column in enumerate(contract.primary_key)
    ]
    keys = ", ".join(f"k{at}" for at in range(len(columns)))
    where = sql.where(contest.within(contract), contract, present)
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
    reported = [(number, part.report) for number, part in enumerate(later) if part.report]
    if not reported:
        return ""
    numbers = ", ".join(str(number + first) for number, _ in reported)
    reports = sql.files(report for _, report in reported)
    return f"""
        ANTI JOIN (
            SELECT DISTINCT list_extract([{numbers}], CAST(file_index + 1 AS BIGINT)) AS file, "row"
            FROM {reports} WHERE {REJECTS}
        ) rejected ON later.file = rejected.file AND later.row = rejected.row
    """
