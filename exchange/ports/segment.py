"""Segments: the rows of many small batches in one file. A projection that may be thrown away at any time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from exchange.ids import ContractRef, DatasetId


@dataclass(frozen=True, slots=True)
class Segment:
    """A file with the rows of all batches of a dataset with first <= index <= last; all are under one contract."""

    # Digests of the objects; the second holds the lines of the batches' reports, where there are any.
    rows: str
    reports: str | None
    dataset: DatasetId
    contract: ContractRef
    first: int
    last: int
    batches: int
    made_at: datetime
    # Since when nobody begins to read it.
    retired_at: datetime | None = None

    @property
    def objects(self) -> tuple[str, ...]:
        """Digests of what it consists of."""
        return (self.rows,) if self.reports is None else (self.rows, self.reports)


class SegmentIndex(Protocol):
    """Which segments there are."""

    def live(self, dataset: DatasetId) -> Sequence[Segment]:
        """Those of a dataset that are read, by first and last."""

    def every(self) -> Sequence[Segment]:
        """All, retired ones too, by dataset, first and last."""

    def replace(self, made: Sequence[Segment], retired: Sequence[Segment], at: datetime) -> None:
        """In one step; made ones that are there already are live again."""

    def forget(self, segments: Sequence[Segment]) -> None:
        """As if they had never been; their objects are orphans then."""
