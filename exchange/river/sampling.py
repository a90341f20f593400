"""Which flux estimator suits the sampling at hand, and why.

After Quilbé et al., Journal of Hydrology 326 (2006) 295 (a rating curve where concentration follows discharge, R² from
0.5, else a ratio) and Littlewood, Institute of Hydrology Report 117 (1992) (interpolation where sampling is dense).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import numpy as np

from exchange.river.extra import load
from exchange.river.flux import Floats, Method, Series, rating_curve

DENSE_HOURS: Final = 48.0
DENSE_SHARE: Final = 0.9
EXPLAINED: Final = 0.5
NORMAL: Final = 0.05
CURVE_SAMPLES: Final = 20
WEIGHTED_SAMPLES: Final = 6


@dataclass(frozen=True, slots=True)
class Sampling:
    """`dense`: share of the period within 24 h of a sample; `explained`: R² of ln C on ln Q, if there is a curve.

    `spanned`: share of the discharge's range (in logarithms) that the samples cover; `residuals` are the curve's.
    """

    samples: int
    dense: float
    explained: float | None
    spanned: float
    residuals: Floats | None = field(default=None, compare=False)

    def normal(self) -> float:
        """p of Shapiro and Wilk's test of the residuals, 1 where there is nothing to test."""
        if self.residuals is None or float(np.ptp(self.residuals)) < 1e-9:
            return 1.0
        return float(load("scipy.stats").shapiro(self.residuals).pvalue)


@dataclass(frozen=True, slots=True)
class Advice:
    """The estimator to use, with the reason in both languages."""

    method: Method
    zh: str
    en: str


def describe(series: Series) -> Sampling:
    """What decides between the estimators."""
    edges = np.concatenate([[0.0], series.sampled, [series.seconds]])
    half = DENSE_HOURS * 1800
    gaps = np.diff(edges)
    covered = np.minimum(gaps, 2 * half)
    covered[[0, -1]] = np.minimum(gaps[[0, -1]], half)
    positive = series.flow[series.flow > 0]
    held = series.discharge[series.discharge > 0]
    spread = float(np.log(positive.max() / positive.min())) if len(positive) else 0.0
    spanned = float(np.log(held.max() / held.min())) / spread if spread and len(held) else 1.0
    curve = rating_curve(series, np.arange(len(series.sampled)))
    explained = None
    if curve is not None:
        usable = (series.concentration > 0) & (series.discharge > 0)
        total = float(np.log(series.concentration[usable]).var() * usable.sum())
        explained = 1 - float((curve.residuals**2).sum()) / total if total > 0 else 0.0
    return Sampling(
        len(series.sampled),
        float(covered.sum() / series.seconds),
        explained,
        min(spanned, 1.0),
        None if curve is None else curve.residuals,
    )


def advise(series: Series) -> Advice:
    """The estimator for these samples."""
    found = describe(series)
    if found.dense >= DENSE_SHARE:
        return Advice(
            Method.INTERPOLATED,
            f"采样密集：{found.dense:.0%} 的时段距样品不超过一日",
            f"samples are dense: {found.dense:.0%} of the period is within a day of one",
        )
    explained = found.explained or 0.0
    if explained >= EXPLAINED and found.samples >= CURVE_SAMPLES:
        normal = found.normal() >= NORMAL
        method = Method.RATING_FERGUSON if normal else Method.RATING_DUAN
        shape = (
            ("残差近似正态", "residuals look normal")
            if normal
            else ("残差非正态", "residuals are not normal")
        )
        return Advice(
            method,
            f"浓度随流量变化（R² = {explained:.2f}，样品覆盖流量变幅的 {found.spanned:.0%}），{shape[0]}",
            f"concentration follows discharge (R² = {explained:.2f}, {found.spanned:.0%} of it sampled), {shape[1]}",
        )
    if found.samples >= WEIGHTED_SAMPLES:
        return Advice(
            Method.FLOW_WEIGHTED,
            f"样品 {found.samples} 个，浓度与流量关系弱（R² = {explained:.2f}），以流量加权",
            f"{found.samples} samples; concentration hardly follows discharge (R² = {explained:.2f}): weigh by flow",
        )
    return Advice(
        Method.MEAN_MEAN,
        f"仅有 {found.samples} 个样品，不足以加权或拟合",
        f"there are only {found.samples} samples, too few to weigh or to fit",
    )
