"""Registries, cases, deliveries and campaigns of two sides, each as two lists that `records` compares.

Every function gives the two lists with the same columns, its key first; what a side calls otherwise is brought
together here. Codes of the second side become the first's through the crosswalk, second code → first code.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from exchange.errors import InvalidInputError


@dataclass(frozen=True, slots=True)
class Lists:
    """Two lists, the key's columns and those that are compared."""

    left: pa.Table
    right: pa.Table
    key: tuple[str, ...]
    columns: tuple[str, ...]


REGISTRIES: Final[Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]]] = {
    "monitoring-section": (
        ("section_code",),
        ("section_name", "river_name", "target_class", "is_boundary", "upstream_code", "downstream_code"),
    ),
    "river-reach": (
        ("reach_code",),
        ("reach_name", "river_name", "chief_level", "target_class", "bank", "length_km"),
    ),
    "river-chief": (("reach_code", "post"), ("chief_name", "position", "chief_level", "organisation")),
}
"""Contract → key, compared columns. The key's first column is what the crosswalk translates."""


def registry(contract: str, left: pa.Table, right: pa.Table, walk: Mapping[str, str], on: date) -> Lists:
    """Rows of a register that are valid on a day, among those that the crosswalk names on either side.

    Raises InvalidInputError for another contract.
    """
    if contract not in REGISTRIES:
        raise InvalidInputError(f"{contract} is not one of {', '.join(REGISTRIES)}")
    key, columns = REGISTRIES[contract]
    code = key[0]
    ours, theirs = (_valid(rows, on) for rows in (left, right))
    ours = ours.filter(pc.is_in(ours[code], pa.array(sorted(walk.values()))))
    theirs = _translated(theirs, code, walk)
    return Lists(ours, theirs, key, columns)


def cases(sent: pa.Table, received: pa.Table, receiver: str) -> Lists:
    """Cases that one side transferred to a kind of receiver ↔ what the other side received, by the case's number.

    `sent`: case_number, category, transferred_to, transferred_on, as in `enforcement-case`; `received`: case_number,
    category, received_on. `receiver` is a value of transferred_to.
    """
    gone = sent.filter(pc.equal(sent["transferred_to"], receiver))
    names = ["case_number", "category", "on"]
    ours = gone.select(["case_number", "category", "transferred_on"]).rename_columns(names)
    theirs = received.select(["case_number", "category", "received_on"]).rename_columns(names)
    return Lists(ours, theirs, ("case_number",), ("category", "on"))


def deliveries(sent: pa.Table, mirrored: pa.Table) -> Lists:
    """What the owner's ledger says it has published ↔ what the reader's hub has of it, by batch."""
    return Lists(sent, mirrored, ("batch",), ("object", "rows", "accepted", "contract"))


def campaign(totals: pa.Table, points: pa.Table) -> Lists:
    """Totals that were reported ↔ the points they should count.

    `totals`: directive, campaign, county_code, listed, mended, closed (counts); `points`: columns of `directive-point`
    (directive, campaign, county_code, status). A point that is closed was mended, and one that is mended was listed.
    """
    status = points["status"]
    closed = pc.equal(status, "closed")
    counted = pa.table(
        {
            **{name: points[name] for name in _CAMPAIGN},
            "listed": pc.is_valid(status).cast(pa.int64()),
            "mended": pc.or_(closed, pc.equal(status, "mended")).cast(pa.int64()),
            "closed": closed.cast(pa.int64()),
        }
    )
    summed = counted.group_by(list(_CAMPAIGN)).aggregate([(name, "sum") for name in _COUNTS])
    summed = summed.rename_columns([*_CAMPAIGN, *_COUNTS])
    return Lists(totals, summed, _CAMPAIGN, _COUNTS)


_CAMPAIGN: Final = ("directive", "campaign", "county_code")
_COUNTS: Final = ("listed", "mended", "closed")


def _valid(rows: pa.Table, on: date) -> pa.Table:
    """Rows whose term holds the day; a row without an end holds on."""
    day = pa.scalar(on)
    begun = pc.or_kleene(pc.is_null(rows["valid_from"]), pc.less_equal(rows["valid_from"], day))
    open_end = pc.or_kleene(pc.is_null(rows["valid_to"]), pc.greater(rows["valid_to"], day))
    return rows.filter(pc.and_kleene(begun, open_end))


def _translated(rows: pa.Table, code: str, walk: Mapping[str, str]) -> pa.Table:
    known = rows.filter(pc.is_in(rows[code], pa.array(sorted(walk))))
    found = [walk[each] for each in known[code].to_pylist()]
    return known.set_column(known.column_names.index(code), code, pa.array(found, pa.string()))
