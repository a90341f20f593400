"""Days on which nobody goes to a reach: floods that gauges tell of, and periods that both sides agreed to keep.

A gauge belongs to the reach of the section at its place. A stage at or above the gauge's own warning stage closes the
day and as many after it as the contract `patrol-plan` says; so an office made anew during a flood closes what a replan
then leaves alone. Periods recur each year: special protection of spawning grounds and the like.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from exchange.trust.workday import received_on

COLUMNS: Final = ("section_code", "observed_at", "stage_m", "warning_stage_m", "quality")


@dataclass(frozen=True, slots=True)
class Ban:
    """A period of each year, as 03-01 to 06-30, in which a river is closed; it may run over the new year."""

    river: str
    first: str
    last: str

    def holds(self, river: str, day: date) -> bool:
        """Whether it closes a river on a day."""
        if river != self.river:
            return False
        on = f"{day:%m-%d}"
        if self.first <= self.last:
            return self.first <= on <= self.last
        return on >= self.first or on <= self.last


@dataclass(frozen=True, slots=True)
class Closing:
    """What closes reaches. `flood`: days after the last one with a stage at or above its warning."""

    flood: int = 0
    bans: tuple[Ban, ...] = ()


def flooded(gauges: Sequence[pa.Table], reach_of: Mapping[str, str], days: int) -> dict[str, set[date]]:
    """Reach → days closed by floods. `gauges`: rows of `hydrology`; `reach_of`: reach of a section."""
    found: dict[str, set[date]] = defaultdict(set)
    for table in gauges:
        rows = table.select([*COLUMNS])
        high = pc.greater_equal(rows["stage_m"], rows["warning_stage_m"])
        sound = pc.not_equal(rows["quality"], "suspect")
        for row in rows.filter(pc.and_(high, sound)).select([*COLUMNS[:2]]).to_pylist():
            if reach := reach_of.get(row["section_code"] or ""):
                day = received_on(row["observed_at"])
                found[reach].update(day + timedelta(days=after) for after in range(days + 1))
    return found


def banned(bans: Iterable[Ban], river: str, period: Sequence[date]) -> set[date]:
    """Days of a period on which a river is closed."""
    return {day for ban in bans for day in period if ban.holds(river, day)}
