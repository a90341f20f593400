"""Publishing many small batches: each is signed by itself and has a receipt of its own; many go in one call."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import pyarrow as pa
from google.rpc import status_pb2

from exchange.batch.encode import encode
from exchange.batch.manifest import Kind, Manifest, MediaType
from exchange.client.call import error_in, retried
from exchange.client.publish import Published, held, manifest_for, publish_table, received, signed
from exchange.contract.model import Contract
from exchange.errors import HechuanError, ReplayError
from exchange.trust.envelope import Envelope
from exchange.v1 import exchange_pb2

if TYPE_CHECKING:
    from exchange.client.session import Session

# well inside what a hub takes as its settings come
_BATCHES: Final = 64
_BATCH_BYTES: Final = 64 << 10
_CALL_BYTES: Final = 2 << 20
_DEADLINE_SECONDS: Final = 600


@dataclass(frozen=True, slots=True)
class Outgoing:
    """Rows that are to become one batch; the fields are those of `Client.publish`."""

    contract: str
    rows: pa.Table
    kind: Kind = Kind.OBSERVATION
    key: str | None = None
    corrects: Sequence[str] = ()
    valid_for: timedelta = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class _Ready:
    manifest: Manifest
    envelope: Envelope
    message: exchange_pb2.SmallBatch


def publish_all(client: Session, batches: Iterable[Outgoing]) -> Iterator[Published | HechuanError]:
    """What became of each, in order; the source is read no further than one call ahead.

    What needs a call of its own gets one: large batches, those whose columns are sealed here, and what cannot be sent,
    so that `publish` says why.
    """
    waiting: list[_Ready] = []
    size = 0
    for each in batches:
        ready = _ready(client, each)
        more = ready.message.ByteSize() if ready else 0
        if ready is None or len(waiting) == _BATCHES or size + more > _CALL_BYTES:
            yield from _sent(client, waiting)
            waiting, size = [], 0
        if ready is None:
            yield _alone(client, each)
        else:
            waiting.append(ready)
            size += more
    yield from _sent(client, waiting)


def _ready(client: Session, batch: Outgoing) -> _Ready | None:
    """The batch as it goes with others; None where it cannot."""
    try:
        return _packed(client, client.contract(batch.contract), batch)
    except HechuanError:
        return None


def _packed(client: Session, contract: Contract, batch: Outgoing) -> _Ready | None:
    retraction = batch.kind is Kind.RETRACTION
    if contract.sealed_columns and not retraction:
        return None
    data = encode(batch.rows, contract.stored, keys_only=retraction)
    if len(data) > _BATCH_BYTES:
        return None
    key = batch.key or uuid.uuid4().hex
    manifest = manifest_for(
        client, contract.ref, batch.kind, MediaType.PARQUET, data, batch.rows.num_rows, key, batch.corrects,
        batch.valid_for,
    )  # fmt: skip
    envelope = signed(client, manifest)
    return _Ready(manifest, envelope, exchange_pb2.SmallBatch(envelope=envelope.to_json_bytes(), data=data))


def _sent(client: Session, batches: Sequence[_Ready]) -> Iterator[Published | HechuanError]:
    if not batches:
        return
    request = exchange_pb2.PublishManyRequest(batches=[each.message for each in batches])
    response = retried(lambda: client.exchange.PublishMany(request, timeout=_DEADLINE_SECONDS))
    for batch, outcome in zip(batches, response.outcomes, strict=True):
        yield _outcome(client, batch, outcome)


def _outcome(
    client: Session, batch: _Ready, outcome: exchange_pb2.PublishOutcome
) -> Published | HechuanError:
    try:
        if outcome.HasField("published"):
            return received(client, batch.envelope, outcome.published)
        error = error_in(status_pb2.Status.FromString(outcome.refused), HechuanError)
        if isinstance(error, ReplayError):
            return held(client, batch.manifest, error)
        return _again(client, batch) if error.retryable else error
    except HechuanError as error:
        return error


def _again(client: Session, batch: _Ready) -> Published:
    request = exchange_pb2.PublishRequest(envelope=batch.message.envelope, data=batch.message.data)
    return received(
        client, batch.envelope, retried(lambda: client.publish_one(request, timeout=_DEADLINE_SECONDS))
    )


def _alone(client: Session, batch: Outgoing) -> Published | HechuanError:
    try:
        return publish_table(
            client, batch.contract, batch.rows, batch.kind, batch.key, batch.corrects, batch.valid_for, None
        )
    except HechuanError as error:
        return error
