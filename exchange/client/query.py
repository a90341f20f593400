"""Reading: rows as a checked Arrow stream, quarantine, and the exact bytes of a batch."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import grpc
import pyarrow as pa

from exchange import wire
from exchange.batch.stream import STREAM_TYPE
from exchange.client.call import error_of, retried
from exchange.client.seal import open_table
from exchange.client.verify import verify_receipt_text
from exchange.contract.model import Contract
from exchange.errors import DigestMismatchError, HechuanError, ProofInvalidError, UnavailableError
from exchange.ids import DatasetId
from exchange.trust.envelope import Envelope, parse_canonical, verify
from exchange.trust.keys import VerifyKey
from exchange.v1 import common_pb2, exchange_pb2

if TYPE_CHECKING:
    from exchange.client.session import Session

_TRIES: Final = 5
Progress = Callable[[int, int], None]
_Call = Callable[[int, int | None], Iterator[Any]]


@dataclass(frozen=True, slots=True)
class Filter:
    """A condition: operator is one of eq ne lt le gt ge in is_null not_null; values as text or datetimes."""

    column: str
    operator: str
    values: tuple[Any, ...] = ()

    def to_proto(self) -> exchange_pb2.Filter:
        """Its wire form."""
        texts = [value.isoformat() if isinstance(value, datetime) else str(value) for value in self.values]
        number = exchange_pb2.Operator.ValueType(wire.OPERATOR_NUMBERS[self.operator])
        return exchange_pb2.Filter(column=self.column, operator=number, values=texts)


class Rows:
    """An answer on its way. Nothing counts before `statement` is there: it is set once the trailer has checked."""

    def __init__(
        self, call: _Call, statement_key: str, opener: Callable[[pa.Table], pa.Table] = lambda table: table
    ) -> None:
        """`opener` opens the sealed columns of a proven table."""
        self._call = call
        self._opener = opener
        self._key = VerifyKey.parse(statement_key)
        self._hash = hashlib.sha256()
        self._bytes = 0
        self.tree_size: int | None = None
        self.statement: Mapping[str, Any] | None = None
        self.trailer = b""
        """The envelope of `statement`, as JSON, for whoever keeps the proof."""

    def chunks(self) -> Iterator[bytes]:
        """The bytes as they come; picks up after a break; raises ProofInvalidError at a bad or missing end."""
        for left in reversed(range(_TRIES)):
            try:
                yield from self._receive()
            except grpc.RpcError as error:
                ours = error_of(error)
                if not ours.retryable or not left:
                    raise ours from error
                continue
            if self.statement is None:
                raise ProofInvalidError("the stream ended without its signed trailer: it was truncated")
            return
        raise UnavailableError("the stream broke too often")

    def _receive(self) -> Iterator[bytes]:
        for response in self._call(self._bytes, self.tree_size):
            part = response.WhichOneof("part")
            if part == "header":
                self.tree_size = response.header.tree_size
            elif part == "data":
                self._hash.update(response.data)
                self._bytes += len(response.data)
                yield response.data
            else:
                self._check(response.trailer.envelope)

    def _check(self, envelope: bytes) -> None:
        payload = verify(Envelope.from_json_bytes(envelope), STREAM_TYPE, lambda key_id: self._key)
        statement = parse_canonical(payload)
        if not isinstance(statement, dict) or statement.get("digest") != "sha256:" + self._hash.hexdigest():
            raise ProofInvalidError("the bytes that arrived are not those that the hub signed")
        self.statement, self.trailer = statement, envelope

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Record batches as they come; they are proven only when the iterator has ended."""
        with pa.ipc.open_stream(_Readable(self.chunks())) as reader:
            yield from reader

    def table(self) -> pa.Table:
        """All rows, proven, sealed columns opened; raises NotFoundError where a key is not to be had."""
        return self._opener(self.sealed())

    def sealed(self) -> pa.Table:
        """All rows, proven, sealed columns as the hub has them."""
        source = _Readable(self.chunks())
        with pa.ipc.open_stream(source) as reader:
            table = reader.read_all()
        source.drain()
        assert self.statement is not None
        if self.statement["rows"] != table.num_rows:
            raise ProofInvalidError(f"{table.num_rows} rows arrived, the hub signed {self.statement['rows']}")
        return table


