"""The index of segments, in the ledger's database; a copy of the ledger does not take it along."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from exchange.ids import ContractRef, DatasetId, Version
from exchange.ports import Segment
from exchange.store.sql.row import digest, instant, micros, raw
from exchange.store.sql.statement import Statements

Ask = Callable[[str, Mapping[str, Any]], Sequence[Sequence[Any]]]
ChangeAll = Callable[[Sequence[tuple[str, Mapping[str, Any]]], str], Sequence[int]]


class SqlSegmentIndex:
    """SegmentIndex."""

    def __init__(self, ask: Ask, change_all: ChangeAll, sql: Statements) -> None:
        self._ask = ask
        self._change_all = change_all
        self._sql = sql

    def live(self, dataset: DatasetId) -> Sequence[Segment]:
        return [_segment(row) for row in self._ask(self._sql.live_segments, {"dataset": str(dataset)})]

    def every(self) -> Sequence[Segment]:
        return [_segment(row) for row in self._ask(self._sql.segments, {})]

    def replace(self, made: Sequence[Segment], retired: Sequence[Segment], at: datetime) -> None:
        changes: list[tuple[str, Mapping[str, Any]]] = [
            (self._sql.retire_segment, {"digest": raw(each.rows), "at": micros(at)}) for each in retired
        ]
        changes += [(self._sql.put_segment, _row(each)) for each in made]
        self._change_all(changes, "replace the segments")

    def forget(self, segments: Sequence[Segment]) -> None:
        changes = [(self._sql.drop_segment, {"digest": raw(each.rows)}) for each in segments]
        self._change_all(changes, "forget the segments")


def _row(segment: Segment) -> Mapping[str, Any]:
    return {
        "object": raw(segment.rows),
        "reports": segment.reports and raw(segment.reports),
        "dataset": str(segment.dataset),
        "contract": segment.contract.name,
        "version": str(segment.contract.version),
        "first_idx": segment.first,
        "last_idx": segment.last,
        "batches": segment.batches,
        "made_at": micros(segment.made_at),
        "retired_at": segment.retired_at and micros(segment.retired_at),
    }


def _segment(row: Sequence[Any]) -> Segment:
    rows, reports, dataset, contract, version, first, last, batches, made_at, retired_at = row
    return Segment(
        rows=digest(bytes(rows)),
        reports=None if reports is None else digest(bytes(reports)),
        dataset=DatasetId.parse(dataset),
        contract=ContractRef(contract, Version.parse(version)),
        first=first,
        last=last,
        batches=batches,
        made_at=instant(made_at),
        retired_at=None if retired_at is None else instant(retired_at),
    )
