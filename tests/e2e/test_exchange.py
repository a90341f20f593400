"""The main job against a hub that runs as its own process: publish, read, correct, retract, watch, fetch, register."""

from __future__ import annotations

import io
import itertools
import math
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import grpc
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from pyarrow import csv

from demo.hub import HubProcess, hechuan
from demo.sample import SECTIONS, monitoring_sections, water_quality
from exchange.batch.manifest import Kind
from exchange.client import Client, Filter, Outgoing, connect
from exchange.client.call import error_of
from exchange.client.publish import Published
from exchange.client.verify import verify_receipt_file, verify_receipt_text
from exchange.contract.load import load_contract, shipped_contracts
from exchange.contract.model import CONTRACT_TYPE
from exchange.errors import (
    ConflictError,
    ContractRefusedError,
    IncompatibleContractError,
    InvalidInputError,
    MalformedError,
    PermissionDeniedError,
    ProofInvalidError,
    SchemaMismatchError,
)
from exchange.ids import digest_of
from exchange.trust.envelope import sign
from exchange.v1 import catalog_pb2, common_pb2, exchange_pb2, ledger_pb2
from tests.contracts import COLUMNS, column, contract_text
from tests.hubs import Site

pytestmark = pytest.mark.e2e
DATASET = "500000/ecology/water-quality"
ROWS = 1080


@pytest.fixture(scope="module")
def client(site: Site) -> Iterator[Client]:
    with site.client() as client:
        client.publish("monitoring-section", monitoring_sections())
        yield client


@pytest.fixture(scope="module")
def first(client: Client) -> Published:
    """1,080 good rows: twenty rounds of six sections and nine items."""
    return client.publish("water-quality", water_quality(ROWS))


def other(site: Site) -> Client:
    return connect(site.water)


def test_many_small_batches_go_in_few_calls(site: Site, first: Published) -> None:
    rows = water_quality(130)
    at = rows.column_names.index("value")
    batches = [
        Outgoing("water-quality", rows.slice(number, 1), key=f"many-{number}") for number in range(130)
    ]
    batches[70] = Outgoing("water-quality", rows.slice(70, 1).set_column(at, "value", pa.array([math.inf])))
    batches.insert(100, Outgoing("water-quality", water_quality(20_000).slice(130)))
    batches.insert(40, Outgoing("water-quality", rows.slice(40, 1).append_column("odd", pa.array([1]))))
    with other(site) as client:
        found = list(client.publish_many(iter(batches)))
        again = list(client.publish_many(batches[:1]))
        stands = client.query("500000/water/water-quality", columns=["value"]).table().num_rows
        keys = client.profile.log_keys
    assert isinstance(found.pop(40), SchemaMismatchError)
    refused = found.pop(70)
    assert isinstance(refused, ContractRefusedError)
    assert ("value", 0) in [(item.field, item.row) for item in refused.violations]
    done = [each for each in found if isinstance(each, Published)]
    assert [each.batch.verdict.accepted for each in done] == [1] * 99 + [19_870] + [1] * 30
    assert [each.index for each in done] == sorted(each.index for each in done)
    assert [verify_receipt_text(each.receipt, keys).batch for each in done] == [each.id for each in done]
    assert [each.duplicate for each in again if isinstance(each, Published)] == [True]
    assert stands == 19_999


