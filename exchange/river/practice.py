"""What forecasting and tracing take for granted where nobody says otherwise: an edition that an authority may replace.

No standard sets these numbers. They stand in `data/practice-<edition>.json`; `--practice` takes another file.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Final

from exchange.errors import MalformedError

_EDITION: Final = "data/practice-1.0.0.json"
_PARTS: Final = {"timing", "substance", "load"}


@dataclass(frozen=True, slots=True)
class Forecasting:
    """`felt_share`: of its peak, from which a spill counts as arrived; `spread`: doubt of velocities, relative."""

    felt_share: float
    spread: float


@dataclass(frozen=True, slots=True)
class Tracing:
    """How suspects are weighed.

    `weights` of timing, substance and load, 1 together. `alarm_hours`, `window_hours`: how long an alarm lasts, and how
    far back to look. A source at the window's edge keeps 1 − `far` of its timing; one that reported nothing keeps
    `unnoticed` of it. The moment of release is sure to `doubt` of the way's hours, `least_doubt_hours` at least.
    `unknown`: score of what is not known. `half_load`: share of the needed mass at which a day's load is worth half.
    """

    weights: Mapping[str, float]
    alarm_hours: float
    window_hours: float
    doubt: float
    least_doubt_hours: float
    far: float
    unnoticed: float
    unknown: float
    half_load: float


@dataclass(frozen=True, slots=True)
class Practice:
    """One edition."""

    edition: str
    forecast: Forecasting
    trace: Tracing


@cache
def shipped_practice() -> Practice:
    """The edition that comes with the software."""
    return load_practice((files("exchange.river") / _EDITION).read_bytes())


def load_practice(text: bytes) -> Practice:
    """Read an edition, JSON; raises MalformedError naming what is wrong."""
    try:
        document = json.loads(text)
        practice = Practice(
            edition=str(document["edition"]),
            forecast=Forecasting(**_numbers(document["forecast"])),
            trace=Tracing(
                weights=_numbers(document["trace"]["weights"]),
                **_numbers({name: each for name, each in document["trace"].items() if name != "weights"}),
            ),
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise MalformedError(f"参数文件无法读取 / the file of practice cannot be used: {error!r}") from None
    _check(practice)
    return practice


def _numbers(given: Mapping[str, Any]) -> dict[str, float]:
    return {name: float(each) for name, each in given.items()}


def _check(practice: Practice) -> None:
    trace, forecast = practice.trace, practice.forecast
    hours = (trace.alarm_hours, trace.window_hours, trace.least_doubt_hours, trace.half_load)
    shares = (trace.doubt, trace.far, trace.unnoticed, trace.unknown, *trace.weights.values())
    sums = math.isclose(sum(trace.weights.values()), 1.0, abs_tol=1e-9)
    problems = [
        *([] if trace.weights.keys() == _PARTS and sums else ["weights"]),
        *([] if all(0 < each < math.inf for each in hours) else ["hours, half_load"]),
        *([] if all(0 <= each <= 1 for each in shares) else ["shares"]),
        *([] if 0 < forecast.felt_share < 1 and 0 <= forecast.spread < 1 else ["forecast"]),
    ]
    if problems:
        raise MalformedError(f"参数文件有误 / the file of practice is not sound: {', '.join(problems)}")
