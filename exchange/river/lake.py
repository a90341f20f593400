"""The trophic state of lakes and reservoirs: 环办〔2011〕22号 §二（二）2, after 总站生字〔2001〕090号."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from exchange.river.plain import decoded
from exchange.river.standard import Standard, Wording

_SCALE: Final = {("mg/L", "ug/L"): 1e3, ("ug/L", "mg/L"): 1e-3}


def trophic_index(table: pa.Table, standard: Standard, keys: Sequence[str]) -> pa.Table:
    """The weighted index TLI(Σ) per `keys`, from all five items; who lacks one has none.

    `table`: `item_code` (chlorophyll a w01016, total phosphorus, total nitrogen, permanganate index, and `transparency`
    in m), `value`, `unit`; one value per key and item, else their mean. Gives the keys, `tli` and `state`.
    TLI(j) = 10 (a + b ln C), TLI(Σ) = Σ W TLI(j).
    """
    table = decoded(table)
    parts = []
    for term in standard.terms:
        rows = table.filter(pc.and_(pc.equal(table["item_code"], term.code), pc.greater(table["value"], 0)))
        units = rows["unit"].to_pylist()
        scale = np.array(
            [1.0 if unit == term.unit else _SCALE.get((unit, term.unit), np.nan) for unit in units]
        )
        value = rows["value"].to_numpy() * scale
        one = rows.select(list(keys)).append_column("value", pa.array(value, from_pandas=True))
        mean = one.group_by(list(keys)).aggregate([("value", "mean")])
        index = term.weight * 10 * (term.a + term.b * np.log(mean["value_mean"].to_numpy()))
        parts.append(mean.select(list(keys)).append_column("part", pa.array(index, from_pandas=True)))
    together = pa.concat_tables(parts).group_by(list(keys)).aggregate([("part", "sum"), ("part", "count")])
    whole = together.filter(pc.equal(together["part_count"], len(standard.terms)))
    whole = whole.select([*keys, "part_sum"]).rename_columns([*keys, "tli"])
    states = [trophic_state(value, standard).code for value in whole["tli"].to_pylist()]
    return whole.append_column("state", pa.array(states, pa.string())).sort_by(
        [(key, "ascending") for key in keys]
    )


def trophic_state(index: float, standard: Standard) -> Wording:
    """The state of an index: below 30 oligotrophic, 30 to 50 mesotrophic, above 50, 60 and 70 eutrophic by degrees."""
    for place, (upto, wording) in enumerate(standard.states):
        if index < upto or (place and index == upto):
            return wording
    return standard.states[-1][1]
