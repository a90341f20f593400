"""Two hubs, each a process of its own: agreements across the border, mirrors, witnesses."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import csv

from demo.hub import HubProcess, fixed_ports, introduce
from demo.sample import monitoring_sections, water_quality
from exchange.agreement.move import Act
from exchange.client import Client, connect
from exchange.client.agreement import get_agreement, list_reads
from exchange.errors import HechuanError, InvalidInputError, NotFoundError, PermissionDeniedError
from exchange.home import HubDirectory
from exchange.ledger import Receipt, VerifierKey, verify_cosignatures, verify_receipt
from exchange.v1 import agreement_pb2
from tests.e2e.test_agreement import cases

pytestmark = pytest.mark.e2e
CASES = "500000/ecology/enforcement-case"
QUALITY = "500000/ecology/water-quality"
READER = "510000/ecology"
IN_FORCE = agreement_pb2.AGREEMENT_STATE_IN_FORCE


def eventually(found: Callable[[], object], seconds: float = 20.0) -> None:
    """Wait for something that another process does."""
    deadline = time.monotonic() + seconds
    error: Exception | None = None
    while time.monotonic() < deadline:
        try:
            if found():
                return
        except HechuanError as raised:
            error = raised
        time.sleep(0.02)
    raise AssertionError(f"it did not come about in {seconds} s: {error}")


@dataclass(frozen=True, slots=True)
class Pair:
    """Chongqing's hub and Sichuan's, and an agency of each."""

    chongqing: HubProcess
    sichuan: HubProcess
    owner: Path
    reader: Path


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    root = tmp_path_factory.mktemp("pair")
    hubs = [HubProcess(root, jurisdiction, fixed_ports()) for jurisdiction in ("500000", "510000")]
    introduce(root, *hubs)
    with ExitStack() as stack:
        chongqing, sichuan = (stack.enter_context(hub) for hub in hubs)
        yield Pair(chongqing, sichuan, chongqing.enroll("ecology"), sichuan.enroll("ecology"))


@pytest.fixture(scope="module")
def owner(pair: Pair, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    path = tmp_path_factory.mktemp("cases") / "cases.csv"
    csv.write_csv(pa.Table.from_pylist(list(cases(40))), path)
    with connect(pair.owner) as client:
        client.publish("monitoring-section", monitoring_sections())
        client.publish("water-quality", water_quality(1080))
        assert client.publish("enforcement-case", path).batch.verdict.rejected == 0
        yield client


@pytest.fixture(scope="module")
def reader(pair: Pair, owner: Client) -> Iterator[Client]:
    with connect(pair.reader) as client:
        yield client


def until(days: int = 30) -> datetime:
    return datetime.now(UTC) + timedelta(days=days)


def agree(owner: Client, reader: Client, dataset: str = CASES, **terms: object) -> str:
    """Each side speaks at its own hub; the hubs tell each other."""
    asked = reader.propose(dataset, purpose="联合执法", until=until(), **terms)
    id, steps = asked.agreement.id, 1
    for side in (owner, reader, owner):
        eventually(lambda side=side, steps=steps: len(get_agreement(side, id).moves) == steps)  # type: ignore[misc]
        side.sign(id)
        steps += 1
    eventually(lambda: get_agreement(reader, id).state == IN_FORCE)
    return id


def test_open_data_is_read_through_ones_own_hub(owner: Client, reader: Client) -> None:
    rows = reader.query(QUALITY, limit=100)
    assert rows.table().num_rows == 100
    assert rows.statement is not None
    assert (rows.statement["hub"], rows.statement["origin"]["hub"]) == ("510000", "500000")
    assert rows.statement["origin"]["statement"]["signatures"]
    with pytest.raises(NotFoundError):
        reader.query("500000/ecology/hydrology").table()
    with pytest.raises(NotFoundError):
        reader.query("520000/ecology/water-quality").table()


def test_agreement_across_the_border_by_query_through(owner: Client, reader: Client) -> None:
    with pytest.raises(PermissionDeniedError) as refused:
        reader.query(CASES).table()
    assert refused.value.detail["reason"] == "AGREEMENT_REQUIRED"
    columns = ("case_number", "status")
    id = agree(owner, reader, columns=columns, row_filter="row.case_number.endsWith('7号')")
    assert reader.query(CASES).table().num_rows == 4
    [read] = [each for each in list_reads(owner, CASES) if each.outcome == "complete"]
    assert (read.reader, read.via, read.rows, read.agreement) == (READER, "510000", 4, id)
    both = [get_agreement(side, id) for side in (owner, reader)]
    assert both[0].signed_terms == both[1].signed_terms != b""
    reader.sign(id, Act.TERMINATE, "完成")
    eventually(lambda: get_agreement(owner, id).state == agreement_pb2.AGREEMENT_STATE_TERMINATED)
    with pytest.raises(PermissionDeniedError):
        reader.query(CASES).table()


def test_impossible_terms_are_refused_where_they_are_asked(owner: Client, reader: Client) -> None:
    """The consumer's hub knows the provider's contract from the copy of its ledger."""
    for wrong in ({"row_filter": "row.no_such == 1"}, {"columns": ["no_such"]}):
        with pytest.raises(InvalidInputError):
            reader.propose(CASES, purpose="联合执法", until=until(), **wrong)
    assert reader.query(QUALITY, limit=1).table().num_rows == 1


def test_a_mirror_answers_while_the_owner_is_down(pair: Pair, owner: Client, reader: Client) -> None:
    id = agree(owner, reader, mirror=True)

    def from_mirror() -> bool:
        rows = reader.query(CASES)
        table = rows.table()
        assert table.num_rows == 40
        assert rows.statement is not None
        return rows.statement["origin"] == {"hub": "500000", "statement": None}

    eventually(from_mirror)
    there = next(each for each in list_reads(owner, CASES) if each.agreement == id and each.via)
    assert (there.reader, there.rows, there.outcome) == (READER, 40, "complete")
    pair.chongqing.stop()
    try:
        assert from_mirror()
        with pytest.raises(HechuanError) as down:
            reader.query(QUALITY).table()
        assert down.value.retryable
    finally:
        pair.chongqing.start()
    eventually(lambda: reader.query(QUALITY, limit=1).table().num_rows == 1)
    assert get_agreement(owner, id).state == IN_FORCE


def test_receipts_carry_cosignatures(pair: Pair, owner: Client) -> None:
    published = owner.publish("water-quality", water_quality(9, start=2000))
    witness = HubDirectory(pair.sichuan.directory).witness_verifier()

    def witnessed() -> bool:
        receipt = Receipt.parse(owner.receipt(published.id))
        checkpoint = verify_receipt(receipt, receipt.extra, VerifierKey.parse(owner.profile.log_key))
        return checkpoint.size > published.index and witness in verify_cosignatures(
            receipt.checkpoint, [witness]
        )

    eventually(witnessed)


def test_a_publisher_may_wait_for_witnesses(pair: Pair, owner: Client) -> None:
    published = owner.publish("water-quality", water_quality(9, start=3000), witnesses=1)
    witness = HubDirectory(pair.sichuan.directory).witness_verifier()
    assert witness in verify_cosignatures(Receipt.parse(published.receipt).checkpoint, [witness])
