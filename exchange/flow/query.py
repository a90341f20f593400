"""Query, Quarantine and Fetch: rows and bytes out, with a signed statement of what was sent.

(0) the caller is known
(1) the dataset and the contract version that gives the columns exist
(2) the caller may read, and only these columns; a condition on a hidden column would leak it, so it is refused too
(3) the moment is pinned to a tree size
(4) the batches below that size are opened
(5) rows are read, encoded and hashed as they go
(6) the trailer is signed: rows, bytes, digest, tree size, and the query it answers

Resuming repeats (0) to (6) and leaves out the bytes that have arrived: the same query at the same tree size gives the
same bytes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Final

import pyarrow as pa

from exchange.batch.manifest import format_instant
from exchange.batch.stream import STREAM_TYPE, Encoding, encode_stream
from exchange.contract.model import Contract
from exchange.errors import (
    FieldViolation,
    InvalidInputError,
    LimitExceededError,
    PermissionDeniedError,
)
from exchange.flow.grant import Asker, Grant, Granter, Tally
from exchange.flow.read import Shelf, tree_size_at
from exchange.flow.registry import ContractRegistry
from exchange.ids import AgencyId, ContractRef, DatasetId, digest_of
from exchange.ports import Clock, Condition, LedgerStore, Plan, TableEngine
from exchange.settings import Limit
from exchange.trust.envelope import canonical, sign
from exchange.trust.keys import Signer
from exchange.trust.policy import may_read_quarantine

OPERATORS: Final = {
    "eq": 1,
    "ne": 1,
    "lt": 1,
    "le": 1,
    "gt": 1,
    "ge": 1,
    "in": -1,
    "is_null": 0,
    "not_null": 0,
}
"""Operator → how many values it takes; -1: one or more."""


@dataclass(frozen=True, slots=True)
class TextCondition:
    """A condition as it arrived: values in text form."""

    column: str
    operator: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Question:
    """What a reader asks. `moment`: a tree size, an instant, or None for now."""

    dataset: DatasetId
    encoding: Encoding
    columns: tuple[str, ...] = ()
    conditions: tuple[TextCondition, ...] = ()
    moment: int | datetime | None = None
    history: bool = False
    limit: int | None = None
    offset: int = 0
    contract: ContractRef | None = None
    # Named where a reader has several; the oldest that fits otherwise.
    agreement: str = ""

    def digest(self, tree_size: int, agreement: str = "") -> str:
        """Digest of the canonical question at a tree size, under the agreement that answers it.

        The trailer names it. PROTOCOL.md, section Streams.
        """
        return digest_of(
            canonical(
                {
                    "agreement": agreement or None,
                    "columns": list(self.columns),
                    "contract": self.contract and str(self.contract),
                    "dataset": str(self.dataset),
                    "encoding": self.encoding.value,
                    "filters": [[c.column, c.operator, list(c.values)] for c in self.conditions],
                    "history": self.history,
                    "limit": self.limit,
                    "tree_size": tree_size,
                }
            )
        )


@dataclass(frozen=True, slots=True)
class Answer:
    """Header facts and the bytes; after the last byte `trailer` of the same iterator's end is available."""

    tree_size: int
    contract: Contract
    columns: tuple[str, ...]
    stream: Iterator[bytes | Trailer]


@dataclass(frozen=True, slots=True)
class Trailer:
    """The signed end of a stream: a DSSE envelope as JSON bytes."""

    envelope: bytes


