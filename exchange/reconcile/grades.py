"""Where both banks' values make different classes of the same water: GB 3838-2002 on each side, over the same items."""

from __future__ import annotations

from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from exchange.river.assess import graded, section_classes
from exchange.river.standard import Standard, national_standard

_KEYS: Final = ("left_section", "right_section", "compared_at")


def class_differences(pairs: pa.Table, standard: Standard | None = None) -> pa.Table:
    """Samples whose class differs between the sides: _KEYS, left_class, right_class, left_main, right_main, items.

    `pairs` are those of `Compared.all_pairs`; only items that both sides have at the instant count, so that a missing
    item makes no difference. Temperature does not widen the limits of oxygen here: both sides are graded alike.
    Source: GB 3838-2002, table 1; 环办〔2011〕22号 §二（一）1 and 3.
    """
    standard = standard or national_standard()
    both = pairs.filter(pc.and_(pc.is_valid(pairs["left_value"]), pc.is_valid(pairs["right_value"])))
    left, right = (_classes(both, which, standard) for which in ("left", "right"))
    met = left.join(right, list(_KEYS), join_type="inner")
    return met.filter(pc.not_equal(met["left_class"], met["right_class"])).sort_by(
        [("compared_at", "ascending"), ("left_section", "ascending")]
    )


def _classes(both: pa.Table, which: str, standard: Standard) -> pa.Table:
    rows = both.select([*_KEYS, "item_code", f"{which}_value", f"{which}_unit"]).rename_columns(
        [*_KEYS, "item_code", "value", "unit"]
    )
    found = section_classes(graded(rows, standard, with_saturation=False), standard, _KEYS)
    main = [", ".join(each["item_code"] for each in items or ()) for items in found["main"].to_pylist()]
    table = found.select([*_KEYS, "class"]).append_column("main", pa.array(main, pa.string()))
    return table.rename_columns([*_KEYS, f"{which}_class", f"{which}_main"])
