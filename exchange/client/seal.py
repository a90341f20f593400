"""Sealed columns on the agency's side: restricted values never leave it in the clear.

In the agency's home, mode 0600:

seal/root.key           what batch keys are derived from
seal/recipient.key      others wrap batch keys for it
seal/keys/<id>.json     keys of batches this agency has sealed

A batch key is derived from the root, the dataset, the idempotency key and the digest of the rows: sealing the same
rows again under the same idempotency key gives the same bytes, so a publish can be repeated; other rows never meet the
same key.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pyarrow as pa
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from exchange.batch.encode import encode
from exchange.batch.manifest import Seal, format_instant
from exchange.client.agreement import list_agreements
from exchange.client.call import retried
from exchange.client.sealed_key import opened_key, sealed_key
from exchange.contract.check import CompiledCheck, cast
from exchange.contract.model import Contract
from exchange.errors import ConflictError, ContractRefusedError, FieldViolation, NotFoundError
from exchange.trust.envelope import sign
from exchange.trust.seal import BatchKey, Recipient, RecipientKey, open_columns, seal_columns
from exchange.trust.secret import make_private_directory, read_private, write_private
from exchange.v1 import agreement_pb2, member_pb2, seal_pb2

if TYPE_CHECKING:
    from exchange.client.session import Session

RECIPIENT_TYPE: Final = "application/vnd.hechuan.recipient+json"
_TIMEOUT: Final = 30
_PAGE: Final = 500
_SHORT: Final = 8
_EXAMPLES: Final = 20


@dataclass(frozen=True, slots=True)
class Vault:
    """The directory of keys."""

    root: Path

    def recipient(self) -> RecipientKey:
        """The key that others wrap for; made at first use."""
        path = self._place("recipient.key")
        with suppress(ConflictError):
            if not path.exists():
                RecipientKey.generate().save(path)
        return RecipientKey.load(path)

    def derive(self, contract: Contract, dataset: str, key: str, rows: bytes) -> BatchKey:
        """The key of one batch: `rows` are the plain rows as Parquet, `key` is the idempotency key."""
        path = self._place("root.key")
        with suppress(ConflictError):
            if not path.exists():
                write_private(path, secrets.token_bytes(32))
        info = b"\x00".join((b"hechuan batch key 1", dataset.encode(), key.encode(), sha256(rows).digest()))
        secret = HKDF(hashes.SHA256(), 32, salt=None, info=info).derive(read_private(path))
        return BatchKey(secret, dataset, contract.primary_key, fresh=True)

    def keep(self, key: BatchKey) -> None:
        """Remember a key, durably."""
        with suppress(ConflictError):
            write_private(self._key(key.keyid), key.to_bytes())

    def kept(self) -> Iterable[BatchKey]:
        """Every key that was kept and not erased."""
        for path in sorted((self.root / "keys").glob("*.json")):
            yield BatchKey.from_bytes(read_private(path))

    def forget(self, keyid: str) -> bool:
        """Remove a key for ever; whether it was there."""
        path = self._key(keyid)
        if not path.exists():
            return False
        path.unlink()
        return True

    def _key(self, keyid: str) -> Path:
        make_private_directory(self.root)
        make_private_directory(self.root / "keys")
        return self.root / "keys" / f"{keyid.removeprefix('seal-1:')}.json"

    def _place(self, name: str) -> Path:
        make_private_directory(self.root)
        return self.root / name


def vault_of(client: Session) -> Vault:
    """The vault in the agency's home."""
    return Vault(client.profile.home.root / "seal")


def register_recipient(client: Session) -> Recipient:
    """See to it that the hub's ledger has this agency's recipient key; harmless to repeat."""
    own, agency = vault_of(client).recipient(), client.profile.agency
    if own.keyid not in {each.id for each in recipients_of(client, str(agency))}:
        now = format_instant(datetime.now(UTC))
        claim = {"agency": str(agency), "created_at": now, "recipient": str(own.recipient), "v": 1}
        envelope = sign(claim, RECIPIENT_TYPE, client.profile.signing_key())
        request = seal_pb2.RegisterRecipientRequest(envelope=envelope.to_json_bytes())
        retried(lambda: client.seal.RegisterRecipient(request, timeout=_TIMEOUT))
    return own.recipient


def recipients_of(client: Session, agency: str) -> Sequence[seal_pb2.Recipient]:
    """Recipient keys of an agency of any hub."""
    request = seal_pb2.ListRecipientsRequest(agency=agency)
    return retried(lambda: client.seal.ListRecipients(request, timeout=_TIMEOUT)).recipients


def present(table: pa.Table, contract: Contract) -> list[str]:
    """Restricted columns of a table that hold anything."""
    names = [name for name in contract.sealed_columns if name in table.column_names]
    return [name for name in names if table.column(name).null_count < table.num_rows]


