"""Publish: one signed batch in, one receipt out.

(0) the caller is known: the server has matched certificate, trust domain and revocations
(1) the envelope is signed by a key that the ledger holds for the caller, and its payload is canonical
(2) the manifest speaks for the caller, about its own dataset, under a known contract, at a believable time
(3) the idempotency key is new, or stands for this very batch (then: the old receipt)
(4) the bytes are as many as the manifest says, within limits, and have its digest
(5) columns and sizes, read from the footer before anything is decoded, are within limits and the contract's
(6) every row is checked, row group by row group
(7) object, source and report are stored and durable
(8) entry, index, tiles and checkpoint are committed together
(9) the receipt is built from what was committed

`admit` does (1)–(3) before any data is taken; `Intake` does (4); `Publisher.finish` the rest; `Publisher.take_all`
all of it for many small batches at once.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from exchange.batch.manifest import PAYLOAD_TYPE, Kind, Manifest, MediaType
from exchange.contract.model import Contract
from exchange.errors import (
    ContractRefusedError,
    DigestMismatchError,
    InvalidInputError,
    LimitExceededError,
    MalformedError,
    ManifestExpiredError,
    PermissionDeniedError,
)
from exchange.flow.append import Appended, Appender, Draft, Outcome, answer_known
from exchange.flow.check import Checked, check_batch, check_single_rows
from exchange.flow.entry import batch_body, manifest_of
from exchange.flow.registry import CheckRoom, ContractRegistry, KeyRing
from exchange.ids import AgencyId, ContractRef, digest_of
from exchange.ports import Clock, LedgerStore, ObjectStore
from exchange.settings import Limit
from exchange.trust.envelope import Envelope, verify_signatures


@dataclass(frozen=True, slots=True)
class Admitted:
    """A manifest that may be followed by its data."""

    id: str
    manifest: Manifest
    contract: Contract
    envelope: Envelope
    public_key: str
    # The answer to a batch that the ledger holds already.
    known: Appended | None = None


_Small = tuple[Admitted, bytes]


class Intake:
    """The bytes of one batch as they arrive: in memory while small, in a file beyond; hashed on the way."""

    def __init__(self, manifest: Manifest, limit: Limit, spool: Path) -> None:
        self._expected = manifest.bytes
        self._digest = manifest.digest
        self._small = limit.small_batch_bytes
        self._spool = spool
        self._hash = hashlib.sha256()
        self._size = 0
        self._memory = bytearray()
        self._file: int | None = None
        self.path: Path | None = None

    def write(self, chunk: bytes) -> None:
        """Take the next bytes; raises DigestMismatchError for more than the manifest says."""
        self._size += len(chunk)
        if self._size > self._expected:
            raise DigestMismatchError(f"more than the {self._expected} bytes of the manifest arrived")
        self._hash.update(chunk)
        if self._file is None and len(self._memory) + len(chunk) <= self._small:
            self._memory += chunk
            return
        if self._file is None:
            self._file, name = tempfile.mkstemp(dir=self._spool, prefix="intake-")
            self.path = Path(name)
            chunk = bytes(self._memory) + chunk
            self._memory.clear()
        view = memoryview(chunk)
        while view:
            view = view[os.write(self._file, view) :]

    def finish(self) -> Path | bytes:
        """All bytes, or the file that holds them; raises DigestMismatchError."""
        if self._size != self._expected:
            raise DigestMismatchError(f"{self._size} bytes arrived, the manifest says {self._expected}")
        if "sha256:" + self._hash.hexdigest() != self._digest:
            raise DigestMismatchError("the bytes that arrived do not have the manifest's digest")
        return self.path if self.path else bytes(self._memory)

    @property
    def small(self) -> bool:
        """Whether everything so far is in memory."""
        return self.path is None

    def close(self) -> None:
        """Remove what is left of the file."""
        if self._file is not None:
            os.close(self._file)
            self._file = None
        if self.path is not None:
            self.path.unlink(missing_ok=True)


class Publisher:
    """Takes batches on behalf of one hub."""

    def __init__(
        self,
        ledger: LedgerStore,
        objects: ObjectStore,
        contracts: ContractRegistry,
        keys: KeyRing,
        checks: CheckRoom,
        appender: Appender,
        clock: Clock,
        limit: Limit,
        spool: Path,
    ) -> None:
        self._ledger = ledger
        self._objects = objects
        self._contracts = contracts
        self._keys = keys
        self._checks = checks
        self._appender = appender
        self._clock = clock
        self.limit = limit
        self.spool = spool

    def admit(self, caller: AgencyId, envelope_bytes: bytes) -> Admitted:
        """Steps (1) to (3); raises before any data is taken."""
        if len(envelope_bytes) > self.limit.envelope_bytes:
            raise LimitExceededError(f"a manifest envelope has at most {self.limit.envelope_bytes} bytes")
        envelope = Envelope.from_json_bytes(envelope_bytes)
        signers = verify_signatures(
            envelope, PAYLOAD_TYPE, lambda key_id: self._keys.resolve(caller, key_id)
        )  # (1)
        manifest = manifest_of(envelope.payload)
        check_manifest(manifest, caller, self._clock.now(), self.limit)  # (2)
        contract = self._contracts.get(manifest.contract)
        batch_id = digest_of(envelope.payload)
        known = None if self._is_small(manifest) else self._known(manifest, batch_id)  # (3)
        if isinstance(known, Exception):
            raise known
        return Admitted(batch_id, manifest, contract, envelope, str(signers[0]), known)

    def _is_small(self, manifest: Manifest) -> bool:
        """Whether the batch has its place in a group: looked up, checked and appended with its neighbours."""
        return manifest.media_type is MediaType.PARQUET and manifest.bytes <= self.limit.small_batch_bytes

    def _known(self, manifest: Manifest, batch_id: str) -> Appended | Exception | None:
        key = (manifest.publisher, manifest.idempotency_key)
        record = self._ledger.batches_by_key([key]).get(key)
        return answer_known(self._ledger, record, batch_id) if record else None

    def intake(self, admitted: Admitted) -> Intake:
        """Where the data goes."""
        return Intake(admitted.manifest, self.limit, self.spool)

    def finish(self, admitted: Admitted, intake: Intake) -> Future[Appended]:
        """Steps (4) to (9). A small batch is checked in the appender's thread, together with its neighbours."""
        source = intake.finish()  # (4)
        if isinstance(source, bytes) and self._is_small(admitted.manifest):
            return self._appender.submit_to(self._draft_taken, (admitted, source))
        draft = self._draft(admitted, source)
        return self._appender.submit(lambda: draft)

    def take_all(self, caller: AgencyId, batches: Sequence[tuple[bytes, bytes]]) -> Future[Sequence[Outcome]]:
        """Steps (1) to (9) for small batches, (envelope, data) each; what one is refused for is its outcome alone.

        Raises LimitExceededError where they are too many.
        """
        if len(batches) > self.limit.many_batches:
            raise LimitExceededError(
                f"one call takes at most {self.limit.many_batches} batches, not {len(batches)}"
            )
        taken: list[_Small | Exception] = []
        for envelope, data in batches:
            try:
                taken.append(self._take(caller, envelope, data))
            except Exception as error:
                taken.append(error)
        return self._appender.submit_all(self._draft_taken, taken)

    def _take(self, caller: AgencyId, envelope: bytes, data: bytes) -> _Small:
        admitted = self.admit(caller, envelope)
        if not self._is_small(admitted.manifest):
            raise LimitExceededError(
                f"with others go Parquet batches of at most {self.limit.small_batch_bytes} bytes; "
                "this one needs a call of its own"
            )
        intake = self.intake(admitted)
        try:
            intake.write(data)
            source = intake.finish()  # (4)
        finally:
            intake.close()
        assert isinstance(source, bytes)
        return admitted, source

    def _draft_taken(self, items: Sequence[_Small | Exception]) -> Sequence[Draft | Outcome]:
        drafts = iter(self._draft_all([each for each in items if not isinstance(each, Exception)]))
        return [each if isinstance(each, Exception) else next(drafts) for each in items]

    def _draft_all(self, items: Sequence[_Small]) -> Sequence[Draft | Outcome]:
        """Drafts of a group of small batches; those of one row under one contract are checked as one."""
        held = self._ledger.batches_by_key(
            (each.manifest.publisher, each.manifest.idempotency_key) for each, _ in items
        )
        found: dict[int, Draft | Outcome] = {}
        open_items: dict[ContractRef, list[int]] = {}
        for at, (each, _) in enumerate(items):
            record = held.get((each.manifest.publisher, each.manifest.idempotency_key))
            if record is not None:
                found[at] = answer_known(self._ledger, record, each.id)
            else:
                open_items.setdefault(each.contract.ref, []).append(at)
        for mine in open_items.values():
            found.update(zip(mine, self._draft_alike([items[at] for at in mine]), strict=True))
        outcomes = [found[at] for at in range(len(items))]
        return [replace(each, looked_up=True) if isinstance(each, Draft) else each for each in outcomes]

    def _draft_alike(self, items: Sequence[_Small]) -> Iterator[Draft | Exception]:
        """Drafts of small batches under one contract."""
        check = self._checks.check_for(items[0][0].contract)
        single = [
            (source, each.manifest) if each.manifest.kind is not Kind.RETRACTION else None
            for each, source in items
        ]
        clean = iter(check_single_rows([pair for pair in single if pair], check, self.limit))
        for pair, (each, source) in zip(single, items, strict=True):
            checked = next(clean) if pair else None
            try:
                yield self._draft_of(checked, each, source) if checked else self._draft(each, source)
            except Exception as error:
                yield error

    def _draft(self, admitted: Admitted, source: Path | bytes) -> Draft:
        manifest = admitted.manifest
        check = self._checks.check_for(admitted.contract)
        checked = check_batch(source, manifest, check, self.limit, self.spool)  # (5) (6)
        try:
            return self._draft_of(checked, admitted, source)
        finally:
            checked.close()

    def _draft_of(self, checked: Checked, admitted: Admitted, source: Path | bytes) -> Draft:
        manifest = admitted.manifest
        refuse(checked, admitted.contract)
        small = self._store(checked, manifest, source)  # (7)
        body = batch_body(
            admitted.id, admitted.envelope, admitted.public_key, checked.stored_json(), checked.verdict_json()
        )
        return Draft(body, admitted.id, (manifest.publisher, manifest.idempotency_key), small)

    def _store(
        self, checked: Checked, manifest: Manifest, source: Path | bytes
    ) -> tuple[tuple[bytes, str], ...]:
        """Files now; what is in memory is handed on, to be stored with the group it is appended in."""
        parts: list[tuple[Path | bytes, str]] = [(checked.parquet, checked.digest)]
        if checked.encoded_by_hub:
            parts.append((source, manifest.digest))
        if checked.report is not None:
            parts.append((checked.report, digest_of(checked.report)))
        for data, digest in parts:
            if isinstance(data, Path):
                self._objects.put_file(data, digest)
        return tuple((data, digest) for data, digest in parts if isinstance(data, bytes))


