"""Who may read and register what."""

from __future__ import annotations

import pytest

from exchange.errors import PermissionDeniedError
from exchange.ids import AgencyId, DatasetId
from exchange.trust.policy import ReadRight, may_read, may_read_quarantine, may_register_contract

OWNER = AgencyId.parse("500000/ecology")
OTHER = AgencyId.parse("510000/ecology")
CLASSES = {"section": "public", "ph": "internal", "inspector": "sensitive", "track": "restricted", "odd": "?"}


def test_an_owner_reads_everything_whatever_the_terms() -> None:
    for sharing in ("unconditional", "conditional", "withheld", "?"):
        assert may_read(OWNER, OWNER, sharing, CLASSES) == ReadRight(tuple(CLASSES))


def test_others_read_open_columns_of_what_is_shared() -> None:
    assert may_read(OTHER, OWNER, "unconditional", CLASSES) == ReadRight(("section", "ph"))


@pytest.mark.parametrize(
    ("sharing", "reason"),
    [
        ("conditional", "AGREEMENT_REQUIRED"),
        ("withheld", "WITHHELD"),
        ("", "WITHHELD"),
        ("Unconditional", "WITHHELD"),
    ],
)
def test_what_is_not_shared_says_why(sharing: str, reason: str) -> None:
    with pytest.raises(PermissionDeniedError) as caught:
        may_read(OTHER, OWNER, sharing, CLASSES)
    assert caught.value.detail["reason"] == reason


def test_the_same_name_in_another_jurisdiction_is_not_the_owner() -> None:
    with pytest.raises(PermissionDeniedError):
        may_read(OTHER, OWNER, "conditional", CLASSES)


def test_quarantine_is_the_owners() -> None:
    dataset = DatasetId(OWNER, "water-quality")
    may_read_quarantine(OWNER, dataset)
    with pytest.raises(PermissionDeniedError):
        may_read_quarantine(OTHER, dataset)


def test_a_contract_is_its_stewards() -> None:
    may_register_contract(OWNER, "ecology", "500000")
    for agency, steward, hub in (
        (OTHER, "ecology", "500000"),
        (OWNER, "water", "500000"),
        (OWNER, "ecology", "510000"),
    ):
        with pytest.raises(PermissionDeniedError):
            may_register_contract(agency, steward, hub)
