"""What every SegmentIndex does; segments themselves are in tests/e2e/test_compact.py."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from exchange.ids import ContractRef, DatasetId, digest_of
from exchange.ports import Segment
from exchange.settings import Store
from exchange.store import open_ledger
from exchange.store.sql import SqlLedgerStore
from tests.ledgers import AGENCY, NOON

DATASET = DatasetId(AGENCY, "water-quality")
OTHER = DatasetId(AGENCY, "hydrology")


def segment(first: int, last: int, dataset: DatasetId = DATASET) -> Segment:
    return Segment(
        rows=digest_of(f"{dataset} {first} {last}".encode()),
        reports=digest_of(b"reports") if first else None,
        dataset=dataset,
        contract=ContractRef.parse(f"{dataset.contract}@1.0.0"),
        first=first,
        last=last,
        batches=last - first + 1,
        made_at=NOON,
    )


def test_what_was_replaced_is_no_longer_read(ledger: SqlLedgerStore) -> None:
    index, later = ledger.segments(), NOON + timedelta(hours=1)
    small, next_, other = segment(0, 10), segment(11, 20), segment(3, 9, OTHER)
    index.replace([next_, other, small], [], NOON)
    assert index.live(DATASET) == [small, next_]
    grown = segment(0, 20)
    index.replace([grown], [small, next_], later)
    assert index.live(DATASET) == [grown]
    gone = [replace(each, retired_at=later) for each in (small, next_)]
    assert index.every() == [other, gone[0], grown, gone[1]]
    index.replace([small], [grown], later)  # the same file, made again, is read again
    assert index.live(DATASET) == [small]
    index.forget([grown, next_, small])
    assert index.every() == [other]


def test_a_copy_of_the_ledger_has_none(ledger: SqlLedgerStore, tmp_path: Path) -> None:
    ledger.segments().replace([segment(0, 10)], [], NOON)
    restored = open_ledger(Store(), tmp_path / "restored")
    try:
        with ledger.snapshot(tmp_path / "copy.sqlite"):
            restored.load(tmp_path / "copy.sqlite")
        assert restored.segments().every() == []
    finally:
        restored.close()
