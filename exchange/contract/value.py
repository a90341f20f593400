"""Values, bounds and patterns as a contract writes them."""

from __future__ import annotations

import math
from datetime import date
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from exchange.contract.instant import parse_instant
from exchange.contract.model import Bound, Bounds, Scalar

MAX_PATTERN: Final = 1000


def typed(kind: str, value: Any) -> Scalar | date:
    """A YAML value as a logical type, dates and instants parsed; raises TypeError or ValueError."""
    if kind == "boolean" and isinstance(value, bool):
        return value
    if kind == "string" and isinstance(value, str):
        return value
    if kind == "integer" and isinstance(value, int) and not isinstance(value, bool):
        return value
    if (
        kind == "number"
        and isinstance(value, int | float)
        and not isinstance(value, bool)
        and math.isfinite(value)
    ):
        return value
    if kind == "date" and isinstance(value, str):
        return date.fromisoformat(value)
    if kind == "timestamp" and isinstance(value, str):
        return parse_instant(value)
    raise TypeError(f"found a {type(value).__name__}")


def pattern_problem(text: Any) -> str | None:
    """Why a pattern cannot be used; None if it can."""
    if not isinstance(text, str) or len(text) > MAX_PATTERN:
        return f"a pattern is text of at most {MAX_PATTERN} characters"
    try:
        pc.match_substring_regex(pa.array([""]), text)
    except pa.ArrowInvalid as error:
        return f"RE2 cannot compile it: {str(error)[:160]}"
    return None


def interval(bounds: Bounds) -> str:
    """An interval as people write it: `[0, 14]`, `(0, ∞)`."""
    low = "−∞" if bounds.minimum is None else _shown(bounds.minimum)
    high = "∞" if bounds.maximum is None else _shown(bounds.maximum)
    opening = "(" if bounds.minimum is None or bounds.exclusive_minimum else "["
    closing = ")" if bounds.maximum is None or bounds.exclusive_maximum else "]"
    return f"{opening}{low}, {high}{closing}"


def _shown(bound: Bound) -> str:
    return (
        bound.isoformat()
        if isinstance(bound, date)
        else f"{bound:g}"
        if isinstance(bound, float)
        else str(bound)
    )
