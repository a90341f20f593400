"""Publishing: encode, sign, send, and check what comes back."""

from __future__ import annotations

import hashlib
import mmap
import tempfile
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pyarrow as pa
import pyarrow.parquet as pq

from exchange.batch.encode import encode
from exchange.batch.manifest import PAYLOAD_TYPE, Kind, Manifest, MediaType
from exchange.batch.text import encode_text
from exchange.client.call import retried
from exchange.client.seal import give_keys, present, seal_table, vault_of
from exchange.client.verify import verify_receipt_text
from exchange.contract.model import Contract
from exchange.errors import (
    ContractRefusedError,
    DigestMismatchError,
    FieldViolation,
    InvalidInputError,
    MalformedError,
    ReplayError,
)
from exchange.ids import ContractRef, DatasetId, digest_of
from exchange.settings import Limit
from exchange.trust.envelope import Envelope, canonical, sign
from exchange.v1 import common_pb2, exchange_pb2, ledger_pb2

if TYPE_CHECKING:
    from exchange.client.session import Session

_CHUNK: Final = 1 << 20
_DEADLINE_SECONDS: Final = 3600
_EXAMPLES: Final = 20
_PAGE: Final = 1000
MEDIA_TYPES: Final = {
    ".parquet": MediaType.PARQUET,
    ".arrow": MediaType.ARROW_STREAM,
    ".arrows": MediaType.ARROW_STREAM,
    ".csv": MediaType.CSV,
    ".ndjson": MediaType.NDJSON,
    ".jsonl": MediaType.NDJSON,
}
Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Published:
    """A batch that is in the ledger, and the receipt that proves it offline."""

    batch: common_pb2.Batch
    receipt: str
    duplicate: bool

    @property
    def id(self) -> str:
        """The batch id: SHA-256 of the manifest."""
        return self.batch.id

    @property
    def index(self) -> int:
        """Position in the ledger."""
        return self.batch.index


def publish_table(
    client: Session,
    contract: str,
    table: pa.Table,
    kind: Kind,
    key: str | None,
    corrects: Sequence[str],
    valid_for: timedelta,
    progress: Progress | None,
    witnesses: int = 0,
) -> Published:
    """Seal what is restricted, encode under the contract, send; then wrap the batch's key for those who may read."""
    parsed = client.contract(contract)
    key, seal = key or uuid.uuid4().hex, None
    if kind is not Kind.RETRACTION:
        table, seal = seal_table(client, parsed, table, key)
    data = memoryview(encode(table, parsed.stored, keys_only=kind is Kind.RETRACTION))
    manifest = manifest_for(
        client, parsed.ref, kind, MediaType.PARQUET, data, table.num_rows, key, corrects, valid_for
    )
    published = _send(client, replace(manifest, seal=seal), data, progress, witnesses)
    if seal is not None:
        give_keys(client, [each for each in vault_of(client).kept() if each.keyid == seal.key])
    return published


def publish_file(
    client: Session,
    contract: str,
    path: Path,
    kind: Kind,
    key: str | None,
    corrects: Sequence[str],
    valid_for: timedelta,
    progress: Progress | None,
    witnesses: int = 0,
) -> Published:
    """Send a file as it is, without reading it into memory."""
    media_type = MEDIA_TYPES.get(path.suffix.lower())
    if media_type is None:
        raise InvalidInputError(f"{path.name}: expected one of {', '.join(MEDIA_TYPES)}")
    parsed = client.contract(contract)
    ref = parsed.ref
    if parsed.sealed_columns and kind is not Kind.RETRACTION:
        table = read_plain(path, media_type, parsed)
        if present(table, parsed):
            return publish_table(client, contract, table, kind, key, corrects, valid_for, progress, witnesses)
    with path.open("rb") as file:
        if not path.stat().st_size:
            raise InvalidInputError(f"{path.name} is empty")
        rows = _open_parquet(path).metadata.num_rows if media_type is MediaType.PARQUET else None
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped, memoryview(mapped) as data:
            manifest = manifest_for(client, ref, kind, media_type, data, rows, key, corrects, valid_for)
            return _send(client, manifest, data, progress, witnesses)


