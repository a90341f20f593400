"""Going over a whole ledger again: what is stored must follow from the entries, and the entries from their hashes.

For each entry: it is there, hashes to its leaf, is no older than the one before, and has the index row that its
bytes stand for. For each group: the checkpoint is signed by the log and its root is that of the entries so far. Each
tile holds the hashes of what is below it. Problems are collected; nothing here raises for them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from itertools import islice
from typing import Final, TypeVar

from exchange.errors import HechuanError, NotFoundError, StorageError
from exchange.ids import DatasetId
from exchange.ledger import (
    HASH_BYTES,
    TILE_WIDTH,
    RightEdge,
    Tile,
    VerifierKey,
    extend,
    leaf_hash,
    verify_checkpoint,
)
from exchange.ports import (
    BatchRecord,
    ContractRecord,
    DatasetRecord,
    Entry,
    EntryKind,
    KeyRecord,
    LedgerStore,
    MoveRecord,
    RecipientRecord,
    Record,
    RevocationRecord,
    StatementRecord,
    VerdictRecord,
)

_K = TypeVar("_K", int, DatasetId)
RecordOf = Callable[[Entry], Record]
_PAGE: Final = 500
_MOST: Final = 100
_KIND: Final = {
    BatchRecord: EntryKind.BATCH,
    ContractRecord: EntryKind.CONTRACT,
    KeyRecord: EntryKind.KEY,
    RevocationRecord: EntryKind.REVOCATION,
    MoveRecord: EntryKind.AGREEMENT,
    RecipientRecord: EntryKind.RECIPIENT,
    VerdictRecord: EntryKind.VERDICT,
}


class Fault(StrEnum):
    """What is wrong."""

    DATABASE = "database"
    ENTRY = "entry"
    TILE = "tile"
    CHECKPOINT = "checkpoint"
    INDEX = "index"
    MISSING_OBJECT = "missing object"
    DAMAGED_OBJECT = "damaged object"
    SEGMENT = "segment"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong; `subject` is the entry, tile, row or digest."""

    fault: Fault
    subject: str
    text: str

    def __str__(self) -> str:
        return f"{self.fault} {self.subject}: {self.text}"


@dataclass(slots=True)
class Problems:
    """The first hundred of each kind, and how many of each there were."""

    found: list[Problem] = field(default_factory=list)
    counts: dict[Fault, int] = field(default_factory=dict)

    def add(self, fault: Fault, subject: object, text: str) -> None:
        """One more."""
        self.counts[fault] = self.counts.get(fault, 0) + 1
        if self.counts[fault] <= _MOST:
            self.found.append(Problem(fault, str(subject), text))


