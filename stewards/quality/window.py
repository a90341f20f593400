"""What is ordinary: a Great Expectations suite over the measures of one batch, a row with a column per measure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from exchange.contract.model import Kind, Rule, Severity
from stewards.options import Tolerance
from stewards.quality.suite import Expected

if TYPE_CHECKING:
    import pandas as pd

_WORDS: Final[Mapping[str, tuple[str, str]]] = {
    "late": (
        "到达时距最新一行的小时数与约定时限之比",
        "hours from the newest row to landing, over the promised latency",
    ),
    "gap": ("距上一批的小时数与约定频次之比", "hours since the batch before, over the promised frequency"),
    "volume": ("行数与此前各批中位数之比", "rows over the median of the batches before"),
    "sections": ("窗口内有数的断面中本批有数的比例", "share of the window's sections that the batch has"),
    "repeated": ("与已有行完全相同的行所占比例", "share of rows that stood already, unchanged"),
    "changed": (
        "主键已有而取值不同的行所占比例",
        "share of rows that change one that stood, without being a correction",
    ),
    "empty": ("比窗口内少填的比例", "how much less often it is filled in than in the window"),
    "drift": ("分布相对窗口的稳定性指数（PSI）", "population stability index against the window"),
    "unknown": ("没有对应登记的引用值个数", "values of a reference that nothing stands behind"),
}


def compile_window(measures: Mapping[str, float], tolerance: Tolerance) -> tuple[Expected, ...]:
    """An expectation for every measure that was taken, in order of name."""
    return tuple(_expected(name, *_bounds(name, tolerance)) for name in sorted(measures))


def window_frame(measures: Mapping[str, float]) -> pd.DataFrame:
    """The measures as Great Expectations takes them: one row."""
    import pandas as pd

    return pd.DataFrame([dict(measures)])


def said_of(name: str, measures: Mapping[str, float], tolerance: Tolerance) -> str:
    """What was measured and what would have been ordinary, for a finding."""
    low, high = _bounds(name, tolerance)
    bounds = [f"{sign} {bound:g}" for sign, bound in (("≥", low), ("≤", high)) if bound is not None]
    return f"{measures[name]:.4g} ({', '.join(bounds)})"


def wording_of(name: str) -> tuple[str, str]:
    """A measure in Chinese and English; raises KeyError for one that there is not."""
    kind, _, column = name.partition(".")
    zh, en = _WORDS[kind]
    return (f"{column}：{zh}", f"{column}: {en}") if column else (zh, en)


def _expected(name: str, low: float | None, high: float | None) -> Expected:
    zh, en = wording_of(name)
    rule = Rule(f"window.{name}", Kind.RANGE, (name,), Severity.WARNING, zh, en)
    config: dict[str, Any] = {
        "type": "expect_column_values_to_be_between",
        "kwargs": {"column": name, "min_value": low, "max_value": high},
        "severity": Severity.WARNING.value,
        "meta": {"rule": rule.id, "severity": rule.severity.value},
        "notes": f"**{rule.id}** {zh} {en}",
    }
    return Expected(rule, config)


def _bounds(name: str, tolerance: Tolerance) -> tuple[float | None, float | None]:
    return dict(_tolerated(tolerance))[name.partition(".")[0]]


def _tolerated(tolerance: Tolerance) -> Iterator[tuple[str, tuple[float | None, float | None]]]:
    yield "late", (None, tolerance.late_high)
    yield "gap", (None, tolerance.gap_high)
    yield "volume", (tolerance.volume_low, tolerance.volume_high)
    yield "sections", (tolerance.sections_low, None)
    yield "repeated", (None, tolerance.repeated_high)
    yield "changed", (None, tolerance.changed_high)
    yield "empty", (None, tolerance.completeness_drop)
    yield "drift", (None, tolerance.drift_high)
    yield "unknown", (None, tolerance.unknown_high)