class Reader:
    """Answers questions on behalf of one hub."""

    def __init__(
        self,
        ledger: LedgerStore,
        shelf: Shelf,
        engine: TableEngine,
        contracts: ContractRegistry,
        statement_key: Signer,
        hub: str,
        clock: Clock,
        limit: Limit,
        granter: Granter,
        origin: str = "",
    ) -> None:
        """`origin` is the hub whose ledger this is a copy of, where it is one."""
        self._ledger = ledger
        self._shelf = shelf
        self._engine = engine
        self._contracts = contracts
        self._key = statement_key
        self._hub = hub
        self._clock = clock
        self._granter = granter
        self._origin = origin
        self.limit = limit

    def query(self, asker: Asker, question: Question) -> Answer:
        """Rows that stand, or their history; raises before the first byte wherever it can."""
        contract = self._contract(question).stored  # (1)
        grant = self._granted(asker, question, contract)  # (2)
        size = tree_size_at(self._ledger, question.moment)  # (3)
        conditions = tuple(self._condition(item, contract) for item in question.conditions)

        def rows(stack: ExitStack) -> tuple[pa.Schema, Iterator[pa.RecordBatch]]:
            batches = self._ledger.batches(question.dataset, size)  # (4)
            plan = Plan(
                contract,
                self._shelf.parts(stack, contract, batches),
                grant.columns,
                conditions,
                question.history,
                question.limit,
                grant.row_filter,
            )
            return self._engine.schema(plan), self._engine.standing(plan)

        extra = ("_index", "_kind", "_recorded_at") if question.history else ()
        return Answer(size, contract, (*grant.columns, *extra), self._stream(question, size, rows, grant))

    def quarantine(self, caller: AgencyId, question: Question, batch: str | None, corrected: bool) -> Answer:
        """Rejected rows with rule and reason, for the dataset's owner and stewards."""
        contract = self._contract(question).stored
        stewarded = self._granter.stewarded(caller, question.dataset, contract)
        may_read_quarantine(caller, question.dataset, stewarded)
        size = tree_size_at(self._ledger, question.moment)

        def rows(stack: ExitStack) -> tuple[pa.Schema, Iterator[pa.RecordBatch]]:
            batches = self._ledger.batches(question.dataset, size)
            parts = self._shelf.parts(stack, contract, batches)
            plan = Plan(contract, parts, tuple(c.name for c in contract.columns), (), False, question.limit)
            return self._engine.quarantine_schema(plan), self._engine.quarantined(plan, corrected, batch)

        grant = Grant(caller, "", tuple(c.name for c in contract.columns))
        return Answer(size, contract, (), self._stream(question, size, rows, grant))

    def _contract(self, question: Question) -> Contract:
        self._ledger.dataset(question.dataset)
        if question.contract is None:
            return self._contracts.newest(question.dataset.contract)
        if question.contract.name != question.dataset.contract:
            raise InvalidInputError(
                f"dataset {question.dataset} is not under contract {question.contract.name}"
            )
        return self._contracts.get(question.contract)

    def _granted(self, asker: Asker, question: Question, contract: Contract) -> Grant:
        """What the reader may see, cut down to what is asked."""
        names = {column.name for column in contract.columns}
        needed = [*question.columns, *(item.column for item in question.conditions)]
        unknown = [name for name in needed if name not in names]
        if unknown:
            raise InvalidInputError(
                f"{contract.ref} has no such columns",
                violations=[
                    FieldViolation(name, "column", "not a column of the contract") for name in unknown
                ],
            )
        grant = self._granter.grant(asker, question.dataset, contract, needed, question.agreement)
        hidden = [name for name in needed if name not in grant.columns]
        if hidden:
            raise PermissionDeniedError(
                f"columns not granted to {asker.reader}: {', '.join(dict.fromkeys(hidden))}",
                detail={"reason": "COLUMN_NOT_GRANTED"},
            )
        if len(set(question.columns)) != len(question.columns):
            raise InvalidInputError("a column is asked for twice")
        return replace(grant, columns=question.columns or grant.columns)

    def _condition(self, item: TextCondition, contract: Contract) -> Condition:
        wanted = OPERATORS.get(item.operator)
        if wanted is None:
            raise InvalidInputError(f"filter on {item.column}: unknown operator")
        if len(item.values) > self.limit.filter_values:
            raise LimitExceededError(
                f"filter on {item.column} has more than {self.limit.filter_values} values"
            )
        if (wanted < 0 and not item.values) or (wanted >= 0 and len(item.values) != wanted):
            raise InvalidInputError(
                f"filter on {item.column}: {item.operator} does not take {len(item.values)} values"
            )
        kind = contract.column(item.column).arrow_type
        if item.column in contract.sealed_columns and item.operator not in ("is_null", "not_null"):
            raise InvalidInputError(
                f"filter on {item.column}: the column is sealed, the hub cannot look into it"
            )
        return Condition(
            item.column, item.operator, tuple(_read(text, kind, item.column) for text in item.values)
        )

    def _stream(self, question: Question, size: int, rows: Rows, grant: Grant) -> Iterator[bytes | Trailer]:
        asked = question.digest(size, grant.agreement)
        with (
            self._granter.recorded(grant, question.dataset, "query", size, asked) as tally,
            ExitStack() as stack,
        ):
            schema, batches = rows(stack)
            counted = _Counted(batches, tally)
            digest, sent = hashlib.sha256(), 0
            for chunk in encode_stream(counted, schema, question.encoding):  # (5)
                grant.check()
                digest.update(chunk)
                start = max(0, question.offset - sent)
                sent += len(chunk)
                tally.bytes = sent
                if start < len(chunk):
                    yield chunk[start:] if start else chunk
            if question.offset > sent:
                raise InvalidInputError(f"offset {question.offset} is beyond the answer's {sent} bytes")
            statement = {
                "bytes": sent,
                "created_at": format_instant(self._clock.now()),
                "dataset": str(question.dataset),
                "digest": "sha256:" + digest.hexdigest(),
                "encoding": question.encoding.value,
                "hub": self._hub,
                "origin": {"hub": self._origin, "statement": None} if self._origin else None,
                "query": asked,
                "rows": tally.rows,
                "tree_size": size,
                "v": 1,
            }
            yield Trailer(sign(statement, STREAM_TYPE, self._key).to_json_bytes())  # (6)


Rows = Callable[[ExitStack], tuple[pa.Schema, Iterator[pa.RecordBatch]]]


class _Counted:
    """Counts rows as they pass."""

    def __init__(self, batches: Iterator[pa.RecordBatch], tally: Tally) -> None:
        self._batches = batches
        self._tally = tally

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        for batch in self._batches:
            self._tally.rows += batch.num_rows
            yield batch


def _read(text: str, kind: pa.DataType, column: str) -> object:
    """A filter value in the column's type; raises InvalidInputError."""
    try:
        if pa.types.is_timestamp(kind):
            instant = datetime.fromisoformat(text)
            if instant.tzinfo is None:
                raise ValueError("no offset")
            return instant
        if pa.types.is_date(kind):
            return date.fromisoformat(text)
        if pa.types.is_boolean(kind):
            return {"true": True, "false": False}[text]
        if pa.types.is_integer(kind):
            return int(text)
        if pa.types.is_floating(kind):
            return float(text)
    except (ValueError, KeyError):
        raise InvalidInputError(
            f"filter on {column}: {text[:80]!r} is not a {kind}",
            violations=[FieldViolation(column, "type", f"not a {kind}")],
        ) from None
    return text
