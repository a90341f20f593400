"""Parts of a batch as they were stored: what Fetch and mirrors give, whole bytes under the publisher's signature."""

from __future__ import annotations

import json
from dataclasses import dataclass

from exchange.contract.model import Classification
from exchange.errors import NotFoundError
from exchange.flow.grant import Asker, Grant, Granter
from exchange.flow.registry import ContractRegistry
from exchange.ports import BatchRecord, LedgerStore, ObjectStore
from exchange.trust.envelope import canonical
from exchange.trust.policy import may_read_quarantine


@dataclass(frozen=True, slots=True)
class FetchedPart:
    """Where the bytes of one part of a batch are, and under which grant they are read."""

    record: BatchRecord
    digest: str
    size: int
    grant: Grant


def read_part(
    ledger: LedgerStore,
    objects: ObjectStore,
    contracts: ContractRegistry,
    granter: Granter,
    asker: Asker,
    batch: str,
    part: str,
) -> FetchedPart:
    """One part of a batch for Fetch; raises as `whole_grant` and `found_part`."""
    record = ledger.batch(batch)
    return found_part(objects, record, part, whole_grant(contracts, granter, asker, record))


def whole_grant(contracts: ContractRegistry, granter: Granter, asker: Asker, record: BatchRecord) -> Grant:
    """Leave to have whole bytes: only for who may read every row and every column that is not sealed.

    Raises PermissionDeniedError.
    """
    contract = contracts.get(record.contract)
    plain = {c.name for c in contract.columns if c.classification is not Classification.RESTRICTED}
    grant = granter.grant(asker, record.dataset, contract, sorted(plain))
    if grant.row_filter is not None or not plain <= set(grant.columns):
        may_read_quarantine(asker.reader, record.dataset)
    return grant


def found_part(objects: ObjectStore, record: BatchRecord, part: str, grant: Grant) -> FetchedPart:
    """A part by its name: object, source or report.

    A report tells of rejected rows, so only the owner and those who keep a mirror have it. Raises NotFoundError where
    there is no such part, PermissionDeniedError.
    """
    if part == "report" and not grant.mirror:
        may_read_quarantine(grant.reader, record.dataset, grant.steward)
    digest = {
        "object": record.object,
        "source": record.source if record.encoded_by_hub else None,
        "report": record.report,
    }[part]
    if digest is None:
        raise NotFoundError(f"batch {record.id} has no {part}")
    return FetchedPart(record, digest, objects.size(digest), grant)


def envelope_of(ledger: LedgerStore, record: BatchRecord) -> bytes:
    """The envelope that a batch's publisher signed, canonical."""
    return canonical(json.loads(ledger.entry(record.index).data)["envelope"])
