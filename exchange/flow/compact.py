"""Small batches into segments: a dataset of very many is read as a few files. What was signed stays as it is.

For each dataset:
(1) its batches in ledger order; small ones under one contract that follow each other are runs, cut where a segment is
    full. A run depends on the batches up to its end alone, so that a later batch changes the last one at most
(2) runs whose segment is there are left; so is one that has grown by too little
(3) the others are written, from the objects, and put into the object store: durable before the index speaks of them
(4) in one step: new ones are read from now on, what they replace no more
(5) later, for queries may still read it: what was replaced is forgotten; a sweep then takes its objects

A crash leaves at most objects that nobody needs. What is lost or damaged is made again by the next run of this.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta
from itertools import chain
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq

from exchange.errors import HechuanError, NotFoundError, StorageError
from exchange.flow.read import Shelf, plain_part
from exchange.flow.recheck import Fault, Problem
from exchange.flow.registry import ContractRegistry
from exchange.ids import DatasetId
from exchange.ports import (
    BatchRecord,
    Clock,
    LedgerStore,
    ObjectStore,
    Segment,
    SegmentIndex,
    TableEngine,
)
from exchange.settings import Compact

Run = tuple[BatchRecord, ...]
_PAGE: Final = 1000


@dataclass(frozen=True, slots=True)
class Compacted:
    """What became of a dataset: segments and batches in them, how many were made now, and how many replaced."""

    dataset: DatasetId
    segments: int
    batches: int
    made: int
    retired: int


def runs_of(batches: Sequence[BatchRecord], settings: Compact) -> Iterator[Run]:
    """Step (1); `batches` are a dataset's, in ledger order."""
    run: list[BatchRecord] = []
    rows = size = 0
    for batch in batches:
        small = batch.object_bytes <= settings.batch_bytes and batch.rows <= settings.batch_rows
        fits = (
            len(run) < settings.segment_batches
            and rows + batch.rows <= settings.segment_rows
            and size + batch.object_bytes <= settings.segment_bytes
        )
        if run and not (small and fits and batch.contract == run[-1].contract):
            yield tuple(run)
            run, rows, size = [], 0, 0
        if small:
            run.append(batch)
            rows, size = rows + batch.rows, size + batch.object_bytes
    if run:
        yield tuple(run)


class Compactor:
    """Makes, checks and forgets the segments of one hub's own datasets."""

    def __init__(
        self,
        ledger: LedgerStore,
        objects: ObjectStore,
        segments: SegmentIndex,
        engine: TableEngine,
        contracts: ContractRegistry,
        clock: Clock,
        settings: Compact,
        spool: Path,
    ) -> None:
        """`spool` is a directory for what is being written, this process's alone."""
        self._ledger = ledger
        self._objects = objects
        self._segments = segments
        self._engine = engine
        self._contracts = contracts
        self._clock = clock
        self._settings = settings
        self._spool = spool

    def every(self) -> Iterator[Compacted]:
        """Steps (1) to (4) for every dataset that has enough batches, then (5); raises as the stores and the engine."""
        size, after = self._ledger.head().size, ""
        while page := self._ledger.datasets(None, None, after, _PAGE):
            for record in page:
                if record.batches >= self._settings.least_batches:
                    yield self.dataset(record.id, size)
            after = str(page[-1].id)
        self._forget_retired()

    def dataset(self, id: DatasetId, size: int) -> Compacted:
        """Steps (1) to (4) for one dataset, as the ledger was at a size."""
        batches = self._ledger.batches(id, size)
        live = [each for each in self._segments.live(id) if self._is_there(each)]
        kept: list[Segment] = []
        made: list[Segment] = []
        for run in runs_of(batches, self._settings):  # (1)
            if len(run) < self._settings.least_batches or not any(batch.rows for batch in run):
                continue
            known = next((each for each in live if self._serves(each, run)), None)  # (2)
            if known is not None:
                kept.append(known)
            else:
                made.append(self._make(run))  # (3)
        there = {each.rows for each in (*kept, *made)}
        retired = [each for each in self._segments.live(id) if each.rows not in there]
        if made or retired:
            self._segments.replace(made, retired, self._clock.now())  # (4)
        held = [*kept, *made]
        return Compacted(id, len(held), sum(each.batches for each in held), len(made), len(retired))

    def problems(self, repair: bool) -> list[Problem]:
        """Segments in use that are not there or do not hold what their batches hold; with `repair` they go."""
        found: list[Problem] = []
        for each in self._segments.every():
            if each.retired_at is None and (text := self._wrong(each)):
                found.append(Problem(Fault.SEGMENT, each.rows, text))
                if repair:
                    self._segments.forget([each])
                    # or the same bytes, made again, would be taken for those that are there
                    for digest in each.objects:
                        self._objects.delete(digest)
        return found

    def _is_there(self, segment: Segment) -> bool:
        try:
            return all(self._objects.size(digest) for digest in segment.objects)
        except NotFoundError:
            return False

    def _serves(self, segment: Segment, run: Run) -> bool:
        if segment.first != run[0].index or segment.contract != run[0].contract:
            return False
        held = [batch for batch in run if batch.index <= segment.last]
        grown = len(run) - len(held)
        return held[-1].index == segment.last and grown < self._settings.least_batches

    def _make(self, run: Run) -> Segment:
        contract = self._contracts.get(run[0].contract).stored
        with ExitStack() as stack:
            parts = [plain_part(stack, self._objects, batch) for batch in run]
            rows = self._written(self._engine.packed(contract, parts))
            reports = self._written(self._engine.packed_reports(parts))
        if rows is None:
            raise StorageError(
                f"batches {run[0].id} to {run[-1].id} have no rows, and the ledger says they have"
            )
        return Segment(
            rows=rows,
            reports=reports,
            dataset=run[0].dataset,
            contract=run[0].contract,
            first=run[0].index,
            last=run[-1].index,
            batches=len(run),
            made_at=self._clock.now(),
        )

    def _written(self, batches: Iterator[pa.RecordBatch]) -> str | None:
        """Digest of a new object with these rows; None without any."""
        first = next(batches, None)
        if first is None:
            return None
        path = self._spool / "segment.parquet"
        with pq.ParquetWriter(path, first.schema, compression="zstd") as writer:
            for batch in chain([first], batches):
                writer.write_batch(batch)
        with path.open("rb") as file:
            digest = f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"
        self._objects.put_file(path, digest)
        return digest

    def _wrong(self, segment: Segment) -> str:
        """What is wrong with it; empty where nothing is."""
        batches = self._ledger.batches(segment.dataset, segment.last + 1)
        batches = [batch for batch in batches if batch.index >= segment.first]
        if len(batches) != segment.batches:
            return f"it counts {segment.batches} batches, the ledger {len(batches)}"
        contract = self._contracts.get(segment.contract).stored
        with ExitStack() as stack:
            packed = Shelf(self._objects, lambda _: [segment]).parts(stack, contract, batches)
            if not all(part.packed for part in packed):
                return "it cannot be read, or its digest is another"
            try:
                parts = [plain_part(stack, self._objects, batch) for batch in batches]
                found = self._engine.differing(contract, parts, packed)
            except HechuanError as error:
                return f"it cannot be compared: {error.message}"
        return f"{found} rows are not those of its batches" if found else ""

    def _forget_retired(self) -> None:
        oldest = self._clock.now() - timedelta(seconds=self._settings.keep_seconds)
        gone = [each for each in self._segments.every() if each.retired_at and each.retired_at < oldest]
        if gone:
            self._segments.forget(gone)  # (5)
