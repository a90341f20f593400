"""What the ledger says about contracts, keys, revocations and known reference values, kept at hand.

Everything here is a cache over the ledger: entries never change, so contracts and keys are kept for good;
revocations and reference values are looked up again after `refresh` seconds, or at once where this process
appended them.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack

import pyarrow as pa
import pyarrow.compute as pc

from exchange.contract.check import CompiledCheck
from exchange.contract.load import load_contract
from exchange.contract.model import Contract, Reference
from exchange.errors import NotFoundError, SignatureInvalidError, UnauthenticatedError
from exchange.flow.read import Shelf
from exchange.ids import AgencyId, ContractRef, DatasetId
from exchange.ports import (
    BatchRecord,
    ContractRecord,
    KeyRecord,
    LedgerStore,
    Plan,
    Record,
    RevocationRecord,
    TableEngine,
)
from exchange.trust.keys import VerifyKey


class ContractRegistry:
    """Registered contract versions, parsed once."""

    def __init__(self, ledger: LedgerStore) -> None:
        self._ledger = ledger
        self._known: dict[ContractRef, Contract] = {}

    def get(self, ref: ContractRef) -> Contract:
        """One version; raises NotFoundError."""
        found = self._known.get(ref)
        if found is None:
            for record in self._ledger.contracts(ref.name):
                self._known.setdefault(record.ref, load_contract(record.text, vouched=True))
            found = self._known.get(ref)
        if found is None:
            raise NotFoundError(f"no contract {ref} is registered at this hub")
        return found

    def newest_record(self, name: str) -> ContractRecord:
        """The newest version's registration; raises NotFoundError."""
        records = self._ledger.contracts(name)
        if not records:
            raise NotFoundError(f"no contract {name} is registered at this hub")
        return max(records, key=lambda record: record.ref)

    def newest(self, name: str) -> Contract:
        """The newest version; raises NotFoundError."""
        return self.get(self.newest_record(name).ref)


class KeyRing:
    """Signing keys of agencies and what has been revoked."""

    def __init__(
        self, ledger: LedgerStore, refresh: float, denied: Callable[[], frozenset[str]] = frozenset
    ) -> None:
        """`denied` gives the ids of signing keys that the federation denies."""
        self._ledger = ledger
        self._refresh = refresh
        self._denied = denied
        self._keys: dict[str, tuple[KeyRecord, VerifyKey]] = {}
        self._revoked_keys: frozenset[str] = frozenset()
        self._revoked_serials: frozenset[str] = frozenset()
        self._read_at = float("-inf")
        self._lock = threading.Lock()

    def resolve(self, agency: AgencyId, key_id: str) -> VerifyKey:
        """The agency's key of that id, if it counts; raises SignatureInvalidError."""
        known = self._keys.get(key_id)
        if known is None:
            try:
                record = self._ledger.key(key_id)
            except NotFoundError:
                raise SignatureInvalidError(
                    f"signing key {key_id[:80]} is not registered at this hub", detail={"agency": str(agency)}
                ) from None
            known = self._keys[key_id] = (record, VerifyKey.parse(record.public_key))
        record, key = known
        if record.agency != agency:
            raise SignatureInvalidError(f"signing key {key_id} does not belong to {agency}")
        self._read_revocations()
        if key_id in self._revoked_keys:
            raise SignatureInvalidError(f"signing key {key_id} has been revoked")
        if key_id in self._denied():
            raise SignatureInvalidError(
                f"signing key {key_id} is denied by the federation", detail={"reason": "DENIED"}
            )
        return key

    def check_certificate(self, serial: str) -> None:
        """Raise UnauthenticatedError for a revoked certificate."""
        self._read_revocations()
        if serial in self._revoked_serials:
            raise UnauthenticatedError(f"certificate {serial} has been revoked", detail={"reason": "REVOKED"})

    def observe(self, records: Sequence[Record]) -> None:
        """Hear what this process appended."""
        if any(isinstance(record, RevocationRecord) for record in records):
            self._read_at = float("-inf")

    def _read_revocations(self) -> None:
        if time.monotonic() - self._read_at < self._refresh:
            return
        with self._lock:
            started = time.monotonic()
            records = self._ledger.revocations()
            self._revoked_keys = frozenset(record.key_id for record in records if record.key_id)
            self._revoked_serials = frozenset(record.serial for record in records if record.serial)
            self._read_at = started


class CheckRoom:
    """Compiled row checks, each with the reference values that stand at this hub."""

    def __init__(
        self,
        ledger: LedgerStore,
        shelf: Shelf,
        engine: TableEngine,
        contracts: ContractRegistry,
        refresh: float,
    ) -> None:
        self._ledger = ledger
        self._shelf = shelf
        self._engine = engine
        self._contracts = contracts
        self._refresh = refresh
        self._checks: dict[ContractRef, tuple[float, Mapping[str, int], CompiledCheck]] = {}
        self._lock = threading.RLock()

    def check_for(self, contract: Contract) -> CompiledCheck:
        """The contract's check with current reference values, as far as the hub can see."""
        contract = contract.stored
        kept = self._checks.get(contract.ref)
        now = time.monotonic()
        if kept and (not contract.references or now - kept[0] < self._refresh):
            return kept[2]
        with self._lock:
            state = {ref.contract: self._last_index(ref.contract) for ref in contract.references}
            if kept and kept[1] == state:
                check = kept[2]
            else:
                check = CompiledCheck(contract, {ref: self._values(ref) for ref in contract.references})
            self._checks[contract.ref] = (now, state, check)
            return check

    def observe(self, records: Sequence[Record]) -> None:
        """Hear what this process appended: checks that refer to it are looked at again."""
        names = {record.contract.name for record in records if isinstance(record, BatchRecord)}
        for ref, (_, state, check) in list(self._checks.items()):
            if names & state.keys():
                self._checks[ref] = (float("-inf"), state, check)

    def _last_index(self, contract: str) -> int:
        batches = self._ledger.batches_under(contract, self._ledger.head().size)
        return batches[-1].index if batches else -1

    def _values(self, reference: Reference) -> pa.Array:
        """Distinct standing values of the target column over all datasets under the target contract."""
        batches = self._ledger.batches_under(reference.contract, self._ledger.head().size)
        if not batches:
            return pa.array([], pa.string())
        contract = self._contracts.newest(reference.contract).stored
        found: list[pa.Array] = []
        for dataset in dict.fromkeys(batch.dataset for batch in batches):
            found.extend(self._standing(contract, dataset, batches, reference.target_column))
        return pc.unique(pa.chunked_array(found, contract.column(reference.target_column).arrow_type))

    def _standing(
        self, contract: Contract, dataset: DatasetId, batches: Sequence[BatchRecord], column: str
    ) -> list[pa.Array]:
        mine = [batch for batch in batches if batch.dataset == dataset]
        with ExitStack() as stack:
            plan = Plan(contract, self._shelf.parts(stack, contract, mine), (column,), (), False, None)
            kind = contract.column(column).arrow_type
            return [pc.unique(batch.column(0).cast(kind)) for batch in self._engine.standing(plan)]
