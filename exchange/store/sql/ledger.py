"""The ledger store on SQLite or PostgreSQL."""

from __future__ import annotations

import shutil
import tempfile
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from sqlalchemy import URL, Engine, Row

from exchange.errors import BusyError, ConflictError, NotFoundError
from exchange.ids import AgencyId, DatasetId
from exchange.ports import (
    BatchRecord,
    CertificateRecord,
    ContractRecord,
    DatasetRecord,
    Entry,
    EntryKind,
    Head,
    KeyRecord,
    LedgerStore,
    MoveRecord,
    RecipientRecord,
    RevocationRecord,
    StatementRecord,
    VerdictRecord,
)
from exchange.settings import Store
from exchange.store.sql import row as rows
from exchange.store.sql.engine import explained, open_engine, open_read_only, reading, sqlite_url, writing
from exchange.store.sql.federation import SqlFederationStore
from exchange.store.sql.growth import Growth
from exchange.store.sql.migration import migrate
from exchange.store.sql.sequencer import IdempotencyKey, SqlSequencer, by_key, key_pages
from exchange.store.sql.snapshot import copy_sqlite, copy_tables, sqlite_damage
from exchange.store.sql.statement import BEYOND, Statements

_PAGE: Final = 500
_Row = Row[*tuple[Any, ...]]
# the character after "/"
_AFTER_SLASH: Final = "0"
_AFTER_ALL: Final = ":"
_READ: Final = "read the ledger"


