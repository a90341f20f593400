"""The limits and rules by which water is graded, read from a versioned file that an authority may replace.

The edition that comes with the software holds table 1 of GB 3838-2002 and the rules of 环办〔2011〕22号.
"""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Final

from exchange.errors import InvalidInputError, MalformedError

GRADES: Final = 5
WORSE: Final = 6
BODIES: Final = ("river", "lake")
_EDITION: Final = "data/gb3838-2002.json"
_KINDS: Final = ("at-most", "at-least", "within")
Bounds = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Item:
    """One item of the table: per body the lowest and highest value of each class, I to V; a body may be absent.

    `assessed`: counts for the class of a section (22号 §一（一）, 21 items). `first`: cyanide and heavy metals, which
    go before other main pollutants. `multiple`: an exceedance multiple is told.
    """

    code: str
    zh: str
    en: str
    unit: str
    assessed: bool
    first: bool
    multiple: bool
    limits: Mapping[str, tuple[Bounds, ...]]


@dataclass(frozen=True, slots=True)
class Wording:
    """A code in both languages, with a colour for maps where it has one."""

    code: str
    zh: str
    en: str
    colour: str = "#808080"


@dataclass(frozen=True, slots=True)
class Term:
    """A trophic index of one item: 10 (a + b ln value), value in `unit`."""

    code: str
    unit: str
    a: float
    b: float
    weight: float


@dataclass(frozen=True, slots=True)
class Standard:
    """An edition. `rules` are the shares (per cent) and counts of the river assessment, by name."""

    name: str
    edition: str
    classes: tuple[str, ...]
    good: int
    saturation_share: float
    items: tuple[Item, ...]
    rules: Mapping[str, float]
    verdicts: tuple[Wording, ...]
    terms: tuple[Term, ...]
    states: tuple[tuple[float, Wording], ...]

    def item(self, code: str) -> Item:
        """An item by its HJ 525 code; raises InvalidInputError."""
        for item in self.items:
            if item.code == code:
                return item
        raise InvalidInputError(f"{self.name} 没有项目 {code[:40]} / {self.name} has no item {code[:40]}")

    def limit(self, code: str, grade: str, body: str = "river") -> float:
        """The limit of an item for a class, in the item's unit (upper one of a range); raises InvalidInputError."""
        item = self.item(code)
        if body not in item.limits or grade not in self.classes[:GRADES]:
            raise InvalidInputError(
                f"{code} 没有 {grade} 类限值 / {code} has no limit of class {grade} for {body}"
            )
        low, high = item.limits[body][self.classes.index(grade)]
        return low if math.isinf(high) else high


@cache
def national_standard() -> Standard:
    """The edition that comes with the software."""
    return load_standard((files("exchange.river") / _EDITION).read_bytes())


def load_standard(text: bytes) -> Standard:
    """Read an edition, JSON; raises MalformedError naming what is wrong."""
    try:
        document = json.loads(text)
        standard = _standard(document)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise MalformedError(f"限值文件无法读取 / the file of limits cannot be used: {error!r}") from None
    _check(standard)
    return standard


def _standard(document: Mapping[str, Any]) -> Standard:
    river, lake = document["river"], document["lake"]
    rules = {
        "many": river["many_sections"],
        "main": river["main_items"],
        **{name: river["good_share"][name] for name in ("excellent", "good")},
        **{name: river["bad_share"][name] for name in ("heavy", "moderate")},
        **{name: river["change"][name] for name in ("little", "some")},
    }
    return Standard(
        name=str(document["standard"]),
        edition=str(document["edition"]),
        classes=tuple(document["classes"]),
        good=document["classes"].index(document["good_class"]) + 1,
        saturation_share=float(document["saturation_share"]),
        items=tuple(_item(each) for each in document["items"]),
        rules={name: float(value) for name, value in rules.items()},
        verdicts=tuple(_wording(code, each) for code, each in document["verdicts"].items()),
        terms=tuple(Term(**each) for each in lake["terms"]),
        states=tuple(
            (float(each.get("upto", "inf")), _wording(each["code"], each)) for each in lake["states"]
        ),
    )


def _item(given: Mapping[str, Any]) -> Item:
    kind, limits = given["kind"], given["limits"]
    if kind not in _KINDS:
        raise ValueError(f"kind {kind} is none of {', '.join(_KINDS)}")
    by_body = dict.fromkeys(BODIES, limits["all"]) if "all" in limits else limits
    return Item(
        code=given["code"],
        zh=given["zh"],
        en=given["en"],
        unit=given["unit"],
        assessed=given["assessed"],
        first=given["first"],
        multiple=given["multiple"],
        limits={body: tuple(_bounds(kind, each) for each in found) for body, found in by_body.items()},
    )


def _bounds(kind: str, limit: Any) -> Bounds:
    if kind == "within":
        low, high = limit
        return float(low), float(high)
    return (-math.inf, float(limit)) if kind == "at-most" else (float(limit), math.inf)


def _wording(code: str, given: Mapping[str, Any]) -> Wording:
    return Wording(code, given["zh"], given["en"], given.get("colour", "#808080"))


def _check(standard: Standard) -> None:
    codes = [item.code for item in standard.items]
    problems = [
        *(["classes"] if len(set(standard.classes)) != WORSE else []),
        *(["items"] if len(set(codes)) != len(codes) else []),
        *(["verdicts"] if len(standard.verdicts) != GRADES else []),
        *(["states"] if not _ascending([upto for upto, _ in standard.states]) else []),
        *(f"limits of {item.code}" for item in standard.items if not _widening(item)),
    ]
    if problems:
        raise MalformedError(f"限值文件有误 / the file of limits is not sound: {', '.join(problems)}")


def _widening(item: Item) -> bool:
    """Whether each class allows whatever a better one allows."""
    return set(item.limits) <= set(BODIES) and all(
        len(found) == GRADES and all(b[0] <= a[0] <= a[1] <= b[1] for a, b in itertools.pairwise(found))
        for found in item.limits.values()
    )


def _ascending(values: Sequence[float]) -> bool:
    return all(a < b for a, b in itertools.pairwise(values))
