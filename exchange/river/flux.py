"""How much of a substance passes a section in a period: the usual estimators, each with its doubt, and which one suits.

Load in tonnes = Σ C (mg/L) · Q (m³/s) · Δt (s) · 10⁻⁶. Values below the detection limit count as nothing in loads
(HJ 91.2-2022). Sources: Walling and Webb, IAHS Publ. 151 (1985) 213, methods 1–5; Duan, JASA 78 (1983) 605; Ferguson,
Water Resources Research 22 (1986) 74.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from exchange.errors import InvalidInputError
from exchange.river.extra import load
from exchange.river.grade import VALID, below_limit

Floats = npt.NDArray[np.float64]
_TONNES: Final = 1e-6
_REPEATS: Final = 200
_SEED: Final = 3838
LEAST: Final = 3
CURVE_LEAST: Final = 6
CONFIDENCE: Final = 0.95


class Method(StrEnum):
    """An estimator."""

    MEAN_MEAN = "mean-mean"
    FLOW_WEIGHTED = "flow-weighted"
    INTERPOLATED = "interpolated"
    RATING_DUAN = "rating-duan"
    RATING_FERGUSON = "rating-ferguson"

    @property
    def words(self) -> tuple[str, str]:
        """In Chinese and English."""
        return _WORDS[self]


_WORDS: Final = {
    Method.MEAN_MEAN: ("平均浓度×平均流量", "mean × mean"),
    Method.FLOW_WEIGHTED: ("流量加权平均浓度", "flow-weighted mean"),
    Method.INTERPOLATED: ("浓度插值", "interpolated"),
    Method.RATING_DUAN: ("浓度—流量关系（Duan 修正）", "rating curve, Duan"),
    Method.RATING_FERGUSON: ("浓度—流量关系（Ferguson 修正）", "rating curve, Ferguson"),
}


@dataclass(frozen=True, slots=True)
class Series:
    """Samples and discharge of one section and item in one period; times in seconds from its beginning.

    `concentration` mg/L at `sampled`, with `discharge` m³/s there; `flow` m³/s at `gauged`; the period has `seconds`.
    """

    sampled: Floats
    concentration: Floats
    discharge: Floats
    gauged: Floats
    flow: Floats
    seconds: float

    @property
    def mean_flow(self) -> float:
        """Time-weighted mean discharge of the period, m³/s."""
        return float(np.trapezoid(self.flow, self.gauged) / (self.gauged[-1] - self.gauged[0]))


@dataclass(frozen=True, slots=True)
class Load:
    """Tonnes in the period, with a 95 % interval."""

    method: Method
    tonnes: float
    low: float
    high: float


def read_series(samples: pa.Table, discharge: pa.Table, start: datetime, end: datetime) -> Series:
    """Series from rows of `water-quality` (one section and item) and of `hydrology` (one station), in [start, end).

    Units mg/L or µg/L; only valid values count; NULLs are left out. Raises InvalidInputError where there are fewer than
    three samples, or discharges do not surround them.
    """
    if start.tzinfo is None or end.tzinfo is None or end <= start:
        raise InvalidInputError("时段须带时区且止于起后 / a period has offsets, and ends after it begins")
    times, concentration = _within(samples, "sampled_at", _milligrams(samples), start, end)
    gauged, flow = _within(discharge, "observed_at", discharge["discharge_m3s"].to_numpy(), start, end)
    if len(times) < LEAST or len(gauged) < 2:
        raise InvalidInputError(
            f"样品 {len(times)} 个、流量 {len(gauged)} 个，不足以计算 / "
            f"{len(times)} samples and {len(gauged)} discharges are too few: three and two are needed"
        )
    inside = (times >= gauged[0]) & (times <= gauged[-1])
    if inside.sum() < LEAST:
        raise InvalidInputError("流量未覆盖采样时间 / discharges do not surround the samples")
    times, concentration = times[inside], concentration[inside]
    there = np.interp(times, gauged, flow)
    return Series(times, concentration, there, gauged, flow, (end - start).total_seconds())


def _milligrams(samples: pa.Table) -> Floats:
    values = below_limit(samples, 0.0)
    if "data_flag" in samples.column_names:
        valid = pc.fill_null(pc.equal(samples["data_flag"], VALID), False)
        values = np.where(valid.to_numpy(zero_copy_only=False), values, np.nan)
    units = set(pc.unique(samples["unit"]).to_pylist())
    if not units <= {"mg/L", "ug/L"}:
        raise InvalidInputError(
            f"通量只能由浓度计算 / fluxes need concentrations, not {sorted(map(str, units))}"
        )
    micro = pc.equal(samples["unit"], "ug/L").to_numpy(zero_copy_only=False)
    milli: Floats = np.where(micro, values / 1000, values)
    return milli


def _within(
    table: pa.Table, column: str, values: Floats, start: datetime, end: datetime
) -> tuple[Floats, Floats]:
    """Seconds and values of a period in order of time; the mean where a time is given twice."""
    moments = table[column].cast(pa.timestamp("us", "UTC")).cast(pa.int64())
    keep = pa.array(~np.isnan(np.asarray(values, np.float64)))
    keep = pc.and_(keep, pc.is_valid(moments))
    seconds = moments.filter(keep).to_numpy() / 1e6 - start.timestamp()
    chosen = np.asarray(values, np.float64)[keep.to_numpy(zero_copy_only=False)]
    inside = (seconds >= 0) & (seconds < (end - start).total_seconds())
    times, place = np.unique(seconds[inside], return_inverse=True)
    sums = np.bincount(place, chosen[inside], len(times))
    counts = np.bincount(place, minlength=len(times))
    return times, sums / np.maximum(counts, 1)


def loads(series: Series, methods: Collection[Method] = tuple(Method)) -> list[Load]:
    """Every estimator of `methods` that the samples allow.

    Rating curves need six samples above zero and a discharge that varies.
    The interval is the estimate ± Student's t · standard error, the error from 200 resamplings of the samples
    (bootstrap, Efron 1979; fixed seed, so that the same data give the same answer); discharge is taken as known.
    """
    chance = np.random.default_rng(_SEED)
    count = len(series.sampled)
    draws = np.sort(chance.integers(0, count, (_REPEATS, count)), axis=1)
    found = []
    for method in methods:
        estimate = _ESTIMATORS[method]
        whole = estimate(series, np.arange(count))
        if whole is not None:
            again = np.array([value for draw in draws if (value := estimate(series, draw)) is not None])
            quantile = float(load("scipy.special").stdtrit(count - 1, 0.5 + CONFIDENCE / 2))
            doubt = quantile * float(again.std(ddof=1))
            found.append(Load(method, whole, max(0.0, whole - doubt), whole + doubt))
    return found


def _tonnes(series: Series, concentration: float) -> float:
    return concentration * series.mean_flow * series.seconds * _TONNES


def _mean_mean(series: Series, rows: Any) -> float | None:
    return _tonnes(series, float(series.concentration[rows].mean()))


def _flow_weighted(series: Series, rows: Any) -> float | None:
    discharge = series.discharge[rows]
    total = float(discharge.sum())
    return (
        _tonnes(series, float((series.concentration[rows] * discharge).sum()) / total) if total > 0 else None
    )


def _interpolated(series: Series, rows: Any) -> float | None:
    between = np.interp(series.gauged, series.sampled[rows], series.concentration[rows])
    return _integrated(series, between)


def _integrated(series: Series, concentration: Floats) -> float:
    """∫ C Q dt, carried over to the whole period where the gauge does not span it."""
    passed = float(np.trapezoid(concentration * series.flow, series.gauged))
    return passed * series.seconds / float(series.gauged[-1] - series.gauged[0]) * _TONNES


@dataclass(frozen=True, slots=True)
class RatingCurve:
    """ln C = a + b ln Q over samples above zero, which are `share` of all; `residuals` in ln units."""

    a: float
    b: float
    share: float
    residuals: Floats

    @property
    def variance(self) -> float:
        """Residual variance, two degrees of freedom spent."""
        return float((self.residuals**2).sum() / (len(self.residuals) - 2))

    def concentration(self, flow: Floats, smearing: float) -> Floats:
        """Mean concentration at discharges, corrected for what the logarithm takes away."""
        found: Floats = self.share * smearing * np.exp(self.a + self.b * np.log(flow))
        return found


def rating_curve(series: Series, rows: Any) -> RatingCurve | None:
    """Fit by least squares; None where it cannot be fitted."""
    concentration, discharge = series.concentration[rows], series.discharge[rows]
    usable = (concentration > 0) & (discharge > 0)
    if usable.sum() < CURVE_LEAST or np.ptp(discharge[usable]) == 0:
        return None
    x, y = np.log(discharge[usable]), np.log(concentration[usable])
    b = float(((x - x.mean()) * (y - y.mean())).sum() / ((x - x.mean()) ** 2).sum())
    a = float(y.mean() - b * x.mean())
    return RatingCurve(a, b, float(usable.mean()), y - a - b * x)


def _rated(series: Series, rows: Any, smearing: Callable[[RatingCurve], float]) -> float | None:
    curve = rating_curve(series, rows)
    if curve is None:
        return None
    # at a flow of nothing or of backwater nothing passes downstream
    flow = np.maximum(series.flow, np.finfo(float).tiny)
    return _integrated(series, np.where(series.flow > 0, curve.concentration(flow, smearing(curve)), 0.0))


_ESTIMATORS: Final[dict[Method, Callable[[Series, Any], float | None]]] = {
    Method.MEAN_MEAN: _mean_mean,
    Method.FLOW_WEIGHTED: _flow_weighted,
    Method.INTERPOLATED: _interpolated,
    Method.RATING_DUAN: lambda series, rows: _rated(
        series, rows, lambda c: float(np.exp(c.residuals).mean())
    ),
    Method.RATING_FERGUSON: lambda series, rows: _rated(
        series, rows, lambda c: float(np.exp(c.variance / 2))
    ),
}