def check_manifest(manifest: Manifest, caller: AgencyId, now: datetime, limit: Limit) -> None:
    """Step (2), apart from the contract; raises the error that names what is wrong."""
    if manifest.publisher != caller:
        raise PermissionDeniedError(
            f"the manifest speaks for {manifest.publisher}, the certificate for {caller}"
        )
    if manifest.dataset.owner != caller:
        raise PermissionDeniedError(
            f"dataset {manifest.dataset} belongs to {manifest.dataset.owner}, not to {caller}"
        )
    if manifest.contract.name != manifest.dataset.contract:
        raise InvalidInputError(f"dataset {manifest.dataset} is not under contract {manifest.contract.name}")
    if manifest.expires_at <= now:
        raise ManifestExpiredError(f"the manifest expired at {manifest.expires_at:%Y-%m-%dT%H:%M:%SZ}")
    if manifest.created_at > now + timedelta(seconds=limit.clock_skew_seconds):
        raise InvalidInputError("the manifest was created in the future; check the publisher's clock")
    if manifest.expires_at > manifest.created_at + timedelta(days=limit.manifest_validity_days):
        raise InvalidInputError(f"a manifest is valid for at most {limit.manifest_validity_days} days")
    most = limit.batch_bytes if manifest.media_type is MediaType.PARQUET else limit.encoded_batch_bytes
    if manifest.bytes > most:
        raise LimitExceededError(
            f"a batch of {manifest.media_type} has at most {most} bytes, not {manifest.bytes}"
        )
    if manifest.media_type is MediaType.PARQUET and manifest.rows is None:
        raise MalformedError("the manifest of a Parquet batch names its rows")


def refuse(checked: Checked, contract: Contract) -> None:
    """Raise ContractRefusedError where the contract refuses the whole batch."""
    if checked.result.refused:
        raise ContractRefusedError(
            f"refused under {contract.ref}: {checked.result.refused}",
            violations=checked.examples(contract),
            detail={"rows": str(checked.result.rows), "rejected": str(checked.result.rejected)},
        )