def key_of(row: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(row[name] for name in ("section_code", "sampled_at", "item_code"))


def test_what_was_published_is_read_by_another(site: Site, first: Published) -> None:
    with other(site) as reader:
        found = reader.query(DATASET).table()
    given = water_quality(ROWS)
    assert found.select(given.column_names).equals(given.cast(found.select(given.column_names).schema))


@pytest.mark.parametrize("encoding", ["csv", "ndjson", "arrow", "parquet"])
def test_the_command_writes_every_form(encoding: str, site: Site, first: Published, tmp_path: Path) -> None:
    target = tmp_path / "rows"
    hechuan("query", DATASET, "-f", encoding, "-o", target, "--limit", "10", "--home", site.water)
    data = target.read_bytes()
    rows = {
        "csv": lambda: csv.read_csv(io.BytesIO(data)).num_rows,
        "ndjson": lambda: len(data.splitlines()),
        "arrow": lambda: pa.ipc.open_stream(data).read_all().num_rows,
        "parquet": lambda: pq.read_table(io.BytesIO(data)).num_rows,
    }[encoding]()
    assert rows == 10


def test_filters_columns_and_limits(site: Site, first: Published) -> None:
    given = water_quality(ROWS).to_pylist()
    moment = given[500]["sampled_at"]
    with other(site) as reader:
        one = reader.query(
            DATASET,
            columns=["value", "section_code", "sampled_at", "item_code"],
            filters=[
                Filter("section_code", "in", SECTIONS[:2]),
                Filter("sampled_at", "ge", (moment.isoformat(),)),
                Filter("item_code", "eq", ("w21003",)),
                Filter("value", "lt", ("0.4",)),
                Filter("method", "is_null"),
            ],
        ).table()
        few = reader.query(DATASET, limit=7).table()
    expected = [
        row
        for row in given
        if row["section_code"] in SECTIONS[:2]
        and row["sampled_at"] >= moment
        and row["item_code"] == "w21003"
        and row["value"] < 0.4
    ]
    assert one.column_names == ["value", "section_code", "sampled_at", "item_code"]
    assert [key_of(row) for row in one.to_pylist()] == [key_of(row) for row in expected]
    assert expected
    assert few.num_rows == 7


def test_correction_retraction_and_the_past(site: Site, client: Client, first: Published) -> None:
    rows = water_quality(4)
    changed = rows.set_column(rows.column_names.index("value"), "value", pa.array([1.0, 2.0, 3.0, 4.0]))
    before = datetime.now(UTC)
    corrected = client.publish("water-quality", changed, kind=Kind.CORRECTION, corrects=[first.id])
    keys = rows.slice(0, 2).select(["section_code", "sampled_at", "item_code", "monitoring_mode"])
    retracted = client.publish("water-quality", keys, kind=Kind.RETRACTION)
    moment = Filter("sampled_at", "eq", (rows["sampled_at"][0].as_py().isoformat(),))
    place = Filter("section_code", "eq", (rows["section_code"][0].as_py(),))
    with other(site) as reader:

        def values(as_of: int | datetime | None) -> dict[str, float]:
            table = reader.query(DATASET, filters=[moment, place], as_of=as_of).table()
            return {row["item_code"]: row["value"] for row in table.to_pylist()}

        items = rows["item_code"].to_pylist()
        assert [values(before)[item] for item in items] == rows["value"].to_pylist()
        assert [values(corrected.index + 1)[item] for item in items] == [1.0, 2.0, 3.0, 4.0]
        assert [values(None).get(item) for item in items] == [None, None, 3.0, 4.0]
        history = reader.query(DATASET, filters=[moment, place], history=True).table().to_pylist()
    kinds = [row["_kind"] for row in history if row["item_code"] == items[0]]
    assert kinds == ["observation", "correction", "retraction"]
    assert history[-1]["_index"] == retracted.index


def test_bad_rows_wait_for_their_correction(client: Client, tmp_path: Path) -> None:
    header = "section_code,sampled_at,item_code,monitoring_mode,value,unit,data_flag,method\n"
    row = f"{SECTIONS[0]},2026-05-01T08:00:00+08:00,{{}},manual,{{}},mg/L,N,HJ 535-2009\n"
    sheet = tmp_path / "sheet.csv"
    sheet.write_text(
        header
        + row.format("w21003", "0.5")
        + row.format("w21011", "-2")
        + row.format("w21001", "x")
        + row.format("w01019", "2.5")
    )
    done = client.publish("water-quality", sheet)
    assert (done.batch.verdict.accepted, done.batch.verdict.rejected) == (2, 2)
    assert done.batch.encoded_by_hub
    assert verify_receipt_file(_saved(done, tmp_path), client.profile.log_key, sheet).batch == done.id
    verified = verify_receipt_file(_saved(done, tmp_path), client.profile.log_keys, sheet)
    assert verified.algorithms == ("ed25519", "ml-dsa-44")
    found = client.quarantine(DATASET, batch=done.id).table().to_pylist()
    assert [(item["_row"], item["_rule"], item["_value"]) for item in found][:1] == [
        (1, "value_negative", "item_code=w21011, value=-2")
    ]
    assert {item["_rule"] for item in found} >= {"value_negative", "value.type"}
    sheet.write_text(header + row.format("w21011", "0.2") + row.format("w21001", "1.2"))
    client.publish("water-quality", sheet, kind=Kind.CORRECTION, corrects=[done.id])
    assert client.quarantine(DATASET, batch=done.id).table().num_rows == 0
    assert all(
        row["_corrected"]
        for row in client.quarantine(DATASET, batch=done.id, corrected=True).table().to_pylist()
    )


def _saved(done: Published, directory: Path) -> Path:
    path = directory / "receipt"
    path.write_text(done.receipt, encoding="utf-8")
    return path


def test_a_frame_and_a_file_of_each_kind(client: Client, tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {
            "section_code": ["CQ-FRAME-1"],
            "section_name": ["表格"],
            "province_code": ["500000"],
        }
    )
    assert client.publish("monitoring-section", frame).batch.verdict.accepted == 1
    line = tmp_path / "one.ndjson"
    line.write_text(
        '{"section_code":"CQ-LINE-1","section_name":"行","province_code":"500000"}\n', encoding="utf-8"
    )
    assert client.publish("monitoring-section", line).batch.verdict.accepted == 1
    table = pa.Table.from_pandas(frame.assign(section_code="CQ-ARROW-1"), preserve_index=False)
    arrow = tmp_path / "one.arrow"
    with pa.ipc.new_stream(arrow, table.schema) as writer:
        writer.write_table(table)
    assert client.publish("monitoring-section", arrow).batch.verdict.accepted == 1
    stands = client.query("500000/ecology/monitoring-section", columns=["section_code"]).table()
    assert {"CQ-FRAME-1", "CQ-LINE-1", "CQ-ARROW-1"} <= set(stands["section_code"].to_pylist())


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("broken.parquet", b"PAR1 and then something else", "broken.parquet is no whole Parquet file"),
        ("nothing.parquet", b"", "nothing.parquet is empty"),
        ("nothing.csv", b"", "nothing.csv is empty"),
        ("sheet.xls", b"anything", "sheet.xls: expected one of .parquet"),
    ],
)
def test_a_file_that_cannot_be_read_says_so(
    name: str, content: bytes, said: str, client: Client, tmp_path: Path
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises((InvalidInputError, MalformedError), match=said):
        client.publish("water-quality", path)


def test_exact_bytes_with_manifest_and_receipt(site: Site, client: Client, tmp_path: Path) -> None:
    source = tmp_path / "rows.parquet"
    pq.write_table(water_quality(100, start=50_000), source)
    done = client.publish("water-quality", source)
    with other(site) as reader:
        reader.fetch(done.id, tmp_path / "copy.parquet")
        assert reader.receipt(done.id) == done.receipt
    assert (tmp_path / "copy.parquet").read_bytes() == source.read_bytes()
    receipt = tmp_path / "copy.parquet.receipt"
    assert verify_receipt_file(receipt, client.profile.log_key, tmp_path / "copy.parquet").batch == done.id


def test_watch_hears_of_what_comes(site: Site, client: Client) -> None:
    heard: list[common_pb2.Batch] = []
    start = client.ledger.GetCheckpoint(ledger_pb2.GetCheckpointRequest())
    size = int(start.note.splitlines()[1])

    def listen() -> None:
        with other(site) as reader:
            events = (event for _, event in reader.watch(size, [DATASET]) if event is not None)
            for event in itertools.islice(events, 3):
                assert isinstance(event, common_pb2.Batch)
                heard.append(event)

    thread = threading.Thread(target=listen)
    thread.start()
    done = [client.publish("water-quality", water_quality(10, start=60_000 + at * 10)) for at in range(3)]
    thread.join(30)
    assert [event.id for event in heard] == [each.id for each in done]


def test_proofs_as_the_log_gives_them(client: Client, first: Published) -> None:
    verified = verify_receipt_text(client.receipt(first.id), client.profile.log_key)
    assert verified.index == first.index
    head, ed25519, ml_dsa, _ = first.receipt.rsplit("\n", 3)
    for lines in ((_changed(ed25519), ml_dsa), (ed25519, _changed(ml_dsa))):
        with pytest.raises(ProofInvalidError):
            verify_receipt_text("\n".join((head, *lines, "")), client.profile.log_keys)
    only_ed25519 = "\n".join((head, ed25519, _changed(ml_dsa), ""))
    assert verify_receipt_text(only_ed25519, client.profile.log_key).algorithms == ("ed25519",)


def _changed(line: str) -> str:
    return line[:-40] + ("B" if line[-40] == "A" else "A") + line[-39:]


def test_conditional_data_needs_an_agreement(site: Site, client: Client, tmp_path: Path) -> None:
    case = tmp_path / "case.ndjson"
    case.write_text(
        '{"case_number":"渝环罚〔2026〕1号","category":"illegal-discharge","discovered_on":"2026-03-19",'
        '"county_code":"500155","facts":"通过暗管排放","transferred_to":"none","status":"lead"}\n',
        encoding="utf-8",
    )
    client.publish("enforcement-case", case)
    assert client.query("500000/ecology/enforcement-case").table().num_rows == 1
    with other(site) as reader:
        with pytest.raises(PermissionDeniedError) as caught:
            reader.query("500000/ecology/enforcement-case").table()
        assert caught.value.detail["reason"] == "AGREEMENT_REQUIRED"
        with pytest.raises(PermissionDeniedError):
            reader.quarantine(DATASET).table()


def register(client: Client, text: bytes) -> catalog_pb2.RegisterContractResponse:
    """Register a contract version, signed; raises the hub's error as a class."""
    ref = load_contract(text).ref
    statement = {"contract": str(ref), "digest": digest_of(text), "publisher": str(client.profile.agency)}
    envelope = sign(statement, CONTRACT_TYPE, client.profile.signing_key()).to_json_bytes()
    try:
        return client.catalog.RegisterContract(
            catalog_pb2.RegisterContractRequest(yaml=text, envelope=envelope), timeout=30
        )
    except grpc.RpcError as error:
        raise error_of(error) from error


def test_a_new_contract_version(site: Site, client: Client) -> None:
    old, new = contract_text(COLUMNS[:3]), contract_text(COLUMNS[:4], version="1.1.0")
    assert register(client, old).contract.ref == "gauge@1.0.0"
    assert register(client, new).compatibility.level == catalog_pb2.COMPATIBILITY_LEVEL_FULL
    with pytest.raises(ConflictError):
        register(client, old)
    narrower = contract_text([*COLUMNS[:2], column("level", "number", unit="cm")], version="1.2.0")
    with pytest.raises(IncompatibleContractError) as caught:
        register(client, narrower)
    assert {(item.field, item.rule) for item in caught.value.violations} >= {("level", "unit_changed")}
    with other(site) as stranger, pytest.raises(PermissionDeniedError):
        register(stranger, contract_text(COLUMNS[:4], version="1.3.0"))
    at = datetime(2026, 3, 1, tzinfo=UTC)
    rows = pa.table({"section": ["A"], "at": pa.array([at], pa.timestamp("us", "UTC")), "level": [1.0]})
    assert client.publish("gauge@1.0.0", rows).batch.verdict.accepted == 1
    assert client.query("500000/ecology/gauge").table().column_names == ["section", "at", "level", "count"]


def test_the_catalogue(site: Site, first: Published) -> None:
    with other(site) as reader:
        contracts = reader.catalog.ListContracts(catalog_pb2.ListContractsRequest()).contracts
        names = {contract.ref for contract in contracts}
        datasets = reader.catalog.ListDatasets(catalog_pb2.ListDatasetsRequest()).datasets
    assert {str(load_contract(text).ref) for text in shipped_contracts()} <= names
    found = {dataset.id: dataset for dataset in datasets}
    assert found[DATASET].rows_accepted >= ROWS
    assert found[DATASET].sharing == catalog_pb2.SHARING_UNCONDITIONAL


def test_a_query_goes_on_where_it_broke(site: Site, first: Published) -> None:
    with other(site) as reader:
        request = exchange_pb2.QueryRequest(dataset=DATASET, encoding=common_pb2.ENCODING_CSV)
        whole = _bytes(reader, request)
        size = whole[0]
        request.as_of.tree_size = size
        request.offset = 1000
        assert _bytes(reader, request)[1] == whole[1][1000:]


def _bytes(reader: Client, request: exchange_pb2.QueryRequest) -> tuple[int, bytes]:
    size, data = 0, b""
    for response in reader.exchange.Query(request):
        if response.WhichOneof("part") == "header":
            size = response.header.tree_size
        data += response.data
    return size, data


def test_health_and_reflection(site: Site) -> None:
    with other(site) as reader:
        request = health_pb2.HealthCheckRequest(service="exchange.v1.ExchangeService")
        status = health_pb2_grpc.HealthStub(reader.channel).Check(request, timeout=10).status
        assert status == health_pb2.HealthCheckResponse.SERVING
        ask = reflection_pb2.ServerReflectionRequest(list_services="")
        stub = reflection_pb2_grpc.ServerReflectionStub(reader.channel)
        (answer,) = stub.ServerReflectionInfo(iter([ask]), timeout=10)
    names = {service.name for service in answer.list_services_response.service}
    assert names >= {f"exchange.v1.{name}Service" for name in ("Exchange", "Catalog", "Ledger", "Member")}


def test_a_deadline_is_kept(site: Site) -> None:
    with other(site) as reader:
        note = reader.ledger.GetCheckpoint(ledger_pb2.GetCheckpointRequest()).note
        size = int(note.splitlines()[1])
        watch = reader.exchange.Watch(exchange_pb2.WatchRequest(start=size), timeout=0.5)
        with pytest.raises(grpc.RpcError) as caught:
            for _ in watch:
                pass
    assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED  # type: ignore[attr-defined]


def test_fsck_beside_the_running_hub(site: Site, first: Published) -> None:
    assert hechuan("fsck", site.hub.directory) == 0


def test_backup_and_restore(site: Site, client: Client, first: Published, tmp_path: Path) -> None:
    assert hechuan("backup", site.hub.directory, tmp_path / "backup", "--with-keys") == 0
    restored = tmp_path / "restored"
    (tmp_path / "backup" / "hub").rename(restored)
    assert hechuan("restore", tmp_path / "backup", restored) == 0
    with pytest.raises(ConflictError):
        hechuan("restore", tmp_path / "backup", restored)


def test_a_drain_lets_work_finish(tmp_path: Path) -> None:
    hub = HubProcess(tmp_path, "420000")
    hub.start()
    home = hub.enroll("ecology")
    with connect(home) as client:
        client.publish("monitoring-section", monitoring_sections())
        done: list[Published] = []
        thread = threading.Thread(
            target=lambda: done.append(client.publish("water-quality", water_quality(300_000)))
        )
        thread.start()
        while not list((hub.directory / "state" / "spool").glob("intake-*")) and thread.is_alive():
            thread.join(0.001)
        assert hub.stop() == 0
        thread.join()
    assert done
    assert done[0].batch.verdict.accepted == 300_000
