"""From batches in the index to files that an engine can read."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import ExitStack
from datetime import datetime

from exchange.contract.model import Contract
from exchange.errors import InvalidInputError
from exchange.ports import BatchRecord, LedgerStore, ObjectStore, Part


def parts_of(
    stack: ExitStack, objects: ObjectStore, contract: Contract, batches: Iterable[BatchRecord]
) -> tuple[Part, ...]:
    """Open the batches under the contract's major version, for as long as `stack` lasts."""
    return tuple(
        Part(
            batch,
            stack.enter_context(objects.local(batch.object)),
            stack.enter_context(objects.local(batch.report)) if batch.report else None,
        )
        for batch in batches
        if batch.contract.version.major == contract.ref.version.major
    )


def tree_size_at(ledger: LedgerStore, moment: int | datetime | None) -> int:
    """The tree size a moment stands for: itself, what was recorded by an instant, or all there is.

    Raises InvalidInputError for a size the ledger has not reached.
    """
    size = ledger.head().size
    if moment is None:
        return size
    if isinstance(moment, datetime):
        return ledger.size_at(moment)
    if moment > size:
        raise InvalidInputError(f"as_of tree size {moment} is beyond the ledger's {size} entries")
    return moment
