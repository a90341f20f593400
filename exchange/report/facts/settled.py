"""Values that both sides settled, as they stood at the report's moment: steps signed later do not count."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import pyarrow as pa

from exchange.client import Client
from exchange.client.settlement import get_settlement, list_settlements, matter_of
from exchange.ids import DatasetId
from exchange.report.source import Sources
from exchange.settlement.case import Settlement, fold
from exchange.settlement.move import Move
from exchange.trust.envelope import Envelope

_HELD: Final = pa.schema(
    [
        ("section_code", pa.string()),
        ("item_code", pa.string()),
        ("sampled_at", pa.timestamp("us", "UTC")),
        ("_settled", pa.float64()),
        ("_settled_unit", pa.string()),
        ("_settlement", pa.string()),
    ]
)


@dataclass(frozen=True, slots=True)
class Settled:
    """A settlement that has come to an end, with the key of its last step among the sources."""

    settlement: Settlement
    source: str

    @property
    def value(self) -> float | None:
        """What both sides use; None for a dispute that nobody has decided."""
        return float(self.settlement.value) if self.settlement.state.settles else None


def settled_by(
    client: Client, moment: datetime, sections: Collection[str], sources: Sources
) -> list[Settled]:
    """Settlements over sections of the report, in the order they began, from the steps up to `moment`."""
    found = []
    for each in list_settlements(client):
        about = matter_of(each)
        if not {about.left_section, about.right_section} & set(sections):
            continue
        whole = get_settlement(client, each.id)
        moves = (Move.parse(Envelope.from_json_bytes(envelope).payload) for envelope in whole.moves)
        standing, _ = fold([move for move in moves if move.at <= moment])
        if standing is not None and (standing.state.settles or standing.awaited == about.arbiter):
            hub = client.profile.card.jurisdiction
            found.append(Settled(standing, sources.step("settlement", hub, standing.head, standing.id)))
    return found


def with_settled_values(rows: pa.Table, dataset: DatasetId, settled: Iterable[Settled]) -> pa.Table:
    """Rows of a side's water quality whose settled values stand in for the published ones; `_settlement` names them."""
    listed = []
    for each in settled:
        about = each.settlement.matter
        for of, section, at in (
            (about.left_dataset, about.left_section, about.left_at),
            (about.right_dataset, about.right_section, about.right_at),
        ):
            if of == dataset and at is not None and each.value is not None:
                listed.append((section, about.item, at, each.value, about.unit, each.source))
    if not listed:
        return rows.append_column("_settlement", pa.nulls(rows.num_rows, pa.string()))
    held = pa.table(dict(zip(_HELD.names, map(list, zip(*listed, strict=True)), strict=True)), _HELD)
    keys = _HELD.names[:3]
    # of two settlements of one value the later counts
    held = held.group_by(keys, use_threads=False).aggregate([(name, "last") for name in _HELD.names[3:]])
    held = held.rename_columns(_HELD.names)
    instants = rows["sampled_at"].cast(_HELD.field("sampled_at").type)
    rows = rows.set_column(rows.column_names.index("sampled_at"), "sampled_at", instants)
    met = rows.join(held, keys, join_type="left outer", use_threads=False)
    return _replaced(met).drop_columns(["_settled", "_settled_unit"])


def _replaced(rows: pa.Table) -> pa.Table:
    there = rows["_settlement"].is_valid()
    for column, other in (("value", rows["_settled"]), ("unit", rows["_settled_unit"]), ("qualifier", None)):
        if column in rows.column_names:
            of = rows[column].type
            new = pa.nulls(rows.num_rows, of) if other is None else other.cast(of)
            put = pa.compute.if_else(there, new, rows[column])
            rows = rows.set_column(rows.column_names.index(column), column, put)
    return rows
