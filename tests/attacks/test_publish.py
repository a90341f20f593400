"""Hostile batches, as data rows: each has its named error, nothing of it is stored, and the hub stays up."""

from __future__ import annotations

import math
import struct
from datetime import UTC, datetime, timedelta

import grpc
import numpy as np
import pyarrow as pa
import pytest

from demo.sample import monitoring_sections
from exchange.batch.manifest import Kind, MediaType, format_instant
from exchange.client import Client
from exchange.client.call import error_of
from exchange.errors import (
    ContractRefusedError,
    DigestMismatchError,
    HechuanError,
    InvalidInputError,
    LimitExceededError,
    MalformedError,
    ManifestExpiredError,
    NotFoundError,
    PermissionDeniedError,
    ReplayError,
    SchemaMismatchError,
    SignatureInvalidError,
)
from exchange.settings import Limit
from exchange.trust.keys import SigningKey
from exchange.v1 import exchange_pb2
from tests.attacks.call import Attack, good, parquet, rows
from tests.hubs import Site

pytestmark = pytest.mark.e2e
NOW = datetime.now(UTC)
PLAIN = parquet(rows())
CSV = b"section_code,sampled_at,item_code,monitoring_mode,value,unit,data_flag\n"
LINE = b"CQ-ZHUTUO,2026-03-01T00:00:00Z,w21003,automatic,0.3,mg/L,N\n"


def at(delta: timedelta) -> str:
    return format_instant(NOW + delta)


def bomb() -> bytes:
    """Ten gigabytes of one letter in a few kilobytes."""
    return parquet(pa.table({"remark": ["x" * 100_000_000] * 3}), compression="zstd", use_dictionary=False)


def footer_length(length: int) -> bytes:
    return PLAIN[:-8] + struct.pack("<I", length) + PLAIN[-4:]


def text(kind: MediaType, data: bytes) -> Attack:
    return Attack(data, media_type=kind)


