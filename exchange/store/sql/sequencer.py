"""The one who appends: everything a group needs, inside the transaction that holds the turn."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import Any, Final, TypeVar

from sqlalchemy import Connection

from exchange.errors import ConflictError, StorageError
from exchange.ids import AgencyId
from exchange.ports import (
    BatchRecord,
    ContractRecord,
    Entry,
    Head,
    KeyRecord,
    MoveRecord,
    RecipientRecord,
    Record,
    RevocationRecord,
    StatementRecord,
    VerdictRecord,
)
from exchange.store.sql.engine import explained
from exchange.store.sql.row import (
    Row,
    batch_row,
    contract_row,
    dataset_rows,
    entry_row,
    instant,
    key_row,
    micros,
    move_row,
    recipient_row,
    revocation_row,
    statement_row,
    to_batch,
    verdict_row,
)
from exchange.store.sql.statement import KEYS_AT_ONCE, Statements

IdempotencyKey = tuple[AgencyId, str]
_R = TypeVar("_R", bound=Record)
_ACT: Final = "append to the ledger"


class SqlSequencer:
    """Sequencer on an open transaction; of no use after it."""

    def __init__(self, connection: Connection, sql: Statements) -> None:
        self._connection = connection
        self._sql = sql
        # locks the row on PostgreSQL; on SQLite the transaction has the write lock already
        row = connection.exec_driver_sql(sql.take_turn).first()
        if row is None:
            raise StorageError("the ledger has no head")
        self._size: int = row[0]
        self._last: int | None = row[1]

    @property
    def size(self) -> int:
        return self._size

    @property
    def last_recorded_at(self) -> datetime | None:
        return None if self._last is None else instant(self._last)

    def tile(self, level: int, index: int) -> bytes:
        row = self._connection.exec_driver_sql(self._sql.tile, {"level": level, "idx": index}).first()
        return bytes(row[0]) if row else b""

    def batches_by_key(self, keys: Iterable[IdempotencyKey]) -> Mapping[IdempotencyKey, BatchRecord]:
        return by_key(
            row
            for count, parameters in key_pages(keys)
            for row in self._connection.exec_driver_sql(self._sql.batches_by_key[count], parameters)
        )

    def write(
        self,
        entries: Sequence[Entry],
        records: Sequence[Record],
        tiles: Sequence[tuple[int, int, bytes]],
        head: Head,
    ) -> None:
        if not entries:
            return
        self._check(entries, head)
        sql, last = self._sql, micros(entries[-1].recorded_at)
        self._add(sql.add_entry, map(entry_row, entries))
        self._index(records)
        self._add(sql.put_tile, ({"level": level, "idx": at, "hashes": data} for level, at, data in tiles))
        self._add(sql.add_checkpoint, [{"size": head.size, "note": head.note}])
        moved = self._connection.exec_driver_sql(
            sql.move_head,
            {"old_size": self._size, "new_size": head.size, "note": head.note, "recorded_at": last},
        )
        if moved.rowcount != 1:
            raise StorageError("the ledger has grown under the hand that holds the turn")
        if sql.notify:
            self._connection.exec_driver_sql(sql.notify)
        self._size, self._last = head.size, last

    def _check(self, entries: Sequence[Entry], head: Head) -> None:
        indexes = range(self._size, self._size + len(entries))
        if [entry.index for entry in entries] != list(indexes) or head.size != indexes.stop:
            raise StorageError(f"a group must continue a ledger of {self._size} entries without a gap")
        instants = [micros(entry.recorded_at) for entry in entries]
        if sorted(instants) != instants or (self._last is not None and instants[0] < self._last):
            raise StorageError("an entry cannot be older than the one before it")

    def _index(self, records: Sequence[Record]) -> None:
        sql = self._sql
        batches = _of(BatchRecord, records)
        self._add(sql.add_batch, map(batch_row, batches))
        self._add(sql.add_to_dataset, dataset_rows(batches))
        with explained(_ACT, conflict=ConflictError):
            self._add(sql.add_contract, map(contract_row, _of(ContractRecord, records)))
            self._add(sql.add_key, map(key_row, _of(KeyRecord, records)))
            self._add(sql.add_recipient, map(recipient_row, _of(RecipientRecord, records)))
            self._add(sql.add_move, map(move_row, _of(MoveRecord, records)))
            self._add(sql.add_verdict, map(verdict_row, _of(VerdictRecord, records)))
            self._add(sql.add_statement, map(statement_row, _of(StatementRecord, records)))
        revocations = _of(RevocationRecord, records)
        self._add(sql.add_revocation, map(revocation_row, revocations))
        revoked = [record for record in revocations if record.key_id is not None]
        self._add(sql.revoke_key, map(_revoked, revoked))

    def _add(self, statement: str, rows: Iterable[Row]) -> None:
        if parameters := list(rows):
            self._connection.exec_driver_sql(statement, parameters)


def key_pages(keys: Iterable[IdempotencyKey]) -> Iterator[tuple[int, dict[str, str]]]:
    """Parameters of `Statements.batches_by_key`, some keys at a time, and for how many keys its text is."""
    wanted = iter(dict.fromkeys(keys))
    while some := list(islice(wanted, KEYS_AT_ONCE)):
        count = 1 if len(some) == 1 else KEYS_AT_ONCE
        # the last key fills the places that are left over
        some += some[-1:] * (count - len(some))
        parameters: dict[str, str] = {}
        for at, (agency, key) in enumerate(some):
            parameters[f"publisher_{at}"], parameters[f"key_{at}"] = str(agency), key
        yield count, parameters


def by_key(found: Iterable[Sequence[Any]]) -> Mapping[IdempotencyKey, BatchRecord]:
    """Rows of `batch` under their idempotency keys."""
    records = map(to_batch, found)
    return {(record.publisher, record.idempotency_key): record for record in records}


def _revoked(record: RevocationRecord) -> Row:
    return {"key_id": record.key_id, "owner": str(record.agency), "revoked_at": record.index}


def _of(kind: type[_R], records: Sequence[Record]) -> list[_R]:
    return [record for record in records if isinstance(record, kind)]
