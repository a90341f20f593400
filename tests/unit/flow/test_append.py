"""Group commit over real SQLite and real files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from exchange.errors import DrainingError, MalformedError, ReplayError
from exchange.flow.append import Appended, Appender, Draft, LogSigner, receipt_of
from exchange.flow.entry import record_of
from exchange.ids import digest_of
from exchange.ledger import Receipt, verify_receipt
from exchange.ports import BatchRecord
from exchange.settings import Store
from exchange.store import open_ledger, open_objects
from exchange.store.sql import SqlLedgerStore
from tests.ledgers import LOG, LOG_KEY, NOON, SteppedClock, draft


@pytest.fixture
def clock() -> SteppedClock:
    return SteppedClock()


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[SqlLedgerStore]:
    store = open_ledger(Store(), tmp_path)
    yield store
    store.close()


@pytest.fixture
def appender(tmp_path: Path, ledger: SqlLedgerStore, clock: SteppedClock) -> Iterator[Appender]:
    objects = open_objects(Store(), tmp_path)
    made = Appender(ledger, objects, LogSigner(LOG, LOG_KEY.sign), "500000", clock, 64)
    yield made
    made.close()


def test_a_receipt_checks_and_the_index_row_is_the_entrys(appender: Appender, ledger: SqlLedgerStore) -> None:
    done = appender.append(draft("a"))
    receipt = Receipt.parse(done.receipt)
    assert verify_receipt(receipt, receipt.extra, LOG).size == 1
    assert isinstance(done.record, BatchRecord)
    assert record_of(ledger.entry(0)) == done.record == ledger.batch(done.record.id)


def test_the_object_is_stored_before_the_entry(appender: Appender, tmp_path: Path) -> None:
    appender.append(draft("a", b"some bytes"))
    assert open_objects(Store(), tmp_path).read(digest_of(b"some bytes")) == b"some bytes"


def test_the_same_batch_again_gets_the_same_receipt(appender: Appender, ledger: SqlLedgerStore) -> None:
    once = appender.append(draft("a"))
    appender.append(draft("b"))
    again = appender.append(draft("a"))
    assert again.duplicate
    assert again.receipt == once.receipt
    assert ledger.head().size == 2


def test_another_batch_under_the_same_key_is_a_replay(appender: Appender) -> None:
    appender.append(draft("a"))
    with pytest.raises(ReplayError):
        appender.append(draft("a", b"other rows"))


def test_twins_in_one_group_are_appended_once(appender: Appender, ledger: SqlLedgerStore) -> None:
    held: list[Future[Appended]] = []

    def enqueue_rivals() -> Draft:
        held.extend(appender.submit(lambda name=name: draft(name)) for name in ("a", "a", "b"))
        held.append(appender.submit(lambda: draft("a", b"other rows")))
        return draft("first")

    appender.submit(enqueue_rivals).result()
    first, twin, other = (future.result() for future in held[:3])
    assert (first.duplicate, twin.duplicate, other.duplicate) == (False, True, False)
    assert first.receipt == twin.receipt
    with pytest.raises(ReplayError):
        held[3].result()
    assert ledger.head().size == 3


def test_items_handed_in_together_are_answered_together_and_in_order(
    appender: Appender, ledger: SqlLedgerStore
) -> None:
    refused = MalformedError("no batch")

    def prepare(names: Sequence[str]) -> Sequence[Draft | Exception]:
        return [refused if name == "bad" else draft(name) for name in names]

    first, bad, twin, other = appender.submit_all(prepare, ["a", "bad", "a", "b"]).result()
    assert isinstance(first, Appended)
    assert isinstance(twin, Appended)
    assert isinstance(other, Appended)
    assert bad is refused
    assert (first.duplicate, twin.duplicate, other.duplicate) == (False, True, False)
    assert first.receipt == twin.receipt
    assert ledger.head().size == 2
    assert appender.submit_all(prepare, []).result() == []


def test_one_bad_draft_does_not_hurt_its_neighbours(appender: Appender) -> None:
    held: list[Future[Appended]] = []

    def fail() -> Draft:
        raise MalformedError("nothing here")

    def enqueue() -> Draft:
        held.extend([appender.submit(fail), appender.submit(lambda: draft("good"))])
        return draft("first")

    appender.submit(enqueue).result()
    with pytest.raises(MalformedError):
        held[0].result()
    assert not held[1].result().duplicate


def test_entries_never_go_back_in_time(
    appender: Appender, clock: SteppedClock, ledger: SqlLedgerStore
) -> None:
    appender.append(draft("a"))
    clock.instant = NOON - timedelta(days=1)
    appender.append(draft("b"))
    assert ledger.entry(1).recorded_at == ledger.entry(0).recorded_at == NOON


def test_a_receipt_can_be_had_again_after_the_tree_has_grown(
    appender: Appender, ledger: SqlLedgerStore
) -> None:
    given = [appender.append(draft(f"key-{at}")).receipt for at in range(300)]
    assert [receipt_of(ledger, at) for at in (0, 7, 255, 256, 299)] == [
        given[at] for at in (0, 7, 255, 256, 299)
    ]


def test_two_processes_take_turns(appender: Appender, tmp_path: Path, clock: SteppedClock) -> None:
    other_ledger = open_ledger(Store(), tmp_path)
    other = Appender(
        other_ledger, open_objects(Store(), tmp_path), LogSigner(LOG, LOG_KEY.sign), "500000", clock, 64
    )
    try:
        for at in range(20):
            done = (appender, other)[at % 2].append(draft(f"key-{at}"))
            receipt = Receipt.parse(done.receipt)
            assert receipt.index == at
            verify_receipt(receipt, receipt.extra, LOG)
    finally:
        other.close()
        other_ledger.close()


def test_who_was_answered_together_is_appended_together_again(
    tmp_path: Path, ledger: SqlLedgerStore, clock: SteppedClock
) -> None:
    objects = open_objects(Store(), tmp_path)
    log = LogSigner(LOG, LOG_KEY.sign)
    appender = Appender(ledger, objects, log, "500000", clock, 64, group_wait=60)
    try:
        appender.append(draft("alone, and not kept waiting"))
        held: list[Future[Appended]] = []

        def enqueue() -> Draft:
            held.extend(appender.submit(lambda name=name: draft(name)) for name in ("a", "b"))
            return draft("first")

        appender.submit(enqueue).result()
        assert [future.result().record.index for future in held] == [2, 3]
        pair = [appender.submit(lambda name=name: draft(name)) for name in ("c", "d")]
        sizes = {ledger.entry(future.result().record.index).checkpoint_size for future in pair}
        assert sizes == {6}
    finally:
        appender.close()
        objects.close()


def test_what_another_process_entered_since_the_lookup_is_found(
    appender: Appender, tmp_path: Path, clock: SteppedClock
) -> None:
    appender.append(draft("before"))
    other_ledger, objects = open_ledger(Store(), tmp_path), open_objects(Store(), tmp_path)
    other = Appender(other_ledger, objects, LogSigner(LOG, LOG_KEY.sign), "500000", clock, 64)
    try:
        once = other.append(draft("a"))
    finally:
        other.close()
        objects.close()
        other_ledger.close()
    again = appender.append(replace(draft("a"), looked_up=True))
    assert again.duplicate
    assert again.receipt == once.receipt


def test_a_closed_appender_takes_nothing_more(appender: Appender) -> None:
    appender.close()
    with pytest.raises(DrainingError):
        appender.append(draft("a"))
