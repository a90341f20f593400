"""Two hub processes on one PostgreSQL and one bucket: one appends at a time, and the other takes over when it dies."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest

from demo.hub import HubProcess, hechuan
from demo.sample import monitoring_sections, water_quality
from exchange.client import connect
from exchange.client.profile import Profile
from exchange.client.verify import verify_receipt_text
from exchange.member import HubCard
from tests.behaviour.server import ACCESS_KEY, SECRET_KEY, postgresql, seaweedfs
from tests.e2e.test_two_hubs import eventually

pytestmark = [pytest.mark.e2e, pytest.mark.postgres, pytest.mark.s3]
DATASET = "500000/ecology/water-quality"
SECTIONS = "500000/ecology/monitoring-section"
ROWS = 30
EACH = 12


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str, dict[str, str]]]:
    """URLs of a database and a bucket, and the environment that opens the bucket."""
    secrets = {
        "AWS_ACCESS_KEY_ID": ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    with pytest.MonkeyPatch.context() as patch:
        for name, value in secrets.items():
            patch.setenv(name, value)
        with (
            postgresql(tmp_path_factory.mktemp("postgresql")) as database,
            seaweedfs(tmp_path_factory.mktemp("s3")) as (endpoint, _),
        ):
            client = boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1")
            client.create_bucket(Bucket="hechuan")
            client.close()
            yield database, f"s3://hechuan/hub?endpoint={endpoint}&region=us-east-1", secrets


def twin(hub: HubProcess, root: Path) -> HubProcess:
    """The same hub, keys and all, as a second process with a directory of its own."""
    root.mkdir()
    shutil.copytree(hub.directory, root / hub.directory.name, ignore=shutil.ignore_patterns("state"))
    (root / hub.directory.name / "state").mkdir(mode=0o700)
    return HubProcess(root, hub.jurisdiction)


def home_at(home: Path, hub: HubProcess, root: Path) -> Path:
    """The agency's home, pointed at another process of the same hub."""
    copy = root / home.name
    shutil.copytree(home, copy)
    card = copy / "hubs" / f"{hub.jurisdiction}.json"
    found = HubCard.parse(card.read_bytes())
    moved = HubCard(found.jurisdiction, hub.address, found.authority, found.log_key, found.statement_key)
    card.write_bytes(moved.to_bytes())
    return copy


def publish(home: Path, start: int, done: list[str], receipts: list[str]) -> None:
    with connect(home) as client:
        for at in range(EACH):
            found = client.publish(
                "water-quality", water_quality(ROWS, start=(start + at) * ROWS), key=f"{start + at}"
            )
            done.append(found.id)
            receipts.append(found.receipt)


def found_by(home: Path, text: str) -> set[str]:
    """Datasets that the search finds, over the ledger in PostgreSQL."""
    with connect(home) as client:
        return {hit.dataset.id for hit in client.search(text)}


def test_two_processes_are_one_hub(
    stores: tuple[str, str, dict[str, str]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    database, objects, _ = stores
    url = database.replace("postgresql://", "postgresql+psycopg://")
    one = HubProcess(tmp_path, "500000", ["--ledger", url, "--objects", objects])
    with (one.directory / "hub.toml").open("a", encoding="utf-8") as settings:
        settings.write("\n[compact]\nleast_batches = 20\n")
    one.start()
    home = one.enroll("ecology")
    two = twin(one, tmp_path / "second")
    two.start()
    other = home_at(home, two, tmp_path / "second")
    with connect(home) as client:
        client.publish("monitoring-section", monitoring_sections())
    done: list[str] = []
    receipts: list[str] = []
    threads = [
        threading.Thread(target=publish, args=(place, number * EACH, done, receipts))
        for number, place in enumerate((home, other, home, other))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(done)) == 4 * EACH
    for place in (home, other):
        eventually(lambda place=place: found_by(place, "CQ-ZHUTUO") >= {SECTIONS, DATASET}, 60)  # type: ignore[misc]
    one.kill()
    publish(other, 4 * EACH, done, receipts)
    with connect(other) as client:
        held = {batch.id for batch in client.batches(DATASET)}
        apart = client.query(DATASET)
        assert apart.table().num_rows == 5 * EACH * ROWS
        assert hechuan("compact", two.directory) == 0
        assert "batches 批次 60 · made 新 1" in capsys.readouterr().out
        together = client.query(DATASET)
        assert together.table().num_rows == 5 * EACH * ROWS
        assert apart.statement is not None
        assert together.statement is not None
        assert together.statement["digest"] == apart.statement["digest"]
    assert held == set(done)
    key = Profile.load(home).log_key
    assert {verify_receipt_text(receipt, key).batch for receipt in receipts} == held
    assert hechuan("fsck", two.directory) == 0
    assert two.stop() == 0