class LedgerCheck:
    """Walks entries from the first on; `advance` may be called again when the ledger has grown."""

    def __init__(
        self, ledger: LedgerStore, log: Sequence[VerifierKey], record_of: RecordOf, problems: Problems
    ) -> None:
        self.size = 0
        self._ledger = ledger
        self._log = log
        self._record_of = record_of
        self._problems = problems
        self._edge = RightEdge()
        self._group: list[Entry] = []
        self._partial: dict[tuple[int, int], Tile] = {}
        self._last: datetime | None = None
        self._sums: dict[DatasetId, DatasetRecord] = {}
        self._others: dict[int, Record] = {}
        self._revoked: dict[str, int] = {}

    def advance(self, size: int) -> Iterator[Sequence[Record]]:
        """Check entries up to `size`; yields their records, a page at a time."""
        entries = self._filled(size)
        while page := list(islice(entries, _PAGE)):
            for entry in page:
                self._check_group(entry)
            records = list(self._records(page))
            self._check_batches(page[0].index, page[-1].index + 1, records)
            self.size = page[-1].index + 1
            yield records

    def finish(self) -> bool:
        """Check what only a ledger at rest can show; False, and nothing checked, where it has grown since."""
        stored: list[Record] = [*self._ledger.contracts(), *self._ledger.keys()]
        stored += self._ledger.revocations()
        stored += self._ledger.moves()
        stored += self._ledger.recipients()
        stored += self._ledger.verdicts(None, None, self.size, self.size)
        stored += [
            record for kind in EntryKind if kind.is_statement for record in self._ledger.statements(kind)
        ]
        sums = list(self._stored_sums())
        tiles = [self._ledger.tile(level, index) for level, index in self._partial]
        if self._ledger.head().size != self.size:
            return False
        for tile, hashes in zip(self._partial.values(), tiles, strict=True):
            self._compare_tile(tile, hashes)
        self._check_end()
        self._compare("entry ", {record.index: record for record in stored}, self._expected_others())
        self._compare("dataset ", {each.id: each for each in sums}, self._sums)
        return True

    def _filled(self, size: int) -> Iterator[Entry]:
        """Entries in order; where one is missing, a stand-in with the hash that the tiles know."""
        expected = self.size
        for entry in self._ledger.entries(self.size, size):
            yield from self._stand_ins(expected, entry.index)
            expected = entry.index + 1
            yield entry
        yield from self._stand_ins(expected, size)

    def _stand_ins(self, start: int, end: int) -> Iterator[Entry]:
        for index in range(start, end):
            self._problems.add(Fault.ENTRY, index, "is missing")
            at = index % TILE_WIDTH * HASH_BYTES
            leaf = self._ledger.tile(0, index // TILE_WIDTH)[at : at + HASH_BYTES]
            time = self._last or datetime.min
            yield Entry(index, EntryKind.BATCH, b"", leaf.ljust(HASH_BYTES, b"\0"), time, index + 1)

    def _check_group(self, entry: Entry) -> None:
        self._group.append(entry)
        if entry.checkpoint_size != self._group[0].checkpoint_size or entry.checkpoint_size <= entry.index:
            self._problems.add(
                Fault.ENTRY, entry.index, f"names a checkpoint of size {entry.checkpoint_size}"
            )
        if entry.checkpoint_size > entry.index + 1:
            return
        self._edge, tiles = extend(self._edge, [entry.leaf for entry in self._group])
        self._group.clear()
        for tile in tiles:
            if tile.width == TILE_WIDTH:
                self._partial.pop((tile.level, tile.index), None)
                self._compare_tile(tile, self._ledger.tile(tile.level, tile.index))
            else:
                self._partial[tile.level, tile.index] = tile
        self._check_checkpoint(self._edge.size)

    def _check_checkpoint(self, size: int) -> None:
        try:
            checkpoint = verify_checkpoint(self._ledger.checkpoint(size), *self._log)
        except HechuanError as error:
            self._problems.add(Fault.CHECKPOINT, size, error.message)
            return
        if checkpoint.size != size or checkpoint.root != self._edge.root():
            self._problems.add(Fault.CHECKPOINT, size, "is not the checkpoint of the entries before it")

    def _compare_tile(self, tile: Tile, stored: bytes) -> None:
        if stored == tile.hashes:
            return
        at = next(
            (at for at, pair in enumerate(zip(stored, tile.hashes, strict=False)) if pair[0] != pair[1]), None
        )
        where = f"from hash {at // HASH_BYTES} on" if at is not None else "in length"
        self._problems.add(
            Fault.TILE, f"{tile.level}/{tile.index}", f"differs from what is below it, {where}"
        )

    def _check_end(self) -> None:
        if self._group:
            self._problems.add(Fault.CHECKPOINT, self.size, "the newest entries are under no checkpoint")
        head = self._ledger.head()
        if head.size and head.note != self._note(head.size):
            self._problems.add(Fault.CHECKPOINT, head.size, "the head does not carry the newest checkpoint")
        for level in range(len(self._edge.levels) + 1):
            beyond = -(-self.size // TILE_WIDTH ** (level + 1)) if level < len(self._edge.levels) else 0
            if self._ledger.tile(level, beyond):
                self._problems.add(Fault.TILE, f"{level}/{beyond}", "is beyond the tree")

    def _note(self, size: int) -> str | None:
        try:
            return self._ledger.checkpoint(size)
        except NotFoundError:
            return None

    def _records(self, page: Iterable[Entry]) -> Iterator[Record]:
        for entry in page:
            if leaf_hash(entry.data) != entry.leaf:
                if entry.data:
                    self._problems.add(Fault.ENTRY, entry.index, "does not hash to its leaf")
                continue
            try:
                record = self._record_of(entry)
            except StorageError as error:
                self._problems.add(Fault.ENTRY, entry.index, error.message)
                continue
            late = self._last is not None and entry.recorded_at < self._last
            if late or record.recorded_at != entry.recorded_at or _kind_of(record) != entry.kind:
                self._problems.add(Fault.ENTRY, entry.index, "is of another time or kind than its bytes say")
            self._last = entry.recorded_at
            self._remember(record)
            yield record

    def _remember(self, record: Record) -> None:
        if isinstance(record, BatchRecord):
            self._sums[record.dataset] = _added(self._sums.get(record.dataset), record)
            return
        self._others[record.index] = record
        if isinstance(record, RevocationRecord) and record.key_id is not None:
            self._revoked.setdefault(f"{record.agency} {record.key_id}", record.index)

    def _expected_others(self) -> dict[int, Record]:
        return {
            index: replace(record, revoked_index=self._revoked.get(f"{record.agency} {record.id}"))
            if isinstance(record, KeyRecord)
            else record
            for index, record in self._others.items()
        }

    def _check_batches(self, start: int, end: int, records: Iterable[Record]) -> None:
        stored = self._ledger.newest_batches(None, None, end, end - start)
        self._compare(
            "batch at ",
            {record.index: record for record in stored if record.index >= start},
            {record.index: record for record in records if isinstance(record, BatchRecord)},
        )

    def _compare(self, what: str, stored: Mapping[_K, object], expected: Mapping[_K, object]) -> None:
        for key in stored.keys() - expected.keys():
            self._problems.add(Fault.INDEX, f"{what}{key}", "has a row that no entry stands for")
        for key, record in expected.items():
            if key not in stored:
                self._problems.add(Fault.INDEX, f"{what}{key}", "has no row")
            elif stored[key] != record:
                self._problems.add(
                    Fault.INDEX, f"{what}{key}", "has a row that says otherwise than the entries"
                )

    def _stored_sums(self) -> Iterator[DatasetRecord]:
        after = ""
        while page := self._ledger.datasets(None, None, after, _PAGE):
            yield from page
            after = str(page[-1].id)


def _kind_of(record: Record) -> EntryKind:
    return record.kind if isinstance(record, StatementRecord) else _KIND[type(record)]


def _added(sums: DatasetRecord | None, record: BatchRecord) -> DatasetRecord:
    """A dataset's sums with one more batch."""
    starts = [at for at in (sums and sums.period_from, record.period_from) if at]
    ends = [at for at in (sums and sums.period_until, record.period_until) if at]
    return DatasetRecord(
        id=record.dataset,
        contract=record.contract,
        batches=(sums.batches if sums else 0) + 1,
        accepted=(sums.accepted if sums else 0) + record.accepted,
        rejected=(sums.rejected if sums else 0) + record.rejected,
        period_from=min(starts, default=None),
        period_until=max(ends, default=None),
        updated_at=record.recorded_at,
    )
