"""Agreements on one hub, from the request to the end, against a process of its own."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import grpc
import pyarrow as pa
import pytest
from pyarrow import csv

from demo.hub import hechuan
from exchange.agreement.move import Act, propose
from exchange.agreement.terms import Terms
from exchange.client import Client
from exchange.client.agreement import (
    get_agreement,
    list_agreements,
    list_reads,
    move_agreement,
    propose_terms,
)
from exchange.client.call import error_of
from exchange.errors import (
    AgreementEndedError,
    ConflictError,
    InvalidInputError,
    NotFoundError,
    PermissionDeniedError,
    WrongStateError,
)
from exchange.v1 import agreement_pb2, exchange_pb2
from tests.hubs import Site
from tests.shipped import GOOD

pytestmark = pytest.mark.e2e
CASES = "500000/ecology/enforcement-case"
READER = "500000/water"
PLAIN = ("case_number", "status")


def cases(count: int) -> Iterator[dict[str, str | None]]:
    for number in range(count):
        yield {**GOOD["enforcement-case"], "case_number": f"渝环罚〔2026〕{number:04}号"}


@pytest.fixture(scope="module")
def owner(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    path = tmp_path_factory.mktemp("cases") / "cases.csv"
    csv.write_csv(pa.Table.from_pylist(list(cases(40))), path)
    with site.client() as client:
        published = client.publish("enforcement-case", path)
        assert published.batch.verdict.rejected == 0, published.batch.verdict
        yield client


@pytest.fixture(scope="module")
def reader(site: Site, owner: Client) -> Iterator[Client]:
    with site.client(site.water) as client:
        yield client


def until(days: int = 30) -> datetime:
    return datetime.now(UTC) + timedelta(days=days)


def in_force(owner: Client, reader: Client, **terms: object) -> str:
    asked = propose_terms(reader, CASES, READER, purpose="联合执法", until=until(), **terms)  # type: ignore[arg-type]
    id = asked.agreement.id
    for side in (owner, reader, owner):
        state = move_agreement(side, id).agreement.state
    assert state == agreement_pb2.AGREEMENT_STATE_IN_FORCE
    return id


def test_nothing_is_read_before_an_agreement(reader: Client) -> None:
    with pytest.raises(PermissionDeniedError) as refused:
        reader.query(CASES).table()
    assert refused.value.detail["reason"] == "AGREEMENT_REQUIRED"


def test_from_request_to_the_first_row_and_to_the_end(owner: Client, reader: Client) -> None:
    asked = propose_terms(
        reader, CASES, READER, purpose="联合执法", until=until(), columns=PLAIN,
        row_filter="row.case_number.endsWith('7号') && reader.department == 'water'",
    )  # fmt: skip
    id = asked.agreement.id
    assert asked.agreement.awaited == "500000/ecology"
    with pytest.raises(ConflictError):
        move_agreement(reader, id)
    with pytest.raises(PermissionDeniedError):
        reader.query(CASES, columns=PLAIN).table()
    move_agreement(owner, id)
    move_agreement(reader, id)
    move_agreement(owner, id)

    rows = reader.query(CASES)
    table = rows.table()
    assert table.column_names == [name for name in GOOD["enforcement-case"] if name in PLAIN]
    assert sorted(table["case_number"].to_pylist()) == [f"渝环罚〔2026〕{n:04}号" for n in (7, 17, 27, 37)]
    with pytest.raises(PermissionDeniedError) as hidden:
        reader.query(CASES, columns=["case_number", "party_name"]).table()
    assert hidden.value.detail["reason"] == "COLUMN_NOT_GRANTED"

    found = get_agreement(owner, id)
    assert [move.move for move in found.moves] == ["request", "agree", "verify", "finalize"]
    assert found.signed_terms.count(b'"sig"') == 2

    [read] = [each for each in list_reads(owner) if each.agreement == id and each.outcome == "complete"]
    assert (read.reader, read.act, read.rows, read.dataset) == (READER, "query", 4, CASES)
    assert rows.statement is not None
    assert read.question == rows.statement["query"]

    move_agreement(owner, id, Act.TERMINATE, "目的已达成")
    with pytest.raises(PermissionDeniedError):
        reader.query(CASES).table()
    with pytest.raises(WrongStateError):
        move_agreement(reader, id, Act.RESUME)
    assert get_agreement(reader, id).moves[-1].reason == "目的已达成"


def test_counter_offers(owner: Client, reader: Client) -> None:
    asked = propose_terms(reader, CASES, READER, purpose="调查", until=until())
    id = asked.agreement.id
    offered = propose_terms(
        owner, CASES, READER, purpose="调查", until=until(7), columns=PLAIN, agreement=id, reason="七天足够"
    )
    assert offered.agreement.state == agreement_pb2.AGREEMENT_STATE_OFFERED
    with pytest.raises(WrongStateError):
        propose_terms(owner, CASES, READER, purpose="调查", until=until(9), agreement=id)
    for side in (reader, owner, reader, owner):
        state = move_agreement(side, id).agreement.state
    assert state == agreement_pb2.AGREEMENT_STATE_IN_FORCE
    assert list(get_agreement(owner, id).columns) == list(PLAIN)
    assert id in [each.id for each in list_agreements(reader, CASES)]
    move_agreement(reader, id, Act.TERMINATE)


def test_an_open_watch_ends_with_its_agreement(site: Site, owner: Client, reader: Client) -> None:
    id = in_force(owner, reader, columns=PLAIN)
    request = exchange_pb2.WatchRequest(start=0, datasets=[CASES])
    call = reader.exchange.Watch(request, timeout=60)
    events: list[str | None] = []
    ended: list[BaseException] = []

    def listen() -> None:
        try:
            for event in call:
                events.append(event.WhichOneof("event"))  # noqa: PERF401
        except grpc.RpcError as error:
            ended.append(error_of(error))

    listener = threading.Thread(target=listen)
    listener.start()
    while "batch" not in events:
        time.sleep(0.02)
    began = time.monotonic()
    move_agreement(owner, id, Act.SUSPEND, "核查")
    listener.join(30)
    assert not listener.is_alive()
    assert time.monotonic() - began < 5
    [error] = ended
    assert isinstance(error, AgreementEndedError)
    assert error.detail["state"] == "suspended"
    with pytest.raises(PermissionDeniedError):
        reader.query(CASES).table()
    move_agreement(owner, id, Act.RESUME)
    assert reader.query(CASES).table().num_rows == 40
    move_agreement(owner, id, Act.TERMINATE)


def test_bytes_go_only_to_who_may_read_every_row_and_open_column(
    owner: Client, reader: Client, tmp_path: Path
) -> None:
    batch = next(iter(owner.batches(CASES))).id
    id = in_force(owner, reader, columns=PLAIN)
    with pytest.raises(PermissionDeniedError):
        reader.fetch(batch, tmp_path / "part.parquet")
    move_agreement(owner, id, Act.TERMINATE)
    id = in_force(owner, reader)
    reader.fetch(batch, tmp_path / "whole.parquet")
    read = next(each for each in list_reads(owner, CASES) if each.agreement == id)
    assert (read.act, read.rows) == ("fetch", 40)
    move_agreement(owner, id, Act.TERMINATE)


@pytest.mark.parametrize(
    ("terms", "error", "field"),
    [
        ({"columns": ["no_such"]}, InvalidInputError, "no_such"),
        ({"row_filter": "row.no_such == 1"}, InvalidInputError, ""),
        ({"row_filter": "row.case_number =="}, InvalidInputError, ""),
        ({"columns": PLAIN, "mirror": True}, InvalidInputError, "mirror"),
        ({"purpose": " "}, InvalidInputError, "purpose"),
    ],
)
def test_terms_that_cannot_be(
    reader: Client, terms: dict[str, object], error: type[Exception], field: str
) -> None:
    with pytest.raises(error) as refused:
        propose_terms(reader, CASES, READER, **{"purpose": "联合执法", "until": until(), **terms})  # type: ignore[arg-type]
    violations = getattr(refused.value, "violations", ())
    assert field in [item.field for item in violations] or not field


def test_what_is_not_ones_own(site: Site, owner: Client, reader: Client) -> None:
    home = site.hub.enroll("agriculture")
    id = in_force(owner, reader, columns=PLAIN)
    with site.client(home) as stranger:
        with pytest.raises(PermissionDeniedError):
            get_agreement(stranger, id)
        with pytest.raises(PermissionDeniedError):
            list(list_reads(stranger, CASES))
        with pytest.raises(PermissionDeniedError):
            stranger.query(CASES).table()
        request = exchange_pb2.QueryRequest(dataset=CASES, agreement=id)
        with pytest.raises(NotFoundError):
            _raise(stranger, request)
        assert list_agreements(stranger) == []
        with pytest.raises(PermissionDeniedError):
            _raise(stranger, exchange_pb2.QueryRequest(dataset=CASES, on_behalf_of=READER))
    move_agreement(owner, id, Act.TERMINATE)


def _raise(client: Client, request: exchange_pb2.QueryRequest) -> None:
    try:
        for _ in client.exchange.Query(request):
            pass
    except grpc.RpcError as error:
        raise error_of(error) from error


def test_the_same_move_twice_is_one_entry(owner: Client, reader: Client) -> None:
    asked = propose_terms(reader, CASES, READER, purpose="一次", until=until())
    terms = Terms.parse(asked.agreement.terms)
    fresh = Terms.from_json({**terms.to_json(), "agreement": "ab" * 16})
    key = reader.profile.signing_key()
    envelope = propose(Act.REQUEST, fresh, None, key, reader.profile.agency, datetime.now(UTC))
    request = agreement_pb2.SubmitMoveRequest(envelope=envelope.to_json_bytes())
    first, second = (reader.agreement.SubmitMove(request) for _ in range(2))
    assert (first.duplicate, second.duplicate) == (False, True)
    assert first.receipt == second.receipt


def test_commands(site: Site, owner: Client, reader: Client, capsys: pytest.CaptureFixture[str]) -> None:
    hechuan("agreement", "propose", CASES, "--purpose", "联合执法", "--home", site.water)
    said = capsys.readouterr().out
    id = said.split()[2]
    assert "awaited 待办    500000/ecology" in said
    homes = itertools.cycle((site.ecology, site.water))
    for home in itertools.islice(homes, 3):
        hechuan("agreement", "sign", id, "--home", home)
    assert "in_force 生效" in capsys.readouterr().out
    hechuan("query", CASES, "--columns", "case_number", "--home", site.water)
    capsys.readouterr()
    hechuan("audit", "--home", site.ecology)
    assert id[:8] in capsys.readouterr().out
    hechuan("agreement", "show", id, "--home", site.ecology)
    assert "finalize" in capsys.readouterr().out
    hechuan("agreement", "terminate", id, "--home", site.ecology, "--reason", "结束")
    hechuan("agreement", "list", "--home", site.ecology)
    assert "terminated" in capsys.readouterr().out
