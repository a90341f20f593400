"""A client that no one here generated: Node's grpc-js, written from PROTOCOL.md, publishes and verifies."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from demo.sample import SECTIONS, monitoring_sections
from exchange.client import connect
from tests.hubs import Site

pytestmark = [pytest.mark.e2e, pytest.mark.node]
HERE = Path(__file__).parent / "node"
ROOT = Path(__file__).resolve().parents[2]
SECONDS = 180
TRIES = 3


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The client with its packages, as the lock file names them."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        pytest.skip("Node.js and npm are not installed: the JavaScript client cannot run")
    target = tmp_path_factory.mktemp("node")
    for path in HERE.iterdir():
        if path.is_file():
            shutil.copy(path, target)
    command = [npm, "ci", "--no-audit", "--no-fund"]
    for _ in range(TRIES):
        done = subprocess.run(
            command, cwd=target, capture_output=True, text=True, timeout=SECONDS, check=False
        )
        if not done.returncode:
            return target / "client.mjs"
    pytest.skip(f"npm cannot fetch the client's packages: {done.stderr[-300:]}")


def run(client: Path, site: Site, csv: Path, *more: str) -> dict[str, Any]:
    done = subprocess.run(
        ["node", str(client), str(site.ecology), "500000", str(ROOT / "protos"), str(csv), *more],
        capture_output=True, text=True, timeout=SECONDS, check=False,
        env={name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_node_publishes_and_verifies(client: Path, site: Site, tmp_path: Path) -> None:
    with connect(site.ecology) as ours:
        ours.publish("monitoring-section", monitoring_sections())
        sheet = tmp_path / "sheet.csv"
        header = "section_code,sampled_at,item_code,monitoring_mode,value,unit,data_flag,method\n"
        rows = "".join(
            f"{SECTIONS[0]},2026-04-{day:02}T08:00:00+08:00,w21003,manual,{value},mg/L,N,HJ 535-2009\n"
            for day, value in enumerate(("0.31", "0.42", "-1", "0.55"), start=1)
        )
        sheet.write_text(header + rows, encoding="utf-8")
        found = run(client, site, sheet, "tamper")
        assert found["duplicate"] == [False, True]
        assert found["same_receipt"]
        assert (found["verdict"]["accepted"], found["verdict"]["rejected"]) == (3, 1)
        assert set(found["tampered"]) == {"entry", "index", "root", "signature"}
        assert "accepted" not in found["tampered"].values()
        assert ours.query("500000/ecology/water-quality").table().num_rows == 3
        assert next(ours.batches("500000/ecology/water-quality")).id == found["id"]
