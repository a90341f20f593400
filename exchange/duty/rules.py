"""What an authority sets for patrols and assessment: a versioned file, which it may replace by its own."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Final

from exchange.errors import MalformedError

_EDITION: Final = "data/assessment-2026.json"
_MEMBERS: Final = {"edition", "source", "patrols_per_year", "weights", "pass", "good", "excellent"}


@dataclass(frozen=True, slots=True)
class Rules:
    """`quota`: patrols a year by level of chief; `weights` by component; marks from which a score is called so."""

    edition: str
    quota: Mapping[str, float]
    weights: Mapping[str, float]
    marks: tuple[tuple[float, str], ...]

    def mark(self, score: float) -> str:
        """What a score of 0 to 100 is called."""
        return next((name for least, name in self.marks if score >= least), "不合格 failed")


@cache
def shipped_rules() -> Rules:
    """The edition that comes with the software."""
    return load_rules((files("exchange.duty") / _EDITION).read_bytes())


def load_rules(text: bytes) -> Rules:
    """Read an edition, JSON; raises MalformedError."""
    try:
        given = json.loads(text)
        if given.keys() != _MEMBERS:
            raise ValueError(f"members are {', '.join(sorted(_MEMBERS))}")
        quota = {str(level): float(count) for level, count in given["patrols_per_year"].items()}
        weights = {str(name): float(weight) for name, weight in given["weights"].items()}
        marks = tuple(
            (float(given[name]), said)
            for name, said in (
                ("excellent", "优秀 excellent"),
                ("good", "良好 good"),
                ("pass", "合格 passed"),
            )
        )
        if min((*quota.values(), *weights.values()), default=-1.0) < 0 or not sum(weights.values()):
            raise ValueError("numbers are not negative, and some weight is not 0")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise MalformedError(f"考核规则无法读取 / the rules cannot be used: {error}") from None
    return Rules(str(given["edition"]), quota, weights, marks)
