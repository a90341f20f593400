"""Which sections of two registries are one under other names and codes: proposals for a person to confirm."""

from __future__ import annotations

import itertools
import math
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from difflib import SequenceMatcher
from functools import cache
from typing import Any, Final

import pyarrow as pa

from exchange.errors import InvalidInputError
from exchange.river.extra import load

LEAST: Final = 0.7
_WEIGHTS: Final = {"name": 0.4, "pinyin": 0.15, "river": 0.2, "distance": 0.25}
_DOUBT: Final = 0.7
_NEAR_KM: Final = 2.0
_CELL: Final = 0.05
_EARTH_KM: Final = 6371.0
_MARK: Final = re.compile(r"[（(【\[]([^）)】\]]*)[）)】\]]")
_FILLING: Final = re.compile(r"(水质)?自动(监测)?站|监测|断面|国控|省控|[\s·•\-—_]")
# What speakers of the south-west do not tell apart, and hear one for the other when they write names down.
_FOLDED: Final = (("zh", "z"), ("ch", "c"), ("sh", "s"), ("ng", "n"))


@dataclass(frozen=True, slots=True)
class Side:
    """A section as one registry has it."""

    code: str
    name: str
    province: str
    river: str
    longitude: float | None
    latitude: float | None
    core: str
    marks: tuple[str, ...]
    syllables: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Proposal:
    """Two sections that may be one. `score` in [0, 1]; `parts` per feature; `reasons` in Chinese and English."""

    ours: Side
    theirs: Side
    score: float
    parts: Mapping[str, float]
    distance_m: float | None
    reasons: tuple[tuple[str, str], ...]

    @property
    def zh(self) -> str:
        """The reasons in Chinese."""
        return "；".join(zh for zh, _ in self.reasons)

    @property
    def en(self) -> str:
        """The reasons in English."""
        return "; ".join(en for _, en in self.reasons)


def propose(ours: pa.Table, theirs: pa.Table, least: float = LEAST) -> list[Proposal]:
    """Pairs that score `least` and more, best first; a section may be in several, for a person to choose.

    Both tables: `monitoring-section` (`section_code`, `section_name`, `province_code`; `river_name`, `longitude`,
    `latitude` if there). Score: weighted mean of name, pinyin, river and distance, less where some cannot be compared.
    Only pairs with two syllables in a row alike, or within some five kilometres, are looked at. Raises
    InvalidInputError.
    """
    if not 0 < least <= 1:
        raise InvalidInputError(f"得分下限应在 0 与 1 之间 / the least score is between 0 and 1, not {least}")
    left, right = _sides(ours), _sides(theirs)
    index: dict[Any, set[int]] = defaultdict(set)
    for number, side in enumerate(right):
        for key in _keys(side):
            index[key].add(number)
    found = []
    for side in left:
        for number in sorted({number for key in _keys(side) for number in index.get(key, ())}):
            if side.code != right[number].code:
                proposal = compare(side, right[number])
                if proposal.score >= least:
                    found.append(proposal)
    return sorted(found, key=lambda each: (-each.score, each.ours.code, each.theirs.code))


def compare(ours: Side, theirs: Side) -> Proposal:
    """One pair, with what speaks for it and against it."""
    distance = distance_m(ours, theirs)
    parts = {
        "name": SequenceMatcher(None, ours.core, theirs.core).ratio(),
        "pinyin": SequenceMatcher(None, ours.syllables, theirs.syllables).ratio(),
    }
    if ours.river and theirs.river:
        parts["river"] = float(_folded(ours.river) == _folded(theirs.river))
    if distance is not None:
        parts["distance"] = math.exp(-((distance / 1000 / _NEAR_KM) ** 2))
    weight = sum(_WEIGHTS[name] for name in parts)
    score = sum(_WEIGHTS[name] * value for name, value in parts.items()) / weight
    # names repeat across provinces: without river and place they are never sure
    score *= _DOUBT + (1 - _DOUBT) * weight
    return Proposal(
        ours, theirs, round(score, 4), parts, distance, tuple(_reasons(ours, theirs, parts, distance))
    )


