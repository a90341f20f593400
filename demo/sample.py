"""Sample data, made here and labelled as made: the same call gives the same rows, always.

Places are real (the case of the Tongbo river, 铜钵河 上河坝, between Dazhu and Liangping), numbers are not.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

import numpy as np
import pyarrow as pa

MADE: Final = "示例数据 made for the demo"
START: Final = datetime(2026, 3, 1, tzinfo=UTC)
_STEP_MICROSECONDS: Final = 4 * 3600 * 1_000_000
# code, name, river, province, county, boundary: upstream and downstream, target class
_SECTIONS: Final = (
    ("SC-SHANGHEBA", "上河坝", "铜钵河", "510000", "511724", ("510000", "500000"), "III"),
    ("CQ-TONGBO-LP", "铜钵河梁平", "铜钵河", "500000", "500155", None, "III"),
    ("CQ-LIANMENGQIAO", "联盟桥", "任市河", "500000", "500155", ("510000", "500000"), "III"),
    ("CQ-ZHUTUO", "朱沱", "长江", "500000", "500118", ("510000", "500000"), "II"),
    ("CQ-BEIWENQUAN", "北温泉", "嘉陵江", "500000", "500109", None, "II"),
    ("CQ-WANMU", "万木", "乌江", "500000", "500242", ("520000", "500000"), "II"),
)
# item, unit, middle, spread, decimals
_ITEMS: Final = (
    ("w01010", "degC", 16.0, 3.0, 1),
    ("w01001", "1", 7.8, 0.3, 2),
    ("w01009", "mg/L", 8.4, 0.9, 2),
    ("w01014", "uS/cm", 420.0, 60.0, 1),
    ("w01003", "NTU", 12.0, 6.0, 1),
    ("w01019", "mg/L", 2.4, 0.6, 2),
    ("w21003", "mg/L", 0.35, 0.15, 3),
    ("w21011", "mg/L", 0.09, 0.03, 3),
    ("w21001", "mg/L", 1.9, 0.4, 2),
)
SECTIONS: Final = tuple(section[0] for section in _SECTIONS)


def monitoring_sections() -> pa.Table:
    """The six sections, under `monitoring-section`."""
    return pa.Table.from_pylist(
        [
            {
                "section_code": code,
                "section_name": name,
                "section_type": "national" if sides else "municipal",
                "river_name": river,
                "water_body": "river",
                "basin": "长江流域",
                "province_code": province,
                "county_code": county,
                "is_boundary": sides is not None,
                "upstream_code": sides and sides[0],
                "downstream_code": sides and sides[1],
                "target_class": target,
                "is_automatic": True,
                "valid_from": START.date(),
            }
            for code, name, river, province, county, sides, target in _SECTIONS
        ]
    )


def water_quality(rows: int, start: int = 0) -> pa.Table:
    """Rows number `start` to `start + rows` of an endless series under `water-quality`.

    Every four hours each section gives nine items; the row's number alone says which, and gives its value.
    """
    number = np.arange(start, start + rows, dtype=np.int64)
    item = number % len(_ITEMS)
    section = number // len(_ITEMS) % len(_SECTIONS)
    round_ = number // (len(_ITEMS) * len(_SECTIONS))
    first = int(START.timestamp()) * 1_000_000
    return pa.table(
        {
            "section_code": _words([code for code, *_ in _SECTIONS], section),
            "sampled_at": pa.array(first + round_ * _STEP_MICROSECONDS, pa.timestamp("us", tz="UTC")),
            "item_code": _words([code for code, *_ in _ITEMS], item),
            "monitoring_mode": _words(["automatic"], item * 0),
            "value": pa.array(_values(number, item)),
            "unit": _words([unit for _, unit, *_ in _ITEMS], item),
            "data_flag": _words(["N"], item * 0),
            "station_status": _words(["normal"], item * 0),
            "remark": _words([MADE], item * 0),
        }
    )


def _values(
    number: np.typing.NDArray[np.int64], item: np.typing.NDArray[np.int64]
) -> np.typing.NDArray[np.float64]:
    # Knuth's multiplicative hash: noise that needs no state.
    noise = (number * 2_654_435_761 % 2**32) / 2**31 - 1
    middle, spread = (np.array([made[at] for made in _ITEMS]) for at in (2, 3))
    decimals = np.array([made[4] for made in _ITEMS])
    scale = 10.0 ** decimals[item]
    found: np.typing.NDArray[np.float64] = np.rint((middle[item] + spread[item] * noise) * scale) / scale
    return found


def _words(words: list[str], which: np.typing.NDArray[np.int64]) -> pa.Array:
    return pa.DictionaryArray.from_arrays(which.astype(np.int32), words).dictionary_decode()
