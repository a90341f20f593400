"""A publish call with every part in the attacker's hands."""

from __future__ import annotations

import io
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
import pyarrow as pa
import pyarrow.parquet as pq
from google.rpc import status_pb2

from demo.sample import water_quality
from exchange.batch.encode import encode
from exchange.batch.manifest import PAYLOAD_TYPE, Kind, Manifest, MediaType
from exchange.client import Client
from exchange.client.call import error_in, error_of
from exchange.errors import HechuanError
from exchange.ids import AgencyId, ContractRef, DatasetId, digest_of
from exchange.trust.envelope import sign
from exchange.trust.keys import SigningKey
from exchange.v1 import exchange_pb2

ECOLOGY = AgencyId.parse("500000/ecology")


@dataclass(frozen=True)
class Attack:
    """What is sent: members of the manifest to change, after it was made true to the bytes, and the messages."""

    data: bytes
    manifest: dict[str, Any] = field(default_factory=dict)
    media_type: MediaType = MediaType.PARQUET
    kind: Kind = Kind.OBSERVATION
    contract: str = "water-quality@1.0.0"
    key: SigningKey | None = None
    payload_type: str = PAYLOAD_TYPE
    envelope: bytes | None = None
    sent: bytes | None = None

    def on(self, client: Client) -> exchange_pb2.PublishResponse:
        """Send it; raises the hub's error as a class."""
        envelope = self.envelope if self.envelope is not None else self.sealed(client)
        try:
            return client.exchange.Publish(self._messages(envelope), timeout=60)
        except grpc.RpcError as error:
            raise error_of(error) from error

    def among(self, client: Client) -> exchange_pb2.PublishResponse:
        """Send it between two good batches, which must not be touched by it; raises as `on` does."""
        neighbours = [Attack(good(client)) for _ in range(2)]
        before, mine, after = (each.small(client) for each in (neighbours[0], self, neighbours[1]))
        request = exchange_pb2.PublishManyRequest(batches=[before, mine, after])
        first, outcome, last = client.exchange.PublishMany(request, timeout=60).outcomes
        for each in (first, last):
            assert each.published.batch.verdict.accepted == 20
        if outcome.HasField("refused"):
            raise error_in(status_pb2.Status.FromString(outcome.refused), HechuanError)
        return outcome.published

    def small(self, client: Client) -> exchange_pb2.SmallBatch:
        """All of it in one message among others."""
        envelope = self.envelope if self.envelope is not None else self.sealed(client)
        return exchange_pb2.SmallBatch(envelope=envelope, data=self.data if self.sent is None else self.sent)

    def sealed(self, client: Client) -> bytes:
        """The envelope, signed by the client's key or the attacker's."""
        members = {**manifest_of(self).to_json(), **self.manifest}
        return sign(members, self.payload_type, self.key or client.profile.signing_key()).to_json_bytes()

    def _messages(self, envelope: bytes) -> Iterator[exchange_pb2.PublishRequest]:
        data = self.data if self.sent is None else self.sent
        yield exchange_pb2.PublishRequest(envelope=envelope, data=data[: 1 << 20])
        for start in range(1 << 20, len(data), 1 << 20):
            yield exchange_pb2.PublishRequest(data=data[start : start + (1 << 20)])


def manifest_of(attack: Attack) -> Manifest:
    """A manifest that is true to the attack's bytes."""
    now = datetime.now(UTC)
    contract = ContractRef.parse(attack.contract)
    try:
        rows = pq.read_metadata(pa.BufferReader(attack.data)).num_rows
    except (pa.ArrowInvalid, OSError):
        rows = 1
    return Manifest(
        publisher=ECOLOGY,
        dataset=DatasetId(ECOLOGY, contract.name),
        contract=contract,
        kind=attack.kind,
        media_type=attack.media_type,
        digest=digest_of(attack.data),
        bytes=len(attack.data),
        rows=rows if attack.media_type is MediaType.PARQUET else None,
        period=None,
        created_at=now,
        expires_at=now + timedelta(hours=1),
        idempotency_key=uuid.uuid4().hex,
    )


def rows(count: int = 20, **columns: pa.Array) -> pa.Table:
    """Good water-quality rows, with columns put in."""
    table = water_quality(count)
    for name, array in columns.items():
        at = table.column_names.index(name) if name in table.column_names else None
        table = table.append_column(name, array) if at is None else table.set_column(at, name, array)
    return table


def parquet(table: pa.Table, **options: Any) -> bytes:
    """As any writer would write it."""
    sink = io.BytesIO()
    pq.write_table(table, sink, **options)
    return sink.getvalue()


def good(client: Client, count: int = 20) -> bytes:
    """Bytes that nobody could object to."""
    return encode(rows(count), client.contract("water-quality"))