ATTACKS: dict[str, tuple[Attack, type[HechuanError], str]] = {
    # the stream
    "cut short": (Attack(PLAIN, sent=PLAIN[:-10]), DigestMismatchError, "bytes arrived, the manifest says"),
    "more than announced": (Attack(PLAIN, sent=PLAIN + b"x"), DigestMismatchError, "more than the"),
    "far more than announced": (Attack(PLAIN, sent=PLAIN + bytes(3 << 20)), DigestMismatchError, "more than the"),
    "other bytes": (Attack(PLAIN, sent=PLAIN[:-1] + b"2"), DigestMismatchError, "manifest's digest"),
    "nothing at all": (Attack(PLAIN, sent=b""), DigestMismatchError, "0 bytes arrived"),
    # the envelope
    "no envelope": (Attack(PLAIN, envelope=b""), MalformedError, "first message"),
    "an envelope that is no JSON": (Attack(PLAIN, envelope=b"{"), MalformedError, "not JSON"),
    "an envelope that is a list": (Attack(PLAIN, envelope=b"[]"), MalformedError, "envelope"),
    "an envelope without signatures": (
        Attack(PLAIN, envelope=b'{"payload":"e30=","payloadType":"a/b","signatures":[]}'), MalformedError, "payload is",
    ),
    "a large envelope": (Attack(PLAIN, envelope=b" " * (17 << 10)), LimitExceededError, "16384"),
    "a deep envelope": (Attack(PLAIN, envelope=b"[" * 5000), HechuanError, ""),
    "a stranger's signature": (Attack(PLAIN, key=SigningKey.generate()), SignatureInvalidError, "not registered"),
    "another payload type": (Attack(PLAIN, payload_type="application/x"), MalformedError, "payload is"),
    # the manifest
    "another agency's name": (
        Attack(PLAIN, {"publisher": "500000/water", "dataset": "500000/water/water-quality"}),
        PermissionDeniedError, "speaks for 500000/water",
    ),
    "another agency's dataset": (
        Attack(PLAIN, {"dataset": "500000/water/water-quality"}), PermissionDeniedError, "belongs to 500000/water",
    ),
    "another dataset than the contract": (
        Attack(PLAIN, {"dataset": "500000/ecology/hydrology"}), InvalidInputError, "not under contract",
    ),
    "an unknown contract": (Attack(PLAIN, {"contract": "water-quality@9.9.9"}), NotFoundError, "9.9.9"),
    "expired": (
        Attack(PLAIN, {"created_at": at(timedelta(days=-2)), "expires_at": at(timedelta(days=-1))}),
        ManifestExpiredError, "expired",
    ),
    "from the future": (
        Attack(PLAIN, {"created_at": at(timedelta(hours=2)), "expires_at": at(timedelta(hours=3))}),
        InvalidInputError, "in the future",
    ),
    "valid for ever": (Attack(PLAIN, {"expires_at": at(timedelta(days=300))}), InvalidInputError, "31 days"),
    "an instant in another form": (Attack(PLAIN, {"created_at": "2026-03-01"}), MalformedError, "instant"),
    "a path for an agency": (Attack(PLAIN, {"publisher": "../../etc"}), MalformedError, ""),
    "a path for a dataset": (Attack(PLAIN, {"dataset": "500000/ecology/../../x"}), MalformedError, ""),
    "a path for a contract": (Attack(PLAIN, {"contract": "../x@1.0.0"}), MalformedError, ""),
    "a path for a digest": (Attack(PLAIN, {"digest": "sha256:../../../../etc/passwd"}), MalformedError, ""),
    "an upper-case digest": (Attack(PLAIN, {"digest": "sha256:" + "A" * 64}), MalformedError, ""),
    "SQL for a key": (Attack(PLAIN, {"idempotency_key": "x'; DROP TABLE batch; --\n"}), MalformedError, "printable"),
    "a key without end": (Attack(PLAIN, {"idempotency_key": "k" * 500}), MalformedError, "128"),
    "an unknown member": (Attack(PLAIN, {"admin": True}), MalformedError, "admin"),
    "another version": (Attack(PLAIN, {"v": 2}), MalformedError, "version"),
    "negative bytes": (Attack(PLAIN, {"bytes": -1}), MalformedError, "bytes"),
    "rows that are true": (Attack(PLAIN, {"rows": True}), MalformedError, "rows"),
    "other rows than the file": (Attack(PLAIN, {"rows": 21}), InvalidInputError, "20 rows, its manifest says 21"),
    "more bytes than the hub takes": (Attack(PLAIN, {"bytes": 5 << 30}), LimitExceededError, "bytes"),
    "a period that leaves rows out": (
        Attack(PLAIN, {"period": {"from": at(timedelta()), "until": at(timedelta(days=1))}}),
        ContractRefusedError, "outside the manifest's period",
    ),
    # Parquet
    "no Parquet": (Attack(b"hello, hub, hello, hub", {"rows": 1}), MalformedError, "PAR1"),
    "a footer longer than the file": (Attack(footer_length(1 << 30)), LimitExceededError, "footer"),
    "a footer of nothing": (Attack(footer_length(0)), MalformedError, "footer"),
    "a bomb": (Attack(bomb()), LimitExceededError, "uncompressed bytes"),
    "prefixes that unfold": (
        Attack(
            parquet(
                pa.table({"remark": ["x" * 1000] * 200_000}),
                use_dictionary=False, column_encoding={"remark": "DELTA_BYTE_ARRAY"},
            )
        ),
        LimitExceededError, "DELTA_BYTE_ARRAY",
    ),
    "a thousand columns": (
        Attack(parquet(pa.table({f"c{number}": [1] for number in range(1000)}))), LimitExceededError, "columns",
    ),
    "nested beyond reason": (Attack(parquet(pa.table({"value": [[[[[[1.0]]]]]]}))), LimitExceededError, "nesting"),
    "columns of another contract": (Attack(parquet(monitoring_sections())), SchemaMismatchError, "no column"),
    "a column too many": (Attack(parquet(rows(extra=pa.array(["x"] * 20)))), SchemaMismatchError, "extra"),
    "a column of another type": (
        Attack(parquet(rows(value=pa.array(["0.3"] * 20)))), SchemaMismatchError, "value is",
    ),
    "an instant without a zone": (
        Attack(parquet(rows(sampled_at=pa.array([NOW.replace(tzinfo=None)] * 20)))), SchemaMismatchError, "sampled_at",
    ),
    "infinities": (
        Attack(parquet(rows(value=pa.array([math.inf, -math.inf] * 10)))), ContractRefusedError, "20",
    ),
    "not a number": (Attack(parquet(rows(value=pa.array([math.nan] * 20)))), ContractRefusedError, "20"),
    "instants beyond the calendar": (
        Attack(
            parquet(rows(sampled_at=pa.array(np.full(20, 2**62), pa.int64()).view(pa.timestamp("us", "UTC"))))
        ),
        ContractRefusedError, "20",
    ),
    "every row twice": (Attack(parquet(pa.concat_tables([rows(), rows()]))), ContractRefusedError, "40"),
    "a retraction of other columns": (Attack(PLAIN, kind=Kind.RETRACTION), SchemaMismatchError, "no column"),
    # text
    "bad UTF-8": (text(MediaType.CSV, CSV + b"\xff\xfe\n"), MalformedError, "UTF-8"),
    "GBK": (text(MediaType.CSV, CSV + "朱沱断面水质监测,".encode("gbk") * 9 + b"\n"), MalformedError, "GBK"),
    "an Excel sheet called CSV": (text(MediaType.CSV, b"PK\x03\x04" + bytes(100)), MalformedError, "Excel"),
    "a CSV cell without end": (text(MediaType.CSV, CSV + b"x" * (9 << 20)), HechuanError, ""),
    "a CSV formula": (text(MediaType.CSV, CSV + LINE.replace(b"0.3", b"=1+1")), ContractRefusedError, "1"),
    "JSON that is nested": (text(MediaType.NDJSON, b"[" * 100_000), MalformedError, ""),
    "no Arrow": (text(MediaType.ARROW_STREAM, b"\xff\xff\xff\xff\x00\x00\x00\x7f"), MalformedError, "Arrow"),
}  # fmt: skip