class _Readable:
    """Chunks as the file that pyarrow wants."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._left = memoryview(b"")
        self.closed = False

    def read(self, size: int = -1) -> bytes:
        taken: list[memoryview] = []
        while size != 0:
            if not self._left:
                chunk = next(self._chunks, None)
                if chunk is None:
                    break
                self._left = memoryview(chunk)
            piece = self._left if size < 0 else self._left[:size]
            self._left = self._left[len(piece) :]
            size -= len(piece) if size > 0 else 0
            taken.append(piece)
        return b"".join(taken)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return False

    def writable(self) -> bool:
        return False

    def close(self) -> None:
        self.closed = True

    def drain(self) -> None:
        """Take what follows, so that the trailer is checked."""
        for _ in self._chunks:
            pass


def as_of_proto(as_of: int | datetime | None) -> common_pb2.AsOf:
    """A moment in its wire form."""
    if isinstance(as_of, datetime):
        return common_pb2.AsOf(instant=wire.timestamp(as_of))
    return common_pb2.AsOf() if as_of is None else common_pb2.AsOf(tree_size=as_of)


def with_key(client: Session, dataset: str, columns: Sequence[str]) -> tuple[list[str], Contract]:
    """The columns to ask for, so that sealed ones among them can be opened, and the contract."""
    contract = client.contract(DatasetId.parse(dataset).contract)
    asked = list(columns)
    if set(asked) & set(contract.sealed_columns):
        asked += [name for name in contract.primary_key if name not in asked]
    return asked, contract


def query_request(
    dataset: str,
    columns: Sequence[str],
    filters: Sequence[Filter],
    as_of: int | datetime | None,
    history: bool,
    limit: int | None,
) -> exchange_pb2.QueryRequest:
    """A question in its wire form, Arrow wanted."""
    return exchange_pb2.QueryRequest(
        dataset=dataset,
        columns=columns,
        filters=[item.to_proto() for item in filters],
        as_of=as_of_proto(as_of),
        history=history,
        limit=limit or 0,
        encoding=common_pb2.ENCODING_ARROW_STREAM,
    )


def read_rows(
    client: Session,
    dataset: str,
    columns: Sequence[str],
    filters: Sequence[Filter],
    as_of: int | datetime | None,
    history: bool,
    limit: int | None,
    agreement: str = "",
) -> Rows:
    """Ask for rows that stand."""
    asked, contract = with_key(client, dataset, columns)
    request = query_request(dataset, asked, filters, as_of, history, limit)
    request.agreement = agreement

    def opened(table: pa.Table) -> pa.Table:
        table = open_table(client, dataset, contract, table)
        return table.select(list(columns)) if columns and not history else table

    return rows_of(client, request, opened if contract.sealed_columns else lambda table: table)


def rows_of(
    client: Session,
    request: exchange_pb2.QueryRequest,
    opener: Callable[[pa.Table], pa.Table] = lambda table: table,
) -> Rows:
    """Ask, resuming where a broken stream stopped."""

    def call(offset: int, tree_size: int | None) -> Iterator[exchange_pb2.QueryResponse]:
        if tree_size is not None:
            request.as_of.tree_size = tree_size
        request.offset = offset
        return client.exchange.Query(request)

    return Rows(call, client.profile.statement_key, opener)


def read_quarantine(
    client: Session,
    dataset: str,
    batch: str | None,
    corrected: bool,
    encoding: common_pb2.Encoding.ValueType = common_pb2.ENCODING_ARROW_STREAM,
    limit: int | None = None,
) -> Rows:
    """Ask for rejected rows."""
    request = exchange_pb2.QuarantineRequest(
        dataset=dataset, batch=batch or "", corrected=corrected, encoding=encoding, limit=limit or 0
    )

    def call(offset: int, tree_size: int | None) -> Iterator[exchange_pb2.QuarantineResponse]:
        if offset:
            raise UnavailableError("the stream broke; ask again")
        return client.exchange.Quarantine(request)

    return Rows(call, client.profile.statement_key)


def fetch(
    client: Session, batch: str, target: Path, part: str, progress: Progress | None
) -> Mapping[str, str]:
    """Bytes of one part of a batch into `target`; `target`.receipt and .envelope.json beside it.

    Goes on where an earlier try stopped (`target`.part); raises DigestMismatchError for other bytes.
    """
    number = exchange_pb2.FetchPart.Value(f"FETCH_PART_{part.upper()}")
    partial = target.with_name(target.name + ".part")

    def attempt() -> exchange_pb2.FetchHeader:
        offset = partial.stat().st_size if partial.exists() else 0
        request = exchange_pb2.FetchRequest(batch=batch, part=number, offset=offset)
        header: exchange_pb2.FetchHeader | None = None
        with partial.open("ab") as file:
            for response in client.exchange.Fetch(request):
                if response.WhichOneof("part") == "header":
                    header = response.header
                else:
                    file.write(response.data)
                    if progress and header:
                        progress(file.tell(), header.bytes)
        if header is None:
            raise UnavailableError("the hub sent no header")
        return header

    header = retried(attempt)
    with partial.open("rb") as file:
        digest = "sha256:" + hashlib.file_digest(file, "sha256").hexdigest()
    if digest != header.digest:
        partial.unlink()
        raise DigestMismatchError(f"{batch}: the fetched bytes do not have the digest of the batch")
    verified = verify_receipt_text(header.receipt, client.profile.log_keys)
    if verified.batch != batch:
        raise ProofInvalidError("the receipt is about another batch")
    os.replace(partial, target)
    receipt, envelope = (
        target.with_name(target.name + ".receipt"),
        target.with_name(target.name + ".envelope.json"),
    )
    receipt.write_text(header.receipt, encoding="utf-8")
    envelope.write_bytes(header.envelope)
    return {"digest": digest, "file": str(target), "receipt": str(receipt), "envelope": str(envelope)}


def trailer_text(rows: Rows) -> str:
    """The checked statement, for people."""
    if rows.statement is None:
        raise HechuanError("the stream has not ended")
    return json.dumps(rows.statement, ensure_ascii=False, indent=2)
