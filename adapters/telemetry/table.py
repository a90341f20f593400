"""From texts to Arrow: times, numbers, and rows that are there twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

_EIGHT_HOURS: Final = 8 * 3600 * 1_000_000
_TIME: Final = r"^[0-9]{14}$"
_NUMBER: Final = r"^[+-]?[0-9]{1,15}([.][0-9]{0,15})?([eE][+-]?[0-9]{1,2})?$"


class Repeats(NamedTuple):
    """Which columns make a key, and where it is counted how rows repeat."""

    key: tuple[str, ...]
    counts: Counter[str]


def beijing(texts: Sequence[str | None]) -> pa.Array:
    """`YYYYMMDDHHMMSS` in Beijing time → timestamps (us, UTC); NULL for what is no time."""
    given = pa.array(texts, pa.string())
    given = pc.if_else(pc.match_substring_regex(given, _TIME), given, pa.scalar(None, pa.string()))
    local = pc.strptime(given, format="%Y%m%d%H%M%S", unit="us", error_is_null=True)
    return pc.subtract(local.cast(pa.int64()), _EIGHT_HOURS).cast(pa.timestamp("us", "UTC"))


def numbers(texts: pa.Array) -> pa.Array:
    """Decimal texts → float64; NULL for what is no number."""
    plain = pc.utf8_trim_whitespace(texts)
    return pc.if_else(pc.match_substring_regex(plain, _NUMBER), plain, pa.scalar(None, pa.string())).cast(
        pa.float64()
    )


def collapse(table: pa.Table, repeats: Repeats) -> pa.RecordBatch:
    """Each different row once, in the order of first appearance; counts: identical, keys, conflicting."""
    once = table.group_by(table.column_names, use_threads=False).aggregate([])
    keys = once.group_by(list(repeats.key), use_threads=False).aggregate([([], "count_all")])
    repeats.counts["identical"] += table.num_rows - once.num_rows
    repeats.counts["keys"] += keys.num_rows
    several = pc.greater(keys["count_all"], 1)
    repeats.counts["conflicting"] += pc.sum(keys["count_all"].filter(several)).as_py() or 0
    return (
        once.combine_chunks().to_batches()[0]
        if once.num_rows
        else pa.RecordBatch.from_pylist([], once.schema)
    )
