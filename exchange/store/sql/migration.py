"""Schema versions: forward only, in order, each in one transaction, by one process at a time.

A migration is SQL as it was on the day it was released and is never edited after. In its text `{int}`, `{text}`,
`{bytes}` and `{strict}` stand for what the database at hand calls them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, Engine, func, insert, inspect, select

from exchange.errors import StorageError
from exchange.store.sql.schema import schema_version

_WORDS: Final = {
    "sqlite": {"int": "INTEGER", "text": "TEXT", "bytes": "BLOB", "strict": " STRICT"},
    "postgresql": {"int": "BIGINT", "text": 'TEXT COLLATE "C"', "bytes": "BYTEA", "strict": ""},
}
# any number that is this project's alone
_ADVISORY_LOCK: Final = 0x4865636875616E


@dataclass(frozen=True, slots=True)
class Migration:
    """One step from `version` - 1 to `version`; statements are separated by semicolons."""

    version: int
    name: str
    text: str


INITIAL: Final = Migration(
    1,
    "ledger, indexes, invitations, certificates",
    """
CREATE TABLE head (
  id {int} PRIMARY KEY CHECK (id = 1),
  size {int} NOT NULL,
  note {text} NOT NULL,
  recorded_at {int}
){strict};
INSERT INTO head (id, size, note) VALUES (1, 0, '');
CREATE TABLE entry (
  idx {int} PRIMARY KEY,
  kind {text} NOT NULL,
  data {bytes} NOT NULL,
  leaf {bytes} NOT NULL CHECK (length(leaf) = 32),
  recorded_at {int} NOT NULL,
  checkpoint_size {int} NOT NULL CHECK (checkpoint_size > idx)
){strict};
CREATE INDEX entry_recorded_at ON entry (recorded_at, idx);
CREATE TABLE tile (
  level {int} NOT NULL,
  idx {int} NOT NULL,
  hashes {bytes} NOT NULL,
  PRIMARY KEY (level, idx)
){strict};
CREATE TABLE checkpoint (size {int} PRIMARY KEY, note {text} NOT NULL){strict};
CREATE TABLE batch (
  idx {int} PRIMARY KEY REFERENCES entry (idx),
  id {bytes} NOT NULL UNIQUE,
  publisher {text} NOT NULL,
  idempotency_key {text} NOT NULL,
  dataset {text} NOT NULL,
  contract {text} NOT NULL,
  version {text} NOT NULL,
  kind {text} NOT NULL,
  object {bytes} NOT NULL,
  object_bytes {int} NOT NULL,
  source {bytes} NOT NULL,
  encoded_by_hub {int} NOT NULL,
  report {bytes},
  rows {int} NOT NULL,
  accepted {int} NOT NULL,
  rejected {int} NOT NULL,
  counts {text} NOT NULL,
  corrects {text} NOT NULL,
  period_from {int},
  period_until {int},
  recorded_at {int} NOT NULL,
  UNIQUE (publisher, idempotency_key)
){strict};
CREATE INDEX batch_dataset ON batch (dataset, idx);
CREATE INDEX batch_contract ON batch (contract, idx);
CREATE INDEX batch_publisher ON batch (publisher, idx);
CREATE TABLE dataset (
  id {text} PRIMARY KEY,
  contract {text} NOT NULL,
  version {text} NOT NULL,
  batches {int} NOT NULL,
  accepted {int} NOT NULL,
  rejected {int} NOT NULL,
  period_from {int},
  period_until {int},
  updated_at {int} NOT NULL
){strict};
CREATE INDEX dataset_contract ON dataset (contract, id);
CREATE TABLE contract (
  idx {int} PRIMARY KEY REFERENCES entry (idx),
  name {text} NOT NULL,
  version {text} NOT NULL,
  digest {text} NOT NULL,
  text {bytes} NOT NULL,
  registered_by {text} NOT NULL,
  recorded_at {int} NOT NULL,
  UNIQUE (name, version)
){strict};
CREATE TABLE key (
  idx {int} PRIMARY KEY REFERENCES entry (idx),
  id {text} NOT NULL UNIQUE,
  agency {text} NOT NULL,
  public_key {text} NOT NULL,
  recorded_at {int} NOT NULL,
  revoked_index {int}
){strict};
CREATE INDEX key_agency ON key (agency, idx);
CREATE TABLE revocation (
  idx {int} PRIMARY KEY REFERENCES entry (idx),
  agency {text} NOT NULL,
  serial {text},
  key_id {text},
  recorded_at {int} NOT NULL
){strict};
CREATE TABLE invitation (
  secret_hash {text} PRIMARY KEY,
  agency {text} NOT NULL,
  expires_at {int} NOT NULL,
  used_at {int}
){strict};
CREATE TABLE certificate (
  serial {text} PRIMARY KEY,
  agency {text} NOT NULL,
  issued_at {int} NOT NULL,
  not_after {int} NOT NULL
){strict};
CREATE INDEX certificate_agency ON certificate (agency, issued_at)
""",
)
FEDERATION: Final = Migration(
    2,
    "agreements, sealed keys, reads, witnesses",
    """
