"""From batches in the index to files that an engine can read."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import structlog

from exchange.contract.model import Contract
from exchange.errors import HechuanError, InvalidInputError, StorageError
from exchange.ids import DatasetId
from exchange.ports import BatchRecord, LedgerStore, ObjectStore, Part, Segment

Live = Callable[[DatasetId], Sequence[Segment]]
_log = structlog.get_logger(__name__)


class Shelf:
    """Stored batches as an engine reads them: each from its own file, or many small ones from a segment.

    A segment that is lost or damaged costs time and nothing else: its batches are read as they were signed.
    """

    def __init__(self, objects: ObjectStore, live: Live = lambda dataset: (), least: int = 1) -> None:
        """`live`: see SegmentIndex. Fewer batches than `least` are not worth asking it."""
        self._objects = objects
        self._live = live
        self._least = least
        self._sound: set[str] = set()

    def parts(self, stack: ExitStack, contract: Contract, batches: Iterable[BatchRecord]) -> tuple[Part, ...]:
        """Open a dataset's batches under the contract's major version, for as long as `stack` lasts."""
        wanted = [batch for batch in batches if batch.contract.version.major == contract.ref.version.major]
        opened = [(each, files) for each in self._useful(wanted) if (files := self._opened(stack, each))]
        packed = iter(opened)
        found: list[Part] = []
        at = next(packed, None)
        for batch in wanted:
            while at is not None and at[0].last < batch.index:
                at = next(packed, None)
            if at is not None and at[0].first <= batch.index:
                found.append(at[1].part(batch))
            else:
                found.append(plain_part(stack, self._objects, batch))
        return tuple(found)

    def _useful(self, wanted: Sequence[BatchRecord]) -> Iterator[Segment]:
        """Segments that hold some of these batches, none of which holds another's."""
        if not wanted or len(wanted) < self._least:
            return
        last = -1
        for segment in self._live(wanted[0].dataset):
            # two that were made at once may overlap
            if segment.first > last and segment.last >= wanted[0].index and segment.first <= wanted[-1].index:
                last = segment.last
                yield segment

    def _opened(self, stack: ExitStack, segment: Segment) -> _Files | None:
        with ExitStack() as attempt:
            try:
                rows, *reports = (self._file(attempt, digest) for digest in segment.objects)
            except HechuanError as error:
                _log.warning("a segment cannot be read", segment=segment.rows, error=error.message)
                return None
            stack.enter_context(attempt.pop_all())
        return _Files(rows, reports[0] if reports else None)

    def _file(self, stack: ExitStack, digest: str) -> Path:
        path = stack.enter_context(self._objects.local(digest))
        if digest not in self._sound:
            with path.open("rb") as file:
                if f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}" != digest:
                    raise StorageError(f"object {digest} does not have its digest any more")
            self._sound.add(digest)
        return path


@dataclass(frozen=True, slots=True)
class _Files:
    rows: Path
    reports: Path | None

    def part(self, batch: BatchRecord) -> Part:
        return Part(batch, self.rows, self.reports if batch.report else None, packed=True)


def plain_part(stack: ExitStack, objects: ObjectStore, batch: BatchRecord) -> Part:
    """A batch from the files that were signed and reported, open for as long as `stack` lasts."""
    return Part(
        batch,
        stack.enter_context(objects.local(batch.object)),
        stack.enter_context(objects.local(batch.report)) if batch.report else None,
    )


def tree_size_at(ledger: LedgerStore, moment: int | datetime | None) -> int:
    """The tree size a moment stands for: itself, what was recorded by an instant, or all there is.

    Raises InvalidInputError for a size the ledger has not reached.
    """
    size = ledger.head().size
    if moment is None:
        return size
    if isinstance(moment, datetime):
        return ledger.size_at(moment)
    if moment > size:
        raise InvalidInputError(f"as_of tree size {moment} is beyond the ledger's {size} entries")
    return moment
