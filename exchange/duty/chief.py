"""Chiefs by level and term, and whether they patrol as often as their level asks: `river-chief`, `patrol-record`.

重庆市河长制条例: a municipal chief patrols twice a year or more, a county's once a quarter; towns and villages as
their county sets. What is asked is prorated over the days in office within the period.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final

import pyarrow as pa

from exchange.trust.workday import received_on

_YEAR: Final = 365


@dataclass(frozen=True, slots=True)
class Patrolled:
    """One chief's patrols on one reach in a period; `asked` is 0 where the level has no quota."""

    reach: str
    chief: str
    level: str
    asked: int
    done: int

    @property
    def short(self) -> int:
        """How many are missing."""
        return max(0, self.asked - self.done)


def in_office(chiefs: pa.Table, on: date) -> list[Mapping[str, Any]]:
    """Chiefs of a day, by reach and post."""
    rows = [row for row in chiefs.to_pylist() if _days(row, on, on)]
    return sorted(rows, key=lambda row: (row["reach_code"], row["post"], row["valid_from"]))


def clashes(chiefs: pa.Table, on: date) -> list[tuple[str, str]]:
    """Reach and post that more than one person of one level holds on a day."""
    held = Counter((row["reach_code"], row["post"], row["chief_level"]) for row in in_office(chiefs, on))
    return sorted({(reach, post) for (reach, post, _), count in held.items() if count > 1})


def patrolled(
    chiefs: pa.Table, patrols: pa.Table, quota: Mapping[str, float], start: date, end: date
) -> list[Patrolled]:
    """Patrols asked for and made from `start` to `end`, both included, by chiefs in office then."""
    made: Counter[tuple[str, str]] = Counter()
    for row in patrols.select(["reach_code", "chief_level", "started_at"]).to_pylist():
        if start <= received_on(row["started_at"]) <= end:
            made[row["reach_code"], row["chief_level"]] += 1
    found = []
    for row in chiefs.to_pylist():
        days = _days(row, start, end)
        if row["post"] != "chief" or not days:
            continue
        asked = int(quota.get(row["chief_level"], 0.0) * days / _YEAR + 0.5)
        key = (row["reach_code"], row["chief_level"])
        found.append(Patrolled(*key[:1], row["chief_name"], key[1], asked, made[key]))
    return sorted(found, key=lambda each: (-each.short, each.reach, each.chief))


def _days(row: Mapping[str, Any], start: date, end: date) -> int:
    first: date = max(start, row["valid_from"])
    last: date = min(end, row["valid_to"] or end)
    return max(0, (last - first) // timedelta(days=1) + 1)
