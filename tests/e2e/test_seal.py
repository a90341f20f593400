"""Sealed columns across two hubs: no hub ever holds a restricted value that it could read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import grpc
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow import csv

from demo.hub import hechuan
from demo.sample import monitoring_sections
from exchange.agreement.move import Act
from exchange.batch.encode import encode
from exchange.batch.manifest import Kind
from exchange.client import Client, connect, publish
from exchange.client.agreement import get_agreement
from exchange.client.call import error_of
from exchange.client.publish import Published
from exchange.client.query import Filter
from exchange.client.seal import erase_key, give_keys, vault_of
from exchange.client.verify import verify_receipt_text
from exchange.contract.load import load_contract, shipped_contracts
from exchange.contract.text import from_text
from exchange.errors import (
    ContractRefusedError,
    HechuanError,
    InvalidInputError,
    NotFoundError,
    SchemaMismatchError,
)
from exchange.v1 import seal_pb2
from tests.e2e.test_agreement import cases, until
from tests.e2e.test_two_hubs import CASES, IN_FORCE, Pair, eventually, pair

__all__ = ["pair"]
pytestmark = pytest.mark.e2e
SECRET = "合成姓名甲"
NAME = "enforcement-case"
MASKED = "512345********9987"


def rows(first: int, count: int) -> pa.Table:
    listed = [{**row, "party_name": SECRET, "party_id_masked": MASKED} for row in cases(first + count)][
        first:
    ]
    [batch] = pa.Table.from_pylist(listed).to_batches()
    typed, _ = from_text(
        batch, next(c for c in map(load_contract, shipped_contracts()) if c.ref.name == NAME)
    )
    return pa.Table.from_batches([typed])


@pytest.fixture(scope="module")
def owner(pair: Pair) -> Iterator[Client]:
    with connect(pair.owner) as client:
        client.publish("monitoring-section", monitoring_sections())
        yield client


@pytest.fixture(scope="module")
def published(owner: Client, tmp_path_factory: pytest.TempPathFactory) -> Published:
    path = tmp_path_factory.mktemp("plain") / "cases.csv"
    csv.write_csv(rows(0, 10), path)
    return owner.publish("enforcement-case", path)


@pytest.fixture(scope="module")
def reader(pair: Pair, published: Published) -> Iterator[Client]:
    with connect(pair.reader) as client:
        yield client


def agree(owner: Client, reader: Client) -> str:
    id, steps = reader.propose(CASES, purpose="联合执法", until=until()).agreement.id, 1
    for side in (owner, reader, owner):
        eventually(lambda side=side, steps=steps: len(get_agreement(side, id).moves) == steps)  # type: ignore[misc]
        side.sign(id)
        steps += 1
    eventually(lambda: get_agreement(reader, id).state == IN_FORCE)
    return id


def test_the_hub_holds_no_plaintext(pair: Pair, published: Published, owner: Client) -> None:
    assert published.batch.verdict.rejected == 0
    needles = [SECRET.encode(), MASKED.encode()]
    for path in pair.chongqing.directory.rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            assert not any(needle in data for needle in needles), path
    manifest = verify_receipt_text(published.receipt, owner.profile.log_key).manifest
    assert manifest is not None
    assert manifest.seal is not None
    assert set(manifest.seal.columns) == {"party_name", "party_id_masked"}
    assert owner.query(CASES).table()["party_name"].to_pylist() == [SECRET] * 10


def test_a_reader_of_the_other_hub_opens_what_was_agreed(
    published: Published, owner: Client, reader: Client
) -> None:
    id = agree(owner, reader)
    eventually(lambda: reader.query(CASES).table().num_rows == 10)
    found = reader.query(CASES, columns=["party_name"]).table()
    assert found.column_names == ["party_name"]
    assert set(found["party_name"].to_pylist()) == {SECRET}
    assert pa.types.is_binary(reader.query(CASES).sealed().schema.field("party_name").type)

    later = owner.publish("enforcement-case", rows(10, 5))
    assert later.batch.verdict.accepted == 5
    assert reader.query(CASES).table().num_rows == 15
    with pytest.raises(InvalidInputError, match="sealed"):
        reader.query(CASES, filters=[Filter("party_name", "eq", (SECRET,))]).table()

    owner.sign(id, Act.TERMINATE)
    eventually(lambda: get_agreement(reader, id).state != IN_FORCE)
    again = agree(owner, reader)
    assert give_keys(owner) == 2
    assert reader.query(CASES).table().num_rows == 15
    owner.sign(again, Act.TERMINATE)


def test_an_erased_key_leaves_every_proof_valid(owner: Client, reader: Client) -> None:
    batch = owner.publish("enforcement-case", rows(20, 3), key="to-be-erased")
    manifest = verify_receipt_text(batch.receipt, owner.profile.log_key).manifest
    assert manifest is not None
    assert manifest.seal is not None
    id = agree(owner, reader)
    assert erase_key(owner, "enforcement-case", manifest.seal.key) == 1
    for client in (owner, reader):
        with pytest.raises(NotFoundError):
            client.query(CASES).table()
    assert reader.query(CASES, columns=["case_number", "status"]).table().num_rows == 18
    assert manifest.seal.key not in [key.keyid for key in vault_of(owner).kept()]
    verify_receipt_text(owner.receipt(batch.id), owner.profile.log_key)
    owner.publish("enforcement-case", rows(20, 3).select(["case_number"]), kind=Kind.RETRACTION)
    assert reader.query(CASES).table().num_rows == 15
    owner.sign(id, Act.TERMINATE)


def test_restricted_values_in_the_clear_are_refused(owner: Client, tmp_path: Path) -> None:
    """By a client that seals nothing: CSV and Parquet alike."""
    plain = rows(40, 2)
    parquet, text = tmp_path / "plain.parquet", tmp_path / "plain.csv"
    contract = owner.contract("enforcement-case")
    typed = [contract.column(name).arrow_type for name in plain.column_names]
    csv.write_csv(plain, text)
    table = publish.read_plain(text, publish.MEDIA_TYPES[".csv"], contract).select(plain.column_names)
    assert table.schema.types == typed
    parquet.write_bytes(encode(table, contract))
    for path, error in ((text, ContractRefusedError), (parquet, SchemaMismatchError)):
        with pytest.raises(error) as refused:
            _send_as_it_is(owner, path)
        assert "party_name" in [item.field for item in refused.value.violations]


def _send_as_it_is(client: Client, path: Path) -> None:
    media = publish.MEDIA_TYPES[path.suffix]
    data = memoryview(path.read_bytes())
    count = pq.read_metadata(path).num_rows if path.suffix == ".parquet" else None
    ref = client.contract("enforcement-case").ref
    day = until(1) - until(0)
    manifest = publish.manifest_for(client, ref, Kind.OBSERVATION, media, data, count, None, (), day)
    publish._send(client, manifest, data, None, 0)


def test_a_restricted_value_that_breaks_the_contract_is_found_before_it_is_sealed(owner: Client) -> None:
    bad = rows(50, 2)
    at = bad.schema.get_field_index("party_id_masked")
    bad = bad.set_column(at, "party_id_masked", pa.array(["500228199001010012", None]))
    with pytest.raises(ContractRefusedError) as refused:
        owner.publish("enforcement-case", bad)
    assert refused.value.violations[0].row == 0


def test_keys_go_to_nobody_without_an_agreement(owner: Client, reader: Client) -> None:
    with pytest.raises(HechuanError) as refused:
        _keys(reader)
    assert refused.value.detail["reason"] == "AGREEMENT_REQUIRED"


def _keys(client: Client) -> None:
    try:
        client.seal.GetKeys(seal_pb2.GetKeysRequest(dataset=CASES))
    except grpc.RpcError as error:
        raise error_of(error) from error


def test_the_ledger_stands_with_all_of_it(pair: Pair, published: Published) -> None:
    for hub in (pair.chongqing, pair.sichuan):
        assert hechuan("fsck", hub.directory) == 0


def test_commands(pair: Pair, owner: Client, capsys: pytest.CaptureFixture[str]) -> None:
    hechuan("agreement", "keys", "--home", pair.owner)
    assert "recipient 接收密钥  x25519:" in capsys.readouterr().out