def seal_table(
    client: Session, contract: Contract, table: pa.Table, idempotency_key: str
) -> tuple[pa.Table, Seal | None]:
    """The table with its restricted columns checked and sealed; None where there is nothing to seal.

    Raises ContractRefusedError, naming row and rule, for a restricted value that breaks the contract.
    """
    names = present(table, contract)
    if not names:
        return table.drop_columns([n for n in contract.sealed_columns if n in table.column_names]), None
    _check(table, contract)
    dataset = f"{client.profile.agency}/{contract.ref.name}"
    vault = vault_of(client)
    key = vault.derive(contract, dataset, idempotency_key, encode(table, contract))
    vault.keep(key)
    plain = pa.Table.from_batches([cast(batch, contract) for batch in table.combine_chunks().to_batches()])
    plain = plain.select([name for name in plain.column_names if name in table.column_names])
    sealed = seal_columns(plain, names, key)
    empty = [name for name in contract.sealed_columns if name in sealed.column_names and name not in names]
    return sealed.drop_columns(empty), Seal(tuple(names), key.keyid, contract.digest)


def _check(table: pa.Table, contract: Contract) -> None:
    """What no hub can check any more once the columns are sealed."""
    check = CompiledCheck(contract, {})
    run = check.start()
    batches = [cast(batch, contract) for batch in table.combine_chunks().to_batches()]
    run.feed_all(batches)
    found = run.finish(lambda: batches).violations.to_pylist()
    rules = {rule.id: rule for rule in contract.rules}
    hidden = set(contract.sealed_columns)
    broken = [
        row
        for row in found
        if row["rule"] in rules
        and rules[row["rule"]].severity.rejects
        and hidden & set(rules[row["rule"]].columns)
    ]
    if broken:
        raise ContractRefusedError(
            f"受限列有 {len(broken)} 处不合规，未发布 / {len(broken)} restricted values break the contract; "
            "nothing was published",
            violations=[
                FieldViolation(
                    row["column"],
                    row["rule"],
                    f"{rules[row['rule']].zh} / {rules[row['rule']].en}",
                    row["row"],
                )
                for row in broken[:_EXAMPLES]
            ],
        )


def give_keys(client: Session, keys: Iterable[BatchKey] | None = None) -> int:
    """Wrap batch keys for every reader whose agreement in force grants a sealed column; how many copies the hub took.

    All keys of this agency where none are named: what a new agreement calls for.
    """
    wanted = list(vault_of(client).kept() if keys is None else keys)
    own = str(client.profile.agency)
    envelopes: list[bytes] = []
    for each in list_agreements(client):
        if each.state != agreement_pb2.AGREEMENT_STATE_IN_FORCE or each.provider != own:
            continue
        if not set(client.contract(each.contract).sealed_columns) & set(each.columns):
            continue
        for recipient in recipients_of(client, each.consumer):
            envelopes += [
                sealed_key(key, Recipient.parse(recipient.public_key), each.id, client.profile.signing_key())
                for key in wanted
                if key.dataset == each.dataset
            ]
    for start in range(0, len(envelopes), _PAGE):
        request = seal_pb2.PutKeysRequest(envelopes=envelopes[start : start + _PAGE])
        retried(lambda request=request: client.seal.PutKeys(request, timeout=_TIMEOUT))  # type: ignore[misc]
    return len(envelopes)


def erase_key(client: Session, contract: str, keyid: str) -> int:
    """Erase the key of one batch, here and at the hub: its sealed columns are lost; how many copies there were."""
    dataset = f"{client.profile.agency}/{contract}"
    request = seal_pb2.EraseKeyRequest(dataset=dataset, key=keyid)
    erased = retried(lambda: client.seal.EraseKey(request, timeout=_TIMEOUT)).erased
    vault_of(client).forget(keyid)
    return erased


def open_table(client: Session, dataset: str, contract: Contract, table: pa.Table) -> pa.Table:
    """The table with its sealed columns opened; raises NotFoundError where a key is not to be had.

    Owners use their own keys; readers fetch those that the owner has wrapped for them and signed.
    """
    names = [
        name
        for name in contract.sealed_columns
        if name in table.column_names and table.column(name).null_count < table.num_rows
    ]
    if not names:
        return table
    if not set(contract.primary_key) <= set(table.column_names):
        raise NotFoundError(
            f"密封列须与主键一同查询 / ask for {', '.join(contract.primary_key)} as well: sealed cells open beside them"
        )
    kinds = {name: contract.column(name).arrow_type for name in names}
    shorts = {
        cell[:_SHORT].hex() for name in names for cell in table.column(name).to_pylist() if cell is not None
    }
    known = [*vault_of(client).kept(), *client.batch_keys.values()]
    keys = [key for key in known if key.short.hex() in shorts and key.dataset == dataset]
    missing = shorts - {key.short.hex() for key in keys}
    if missing:
        keys += _fetched(client, dataset, sorted(missing))
    return open_columns(table, names, kinds, keys)


def _fetched(client: Session, dataset: str, shorts: Sequence[str]) -> list[BatchKey]:
    owner, contract = dataset.rsplit("/", 1)
    if owner == str(client.profile.agency):
        raise NotFoundError(f"密钥已销毁或不在本机 / keys of {contract} were erased, or are in another home")
    request = seal_pb2.GetKeysRequest(dataset=dataset, keys=shorts)
    found = retried(lambda: client.seal.GetKeys(request, timeout=_TIMEOUT)).envelopes
    listed = member_pb2.ListKeysRequest(agency=owner)
    signers = retried(lambda: client.member.ListKeys(listed, timeout=_TIMEOUT)).keys
    own = vault_of(client).recipient()
    opened = [opened_key(data, own, dataset, signers) for data in found]
    keys = [key for key in opened if key is not None]
    client.batch_keys.update({key.keyid: key for key in keys})
    return keys
