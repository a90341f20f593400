"""kill -9 at random points while batches are being published: nothing acknowledged is lost, nothing counts twice.

HECHUAN_KILLS sets how often: 10 in the everyday suite, 200 in `make soak`.
"""

from __future__ import annotations

import os
import random
import socket
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from demo.hub import HubProcess, hechuan
from demo.sample import monitoring_sections, water_quality
from exchange.client import connect
from exchange.client.verify import verify_receipt_text
from exchange.errors import HechuanError

KILLS = int(os.environ.get("HECHUAN_KILLS", "10"))
PUBLISHERS = 3
ROWS = 40
SEED = 20260319
PROGRESS_SECONDS = 60


@dataclass(slots=True)
class Told:
    """What publishers were told is durable: idempotency key → (batch id, receipt)."""

    batches: dict[str, tuple[str, str]] = field(default_factory=dict)
    stop: threading.Event = field(default_factory=threading.Event)
    failed: list[BaseException] = field(default_factory=list)


def publish_on_and_on(home: Path, number: int, told: Told) -> None:
    """One partner: tries every batch under its key until the hub says that it is durable."""
    count = 0
    while not told.stop.is_set():
        key = f"publisher-{number}-batch-{count}"
        rows = water_quality(ROWS, start=(number * 1_000_000 + count) * ROWS)
        try:
            with connect(home) as client:
                done = client.publish("water-quality", rows, key=key)
        except HechuanError as error:
            if error.retryable:
                continue
            told.failed.append(error)
            return
        told.batches[key] = (done.id, done.receipt)
        count += 1


@pytest.mark.timeout(3600)
def test_what_was_acknowledged_survives(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    hub = HubProcess(tmp_path, "500000", ["--listen", f"127.0.0.1:{port}"])
    hub.start()
    home = hub.enroll("ecology")
    with connect(home) as client:
        client.publish("monitoring-section", monitoring_sections())
    told = Told()
    threads = [
        threading.Thread(target=publish_on_and_on, args=(home, number, told)) for number in range(PUBLISHERS)
    ]
    for thread in threads:
        thread.start()
    try:
        _kill_again_and_again(hub, told)
    finally:
        told.stop.set()
        for thread in threads:
            thread.join()
    assert not told.failed
    _check_ledger(home, told)
    assert hub.stop() == 0
    hechuan("fsck", hub.directory, "--sweep")


def _kill_again_and_again(hub: HubProcess, told: Told) -> None:
    chance = random.Random(SEED)
    for _ in range(KILLS):
        reached, deadline = len(told.batches) + 2, time.monotonic() + PROGRESS_SECONDS
        while len(told.batches) < reached and not told.failed:
            assert time.monotonic() < deadline, "publishers make no progress"
            time.sleep(0.002)
        time.sleep(chance.random() * 0.03)
        hub.kill()
        hub.start()


def _check_ledger(home: Path, told: Told) -> None:
    with connect(home) as client:
        held = [batch.id for batch in client.batches("500000/ecology/water-quality")]
        assert len(held) == len(set(held))
        for batch_id, receipt in told.batches.values():
            assert batch_id in held
            assert verify_receipt_text(receipt, client.profile.log_key).batch == batch_id
        rows = client.query("500000/ecology/water-quality").table()
    # a batch that became durable just before a kill may be there although nobody was told
    assert len(told.batches) <= len(held) <= len(told.batches) + PUBLISHERS
    assert rows.num_rows == len(held) * ROWS
