"""What a river is worth as a whole, and how it has changed: 环办〔2011〕22号 §二, §三."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from exchange.errors import InvalidInputError
from exchange.river.assess import graded, section_classes
from exchange.river.plain import decoded
from exchange.river.standard import WORSE, Standard, Wording

_STEPS: Final = {1: 0, 2: 0, 3: 1, 4: 2, 5: 3, 6: 4}


@dataclass(frozen=True, slots=True)
class Verdict:
    """A river or lake. `by_share`: five sections and more; else `level` is the class of the mean of its sections.

    Shares in per cent: `good` of sections in I–III, `bad` of those worse than V. `main`: main pollutants, worst first.
    """

    river: str
    sections: int
    by_share: bool
    level: int
    good: float
    bad: float
    wording: Wording
    main: tuple[str, ...]


def section_wording(level: int, standard: Standard) -> Wording:
    """The verdict over one section, from excellent (I, II) to heavy. Source: 环办〔2011〕22号 §二（一）1."""
    return standard.verdicts[_STEPS[level]]


def share_wording(good: float, bad: float, standard: Standard) -> Wording:
    """The verdict over five sections and more, from shares in per cent. Source: 环办〔2011〕22号 §二（一）2."""
    rules = standard.rules
    if good >= rules["excellent"]:
        return standard.verdicts[0]
    if good >= rules["good"]:
        return standard.verdicts[1]
    if bad >= rules["heavy"]:
        return standard.verdicts[4]
    return standard.verdicts[3 if bad >= rules["moderate"] else 2]


def river_verdicts(means: pa.Table, standard: Standard) -> list[Verdict]:
    """A verdict per river, by name.

    `means`: a value per `river_name`, `section_code` and `item_code`, with `unit`, and `water_body` if there; as
    `means` of one period gives them. Lakes, and rivers of fewer than five sections: the class of each mean.
    Source: 环办〔2011〕22号 §二（一）2 rivers, §二（二）1 lakes.
    """
    rows = graded(decoded(means), standard, with_saturation=False)
    names = sorted(name for name in pc.unique(rows["river_name"]).to_pylist() if name is not None)
    return [_verdict(name, rows.filter(pc.equal(rows["river_name"], name)), standard) for name in names]


def _verdict(name: str, rows: pa.Table, standard: Standard) -> Verdict:
    sections = section_classes(rows, standard, ("section_code",))
    levels = sections["level"].to_pylist()
    count = len(levels)
    good = 100 * sum(level <= standard.good for level in levels) / max(count, 1)
    bad = 100 * sum(level == WORSE for level in levels) / max(count, 1)
    lake = "water_body" in rows.column_names and not {"lake", "reservoir"}.isdisjoint(
        rows["water_body"].to_pylist()
    )
    if count >= standard.rules["many"] and not lake:
        wording, main = share_wording(good, bad, standard), _most_often(rows, count, standard)
        return Verdict(name, count, True, int(max(levels)), good, bad, wording, main)
    by = ["river_name", "item_code", "unit", *(["water_body"] if "water_body" in rows.column_names else [])]
    mean = rows.group_by(by).aggregate([("value", "mean")]).rename_columns([*by, "value"])
    [whole] = section_classes(graded(mean, standard), standard, ("river_name",)).to_pylist() or [{"level": 0}]
    level = int(whole["level"])
    wording = section_wording(level, standard) if level else Wording("none", "无评价", "not assessed")
    return Verdict(name, count, False, level, good, bad, wording, _codes(whole.get("main")))


def _codes(main: Sequence[Mapping[str, Any]] | None) -> tuple[str, ...]:
    return tuple(str(each["item_code"]) for each in main or ())


def _most_often(rows: pa.Table, sections: int, standard: Standard) -> tuple[str, ...]:
    """Items by the share of sections where they exceed class III: 环办〔2011〕22号 §二（一）3."""
    over = rows.filter(pc.greater(rows["level"], standard.good))
    assessed = {item.code: number for number, item in enumerate(standard.items) if item.assessed}
    counts = Counter(code for code in over["item_code"].to_pylist() if code in assessed)
    ranked = sorted(counts, key=lambda code: (-counts[code], assessed[code]))
    return tuple(ranked[: int(standard.rules["main"])])


class Change(StrEnum):
    """How a state compares with an earlier one."""

    MUCH_BETTER = "much-better"
    BETTER = "better"
    SAME = "same"
    WORSE = "worse"
    MUCH_WORSE = "much-worse"

    @property
    def words(self) -> tuple[str, str]:
        """In Chinese and English."""
        return _WORDS[self]


_WORDS: Final = {
    Change.MUCH_BETTER: ("明显好转", "clearly better"),
    Change.BETTER: ("有所好转", "somewhat better"),
    Change.SAME: ("无明显变化", "no clear change"),
    Change.WORSE: ("有所变差", "somewhat worse"),
    Change.MUCH_WORSE: ("明显变差", "clearly worse"),
}


def class_change(before: int, after: int) -> Change:
    """Between two levels: one step somewhat, two and more clearly; I and II are one. Source: 环办〔2011〕22号 §三."""
    return _scaled(_STEPS[before] - _STEPS[after], 0, 1)


def share_change(before: Verdict, after: Verdict, standard: Standard) -> Change:
    """Between two verdicts by share: ΔG − ΔD, up to 10 points none, up to 20 somewhat. Source: 环办〔2011〕22号 §三."""
    moved = (after.good - before.good) - (after.bad - before.bad)
    return _scaled(moved, standard.rules["little"], standard.rules["some"])


def _scaled(moved: float, little: float, some: float) -> Change:
    if abs(moved) <= little:
        return Change.SAME
    if moved > 0:
        return Change.BETTER if moved <= some else Change.MUCH_BETTER
    return Change.WORSE if -moved <= some else Change.MUCH_WORSE


def months_before(month: str) -> tuple[str, str]:
    """The month before 2026-03, and the same one a year before; raises InvalidInputError."""
    try:
        year, number = int(month[:4]), date.fromisoformat(f"{month}-01").month
    except ValueError:
        raise InvalidInputError(f"{month!r} 不是月份 / {month!r} is not a month like 2026-03") from None
    return f"{year - (number == 1)}-{12 if number == 1 else number - 1:02}", f"{year - 1}-{number:02}"


def river_changes(
    means: pa.Table, month: str, standard: Standard
) -> list[tuple[Verdict, Change | None, Change | None]]:
    """Each river's verdict in a month, with its change from the month before and from the year before.

    `means` as for `river_verdicts`, with `month`. By shares where both times five sections and more count, else by
    class; None where there is no earlier one. Source: 环办〔2011〕22号 §三.
    """
    now, previous, earlier = (
        {each.river: each for each in river_verdicts(means.filter(pc.equal(means["month"], at)), standard)}
        for at in (month, *months_before(month))
    )
    return [
        (
            verdict,
            _changed(previous.get(name), verdict, standard),
            _changed(earlier.get(name), verdict, standard),
        )
        for name, verdict in now.items()
    ]


def _changed(before: Verdict | None, after: Verdict, standard: Standard) -> Change | None:
    if before is None or not before.level or not after.level:
        return None
    if before.by_share and after.by_share:
        return share_change(before, after, standard)
    return class_change(before.level, after.level)


@dataclass(frozen=True, slots=True)
class Compared:
    """A section's month against its target, the month before and the same month a year before; None: no such figure."""

    section_code: str
    month: str
    level: int
    target: int | None
    meets: bool | None
    last_month: Change | None
    last_year: Change | None


def compare_sections(classes: pa.Table, month: str, targets: Mapping[str, int]) -> list[Compared]:
    """Each section of one month (2026-03). `classes`: `section_code`, `month`, `level`; `targets`: level by section."""
    held = dict(
        zip(
            zip(classes["section_code"].to_pylist(), classes["month"].to_pylist(), strict=True),
            classes["level"].to_pylist(),
            strict=True,
        )
    )
    previous, earlier = months_before(month)
    found = []
    for (section, at), level in sorted(held.items()):
        if at == month:
            target = targets.get(section)
            then = [held.get((section, name)) for name in (previous, earlier)]
            changes = [None if was is None else class_change(was, level) for was in then]
            meets = None if target is None else level <= target
            found.append(Compared(section, month, level, target, meets, *changes))
    return found
