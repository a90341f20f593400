"""One side's rows as the comparison wants them: known section, valid value, one unit, one datum, one key.

Values below the detection limit stand as they were published; the limit goes with them.
"""

from __future__ import annotations

from typing import Final

import ibis
import pyarrow as pa
from ibis.expr.types import Table

from exchange.reconcile.key import AUTOMATIC, MANUAL, of_instant, of_item, of_mode, of_section
from exchange.reconcile.terms import Terms

OBSERVED: Final = ibis.schema(
    {
        "section_code": "string",
        "sampled_at": "timestamp('UTC')",
        "item_code": "string",
        "monitoring_mode": "string",
        "value": "float64",
        "unit": "string",
        "detection_limit": "float64",
        "data_flag": "string",
    }
)
"""Columns of `water-quality` that are compared; `datum` may come with them, as `stage_datum` of `hydrology`."""

SECTIONS: Final = pa.schema(
    [("section", pa.int64()), ("left_section", pa.string()), ("right_section", pa.string())]
)
"""The crosswalk: one row per section, under its code on either side; `section` counts them from 0."""

DATUMS: Final = pa.schema([("section_code", pa.string()), ("datum", pa.string()), ("shift", pa.float64())])
"""What leads from a stage in a datum to the common one at a section, in metres; no row: it is the common one."""

UNITS: Final = pa.schema(
    [
        ("item_code", pa.string()),
        ("unit", pa.string()),
        ("item", pa.int64()),
        ("unit_number", pa.int8()),
        ("factor", pa.float64()),
    ]
)


def units_table(terms: Terms) -> pa.Table:
    """Every unit that every item may come in, numbered, with the factor to the item's own (schema UNITS)."""
    rows = [
        {"item_code": item.code, "unit": unit, "item": place, "unit_number": number, "factor": factor}
        for place, item in enumerate(terms.items)
        for number, (unit, factor) in enumerate(item.units.items())
    ]
    return pa.Table.from_pylist(rows, UNITS)


def side(rows: Table, sections: Table, code: str, units: Table, terms: Terms, datums: Table | None) -> Table:
    """key, value and detection (as published; the latter may be null), unit_number, and shift where there are `datums`.

    `code` is the crosswalk's column with this side's codes. Rows of other sections, items, units and flags drop out.
    """
    valid = rows.filter(rows.data_flag.isin(terms.pairing.valid_flags), rows.value.notnull())
    # what the key takes from the small tables is shifted there, not once a row
    places = sections.select(code, place=of_section(sections.section))
    kinds = units.mutate(kind=of_item(units.item))
    found = valid.join(places, valid.section_code == places[code]).join(kinds, ["item_code", "unit"])
    extra = {}
    if datums is not None:
        found = found.left_join(datums, ["section_code", "datum"])
        extra = {"shift": ibis.coalesce(found["shift"], 0.0)}
    mode = ibis.ifelse(found.monitoring_mode == "automatic", of_mode(AUTOMATIC), of_mode(MANUAL))
    return found.select(
        key=found.place | found.kind | mode | of_instant(found.sampled_at),
        value=found.value,
        unit_number=found.unit_number,
        detection=found.detection_limit,
        **extra,
    )
