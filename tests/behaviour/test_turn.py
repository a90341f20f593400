"""One sequencer at a time, among threads and processes; a dead or hanging one loses its turn."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace

import pytest

from exchange.errors import BusyError, UnavailableError
from exchange.ledger import load_edge
from exchange.store.sql import SqlLedgerStore
from tests.behaviour.conftest import OpenLedger
from tests.behaviour.process import SETTINGS, heard, started, tell
from tests.behaviour.sample import ECOLOGY, append, batch, note_of, write_group

FAR = 1 << 62


def until(condition: Callable[[], bool]) -> None:
    """Poll, for ten seconds at most."""
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.001)


def assert_whole(ledger: SqlLedgerStore) -> None:
    """Entries without gaps, tiles that say the same, a checkpoint for every group."""
    size = ledger.head().size
    entries = list(ledger.entries(0, FAR))
    assert [entry.index for entry in entries] == list(range(size))
    assert len(ledger.newest_batches(None, None, FAR, size + 1)) == size
    leaves = b"".join(ledger.tile(0, tile) for tile in range(size // 256 + 1))
    assert leaves == b"".join(entry.leaf for entry in entries)
    assert all(ledger.checkpoint(entry.checkpoint_size) for entry in entries)
    assert load_edge(size, ledger.tile).size == size


def test_threads_and_stores_take_turns(open_store: OpenLedger) -> None:
    stores = [open_store() for _ in range(3)]

    def run(number: int) -> None:
        for at in range(10):
            append(stores[number % 3], batch(f"{number}-{at}"))

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(run, range(6)))
    assert stores[0].head().size == 60
    assert_whole(stores[0])


def test_processes_take_turns(ledger: SqlLedgerStore, ledger_url: str) -> None:
    names, count = ["first", "second"], 25
    with ExitStack() as stack:
        processes = [stack.enter_context(started("append", ledger_url, name, count)) for name in names]
        for process in processes:
            assert heard(process) == "ready"
        for process in processes:
            tell(process)
        for at in range(count):
            append(ledger, batch(f"here-{at}"))
        for process in processes:
            assert process.wait() == 0
    written = {record.idempotency_key for record in ledger.newest_batches(None, None, FAR, 1000)}
    assert written == {f"here-{at}" for at in range(count)} | {
        f"{name}-{at}-{twin}" for name in names for at in range(count) for twin in range(at % 3 + 1)
    }
    assert_whole(ledger)


def test_a_killed_process_loses_its_turn(ledger: SqlLedgerStore, ledger_url: str) -> None:
    append(ledger, batch("before"))
    with started("hold", ledger_url) as process, ThreadPoolExecutor(1) as pool:
        assert heard(process) == "holding"
        waiting = pool.submit(append, ledger, batch("after"))
        process.kill()
        [record] = waiting.result()
    assert record.index == 1
    assert ledger.batches_by_key([(ECOLOGY, "held")]) == {}
    assert_whole(ledger)


def test_processes_killed_anywhere_leave_a_whole_ledger(ledger: SqlLedgerStore, ledger_url: str) -> None:
    for name, groups in (("a", 3), ("b", 8), ("c", 21)):
        with started("append", ledger_url, name, 1000) as process:
            assert heard(process) == "ready"
            tell(process)
            acknowledged = [heard(process) for _ in range(groups)]
            process.kill()
        keys = {(ECOLOGY, f"{name}-{at}-0") for at in acknowledged}
        assert ledger.batches_by_key(keys).keys() == keys
        append(ledger, batch(f"after {name}"))
    assert_whole(ledger)


def test_a_hanging_process_loses_its_turn(ledger: SqlLedgerStore, ledger_url: str) -> None:
    if ledger_url.startswith("sqlite"):
        # its lock ends with the process only: the others say BUSY and go on reading
        impatient = SqlLedgerStore.open(ledger_url, replace(SETTINGS, sequence_wait_seconds=0.1))
        with started("hold", ledger_url) as process:
            assert heard(process) == "holding"
            with pytest.raises(BusyError):
                append(impatient, batch("other"))
            assert impatient.head().size == 0
            tell(process)
            assert heard(process) == "committed"
        impatient.close()
        return
    with started("hold", ledger_url) as process:
        assert heard(process) == "holding"
        begun = time.monotonic()
        append(ledger, batch("other"))
        assert time.monotonic() - begun < 10 * SETTINGS.sequence_hold_seconds
        tell(process)
        assert heard(process) == "UNAVAILABLE"
    assert ledger.head().size == 1
    assert ledger.batches_by_key([(ECOLOGY, "held")]) == {}
    assert_whole(ledger)


def test_who_loses_its_turn_here_is_told_and_can_go_on(open_store: OpenLedger, ledger_url: str) -> None:
    if ledger_url.startswith("sqlite"):
        return
    slow, other = open_store(), open_store()

    def outstay() -> None:
        with slow.sequence() as turn:
            write_group(turn, batch("slow"))
            # waits until the turn is taken from the one above
            append(other, batch("other"))

    with pytest.raises(UnavailableError):
        outstay()
    append(slow, batch("next"))
    assert [found.idempotency_key for found in slow.newest_batches(None, None, FAR, 9)] == ["next", "other"]


def test_who_waits_too_long_is_told_to_come_back(open_store: OpenLedger, ledger_url: str) -> None:
    holder = open_store()
    impatient = SqlLedgerStore.open(ledger_url, replace(SETTINGS, sequence_wait_seconds=0.1))
    try:
        with holder.sequence() as turn:
            write_group(turn, batch("a"))
            with pytest.raises(BusyError) as raised:
                append(impatient, batch("b"))
            assert raised.value.retryable
        append(impatient, batch("b"))
        with impatient.sequence(), ThreadPoolExecutor(1) as pool, pytest.raises(BusyError):
            pool.submit(append, impatient, batch("c")).result()
    finally:
        impatient.close()
    assert holder.head().size == 2


def test_waiting_ends_when_this_process_appends(ledger: SqlLedgerStore) -> None:
    append(ledger, batch("a"))
    assert ledger.wait_past(0, 60.0) == 1
    with ThreadPoolExecutor(20) as pool:
        threads = threading.active_count()
        waiting = [pool.submit(ledger.wait_past, 1, 60.0) for _ in range(20)]
        until(lambda: threading.active_count() >= threads + 20)
        # the pool's own threads and one that watches
        assert threading.active_count() <= threads + 21
        append(ledger, batch("b"), batch("c"))
        assert {future.result() for future in waiting} == {3}


def test_waiting_ends_when_another_process_appends(ledger: SqlLedgerStore, ledger_url: str) -> None:
    with started("append", ledger_url, "other", 2) as process, ThreadPoolExecutor(1) as pool:
        assert heard(process) == "ready"
        waiting = pool.submit(ledger.wait_past, 2, 60.0)
        tell(process)
        assert process.wait() == 0
        done = time.monotonic()
        assert waiting.result() == 3
        assert time.monotonic() - done < 1.0
    # and again, after nobody has waited for a while
    with started("append", ledger_url, "more", 1) as process, ThreadPoolExecutor(1) as pool:
        assert heard(process) == "ready"
        waiting = pool.submit(ledger.wait_past, 3, 60.0)
        tell(process)
        assert waiting.result() == 4


def test_waiting_ends_without_growth(ledger: SqlLedgerStore) -> None:
    append(ledger, batch("a"))
    begun = time.monotonic()
    assert ledger.wait_past(1, 0.2) == 1
    assert ledger.wait_past(7, 0.0) == 1
    assert 0.2 <= time.monotonic() - begun < 5


def test_closing_ends_the_waiting(open_store: OpenLedger) -> None:
    ledger = open_store()
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(ledger.wait_past, 0, 60.0)
        until(lambda: ledger._growth._waiting > 0)
        ledger.close()
        assert waiting.result() == 0


def test_head_and_checkpoint_agree_at_every_moment(open_store: OpenLedger) -> None:
    writer, reader = open_store(), open_store()
    with ThreadPoolExecutor(1) as pool:
        writing = pool.submit(lambda: [append(writer, batch(str(at))) for at in range(50)])
        while not writing.done():
            head = reader.head()
            assert head.size == 0 or head.note == note_of(head.size) == reader.checkpoint(head.size)
        writing.result()
    assert reader.head().size == 50
