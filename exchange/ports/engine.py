"""Reading stored batches as one table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import pyarrow as pa

from exchange.contract.model import Contract
from exchange.ports.record import BatchRecord
from exchange.trust.condition import RowFilter


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition on one column; `values` are already of the column's type."""

    column: str
    operator: str  # eq ne lt le gt ge in is_null not_null
    values: tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Part:
    """One stored batch as a query reads it: its file, and which of its rows do not count.

    `packed`: both files are a segment's, which hold rows of other batches as well; see TableEngine.packed.
    """

    record: BatchRecord
    path: Path
    report: Path | None
    packed: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """What to read: `parts` in ledger order, all under `contract`'s major version."""

    contract: Contract
    parts: tuple[Part, ...]
    columns: tuple[str, ...]
    conditions: tuple[Condition, ...]
    history: bool
    limit: int | None
    # What the reader's agreement lets through, on top of the conditions.
    row_filter: RowFilter | None = None


class TableEngine(Protocol):
    """Reads stored batches as one table. The same plan gives the same rows in the same order, always."""

    def schema(self, plan: Plan) -> pa.Schema:
        """Schema of every batch that `standing` yields for this plan; also where it yields none."""

    def quarantine_schema(self, plan: Plan) -> pa.Schema:
        """The same for `quarantined`."""

    def standing(self, plan: Plan) -> Iterator[pa.RecordBatch]:
        """Rows that stand: accepted, not superseded or retracted by a later part with the same primary key.

        With plan.history: every accepted row of every part, plus `_index` (int64), `_kind` (string) and
        `_recorded_at` (timestamp us UTC).
        """

    def quarantined(self, plan: Plan, corrected: bool, batch: str | None = None) -> Iterator[pa.RecordBatch]:
        """Rejected rows, one row per violation of severity error: `_index`, `_batch`, `_row`, `_rule`, `_column`,
        `_value`, `_corrected` (bool), then the contract's columns. Without `corrected`, only the open ones; with
        `batch`, those of the part of this id.
        """

    def packed(self, contract: Contract, parts: Sequence[Part]) -> Iterator[pa.RecordBatch]:
        """Every row of the parts, rejected or not, as a segment holds it: `_index` and `_row` (int64, of its batch in
        the ledger, of the row in the batch), then the contract's columns. In ledger order; none where none has rows.
        """

    def packed_reports(self, parts: Sequence[Part]) -> Iterator[pa.RecordBatch]:
        """The reports of the parts in the same way: `_index`, `_row` (of the line in its report), `row`, `rule`,
        `column`, `value`, `severity`.
        """

    def differing(self, contract: Contract, parts: Sequence[Part], packed: Sequence[Part]) -> int:
        """How many rows and lines of reports differ, lack or are too many between parts and the same ones packed."""
