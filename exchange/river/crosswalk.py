"""Registries of sections joined through the crosswalk: one row a section, whatever it is called on either side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

import pyarrow as pa

from exchange.errors import NotFoundError
from exchange.river.extra import load
from exchange.river.reach import Place, valid_rows

_SAME = "same"


def section_names(crosswalk: pa.Table, on: date) -> dict[str, str]:
    """The first code, in order, of each group of sections that are the same on a day, by any of the codes."""
    alike = load("networkx").Graph()
    alike.add_edges_from(
        (row["section_code"], row["other_code"])
        for row in valid_rows(crosswalk, on)
        if row["relation"] == _SAME
    )
    groups = load("networkx").connected_components(alike)
    return {code: min(group) for group in groups for code in group}


def joined_sections(registries: Sequence[pa.Table], crosswalk: pa.Table, on: date) -> pa.Table:
    """All sections of a day: `code` (of the group), `section_code` and `section_name` of the first, and `codes` of all.

    `registries`: `monitoring-section` of each province; `crosswalk`: `section-crosswalk`. Sorted by `code`.
    """
    names = section_names(crosswalk, on)
    groups: dict[str, list[Mapping[str, object]]] = {}
    for registry in registries:
        for row in valid_rows(registry, on):
            groups.setdefault(names.get(row["section_code"], row["section_code"]), []).append(row)
    return pa.Table.from_pylist(
        [
            {
                "code": code,
                "section_code": rows[0]["section_code"],
                "section_name": rows[0]["section_name"],
                "codes": [row["section_code"] for row in rows],
            }
            for code, rows in sorted(groups.items())
        ],
        schema=pa.schema(
            [
                *((name, pa.string()) for name in ("code", "section_code", "section_name")),
                ("codes", pa.list_(pa.string())),
            ]
        ),
    )


def place_of(section: str, registries: Sequence[pa.Table], crosswalk: pa.Table | None, on: date) -> Place:
    """Where a section lies on the network, by any of its codes: the crosswalk's position, else the end of its reach.

    Raises NotFoundError where no table names a reach for it.
    """
    rows = [] if crosswalk is None else valid_rows(crosswalk, on)
    for row in rows:
        if section in (row["section_code"], row["other_code"]) and row.get("reach_code"):
            return Place(row["reach_code"], row.get("km_to_end") or 0.0)
    names = {} if crosswalk is None else section_names(crosswalk, on)
    wanted = names.get(section, section)
    for registry in registries:
        for row in valid_rows(registry, on):
            if names.get(row["section_code"], row["section_code"]) == wanted and row.get("reach_code"):
                return Place(row["reach_code"])
    raise NotFoundError(
        f"断面 {section[:60]} 未注明河段 / no registry says on which reach section {section[:60]} lies"
    )
