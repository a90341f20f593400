"""Dissolved oxygen against what water can hold: the second way into class I (GB 3838-2002, table 1, item 3)."""

from __future__ import annotations

from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from exchange.river.grade import VALID, Floats, Levels
from exchange.river.plain import decoded
from exchange.river.standard import Standard

OXYGEN: Final = "w01009"
TEMPERATURE: Final = "w01010"
STANDARD_KPA: Final = 101.325
_KEYS: Final = ("section_code", "sampled_at", "monitoring_mode")


def saturation(temperature: Floats, pressure_kpa: Floats | float = STANDARD_KPA) -> Floats:
    """Oxygen that fresh water holds, mg/L, at a temperature in °C; `pressure_kpa` of the air there.

    DO_f = 468 / (31.6 + T), times the share of standard pressure. Source: HJ 2.3-2018, annex D (D.2).
    """
    found: Floats = 468.0 / (31.6 + np.asarray(temperature, np.float64)) * (pressure_kpa / STANDARD_KPA)
    return found


def saturated_levels(
    table: pa.Table, levels: Levels, standard: Standard, pressure_kpa: float = STANDARD_KPA
) -> Levels:
    """The levels with oxygen at class I where it has reached 90 % of saturation, however little that is.

    `table` as for `item_levels`, with `section_code`, `sampled_at` and, if there, `monitoring_mode`: temperature is
    that of the same sample. Rows without one keep their level. Source: GB 3838-2002, table 1, item 3.
    """
    keys = [name for name in _KEYS if name in table.column_names]
    plain = decoded(table.select([*keys, "item_code", "value"])).append_column(
        "_row", pa.array(np.arange(len(levels)))
    )
    plain = plain.append_column("_level", pa.array(levels))
    valid = pc.equal(table["data_flag"], VALID) if "data_flag" in table.column_names else None
    warm = pc.equal(plain["item_code"], TEMPERATURE)
    warm = warm if valid is None else pc.and_(warm, valid)
    wanted = pc.and_(pc.equal(plain["item_code"], OXYGEN), pc.greater(plain["_level"], 1))
    measured = plain.filter(warm).group_by(keys).aggregate([("value", "mean")])
    found = plain.filter(wanted).drop_columns(["item_code", "_level"]).join(measured, keys, join_type="inner")
    full = saturation(found["value_mean"].to_numpy(), pressure_kpa)
    enough = found["value"].to_numpy() >= standard.saturation_share * full
    out = levels.copy()
    out[found["_row"].to_numpy()[enough]] = 1
    return out
