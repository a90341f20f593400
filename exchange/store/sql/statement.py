"""Every statement the ledger runs, built once and compiled once for its database.

They are handed to the driver as text: on the way of each small batch there is no time to build or look up queries.
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Dialect,
    Executable,
    Table,
    and_,
    bindparam,
    case,
    delete,
    insert,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from exchange.store.sql.schema import (
    access,
    alarm,
    attachment,
    batch,
    certificate,
    checkpoint,
    contract,
    cosignature,
    dataset,
    entry,
    erased_key,
    head,
    invitation,
    key,
    move,
    recipient,
    revocation,
    sealed_key,
    statement,
    tile,
    verdict,
    witnessed,
)

# lookups of several idempotency keys go in groups of at most this many
KEYS_AT_ONCE: Final = 16
CHANNEL: Final = "hechuan_head"
# no ledger reaches it
BEYOND: Final = (1 << 63) - 1


class Statements:
    """Texts for one database; parameters are named like columns unless the statement says otherwise."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._heads()
        self._batches()
        self._members()
        self._federation()
        self._beside()

    def _heads(self) -> None:
        text, p = self._text, bindparam
        self.head = text(select(head.c.size, head.c.note, head.c.recorded_at))
        self.take_turn = text(select(head.c.size, head.c.recorded_at).with_for_update())
        self.move_head = text(
            update(head)
            .where(head.c.size == p("old_size"))
            .values(size=p("new_size"), note=p("note"), recorded_at=p("recorded_at"))
        )
        self.notify = f"SELECT pg_notify('{CHANNEL}', '')" if self._dialect.name == "postgresql" else None
        self.add_checkpoint = self._insert(checkpoint)
        self.checkpoint = text(select(checkpoint.c.note).where(checkpoint.c.size == p("size")))
        self.add_entry = self._insert(entry)
        self.entries = text(
            select(entry)
            .where(entry.c.idx >= p("start"), entry.c.idx < p("end"))
            .order_by(entry.c.idx)
            .limit(p("page"))
        )
        self.newest_at = text(
            select(entry.c.idx)
            .where(entry.c.recorded_at <= p("instant"))
            .order_by(entry.c.recorded_at.desc(), entry.c.idx.desc())
            .limit(p("page"))
        )
        self.tile = text(select(tile.c.hashes).where(tile.c.level == p("level"), tile.c.idx == p("idx")))
        self.put_tile = self._upsert(tile, {"hashes": lambda old, new: new.hashes})

    def _batches(self) -> None:
        text, p = self._text, bindparam
        at, before = batch.c.idx.asc(), batch.c.idx < p("before")
        self.add_batch = self._insert(batch)
        self.batch = text(select(batch).where(batch.c.id == p("id")))
        self.batches_by_key = {count: text(_by_keys(count)) for count in (1, KEYS_AT_ONCE)}
        self.batches_of_dataset = text(
            select(batch)
            .where(batch.c.dataset == p("dataset"), before)
            .order_by(at)
            .limit(p("most"))
            .offset(p("skip"))
        )
        self.batches_of_contract = text(
            select(batch).where(batch.c.contract == p("contract"), before).order_by(at)
        )
        self.newest_batches = {
            (by_dataset, by_publisher): text(_newest(by_dataset, by_publisher))
            for by_dataset in (False, True)
            for by_publisher in (False, True)
        }
        new_contract = {"contract": lambda old, new: new.contract, "version": lambda old, new: new.version}
        self.add_to_dataset = self._upsert(
            dataset,
            {
                **new_contract,
                "batches": lambda old, new: old.batches + new.batches,
                "accepted": lambda old, new: old.accepted + new.accepted,
                "rejected": lambda old, new: old.rejected + new.rejected,
                "period_from": lambda old, new: _lesser(old.period_from, new.period_from),
                "period_until": lambda old, new: _greater(old.period_until, new.period_until),
                "updated_at": lambda old, new: new.updated_at,
            },
        )
        self.dataset = text(select(dataset).where(dataset.c.id == p("id")))
        # an owner's datasets are those between "<owner>/" and "<owner>0", the next character
        page = select(dataset).where(dataset.c.id > p("after"), dataset.c.id < p("until"))
        page = page.order_by(dataset.c.id).limit(p("page"))
        self.datasets = text(page)
        self.datasets_of_contract = text(page.where(dataset.c.contract == p("contract")))

    def _members(self) -> None:
        text, p = self._text, bindparam
        self.add_contract = self._insert(contract)
        self.contracts = text(select(contract))
        self.contracts_of_name = text(select(contract).where(contract.c.name == p("name")))
        self.add_key = self._insert(key)
        self.revoke_key = text(
            update(key)
            .where(key.c.id == p("key_id"), key.c.agency == p("owner"), key.c.revoked_index.is_(None))
            .values(revoked_index=p("revoked_at"))
        )
        self.key = text(select(key).where(key.c.id == p("id")))
        self.keys = text(select(key).order_by(key.c.idx))
        self.keys_of_agency = text(select(key).where(key.c.agency == p("agency")).order_by(key.c.idx))
        self.add_revocation = self._insert(revocation)
        self.revocations = text(select(revocation).order_by(revocation.c.idx))
        self.add_invitation = text(
            insert(invitation).values(
                secret_hash=p("secret_hash"), agency=p("agency"), expires_at=p("expires_at")
            )
        )
        self.use_invitation = text(
            update(invitation)
            .where(
                invitation.c.secret_hash == p("hash"),
                invitation.c.agency == p("owner"),
                invitation.c.used_at.is_(None),
                invitation.c.expires_at > p("now"),
            )
            .values(used_at=p("now"))
        )
        order = certificate.c.issued_at, certificate.c.serial
        self.add_certificate = self._insert(certificate)
        self.certificates = text(select(certificate).order_by(*order))
        self.certificates_of_agency = text(
            select(certificate).where(certificate.c.agency == p("agency")).order_by(*order)
        )

    def _federation(self) -> None:
        text, p = self._text, bindparam
        self.add_move = self._insert(move)
        self.moves = text(select(move).where(move.c.idx >= p("start")).order_by(move.c.idx))
        self.add_statement = self._insert(statement)
        of_kind = select(statement).where(statement.c.kind == p("kind"), statement.c.idx >= p("start"))
        self.statements = text(of_kind.order_by(statement.c.idx))
        self.add_recipient = self._insert(recipient)
        newest = select(recipient).order_by(recipient.c.idx.desc())
        self.recipients = text(newest)
        self.recipients_of_agency = text(newest.where(recipient.c.agency == p("agency")))
        self.add_verdict = self._insert(verdict)
        newest = select(verdict).where(verdict.c.idx < p("before")).order_by(verdict.c.idx.desc())
        newest = newest.limit(p("page"))
        self.verdicts = text(newest)
        self.verdicts_of_dataset = text(newest.where(verdict.c.dataset == p("dataset")))
        self.verdicts_of_batch = text(newest.where(verdict.c.batch == p("batch")))
        self.put_sealed_key = self._upsert(sealed_key, {"envelope": lambda old, new: new.envelope})
        self.sealed_keys = text(
            select(sealed_key).where(
                sealed_key.c.dataset == p("dataset"), sealed_key.c.agreement == p("agreement")
            )
        )
        self.drop_sealed_key = text(delete(sealed_key).where(sealed_key.c.key == p("key")))
        self.add_erased_key = self._upsert(erased_key, {"dataset": lambda old, new: old.dataset})
        self.erased_key = text(select(erased_key.c.erased_at).where(erased_key.c.key == p("key")))

    def _beside(self) -> None:
        text, p = self._text, bindparam
        self.begin_read = self._insert(access)
        self.end_read = text(
            update(access)
            .where(access.c.id == p("read"))
            .values(ended_at=p("at"), rows=p("row_count"), bytes=p("byte_count"), outcome=p("end"))
        )
        page = select(access).where(
            access.c.dataset > p("first"), access.c.dataset < p("until"), access.c.started_at < p("before")
        )
        page = page.order_by(access.c.started_at.desc(), access.c.id).limit(p("page"))
        self.reads = text(page)
        self.reads_of_dataset = text(page.where(access.c.dataset == p("dataset")))
        self.put_cosignature = self._upsert(cosignature, {"line": lambda old, new: new.line})
        self.cosigned_from = text(
            select(cosignature.c.size, cosignature.c.line)
            .where(cosignature.c.size >= p("least"))
            .order_by(cosignature.c.size, cosignature.c.witness)
            .limit(p("page"))
        )
        self.put_witnessed = self._upsert(
            witnessed, {"size": lambda old, new: new.size, "note": lambda old, new: new.note}
        )
        self.witnessed = text(
            select(witnessed.c.size, witnessed.c.note).where(witnessed.c.origin == p("origin"))
        )
        self.put_attachment = self._upsert(attachment, {"kept_at": lambda old, new: new.kept_at})
        self.attachment = text(
            select(attachment.c.kept_at).where(
                attachment.c.digest == p("digest"), attachment.c.agency == p("agency")
            )
        )
        self.add_alarm = self._insert(alarm)
        self.alarms = text(select(alarm).order_by(alarm.c.raised_at.desc(), alarm.c.id).limit(p("page")))

    def _text(self, statement: Executable) -> str:
        compiled = statement.compile(dialect=self._dialect)  # type: ignore[attr-defined]
        text = str(compiled)
        # SQLite's LIMIT comes with an OFFSET 0, as a parameter of SQLAlchemy's own
        for name, value in compiled.params.items():
            if isinstance(value, int):
                text = text.replace(compiled.bindtemplate % {"name": name}, str(value))
        return text

    def _insert(self, table: Table) -> str:
        return self._text(insert(table).values({column.name: bindparam(column.name) for column in table.c}))

    def _upsert(self, table: Table, changes: dict[str, Any]) -> str:
        """Insert, or where the primary key exists, set each column to change(old row, new row)."""
        make = postgresql_insert if self._dialect.name == "postgresql" else sqlite_insert
        statement = make(table).values({column.name: bindparam(column.name) for column in table.c})
        changed = {name: change(table.c, statement.excluded) for name, change in changes.items()}
        return self._text(
            statement.on_conflict_do_update(index_elements=list(table.primary_key.columns), set_=changed)
        )


def _by_keys(count: int) -> Executable:
    keys = [
        and_(
            batch.c.publisher == bindparam(f"publisher_{at}"),
            batch.c.idempotency_key == bindparam(f"key_{at}"),
        )
        for at in range(count)
    ]
    return select(batch).where(or_(*keys))


def _newest(by_dataset: bool, by_publisher: bool) -> Executable:
    found = select(batch).where(batch.c.idx < bindparam("before"))
    if by_dataset:
        found = found.where(batch.c.dataset == bindparam("dataset"))
    if by_publisher:
        found = found.where(batch.c.publisher == bindparam("publisher"))
    return found.order_by(batch.c.idx.desc()).limit(bindparam("page"))


def _lesser(old: ColumnElement[Any], new: ColumnElement[Any]) -> ColumnElement[Any]:
    return case((or_(old.is_(None), new < old), new), else_=old)


def _greater(old: ColumnElement[Any], new: ColumnElement[Any]) -> ColumnElement[Any]:
    return case((or_(old.is_(None), new > old), new), else_=old)