class SqlLedgerStore:
    """LedgerStore, LedgerArchive, InvitationStore and CertificateStore; safe to share between threads."""

    def __init__(self, engine: Engine, settings: Store, migrated: bool = False) -> None:
        self._engine = engine
        self._settings = settings
        self._reading = reading(engine)
        self._writing = writing(engine)
        self._turn = threading.Lock()
        if not migrated:
            with explained("bring the database's schema up to date"):
                migrate(self._writing)
        self._sql = Statements(engine.dialect)
        self._growth = Growth(self._reading, lambda: self.head().size)

    @classmethod
    def open(cls, url: str | URL, settings: Store) -> SqlLedgerStore:
        """Open a database and bring its schema up to date; raises InvalidInputError, StorageError, UnavailableError."""
        return cls(open_engine(url, settings), settings)

    def close(self) -> None:
        """Let go of threads and connections."""
        self._growth.close()
        self._engine.dispose()

    @contextmanager
    def sequence(self) -> Iterator[SqlSequencer]:
        # threads queue here, in order of arrival or nearly so; the database's lock is between processes
        if not self._turn.acquire(timeout=self._settings.sequence_wait_seconds):
            raise BusyError("cannot append to the ledger: too many wait for their turn")
        try:
            with explained("append to the ledger"), self._writing.begin() as connection:
                sequencer = SqlSequencer(connection, self._sql)
                yield sequencer
        finally:
            self._turn.release()
        self._growth.reached(sequencer.size)

    def head(self) -> Head:
        row = self._one(self._sql.head, {}, "a head")
        return Head(row[0], row[1])

    def checkpoint(self, size: int) -> str:
        return str(self._one(self._sql.checkpoint, {"size": size}, f"a checkpoint of size {size}")[0])

    def size_at(self, instant: datetime) -> int:
        found = self._all(self._sql.newest_at, {"instant": rows.micros(instant), "page": 1})
        return found[0][0] + 1 if found else 0

    def tile(self, level: int, index: int) -> bytes:
        found = self._all(self._sql.tile, {"level": level, "idx": index})
        return bytes(found[0][0]) if found else b""

    def entry(self, index: int) -> Entry:
        found = {"start": index, "end": index + 1, "page": 1}
        return rows.to_entry(self._one(self._sql.entries, found, f"an entry {index}"))

    def entries(self, start: int, end: int) -> Iterator[Entry]:
        while page := self._all(self._sql.entries, {"start": start, "end": end, "page": _PAGE}):
            yield from map(rows.to_entry, page)
            start = page[-1][0] + 1

    def batch(self, id: str) -> BatchRecord:
        return rows.to_batch(self._one(self._sql.batch, {"id": rows.raw(id)}, f"a batch {id}"))

    def batches_by_key(self, keys: Iterable[IdempotencyKey]) -> Mapping[IdempotencyKey, BatchRecord]:
        return by_key(
            row
            for count, parameters in key_pages(keys)
            for row in self._all(self._sql.batches_by_key[count], parameters)
        )

    def batches(
        self, dataset: DatasetId, size: int, skip: int = 0, most: int = BEYOND
    ) -> Sequence[BatchRecord]:
        parameters = {"dataset": str(dataset), "before": size, "skip": skip, "most": most}
        return [rows.to_batch(row) for row in self._all(self._sql.batches_of_dataset, parameters)]

    def batches_under(self, contract: str, size: int) -> Sequence[BatchRecord]:
        parameters = {"contract": contract, "before": size}
        return [rows.to_batch(row) for row in self._all(self._sql.batches_of_contract, parameters)]

    def newest_batches(
        self, dataset: DatasetId | None, publisher: AgencyId | None, before: int, limit: int
    ) -> Sequence[BatchRecord]:
        parameters: dict[str, object] = {"before": min(before, BEYOND), "page": limit}
        if dataset:
            parameters["dataset"] = str(dataset)
        if publisher:
            parameters["publisher"] = str(publisher)
        statement = self._sql.newest_batches[bool(dataset), bool(publisher)]
        return [rows.to_batch(row) for row in self._all(statement, parameters)]

    def datasets(
        self, owner: AgencyId | None, contract: str | None, after: str, limit: int
    ) -> Sequence[DatasetRecord]:
        first, until = (f"{owner}/", f"{owner}{_AFTER_SLASH}") if owner else ("", _AFTER_ALL)
        parameters: dict[str, object] = {"after": max(after, first), "until": until, "page": limit}
        statement = self._sql.datasets
        if contract is not None:
            statement, parameters["contract"] = self._sql.datasets_of_contract, contract
        return [rows.to_dataset(row) for row in self._all(statement, parameters)]

    def dataset(self, id: DatasetId) -> DatasetRecord:
        return rows.to_dataset(self._one(self._sql.dataset, {"id": str(id)}, f"a dataset {id}"))

    def contracts(self, name: str | None = None) -> Sequence[ContractRecord]:
        found = (
            self._all(self._sql.contracts, {})
            if name is None
            else self._all(self._sql.contracts_of_name, {"name": name})
        )
        return sorted(map(rows.to_contract, found), key=lambda record: record.ref)

    def keys(self, agency: AgencyId | None = None) -> Sequence[KeyRecord]:
        found = (
            self._all(self._sql.keys, {})
            if agency is None
            else self._all(self._sql.keys_of_agency, {"agency": str(agency)})
        )
        return [rows.to_key(row) for row in found]

    def key(self, id: str) -> KeyRecord:
        return rows.to_key(self._one(self._sql.key, {"id": id}, f"a key {id}"))

    def revocations(self) -> Sequence[RevocationRecord]:
        return [rows.to_revocation(row) for row in self._all(self._sql.revocations, {})]

    def recipients(self, agency: AgencyId | None = None) -> Sequence[RecipientRecord]:
        found = (
            self._all(self._sql.recipients, {})
            if agency is None
            else self._all(self._sql.recipients_of_agency, {"agency": str(agency)})
        )
        return [rows.to_recipient(row) for row in found]

    def moves(self, start: int = 0) -> Sequence[MoveRecord]:
        return [rows.to_move(row) for row in self._all(self._sql.moves, {"start": start})]

    def verdicts(
        self, dataset: DatasetId | None, batch: str | None, before: int, limit: int
    ) -> Sequence[VerdictRecord]:
        parameters: dict[str, object] = {"before": min(before, BEYOND), "page": limit}
        statement = self._sql.verdicts
        if batch is not None:
            statement, parameters["batch"] = self._sql.verdicts_of_batch, batch
        elif dataset is not None:
            statement, parameters["dataset"] = self._sql.verdicts_of_dataset, str(dataset)
        return [rows.to_verdict(row) for row in self._all(statement, parameters)]

    def statements(self, kind: EntryKind, start: int = 0) -> Sequence[StatementRecord]:
        parameters = {"kind": kind.value, "start": start}
        return [rows.to_statement(row) for row in self._all(self._sql.statements, parameters)]

    def wait_past(self, size: int, timeout: float) -> int:
        return self._growth.wait_past(size, timeout)

    def add_invitation(self, secret_hash: str, agency: AgencyId, expires_at: datetime) -> None:
        invitation = {
            "secret_hash": secret_hash,
            "agency": str(agency),
            "expires_at": rows.micros(expires_at),
        }
        self._change(self._sql.add_invitation, invitation, "keep the invitation")

    def use_invitation(self, secret_hash: str, agency: AgencyId, now: datetime) -> bool:
        use = {"hash": secret_hash, "owner": str(agency), "now": rows.micros(now)}
        return self._change(self._sql.use_invitation, use, "use the invitation") == 1

    def add_certificate(self, certificate: CertificateRecord) -> None:
        self._change(self._sql.add_certificate, rows.certificate_row(certificate), "keep the certificate")

    def certificates(self, agency: AgencyId | None = None) -> Sequence[CertificateRecord]:
        found = (
            self._all(self._sql.certificates, {})
            if agency is None
            else self._all(self._sql.certificates_of_agency, {"agency": str(agency)})
        )
        return [rows.to_certificate(row) for row in found]

    def damage(self) -> Sequence[str]:
        with explained("check the database"):
            return sqlite_damage(self._engine) if self._engine.dialect.name == "sqlite" else []

    @contextmanager
    def snapshot(self, path: Path) -> Iterator[LedgerStore]:
        if path.exists():
            raise ConflictError(f"a snapshot does not overwrite {path}")
        with explained("copy the ledger"):
            if self._engine.dialect.name == "sqlite":
                copy_sqlite(self._engine, path)
            else:
                self._export(path)
        copy = SqlLedgerStore(open_read_only(path), self._settings, migrated=True)
        try:
            yield copy
        finally:
            copy.close()

    def load(self, path: Path) -> None:
        with tempfile.TemporaryDirectory() as scratch:
            # an older snapshot is brought up to date, in a copy
            source = SqlLedgerStore.open(sqlite_url(Path(shutil.copy(path, scratch))), self._settings)
            try:
                with (
                    explained("load the snapshot"),
                    source._engine.connect() as read,
                    self._writing.begin() as write,
                ):
                    copy_tables(read, write)
            finally:
                source.close()
        self._growth.reached(self.head().size)

    def _export(self, path: Path) -> None:
        target = SqlLedgerStore.open(sqlite_url(path), self._settings)
        try:
            with self._engine.connect() as read, target._writing.begin() as write:
                copy_tables(read.execution_options(isolation_level="REPEATABLE READ"), write)
            with target._engine.connect() as connection:
                connection.exec_driver_sql("PRAGMA journal_mode=DELETE")
        finally:
            target.close()

    def federation(self) -> SqlFederationStore:
        """Reads, cosignatures and alarms, in the same database."""
        return SqlFederationStore(self._all, self._change, self._change_all, self._sql)

    def _all(self, statement: str, parameters: Mapping[str, Any]) -> Sequence[_Row]:
        with explained(_READ), self._reading.connect() as connection:
            return connection.exec_driver_sql(statement, dict(parameters)).all()

    def _one(self, statement: str, parameters: Mapping[str, Any], what: str) -> _Row:
        found = self._all(statement, parameters)
        if not found:
            raise NotFoundError(f"the ledger does not have {what}")
        return found[0]

    def _change_all(self, statements: Sequence[tuple[str, Mapping[str, Any]]], act: str) -> list[int]:
        """Several changes in one transaction; how many rows each touched."""
        with explained(act), self._writing.begin() as connection:
            return [
                connection.exec_driver_sql(text, dict(parameters)).rowcount for text, parameters in statements
            ]

    def _change(self, statement: str, parameters: Mapping[str, Any], act: str) -> int:
        with explained(act, conflict=ConflictError), self._writing.begin() as connection:
            return connection.exec_driver_sql(statement, dict(parameters)).rowcount
