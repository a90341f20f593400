"""Chongqing, Sichuan, Guizhou, Hubei and Hunan in one federation: each reads from each, all witness all."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import pytest

from demo.hub import HubProcess, fixed_ports, introduce
from demo.sample import SECTIONS, monitoring_sections
from exchange.client import connect
from exchange.home import HubDirectory
from exchange.ledger import Receipt, verify_cosignatures
from tests.e2e.test_two_hubs import eventually

pytestmark = pytest.mark.e2e
FIVE = ("500000", "510000", "520000", "420000", "430000")


def test_five_hubs_are_one_federation(tmp_path: Path) -> None:
    hubs = [HubProcess(tmp_path, code, fixed_ports()) for code in FIVE]
    introduce(tmp_path, *hubs)
    with ExitStack() as stack:
        for hub in hubs:
            stack.enter_context(hub)
        clients = {hub.jurisdiction: stack.enter_context(connect(hub.enroll("ecology"))) for hub in hubs}
        for client in clients.values():
            published = client.publish("monitoring-section", monitoring_sections(), witnesses=4)
            witnesses = [HubDirectory(hub.directory).witness_verifier() for hub in hubs]
            note = Receipt.parse(published.receipt).checkpoint
            assert len(verify_cosignatures(note, witnesses)) == 4
        for reader in clients.values():
            for owner in FIVE:
                dataset = f"{owner}/ecology/monitoring-section"
                eventually(
                    lambda reader=reader, dataset=dataset: (  # type: ignore[misc]
                        reader.query(dataset, columns=["section_code"]).table().num_rows == len(SECTIONS)
                    )
                )
