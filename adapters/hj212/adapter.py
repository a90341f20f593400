"""Messages of HJ 212 under `water-quality`.

Of real-time data (2011) the Rtd counts, at its instant; of minutes, hours and days (2051, 2061, 2031) the Avg, at
the start of the period, which is what DataTime says (HJ 212-2017, 6.3.4). A station's hour and an instant within
it have the same key when they have the same time, so a mapping chooses one kind of report: `commands`, the hourly
one by default.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from adapters.codes.factor import factor_of
from adapters.codes.unit import factor_between
from adapters.gateway.dialect import Rows
from adapters.hj212.code import DATA, FLAGS, UNITS
from adapters.hj212.frame import END, PREFIX, Message, decode
from adapters.hj212.host import HostSession, Opened
from adapters.hj212.sealed import opener
from adapters.settings import limit
from adapters.telemetry.quality import CONTRACT, QualityRows, Reads
from adapters.telemetry.station import Station, StationMap
from exchange.errors import HechuanError

DEFAULT: Final = ("2061",)
_TIME_DIGITS: Final = 14


@dataclass(frozen=True, slots=True)
class Hj212Dialect:
    """Frames on a connection, and rows from entries."""

    segment_bytes: int = field(default_factory=lambda: limit().hj212_segment_bytes)

    @property
    def name(self) -> str:
        """As in the entry point."""
        return "hj212"

    def sessions(self, stations: StationMap) -> Callable[[], HostSession]:
        """What gives a new connection's session."""
        return partial(HostSession, stations, opener(stations), self.segment_bytes)

    def rows(self, entries: Iterable[bytes], stations: StationMap) -> Rows:
        """Entries, each a frame or a part after its first part, under the contract."""
        reader = _Reader(stations)
        for entry in entries:
            reader.take(entry)
        return Rows({CONTRACT: reader.rows.batch(reader.counts)}, reader.counts)


class _Reader:
    """Collects rows; what a station's fields mean is looked up once."""

    def __init__(self, stations: StationMap) -> None:
        self.rows = QualityRows()
        self.counts: Counter[str] = Counter()
        self._stations = stations
        self._commands = stations.commands or DEFAULT
        self._opened: Opened | None = opener(stations)
        self._plans: dict[tuple[str, str], dict[str, Reads | None]] = {}

    def take(self, entry: bytes) -> None:
        """One entry."""
        self.counts["rows"] += 1
        try:
            frames = frames_of(entry)
            message = decode(frames[-1], self._opened)
            time = message.data.get("DataTime")
            if time is None and len(frames) > 1:
                time = decode(frames[0], self._opened).data.get("DataTime")
        except HechuanError:
            self.counts["malformed"] += 1
            return
        station = self._stations.stations.get(message.station)
        if station is None or station.section is None or message.command not in self._commands:
            self.counts["elsewhere"] += 1
            return
        self._values(station.section, station, message, time)

    def _values(self, section: str, station: Station, message: Message, time: str | None) -> None:
        what, statistic, period = DATA[message.command]
        plan = self._plans.setdefault((message.station, message.command), {})
        remark = None if period is None else f"HJ 212 {message.command} {what}, {statistic}"
        stamp = time[:_TIME_DIGITS] if time else None
        data, add, missing, left = message.data, self.rows.add, self._stations.missing_flag, 0
        for name, text in data.items():
            if name not in plan:
                plan[name] = _reads(name, statistic, station)
            if (reads := plan[name]) is None:
                left += name.endswith(statistic)
                continue
            flag = data.get(reads.flag, missing)
            add(section, stamp, reads, text or None, FLAGS.get(flag, flag) if flag else None, remark)
        self.counts["uncoded"] += left


def frames_of(entry: bytes) -> list[bytes]:
    """The frames that an entry is; each says its own length."""
    found, at = [], 0
    while at < len(entry):
        digits = entry[at + 2 : at + PREFIX]
        size = int(digits) if digits.isdigit() else len(entry)
        end = at + PREFIX + size + 4 + len(END)
        found.append(entry[at:end])
        at = end
    return found


def _reads(name: str, statistic: str, station: Station) -> Reads | None:
    """How a field is read; None where it is none, or of no item of the contract."""
    code, dash, suffix = name.rpartition("-")
    if not dash or suffix != statistic:
        return None
    rule = station.items.get(code)
    factor = factor_of(rule.item if rule and rule.item else code)
    if factor is None or (rule and rule.ignore):
        return None
    given = (rule.unit if rule and rule.unit else None) or UNITS.get(code, factor.unit)
    divisor = 1 / factor_between(given, factor.unit)
    limit = rule.detection_limit / divisor if rule and rule.detection_limit is not None else None
    return Reads(factor.code, factor.unit, float(f"{divisor:.12g}"), limit, f"{code}-Flag")
