"""Which rows of which batches do not stand: rejected by the check, or superseded by a later batch."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from exchange.batch.manifest import Kind
from exchange.contract.model import Contract
from exchange.ports import Part
from exchange.store.duck import sql
from exchange.store.duck.overlap import groups
from exchange.store.duck.session import Session

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
    session: Session, parts: Sequence[Part], chosen: Sequence[Part], contract: Contract
) -> Dropped:
    """What does not count in the chosen parts; any of `parts` may supersede them."""
    wanted = {part.record.index for part in chosen if part.record.kind is not Kind.RETRACTION}
    dropped = {
        part.record.index: rejected_rows(session, part)
        for part in chosen
        if part.report and part.record.index in wanted
    }
    for group in groups(parts, contract):
        while group and group[0].record.kind is Kind.RETRACTION:
            group = group[1:]
        if len(group) > 1 and any(part.record.index in wanted for part in group):
            _drop_superseded(session, group, contract, dropped)
    return dropped


def _drop_superseded(session: Session, group: Sequence[Part], contract: Contract, dropped: Dropped) -> None:
    """For each key the last batch that holds it counts; the first of the group can only be superseded."""
    for batch in session.batches(_superseded(session, group, contract)):
        file, row = batch.column(0).to_numpy(), batch.column(1).to_numpy()
        for number in np.unique(file):
            record = group[number].record
            if record.index not in dropped:
                dropped[record.index] = np.zeros(record.rows, np.bool_)
            dropped[record.index][row[file == number]] = True


def _superseded(session: Session, group: Sequence[Part], contract: Contract) -> str:
    """Query for (file, row) of what is superseded within the group."""
    everything, later = sql.files(part.path for part in group), group[1:]
    present = session.columns(everything)
    keys = [
        f"{sql.typed(column, contract, present)} AS k{at}" for at, column in enumerate(contract.primary_key)
    ]
    names = ", ".join(f"k{at}" for at in range(len(keys)))
    return f"""
        WITH later AS (
            SELECT {", ".join(keys)}, file_index + 1 AS file, file_row_number AS row
            FROM {sql.files(part.path for part in later)}
        ),
        newest AS (
            SELECT {names}, max(file) AS file FROM later {without_rejected(later, 1)} GROUP BY {names}
        ),
        every AS (
            SELECT {", ".join(keys)}, file_index AS file, file_row_number AS row FROM {everything}
        )
        SELECT CAST(every.file AS BIGINT), every.row FROM every JOIN newest USING ({names})
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