def read_plain(path: Path, media_type: MediaType, contract: Contract) -> pa.Table:
    """A file as a table, on this side, where restricted columns may be among its columns.

    Raises ContractRefusedError naming each value that cannot be read: the hub could not quarantine it sealed.
    """
    if media_type is MediaType.PARQUET:
        return _open_parquet(path).read()
    with tempfile.TemporaryDirectory() as scratch:
        target = Path(scratch) / "plain.parquet"
        encoded = encode_text(path, media_type, contract, Limit(), target)
        if encoded.violations.num_rows:
            count = encoded.violations.num_rows
            raise ContractRefusedError(
                f"有 {count} 个值无法读取，未发布 / {count} values cannot be read; nothing was published",
                violations=[
                    FieldViolation(row["column"], row["rule"], str(row["value"]), row["row"])
                    for row in encoded.violations.slice(0, _EXAMPLES).to_pylist()
                ],
            )
        return pq.read_table(target)


def _open_parquet(path: Path) -> pq.ParquetFile:
    try:
        return pq.ParquetFile(path)
    except (pa.ArrowException, OSError) as error:
        raise MalformedError(
            f"{path.name} 不是完整的 Parquet 文件 / {path.name} is no whole Parquet file: {error}"
        ) from error


def manifest_for(
    client: Session,
    contract: ContractRef,
    kind: Kind,
    media_type: MediaType,
    data: memoryview | bytes,
    rows: int | None,
    key: str | None,
    corrects: Sequence[str],
    valid_for: timedelta,
) -> Manifest:
    """The manifest of a batch that is to be published now."""
    now = datetime.now(UTC)
    agency = client.profile.agency
    return Manifest(
        publisher=agency,
        dataset=DatasetId(agency, contract.name),
        contract=contract,
        kind=kind,
        media_type=media_type,
        digest="sha256:" + hashlib.sha256(data).hexdigest(),
        bytes=len(data),
        rows=rows,
        period=None,
        created_at=now,
        expires_at=now + valid_for,
        idempotency_key=key or uuid.uuid4().hex,
        corrects=tuple(corrects),
    )


def _send(
    client: Session, manifest: Manifest, data: memoryview, progress: Progress | None, witnesses: int
) -> Published:
    envelope = signed(client, manifest)

    def send() -> exchange_pb2.PublishResponse:
        messages = _messages(envelope, data, progress, witnesses)
        if len(data) > _CHUNK:
            return client.exchange.Publish(messages, timeout=_DEADLINE_SECONDS)
        (message,) = messages
        return client.publish_one(message, timeout=_DEADLINE_SECONDS)

    try:
        response = retried(send)
    except ReplayError as error:
        return held(client, manifest, error)
    return received(client, envelope, response)


def signed(client: Session, manifest: Manifest) -> Envelope:
    """A manifest under the agency's signing key."""
    return sign(canonical(manifest.to_json()), PAYLOAD_TYPE, client.profile.signing_key())


def received(client: Session, envelope: Envelope, response: exchange_pb2.PublishResponse) -> Published:
    """The hub's answer, once its receipt proves it; raises DigestMismatchError and what the receipt is wrong in."""
    verified = verify_receipt_text(response.receipt, client.profile.log_keys)
    if verified.batch != digest_of(envelope.payload):
        raise DigestMismatchError("the hub's receipt is about another batch")
    return Published(response.batch, response.receipt, response.duplicate)


def held(client: Session, manifest: Manifest, error: ReplayError) -> Published:
    """What another process published under the key, if it is the same object for the same dataset; else the error."""
    batch_id, token, seen = error.detail.get("batch", ""), "", False
    while batch_id and not seen:
        request = exchange_pb2.ListBatchesRequest(
            dataset=str(manifest.dataset), page_size=_PAGE, page_token=token
        )
        page = retried(lambda request=request: client.exchange.ListBatches(request, timeout=30))  # type: ignore[misc]
        for batch in page.batches:
            seen = batch.id == batch_id
            if seen and batch.source == manifest.digest and batch.contract == str(manifest.contract):
                asked = ledger_pb2.GetReceiptRequest(batch=batch_id)
                receipt = retried(lambda asked=asked: client.ledger.GetReceipt(asked, timeout=30)).receipt  # type: ignore[misc]
                if verify_receipt_text(receipt, client.profile.log_keys).batch == batch_id:
                    return Published(batch, receipt, True)
            if seen:
                break
        token = page.next_page_token
        if not token:
            break
    raise error


def _messages(
    envelope: Envelope, data: memoryview, progress: Progress | None, witnesses: int
) -> Iterator[exchange_pb2.PublishRequest]:
    yield exchange_pb2.PublishRequest(
        envelope=envelope.to_json_bytes(), data=bytes(data[:_CHUNK]), witnesses=witnesses
    )
    for start in range(_CHUNK, len(data), _CHUNK):
        if progress:
            progress(start, len(data))
        yield exchange_pb2.PublishRequest(data=bytes(data[start : start + _CHUNK]))
    if progress:
        progress(len(data), len(data))
