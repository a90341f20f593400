"""Everything a hub stores, checked again beside the running hub.

(1) what the database says about its own files
(2) every entry, checkpoint, tile and index row, up to the head of this moment; the objects they need are noted
(3) every object there is, hashed again; those that nobody needs so far are candidates
(4) what was appended meanwhile, until the ledger stands still between two looks
(5) needed objects that (3) did not meet are looked at one by one; what is kept for peers' ledgers is not missed
(6) candidates that still nobody needs are orphans, if they were last put before the grace period: a publish in
    progress puts its objects before its entry, and one that is younger may yet come to be needed
(7) on request, orphans and what interrupted puts left behind are removed

Memory: 32 bytes and a set's overhead for each object.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from exchange.errors import HechuanError, NotFoundError
from exchange.flow.attach import attachments_of
from exchange.flow.recheck import Fault, LedgerCheck, Problem, Problems, RecordOf
from exchange.ledger import VerifierKey
from exchange.ports import BatchRecord, LedgerArchive, ObjectStore, Record, StatementRecord

GRACE: Final = timedelta(hours=1)
_PREFIX: Final = "sha256:"
Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Report:
    """What was looked at and what was found. `recent`: objects that nothing needs yet, within the grace period."""

    entries: int
    objects: int
    orphans: tuple[str, ...]
    recent: int
    problems: tuple[Problem, ...]

    @property
    def clean(self) -> bool:
        """Whether nothing is wrong; an orphan costs space and nothing else."""
        return not self.problems


def check(
    ledger: LedgerArchive,
    objects: ObjectStore,
    log: Sequence[VerifierKey],
    record_of: RecordOf,
    *,
    sweep: bool = False,
    grace: timedelta = GRACE,
    kept: Iterable[str] = (),
    progress: Progress = lambda done, total: None,
) -> Report:
    """Steps (1) to (7). Problems are reported, never raised; raises StorageError where nothing can be read at all.

    `kept` are digests that this ledger does not need and agreements let be mirrored.
    """
    started = datetime.now(UTC)
    problems = Problems()
    for line in ledger.damage():  # (1)
        problems.add(Fault.DATABASE, "files", line)
    entries = LedgerCheck(ledger, log, record_of, problems)
    needed: set[bytes] = set()
    _advance(entries, ledger, needed, progress)  # (2)
    candidates, met = _hash_all(objects, needed, problems, progress)  # (3)
    while True:  # (4)
        _advance(entries, ledger, needed, progress)
        if entries.finish():
            break
    for raw in needed - met:  # (5)
        _hash(objects, _PREFIX + raw.hex(), None, problems)
    mirrored = {_raw(digest) for digest in kept}
    unneeded = {raw: at for raw, at in candidates.items() if raw not in needed | mirrored}  # (6)
    oldest = started - grace
    orphans = tuple(sorted(_PREFIX + raw.hex() for raw, at in unneeded.items() if at < oldest))
    if sweep:  # (7)
        for digest in orphans:
            objects.delete(digest, oldest)
        objects.discard_incoming(oldest)
    return Report(entries.size, len(met), orphans, len(unneeded) - len(orphans), tuple(problems.found))


def objects_of(record: Record) -> Iterable[str]:
    """Digests of the objects that an entry needs."""
    if isinstance(record, StatementRecord):
        # what another hub entered first lies there; copies are fetched again
        yield from () if record.origin else attachments_of(record)
    if not isinstance(record, BatchRecord):
        return
    yield record.object
    if record.encoded_by_hub:
        yield record.source
    if record.report is not None:
        yield record.report


def _advance(entries: LedgerCheck, ledger: LedgerArchive, needed: set[bytes], progress: Progress) -> None:
    size = ledger.head().size
    for records in entries.advance(size):
        for record in records:
            needed.update(_raw(digest) for digest in objects_of(record))
        progress(entries.size, size)


def _hash_all(
    objects: ObjectStore, needed: set[bytes], problems: Problems, progress: Progress
) -> tuple[dict[bytes, datetime], set[bytes]]:
    candidates: dict[bytes, datetime] = {}
    met: set[bytes] = set()
    for digest, size, put_at in objects.digests():
        raw = _raw(digest)
        met.add(raw)
        if raw not in needed:
            candidates[raw] = put_at
        _hash(objects, digest, size, problems)
        progress(len(met), max(len(met), len(needed)))
    return candidates, met


def _hash(objects: ObjectStore, digest: str, size: int | None, problems: Problems) -> None:
    """Read an object to its end; a listed one that is gone was swept by somebody else."""
    found = hashlib.sha256()
    try:
        for chunk in objects.chunks(digest):
            found.update(chunk)
    except NotFoundError:
        if size is None:
            problems.add(Fault.MISSING_OBJECT, digest, "an entry needs it and it is not there")
        return
    except HechuanError as error:
        problems.add(Fault.DAMAGED_OBJECT, digest, error.message)
        return
    if found.digest() != _raw(digest):
        problems.add(Fault.DAMAGED_OBJECT, digest, "its bytes have another digest")


def _raw(digest: str) -> bytes:
    return bytes.fromhex(digest.removeprefix(_PREFIX))
