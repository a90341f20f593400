"""Where a disturbance at a section may have come from: what lies upstream, ranked, each with its reasons."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import pyarrow as pa

from exchange.errors import InvalidInputError
from exchange.river.network import RiverNetwork
from exchange.river.practice import Practice, Tracing, shipped_practice
from exchange.river.reach import Place
from exchange.river.source import SIGNATURES, Source
from exchange.river.transport import DAY

_Said = tuple[str, str]
_MASS: Final = {"w21003": "ammonia", "w01018": "cod", "w01019": "cod", "w21011": "phosphorus"}


@dataclass(frozen=True, slots=True)
class Alarm:
    """What was seen at a section: `excess` in mg/L by item above what is usual, from `seen` on, for `hours`.

    `window_hours`: how long before `seen` a release is looked for; None: as the practice has it. `decay_per_day` by
    item, first order.
    """

    place: Place
    seen: datetime
    excess: Mapping[str, float]
    hours: float | None = None
    window_hours: float | None = None
    decay_per_day: float = 0.0

    def __post_init__(self) -> None:
        if self.seen.tzinfo is None:
            raise InvalidInputError("报警时间须带时区 / the time of the alarm needs an offset")
        if not self.excess or any(not value > 0 for value in self.excess.values()):
            raise InvalidInputError(
                "须给出超出平常的浓度，且为正 / the excess names one item or more, above zero"
            )
        spans = [each for each in (self.hours, self.window_hours) if each is not None]
        if not (all(each > 0 for each in spans) and self.decay_per_day >= 0):
            raise InvalidInputError("历时与时窗须为正 / hours and window are above zero, decay not below")


@dataclass(frozen=True, slots=True)
class Candidate:
    """A source with its score in [0, 1], `parts` of it, the time by which it would have let go, and why.

    `needed_kg` by item: what it must have released over the hours of the alarm to be seen like this.
    """

    source: Source
    score: float
    parts: Mapping[str, float]
    km: float
    hours: float
    released: datetime
    needed_kg: Mapping[str, float]
    reasons: tuple[tuple[str, str], ...]

    @property
    def zh(self) -> str:
        """The reasons in Chinese."""
        return "；".join(zh for zh, _ in self.reasons)

    @property
    def en(self) -> str:
        """The reasons in English."""
        return "; ".join(en for _, en in self.reasons)


def trace(
    network: RiverNetwork, alarm: Alarm, sources: Sequence[Source], practice: Practice | None = None
) -> list[Candidate]:
    """Every source upstream within the window, most likely first.

    Timing: the nearer the better, and better still where its own register says that something happened when the water
    passed it. Substance: the share of the items seen that it is known for. Load: its daily load against what must
    have been let out for the section to see what it saw. Raises NotFoundError (a section off the network).
    """
    judge = _Judge(alarm, (practice or shipped_practice()).trace)
    place = network.check(alarm.place)
    above = {found.reach.code: found for found in network.upstream(place, judge.window)}
    discharge = network.reach(place.reach).discharge_m3s
    found = []
    for source in sources:
        where = _where(network, source)
        upstream = above.get(where.reach) if where else None
        if where is None or upstream is None:
            continue
        km = upstream.km + where.km_to_end
        hours = upstream.hours + where.km_to_end / upstream.reach.velocity_ms / 3.6
        if 0 <= hours <= judge.window:
            found.append(judge.candidate(source, km, hours, discharge))
    return sorted(found, key=lambda each: (-each.score, each.hours, each.source.code))


def _where(network: RiverNetwork, source: Source) -> Place | None:
    known = {code for reach in network.reaches for code in reach.codes}
    if source.place.reach not in known:
        return None
    reach = network.reach(source.place.reach)
    return Place(reach.code, min(source.place.km_to_end, reach.length_km))


class _Judge:
    """Weighs sources against one alarm."""

    def __init__(self, alarm: Alarm, terms: Tracing) -> None:
        self._alarm = alarm
        self._terms = terms
        self._lasting = terms.alarm_hours if alarm.hours is None else alarm.hours
        self.window = terms.window_hours if alarm.window_hours is None else alarm.window_hours

    def candidate(self, source: Source, km: float, hours: float, discharge: float) -> Candidate:
        alarm, weights = self._alarm, self._terms.weights
        released = alarm.seen - timedelta(hours=hours)
        # g/m³ · m³/s · s = g; what decays on the way has to be let out as well
        grown = math.exp(alarm.decay_per_day * hours * 3600 / DAY)
        needed = {
            item: excess * discharge * self._lasting * 3.6 * grown for item, excess in alarm.excess.items()
        }
        timing, when = self._timing(source, hours, released)
        substance, what = self._substance(source)
        load, how_much = self._load(source, needed)
        parts = {"timing": timing, "substance": substance, "load": load}
        score = sum(weights[name] * value for name, value in parts.items())
        reasons = (*when, *what, *how_much, *source.remarks)
        return Candidate(source, round(score, 4), parts, km, hours, released, needed, reasons)

    def _timing(self, source: Source, hours: float, released: datetime) -> tuple[float, list[_Said]]:
        terms = self._terms
        said = [(f"到断面约 {hours:.1f} 小时", f"about {hours:.1f} h above the section")]
        # the longer the way, the less sure the moment
        near = 1 - terms.far * hours / self.window
        if source.noticed is None:
            return near * terms.unnoticed, said
        apart = abs((source.noticed - released).total_seconds()) / 3600
        doubt = max(self._lasting, terms.doubt * hours, terms.least_doubt_hours)
        if apart <= 2 * doubt:
            said.append(
                (
                    f"其异常与推算排放时刻相差 {apart:.1f} 小时",
                    f"something was noticed there within {apart:.1f} h of then",
                )
            )
        return near * (0.5 + 0.5 * math.exp(-((apart / doubt) ** 2))), said

    def _substance(self, source: Source) -> tuple[float, list[_Said]]:
        known = source.substances or SIGNATURES.get(source.kind, frozenset())
        hits = sorted(item for item in self._alarm.excess if item in known)
        if not known:
            return self._terms.unknown, [("特征污染物不明", "it is not known what it lets out")]
        if not hits:
            return 0.0, [("特征污染物不符", "it is not known for what was seen")]
        said = (f"特征污染物相符：{'、'.join(hits)}", f"known for {', '.join(hits)}")
        return len(hits) / len(self._alarm.excess), [said]

    def _load(self, source: Source, needed: Mapping[str, float]) -> tuple[float, list[_Said]]:
        ratios = {
            item: source.daily_kg[_MASS[item]] / kg
            for item, kg in needed.items()
            if item in _MASS and source.daily_kg.get(_MASS[item])
        }
        if not ratios:
            return self._terms.unknown, [("排放量不明", "its load is not known")]
        # all that was seen has to be explained: the item that its load explains least decides
        item = min(ratios, key=lambda name: ratios[name])
        ratio, kg = ratios[item], needed[item]
        # a day's load let go at once is plausible; a tenth of what is needed is hardly so
        return ratio / (ratio + self._terms.half_load), [
            (
                f"断面所见约需 {kg:,.0f} kg，其日负荷为其 {ratio:.0%}",
                f"{kg:,.0f} kg are needed; its day is {ratio:.0%} of that",
            )
        ]


def trace_table(candidates: Iterable[Candidate]) -> pa.Table:
    """A row a candidate, ranked from 1."""
    rows: list[dict[str, Any]] = [
        {
            "rank": rank,
            "kind": each.source.kind,
            "code": each.source.code,
            "name": each.source.name,
            "reach_code": each.source.place.reach,
            "km": round(each.km, 2),
            "hours": round(each.hours, 2),
            "released": each.released,
            "score": each.score,
            "reasons_zh": each.zh,
            "reasons_en": each.en,
        }
        for rank, each in enumerate(candidates, 1)
    ]
    return pa.Table.from_pylist(rows, schema=TABLE)


TABLE: Final = pa.schema(
    [
        ("rank", pa.int32()),
        *((name, pa.string()) for name in ("kind", "code", "name", "reach_code")),
        *((name, pa.float64()) for name in ("km", "hours")),
        ("released", pa.timestamp("s", "UTC")),
        ("score", pa.float64()),
        *((name, pa.string()) for name in ("reasons_zh", "reasons_en")),
    ]
)
