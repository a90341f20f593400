"""Two hubs that meet while they run, and one of them lost and restored from its backup alone."""

from __future__ import annotations

import shutil
from contextlib import ExitStack
from pathlib import Path

import pytest

from demo.hub import HubProcess, fixed_ports, hechuan, introduce
from demo.sample import monitoring_sections, water_quality
from exchange.client import Client, connect
from exchange.client.agreement import get_agreement, list_reads
from tests.e2e.test_two_hubs import IN_FORCE, QUALITY, agree, eventually

pytestmark = pytest.mark.e2e


def from_mirror(reader: Client) -> int:
    """Rows of the mirror; -1 where the owner's hub has answered."""
    rows = reader.query(QUALITY, columns=["value"])
    table = rows.table()
    assert rows.statement is not None
    return table.num_rows if rows.statement["origin"] == {"hub": "500000", "statement": None} else -1


def test_a_federated_hub_comes_back_from_its_backup(tmp_path: Path) -> None:
    hubs = [HubProcess(tmp_path, code, fixed_ports()) for code in ("500000", "510000")]
    chongqing, sichuan = hubs
    with ExitStack() as stack:
        for hub in hubs:
            stack.enter_context(hub)
        introduce(tmp_path, *hubs)  # they run already: no restart
        homes = [hub.enroll("ecology") for hub in hubs]
        owner, reader = (stack.enter_context(connect(home)) for home in homes)
        owner.publish("monitoring-section", monitoring_sections())
        owner.publish("water-quality", water_quality(500))
        eventually(lambda: reader.query(QUALITY, limit=1).table().num_rows == 1)
        eventually(lambda: list(reader.batches(QUALITY)))  # the copy of the other ledger is here
        id = agree(owner, reader, QUALITY, mirror=True)
        eventually(lambda: from_mirror(reader) == 500)

        backup = tmp_path / "backup"
        hechuan("backup", sichuan.directory, backup, "--with-keys")
        sichuan.stop()
        shutil.rmtree(sichuan.directory)
        owner.publish("water-quality", water_quality(250, 5_000))
        assert hechuan("restore", backup, sichuan.directory) == 0
        sichuan.start()
        eventually(lambda: get_agreement(reader, id).state == IN_FORCE)
        eventually(lambda: from_mirror(reader) == 750)
        mirrored = [
            each for each in list_reads(owner, QUALITY) if each.act == "fetch" and each.agreement == id
        ]
        assert {each.outcome for each in mirrored} == {"complete"}
        assert hechuan("fsck", sichuan.directory) == 0
        assert hechuan("alarms", chongqing.directory) == 0
        assert hechuan("alarms", sichuan.directory) == 0
