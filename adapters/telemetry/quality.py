"""Rows under `water-quality`: texts as stations send them, collected in columns, turned into Arrow in one go."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from adapters.telemetry.table import Repeats, beijing, collapse, numbers

CONTRACT: Final = "water-quality"
KEY: Final = ("section_code", "sampled_at", "item_code", "monitoring_mode")


@dataclass(frozen=True, slots=True)
class Reads:
    """How one field of one station is read: a value divided by `divisor` is in `unit`, as the limit is."""

    item: str
    unit: str
    divisor: float
    limit: float | None = None
    flag: str = ""


@dataclass(slots=True)
class QualityRows:
    """Columns that grow: section, time (`YYYYMMDDHHMMSS`, Beijing), how it is read, value, flag, remark."""

    sections: list[str] = field(default_factory=list)
    times: list[str | None] = field(default_factory=list)
    reads: list[Reads] = field(default_factory=list)
    values: list[str | None] = field(default_factory=list)
    flags: list[str | None] = field(default_factory=list)
    remarks: list[str | None] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.values)

    def add(
        self,
        section: str,
        time: str | None,
        reads: Reads,
        value: str | None,
        flag: str | None,
        remark: str | None,
    ) -> None:
        """One value; what cannot be read becomes NULL, and the contract says what is wrong with the row."""
        self.sections.append(section)
        self.times.append(time)
        self.reads.append(reads)
        self.values.append(value)
        self.flags.append(flag)
        self.remarks.append(remark)

    def batch(self, counts: Counter[str]) -> pa.RecordBatch:
        """All rows, repeated ones once; counts: values, unread, below_limit, identical, conflicting, keys."""
        given = pa.array(self.values, pa.string())
        value = pc.divide(numbers(given), pa.array([each.divisor for each in self.reads], pa.float64()))
        limit = pa.array([each.limit for each in self.reads], pa.float64())
        counts["values"] += len(value) - value.null_count
        counts["unread"] += value.null_count - given.null_count
        below = pc.fill_null(pc.less(value, limit), False)
        counts["below_limit"] += pc.sum(below).as_py() or 0
        table = pa.table(
            {
                "section_code": pa.array(self.sections, pa.string()),
                "sampled_at": beijing(self.times),
                "item_code": pa.array([each.item for each in self.reads], pa.string()),
                "monitoring_mode": pa.repeat(pa.scalar("automatic"), len(self)),
                "value": value,
                "unit": pa.array([each.unit for each in self.reads], pa.string()),
                "qualifier": pc.if_else(below, "<", pa.scalar(None, pa.string())),
                "detection_limit": limit,
                "data_flag": pa.array(self.flags, pa.string()),
                "remark": pa.array(self.remarks, pa.string()),
            }
        )
        return collapse(table, Repeats(KEY, counts))