CREATE TABLE move (
  idx {int} PRIMARY KEY REFERENCES entry (idx),
  id {text} NOT NULL UNIQUE,
  agreement {text} NOT NULL,
  dataset {text} NOT NULL,
  consumer {text} NOT NULL,
  envelope {bytes} NOT NULL,
  public_key {text} NOT NULL,
  origin_hub {text},
  origin_idx {int},
  recorded_at {int} NOT NULL
){strict};
CREATE TABLE recipient (
  idx {int} PRIMARY KEY REFERENCES entry (idx),
  id {text} NOT NULL,
  agency {text} NOT NULL,
  public_key {text} NOT NULL,
  recorded_at {int} NOT NULL
){strict};
CREATE INDEX recipient_agency ON recipient (agency, idx);
CREATE TABLE sealed_key (
  key {text} NOT NULL,
  agreement {text} NOT NULL,
  recipient {text} NOT NULL,
  dataset {text} NOT NULL,
  envelope {bytes} NOT NULL,
  PRIMARY KEY (key, agreement, recipient)
){strict};
CREATE INDEX sealed_key_dataset ON sealed_key (dataset, agreement);
CREATE TABLE erased_key (key {text} PRIMARY KEY, dataset {text} NOT NULL, erased_at {int} NOT NULL){strict};
CREATE TABLE access (
  id {text} PRIMARY KEY,
  dataset {text} NOT NULL,
  reader {text} NOT NULL,
  via {text} NOT NULL,
  act {text} NOT NULL,
  agreement {text} NOT NULL,
  columns {text} NOT NULL,
  tree_size {int} NOT NULL,
  question {text} NOT NULL,
  started_at {int} NOT NULL,
  ended_at {int},
  rows {int},
  bytes {int},
  outcome {text} NOT NULL
){strict};
CREATE INDEX access_dataset ON access (dataset, started_at);
CREATE TABLE cosignature (
  size {int} NOT NULL,
  witness {text} NOT NULL,
  line {text} NOT NULL,
  PRIMARY KEY (size, witness)
){strict};
CREATE TABLE witnessed (origin {text} PRIMARY KEY, size {int} NOT NULL, note {text} NOT NULL){strict};
CREATE TABLE alarm (
  id {text} PRIMARY KEY,
  kind {text} NOT NULL,
  origin {text} NOT NULL,
  raised_at {int} NOT NULL,
  evidence {text} NOT NULL
){strict}
""",
)
STATEMENTS: Final = Migration(
    3,
    "statements that concern several agencies, attachments",
    """
CREATE TABLE statement (
  idx {int} PRIMARY KEY REFERENCES entry (idx),
  kind {text} NOT NULL,
  id {text} NOT NULL UNIQUE,
  subject {text} NOT NULL,
  parties {text} NOT NULL,
  envelope {bytes} NOT NULL,
  public_key {text} NOT NULL,
  origin_hub {text},
  origin_idx {int},
  recorded_at {int} NOT NULL
){strict};
CREATE INDEX statement_kind ON statement (kind, idx);
CREATE TABLE attachment (
  digest {text} NOT NULL,
  agency {text} NOT NULL,
  kept_at {int} NOT NULL,
  PRIMARY KEY (digest, agency)
){strict}
""",
)
VERDICTS: Final = Migration(
    4,
    "verdicts of stewards",
    """
CREATE TABLE verdict (
  idx {int} PRIMARY KEY REFERENCES entry (idx),
  id {text} NOT NULL UNIQUE,
  batch {text} NOT NULL,
  dataset {text} NOT NULL,
  agency {text} NOT NULL,
  decision {text} NOT NULL,
  suite {text} NOT NULL,
  tree_size {int} NOT NULL,
  envelope {bytes} NOT NULL,
  public_key {text} NOT NULL,
  recorded_at {int} NOT NULL
){strict};
CREATE INDEX verdict_batch ON verdict (batch, idx);
CREATE INDEX verdict_dataset ON verdict (dataset, idx)
""",
)
SEGMENTS: Final = Migration(
    5,
    "segments of small batches",
    """
CREATE TABLE segment (
  object {bytes} PRIMARY KEY NOT NULL,
  reports {bytes},
  dataset {text} NOT NULL,
  contract {text} NOT NULL,
  version {text} NOT NULL,
  first_idx {int} NOT NULL,
  last_idx {int} NOT NULL,
  batches {int} NOT NULL,
  made_at {int} NOT NULL,
  retired_at {int}
){strict};
CREATE INDEX segment_dataset ON segment (dataset, first_idx)
""",
)
MIGRATIONS: Final = (INITIAL, FEDERATION, STATEMENTS, VERDICTS, SEGMENTS)


def migrate(engine: Engine, migrations: Sequence[Migration] = MIGRATIONS) -> None:
    """Bring the database to the newest version; `engine` begins transactions that may write.

    Raises StorageError for a database that newer software has written.
    """
    newest = migrations[-1].version
    if _stored_version(engine) == newest:
        return
    with _alone(engine) as connection:
        _run(
            connection,
            "CREATE TABLE IF NOT EXISTS schema_version"
            " (version {int} PRIMARY KEY, name {text} NOT NULL){strict}",
        )
    for migration in migrations:
        with _alone(engine) as connection:
            # another process may have been here first
            version = _version(connection)
            if version > newest:
                raise StorageError(
                    f"the database has schema version {version}, this software knows up to {newest};"
                    " use the software that wrote it, or newer"
                )
            if version < migration.version:
                _apply(connection, migration)


def _apply(connection: Connection, migration: Migration) -> None:
    for statement in migration.text.split(";"):
        _run(connection, statement)
    connection.execute(insert(schema_version).values(version=migration.version, name=migration.name))


def _run(connection: Connection, statement: str) -> None:
    connection.exec_driver_sql(statement.format(**_WORDS[connection.dialect.name]))


@contextmanager
def _alone(engine: Engine) -> Iterator[Connection]:
    with engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(select(func.pg_advisory_xact_lock(_ADVISORY_LOCK)))
        yield connection


def _stored_version(engine: Engine) -> int:
    with engine.connect() as connection:
        return _version(connection) if inspect(connection).has_table(schema_version.name) else 0


def _version(connection: Connection) -> int:
    return connection.execute(select(func.max(schema_version.c.version))).scalar() or 0
