"""Who may do what, from contract terms alone: owners everything, others what is shared without conditions.

Sharing follows 政务数据共享条例 (2025): unconditional (无条件), conditional (有条件), withheld (不予).
What is not known to be open is closed: a classification or a sharing term that nobody has heard of grants nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

from exchange.errors import PermissionDeniedError
from exchange.ids import AgencyId, DatasetId

UNCONDITIONAL: Final = "unconditional"
CONDITIONAL: Final = "conditional"
OPEN_CLASSES: Final = frozenset({"public", "internal"})


@dataclass(frozen=True, slots=True)
class ReadRight:
    """The columns that may be read, in the contract's order. A filter reads its column too."""

    columns: tuple[str, ...]


def may_read(reader: AgencyId, owner: AgencyId, sharing: str, classes: Mapping[str, str]) -> ReadRight:
    """What `reader` may see of a dataset; `classes` gives each column's classification, in the contract's order.

    Raises PermissionDeniedError with reason AGREEMENT_REQUIRED or WITHHELD.
    """
    if reader == owner:
        return ReadRight(tuple(classes))
    if sharing != UNCONDITIONAL:
        reason = "AGREEMENT_REQUIRED" if sharing == CONDITIONAL else "WITHHELD"
        said = "only under an agreement" if sharing == CONDITIONAL else "with nobody"
        raise PermissionDeniedError(f"{owner} shares this dataset {said}", detail={"reason": reason})
    return ReadRight(tuple(column for column, name in classes.items() if name in OPEN_CLASSES))


def may_judge(agency: AgencyId, dataset: DatasetId, stewards: Collection[AgencyId]) -> None:
    """Owners and the stewards of the owner's own jurisdiction give verdicts; raises PermissionDeniedError."""
    if agency != dataset.owner and not is_steward(agency, dataset, stewards):
        raise PermissionDeniedError(f"{agency} is no steward of {dataset}", detail={"reason": "NOT_STEWARD"})


def is_steward(agency: AgencyId, dataset: DatasetId, stewards: Collection[AgencyId]) -> bool:
    """Whether the hub has named an agency steward, and the dataset is of its jurisdiction."""
    return agency in stewards and agency.jurisdiction == dataset.owner.jurisdiction


def may_read_quarantine(reader: AgencyId, dataset: DatasetId, stewarded: bool = False) -> None:
    """Rejected rows are for their publisher and, where the contract has that role, the hub's stewards.

    Raises PermissionDeniedError.
    """
    if reader != dataset.owner and not stewarded:
        raise PermissionDeniedError(
            f"only {dataset.owner} may see the rejected rows of {dataset}", detail={"reason": "WITHHELD"}
        )


def may_register_contract(agency: AgencyId, steward: str, hub: str) -> None:
    """Only the contract's steward, in the hub's own jurisdiction, registers its versions; PermissionDeniedError."""
    if (agency.jurisdiction, agency.name) != (hub, steward):
        raise PermissionDeniedError(
            f"only {hub}/{steward} may register this contract, not {agency}", detail={"reason": "NOT_STEWARD"}
        )