@pytest.fixture(scope="module")
def client(site: Site) -> Client:
    with site.client() as client:
        client.publish("monitoring-section", monitoring_sections())
        return site.client()


@pytest.mark.parametrize("name", ATTACKS)
def test_each_has_its_error(name: str, client: Client) -> None:
    attack, error, said = ATTACKS[name]
    before = len(list(client.batches("500000/ecology/water-quality"))) if name != "cut short" else 0
    with pytest.raises(error) as caught:
        attack.on(client)
    assert said in caught.value.message
    assert not caught.value.retryable
    if before:
        assert len(list(client.batches("500000/ecology/water-quality"))) == before


@pytest.mark.parametrize(
    "name", [name for name, (attack, *_) in ATTACKS.items() if len(attack.data) < 4 << 20]
)
def test_each_has_its_error_among_others(name: str, client: Client) -> None:
    attack, error, _ = ATTACKS[name]
    alone = attack.media_type is not MediaType.PARQUET or len(attack.data) > Limit().small_batch_bytes
    with pytest.raises(LimitExceededError if alone else error) as caught:
        attack.among(client)
    assert type(caught.value) is not HechuanError
    assert not caught.value.retryable


def test_one_call_takes_so_many_batches(client: Client) -> None:
    batch = Attack(good(client)).small(client)
    request = exchange_pb2.PublishManyRequest(batches=[batch] * (Limit().many_batches + 1))
    with pytest.raises(grpc.RpcError) as caught:
        client.exchange.PublishMany(request, timeout=60)
    assert isinstance(error_of(caught.value), LimitExceededError)


def test_a_key_that_stands_for_something_else(client: Client) -> None:
    name = {"idempotency_key": "replayed"}
    first = Attack(good(client), name)
    once = first.on(client)
    assert not once.duplicate
    with pytest.raises(ReplayError, match="replayed"):
        Attack(good(client, 21), name).on(client)
    with pytest.raises(ReplayError):
        first.on(client)  # the same bytes, but signed at another time: another manifest


def test_the_same_batch_alone_and_among_others_has_one_receipt(client: Client) -> None:
    data = good(client, 30)
    attack = Attack(data, envelope=Attack(data).sealed(client))
    calls = [attack.among(client), attack.on(client), attack.among(client)]
    assert [call.duplicate for call in calls] == [False, True, True]
    assert len({call.receipt for call in calls}) == 1


def test_the_same_call_again_gives_the_same_receipt(client: Client) -> None:
    attack = Attack(good(client, 30))
    envelope = attack.sealed(client)
    calls = [Attack(attack.data, envelope=envelope).on(client) for _ in range(3)]
    assert [call.duplicate for call in calls] == [False, True, True]
    assert len({call.receipt for call in calls}) == 1


def test_after_all_of_it_the_hub_works(site: Site, client: Client) -> None:
    done = client.publish("water-quality", rows(50))
    assert done.batch.verdict.accepted == 50
    stored = client.query("500000/ecology/water-quality").table()
    assert stored.num_rows == 50
    spool = list((site.hub.directory / "state" / "spool").iterdir())
    assert [path.name for path in spool if not path.name.startswith("duck-")] == []
