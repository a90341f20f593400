"""Settled values in later reports: beside what both sides published, with the settlement that each comes from."""

from __future__ import annotations

from typing import Final

import pyarrow as pa

from exchange.client.session import Session
from exchange.client.settlement import list_settlements, matter_of, state_of
from exchange.settlement.case import State

_ENDED: Final = (State.AGREED, State.DISPUTED, State.ARBITRATED)
SETTLED: Final = pa.schema(
    [
        ("left_section", pa.string()),
        ("right_section", pa.string()),
        ("item_code", pa.string()),
        ("compared_at", pa.timestamp("us", tz="UTC")),
        ("value", pa.float64()),
        ("unit", pa.string()),
        ("state", pa.string()),
        ("settlement", pa.string()),
        ("head", pa.string()),
    ]
)
_KEYS: Final = ("left_section", "right_section", "item_code", "compared_at")


def settled_values(client: Session) -> pa.Table:
    """What has come to an end among the caller's settlements (schema SETTLED); a dispute has no value.

    `head` is the digest of the last signed move: whoever doubts a report asks a hub for that move's receipt.
    """
    rows = []
    for each in list_settlements(client):
        about, state = matter_of(each), state_of(each)
        if state not in _ENDED:
            continue
        rows.append(
            {
                "left_section": about.left_section,
                "right_section": about.right_section,
                "item_code": about.item,
                "compared_at": about.left_at or about.right_at,
                "value": float(each.value) if state.settles else None,
                "unit": about.unit,
                "state": state.value,
                "settlement": each.id,
                "head": each.head,
            }
        )
    return pa.Table.from_pylist(rows, SETTLED)


def with_settled(pairs: pa.Table, settled: pa.Table) -> pa.Table:
    """Pairs or differences (as `Compared` gives them) with settled_value, settled_as, settlement and settled_head.

    Both sides' values stay as they were; rows that nothing is settled about have nulls. Of two settlements of one
    pair the later counts.
    """
    last = settled.group_by(list(_KEYS), use_threads=False).aggregate(
        [(name, "last") for name in ("value", "state", "settlement", "head")]
    )
    last = last.rename_columns([*_KEYS, "settled_value", "settled_as", "settlement", "settled_head"])
    at = pairs.column_names.index("compared_at")
    instants = pairs["compared_at"].cast(SETTLED.field("compared_at").type)
    return pairs.set_column(at, "compared_at", instants).join(last, list(_KEYS), join_type="left outer")
