"""The tables, as the statements see them. `migration` makes them; a test holds the two together.

Instants are whole microseconds since 1970 UTC. Digests of batches and objects are their 32 raw bytes. Text sorts by
code point in both databases. `head` has one row, and locking it is the right to append.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Index,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
)

metadata = MetaData()

head = Table(
    "head",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("size", BigInteger, nullable=False),
    Column("note", Text, nullable=False),
    Column("recorded_at", BigInteger),
)

entry = Table(
    "entry",
    metadata,
    Column("idx", BigInteger, primary_key=True, autoincrement=False),
    Column("kind", Text, nullable=False),
    Column("data", LargeBinary, nullable=False),
    Column("leaf", LargeBinary, nullable=False),
    Column("recorded_at", BigInteger, nullable=False),
    Column("checkpoint_size", BigInteger, nullable=False),
    Index("entry_recorded_at", "recorded_at", "idx"),
)

tile = Table(
    "tile",
    metadata,
    Column("level", BigInteger, primary_key=True, autoincrement=False),
    Column("idx", BigInteger, primary_key=True, autoincrement=False),
    Column("hashes", LargeBinary, nullable=False),
)

checkpoint = Table(
    "checkpoint",
    metadata,
    Column("size", BigInteger, primary_key=True, autoincrement=False),
    Column("note", Text, nullable=False),
)

batch = Table(
    "batch",
    metadata,
    Column("idx", BigInteger, ForeignKey("entry.idx"), primary_key=True, autoincrement=False),
    Column("id", LargeBinary, nullable=False),
    Column("publisher", Text, nullable=False),
    Column("idempotency_key", Text, nullable=False),
    Column("dataset", Text, nullable=False),
    Column("contract", Text, nullable=False),
    Column("version", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("object", LargeBinary, nullable=False),
    Column("object_bytes", BigInteger, nullable=False),
    Column("source", LargeBinary, nullable=False),
    Column("encoded_by_hub", BigInteger, nullable=False),
    Column("report", LargeBinary),
    Column("rows", BigInteger, nullable=False),
    Column("accepted", BigInteger, nullable=False),
    Column("rejected", BigInteger, nullable=False),
    # JSON texts: an object of rule → rows, an array of batch ids
    Column("counts", Text, nullable=False),
    Column("corrects", Text, nullable=False),
    Column("period_from", BigInteger),
    Column("period_until", BigInteger),
    Column("recorded_at", BigInteger, nullable=False),
    UniqueConstraint("id"),
    UniqueConstraint("publisher", "idempotency_key"),
    Index("batch_dataset", "dataset", "idx"),
    Index("batch_contract", "contract", "idx"),
    Index("batch_publisher", "publisher", "idx"),
)

dataset = Table(
    "dataset",
    metadata,
    Column("id", Text, primary_key=True),
    Column("contract", Text, nullable=False),
    Column("version", Text, nullable=False),
    Column("batches", BigInteger, nullable=False),
    Column("accepted", BigInteger, nullable=False),
    Column("rejected", BigInteger, nullable=False),
    Column("period_from", BigInteger),
    Column("period_until", BigInteger),
    Column("updated_at", BigInteger, nullable=False),
    Index("dataset_contract", "contract", "id"),
)

contract = Table(
    "contract",
    metadata,
    Column("idx", BigInteger, ForeignKey("entry.idx"), primary_key=True, autoincrement=False),
    Column("name", Text, nullable=False),
    Column("version", Text, nullable=False),
    Column("digest", Text, nullable=False),
    Column("text", LargeBinary, nullable=False),
    Column("registered_by", Text, nullable=False),
    Column("recorded_at", BigInteger, nullable=False),
    UniqueConstraint("name", "version"),
)

key = Table(
    "key",
    metadata,
    Column("idx", BigInteger, ForeignKey("entry.idx"), primary_key=True, autoincrement=False),
    Column("id", Text, nullable=False),
    Column("agency", Text, nullable=False),
    Column("public_key", Text, nullable=False),
    Column("recorded_at", BigInteger, nullable=False),
    Column("revoked_index", BigInteger),
    UniqueConstraint("id"),
    Index("key_agency", "agency", "idx"),
)

revocation = Table(
    "revocation",
    metadata,
    Column("idx", BigInteger, ForeignKey("entry.idx"), primary_key=True, autoincrement=False),
    Column("agency", Text, nullable=False),
    Column("serial", Text),
    Column("key_id", Text),
    Column("recorded_at", BigInteger, nullable=False),
)

invitation = Table(
    "invitation",
    metadata,
    Column("secret_hash", Text, primary_key=True),
    Column("agency", Text, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Column("used_at", BigInteger),
)

certificate = Table(
    "certificate",
    metadata,
    Column("serial", Text, primary_key=True),
    Column("agency", Text, nullable=False),
    Column("issued_at", BigInteger, nullable=False),
    Column("not_after", BigInteger, nullable=False),
    Index("certificate_agency", "agency", "issued_at"),
)

statement = Table(
    "statement",
    metadata,
    Column("idx", BigInteger, ForeignKey("entry.idx"), primary_key=True, autoincrement=False),
    Column("kind", Text, nullable=False),
    Column("id", Text, nullable=False),
    Column("subject", Text, nullable=False),
    # a JSON array of agencies
    Column("parties", Text, nullable=False),
    Column("envelope", LargeBinary, nullable=False),
    Column("public_key", Text, nullable=False),
    Column("origin_hub", Text),
    Column("origin_idx", BigInteger),
    Column("recorded_at", BigInteger, nullable=False),
    UniqueConstraint("id"),
    Index("statement_kind", "kind", "idx"),
)

move = Table(
    "move",
    metadata,
    Column("idx", BigInteger, ForeignKey("entry.idx"), primary_key=True, autoincrement=False),
    Column("id", Text, nullable=False),
    Column("agreement", Text, nullable=False),
    Column("dataset", Text, nullable=False),
    Column("consumer", Text, nullable=False),
    Column("envelope", LargeBinary, nullable=False),
    Column("public_key", Text, nullable=False),
    Column("origin_hub", Text),
    Column("origin_idx", BigInteger),
    Column("recorded_at", BigInteger, nullable=False),
    UniqueConstraint("id"),
)

recipient = Table(
    "recipient",
    metadata,
    Column("idx", BigInteger, ForeignKey("entry.idx"), primary_key=True, autoincrement=False),
    Column("id", Text, nullable=False),
    Column("agency", Text, nullable=False),
    Column("public_key", Text, nullable=False),
    Column("recorded_at", BigInteger, nullable=False),
    Index("recipient_agency", "agency", "idx"),
)

verdict = Table(
    "verdict",
    metadata,
    Column("idx", BigInteger, ForeignKey("entry.idx"), primary_key=True, autoincrement=False),
    Column("id", Text, nullable=False),
    Column("batch", Text, nullable=False),
    Column("dataset", Text, nullable=False),
    Column("agency", Text, nullable=False),
    Column("decision", Text, nullable=False),
    Column("suite", Text, nullable=False),
    Column("tree_size", BigInteger, nullable=False),
    Column("envelope", LargeBinary, nullable=False),
    Column("public_key", Text, nullable=False),
    Column("recorded_at", BigInteger, nullable=False),
    UniqueConstraint("id"),
    Index("verdict_batch", "batch", "idx"),
    Index("verdict_dataset", "dataset", "idx"),
)

sealed_key = Table(
    "sealed_key",
    metadata,
    Column("key", Text, primary_key=True),
    Column("agreement", Text, primary_key=True),
    Column("recipient", Text, primary_key=True),
    Column("dataset", Text, nullable=False),
    Column("envelope", LargeBinary, nullable=False),
    Index("sealed_key_dataset", "dataset", "agreement"),
)

erased_key = Table(
    "erased_key",
    metadata,
    Column("key", Text, primary_key=True),
    Column("dataset", Text, nullable=False),
    Column("erased_at", BigInteger, nullable=False),
)

access = Table(
    "access",
    metadata,
    Column("id", Text, primary_key=True),
    Column("dataset", Text, nullable=False),
    Column("reader", Text, nullable=False),
    Column("via", Text, nullable=False),
    Column("act", Text, nullable=False),
    Column("agreement", Text, nullable=False),
    # a JSON array of names
    Column("columns", Text, nullable=False),
    Column("tree_size", BigInteger, nullable=False),
    Column("question", Text, nullable=False),
    Column("started_at", BigInteger, nullable=False),
    Column("ended_at", BigInteger),
    Column("rows", BigInteger),
    Column("bytes", BigInteger),
    Column("outcome", Text, nullable=False),
    Index("access_dataset", "dataset", "started_at"),
)

cosignature = Table(
    "cosignature",
    metadata,
    Column("size", BigInteger, primary_key=True, autoincrement=False),
    Column("witness", Text, primary_key=True),
    Column("line", Text, nullable=False),
)

witnessed = Table(
    "witnessed",
    metadata,
    Column("origin", Text, primary_key=True),
    Column("size", BigInteger, nullable=False),
    Column("note", Text, nullable=False),
)

attachment = Table(
    "attachment",
    metadata,
    Column("digest", Text, primary_key=True),
    Column("agency", Text, primary_key=True),
    Column("kept_at", BigInteger, nullable=False),
)

alarm = Table(
    "alarm",
    metadata,
    Column("id", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("origin", Text, nullable=False),
    Column("raised_at", BigInteger, nullable=False),
    # JSON object of texts; both checkpoints of a fork are among them
    Column("evidence", Text, nullable=False),
)

segment = Table(
    "segment",
    metadata,
    Column("object", LargeBinary, primary_key=True),
    Column("reports", LargeBinary),
    Column("dataset", Text, nullable=False),
    Column("contract", Text, nullable=False),
    Column("version", Text, nullable=False),
    Column("first_idx", BigInteger, nullable=False),
    Column("last_idx", BigInteger, nullable=False),
    Column("batches", BigInteger, nullable=False),
    Column("made_at", BigInteger, nullable=False),
    Column("retired_at", BigInteger),
    Index("segment_dataset", "dataset", "first_idx"),
)

PROJECTIONS = frozenset({segment})
"""What no copy of a ledger takes along: it is made again."""

schema_version = Table(
    "schema_version",
    metadata,
    Column("version", BigInteger, primary_key=True, autoincrement=False),
    Column("name", Text, nullable=False),
)