def _reasons(
    ours: Side, theirs: Side, parts: Mapping[str, float], distance: float | None
) -> Iterable[tuple[str, str]]:
    if ours.core == theirs.core:
        yield f"名称同为“{ours.core}”", f"both are named {ours.core}"
    elif parts["pinyin"] == 1:
        yield "名称读音相同", "the names sound alike"
    else:
        yield f"名称相似 {parts['name']:.0%}", f"names are {parts['name']:.0%} alike"
    for side, where in ((ours, "本方"), (theirs, "对方")):
        for mark in side.marks:
            yield f"{where}标注“{mark}”", f"{side.code} is marked {mark}"
    if "river" in parts:
        same = bool(parts["river"])
        yield (
            ("同一河流" if same else "河流不同"),
            (f"same river {ours.river}" if same else "different rivers"),
        )
    if distance is not None:
        yield f"相距 {distance:,.0f} 米", f"{distance:,.0f} m apart"
    if ours.province != theirs.province:
        yield "分属两地名录", "held by two provinces"
    if parts.keys() == {"name", "pinyin"}:
        yield "仅有名称可比", "nothing but the names could be compared"


def distance_m(ours: Side, theirs: Side) -> float | None:
    """Metres between two sections on a sphere; None where one has no coordinates."""
    if None in (ours.longitude, ours.latitude, theirs.longitude, theirs.latitude):
        return None
    one, two = (math.radians(float(side.latitude or 0)) for side in (ours, theirs))
    across = math.radians(float(theirs.longitude or 0) - float(ours.longitude or 0))
    half = math.sin((two - one) / 2) ** 2 + math.cos(one) * math.cos(two) * math.sin(across / 2) ** 2
    return 2000 * _EARTH_KM * math.asin(min(1.0, math.sqrt(half)))


def _sides(table: pa.Table) -> list[Side]:
    return [_side(row) for row in table.to_pylist() if row.get("section_name")]


def _side(row: Mapping[str, Any]) -> Side:
    name = str(row["section_name"])
    core = _FILLING.sub("", _MARK.sub("", name)) or name
    return Side(
        code=row["section_code"],
        name=name,
        province=row["province_code"],
        river=row.get("river_name") or "",
        longitude=row.get("longitude"),
        latitude=row.get("latitude"),
        core=core,
        marks=tuple(_MARK.findall(name)),
        syllables=_folded(core),
    )


@cache
def _folded(name: str) -> tuple[str, ...]:
    """Syllables without tones, with what is easily confused folded together."""
    syllables: list[str] = load("pypinyin").lazy_pinyin(name)
    found = []
    for syllable in syllables:
        for heard, written in _FOLDED:
            syllable = syllable.replace(heard, written)
        found.append("n" + syllable[1:] if syllable.startswith("l") else syllable)
    return tuple(found)


def _keys(side: Side) -> set[Any]:
    """What a pair must share to be looked at: two syllables in a row, or a cell of the map or the next one."""
    words = side.syllables
    keys: set[Any] = set(itertools.pairwise(words)) or {words}
    if side.longitude is not None and side.latitude is not None:
        x, y = math.floor(side.longitude / _CELL), math.floor(side.latitude / _CELL)
        keys |= {(x + dx, y + dy) for dx in (0, 1) for dy in (0, 1)}
    return keys


def crosswalk_rows(confirmed: Sequence[Proposal], by: str, on: date, valid_from: date) -> pa.Table:
    """What a person has confirmed, as rows of `section-crosswalk`; `by` is the agency, as 500000/ecology."""
    return pa.Table.from_pylist(
        [
            {
                "section_code": each.ours.code,
                "other_code": each.theirs.code,
                "valid_from": valid_from,
                "relation": "same",
                "section_name": each.ours.name,
                "other_name": each.theirs.name,
                "province_code": each.ours.province,
                "other_province_code": each.theirs.province,
                "river_name": each.ours.river or each.theirs.river or None,
                "distance_m": each.distance_m,
                "score": each.score,
                "reasons": f"{each.zh} / {each.en}"[:400],
                "confirmed_by": by,
                "confirmed_on": on,
            }
            for each in confirmed
        ],
        schema=CROSSWALK,
    )


CROSSWALK: Final = pa.schema(
    [
        *((name, pa.string()) for name in ("section_code", "other_code")),
        ("valid_from", pa.date32()),
        *((name, pa.string()) for name in ("relation", "section_name", "other_name", "province_code")),
        *((name, pa.string()) for name in ("other_province_code", "river_name")),
        ("distance_m", pa.float64()),
        ("score", pa.float64()),
        *((name, pa.string()) for name in ("reasons", "confirmed_by")),
        ("confirmed_on", pa.date32()),
    ]
)
