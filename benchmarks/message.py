"""Publish calls made beforehand, so that a clock sees the hub and not the client's signing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from demo.sample import water_quality
from exchange.batch.encode import encode
from exchange.batch.manifest import PAYLOAD_TYPE, Kind, Manifest, MediaType
from exchange.client import connect
from exchange.ids import DatasetId, digest_of
from exchange.trust.envelope import sign
from exchange.v1 import exchange_pb2


@dataclass(frozen=True, slots=True)
class Message:
    """Envelope and data of one small batch."""

    envelope: bytes
    data: bytes

    def request(self) -> exchange_pb2.PublishRequest:
        """The only message of the call."""
        return exchange_pb2.PublishRequest(envelope=self.envelope, data=self.data)

    def small(self) -> exchange_pb2.SmallBatch:
        """One of several in a call."""
        return exchange_pb2.SmallBatch(envelope=self.envelope, data=self.data)


def one_row_messages(home: Path, count: int) -> Sequence[Message]:
    """Batches of one row each, all of different rows."""
    with connect(home) as client:
        contract, agency, key = (
            client.contract("water-quality"),
            client.profile.agency,
            client.profile.signing_key(),
        )
    now = datetime.now(UTC)
    rows = water_quality(count)
    found = []
    for number in range(count):
        data = encode(rows.slice(number, 1), contract)
        manifest = Manifest(
            publisher=agency,
            dataset=DatasetId(agency, contract.ref.name),
            contract=contract.ref,
            kind=Kind.OBSERVATION,
            media_type=MediaType.PARQUET,
            digest=digest_of(data),
            bytes=len(data),
            rows=1,
            period=None,
            created_at=now,
            expires_at=now + timedelta(days=1),
            idempotency_key=f"row-{number}",
        )
        found.append(Message(sign(manifest.to_json(), PAYLOAD_TYPE, key).to_json_bytes(), data))
    return found
