"""Loads worked out by hand, and estimators that come near the truth they were given."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exchange.errors import InvalidInputError
from exchange.river.flux import Method, Series, loads, read_series
from exchange.river.sampling import advise, describe

START = datetime(2025, 1, 1, tzinfo=UTC)
YEAR = timedelta(days=365)


def tables(
    hours: list[float], values: list[float], flow: list[float], **columns: list[Any]
) -> tuple[pa.Table, pa.Table]:
    """Samples at hours; discharge every hour."""
    samples = pa.table(
        {
            "sampled_at": pa.array(
                [START + timedelta(hours=hour) for hour in hours], pa.timestamp("us", "UTC")
            ),
            "value": pa.array(values, pa.float64()),
            "unit": ["mg/L"] * len(values),
            **columns,
        }
    )
    gauged = [START + timedelta(hours=at) for at in range(len(flow))]
    return samples, pa.table(
        {
            "observed_at": pa.array(gauged, pa.timestamp("us", "UTC")),
            "discharge_m3s": pa.array(flow, pa.float64()),
        }
    )


def year(samples: int, exponent: float, noise: float, seed: int = 1) -> tuple[Series, float]:
    """A year of discharge, every six hours, with C = 0.5 Q^exponent and noise, and the load that truly passed."""
    chance = np.random.default_rng(seed)
    hours = np.arange(0.0, 8760.0, 6.0)
    flow = 20 * np.exp(0.8 * np.sin(2 * np.pi * hours / 8760) + 0.3 * np.sin(2 * np.pi * hours / 400))
    concentration = 0.5 * (flow / 20) ** exponent * np.exp(chance.normal(0, noise, len(hours)))
    truth = float((concentration * flow).sum() * 6 * 3600 * 1e-6)
    rows = np.sort(chance.choice(len(hours), samples, replace=False))
    seconds = hours * 3600
    return Series(seconds[rows], concentration[rows], flow[rows], seconds, flow, 8760 * 3600.0), truth


def test_constant_water_is_easy() -> None:
    # 0.5 mg/L · 10 m³/s · 100 h · 3600 s/h · 1e-6 = 1.8 t, whoever estimates
    samples, discharge = tables([1, 20, 50, 98], [0.5] * 4, [10.0] * 101)
    series = read_series(samples, discharge, START, START + timedelta(hours=100))
    for found in loads(series):
        assert (found.tonnes, found.low, found.high) == pytest.approx((1.8, 1.8, 1.8))


def test_each_estimator_by_hand() -> None:
    # C 1, 3 and 2 at hours 0, 10, 20 where Q is 10, 30 and 10; Q runs in straight lines between, its mean is 20
    flow = [10 + 2 * at for at in range(11)] + [30 - 2 * at for at in range(1, 11)]
    samples, discharge = tables([0, 10, 20], [1, 3, 2], flow)
    series = read_series(samples, discharge, START, START + timedelta(hours=20, seconds=1))
    tonnes = {found.method: found.tonnes for found in loads(series)}
    # 2 · 20 · 72000 s = 2.88 t; (10 + 90 + 20) / 50 = 2.4 → 2.4 · 20 · 72000 = 3.456 t
    assert tonnes[Method.MEAN_MEAN] == pytest.approx(2.88, rel=1e-4)
    assert tonnes[Method.FLOW_WEIGHTED] == pytest.approx(3.456, rel=1e-4)
    # ∫ (1 + 2s)(10 + 20s) ds = 10 + 20 + 13.33 = 43.33; ∫ (3 − s)(30 − 20s) ds = 90 − 45 + 6.67 = 51.67;
    # each over 36000 s: 95 · 36000 · 1e-6 = 3.42 t
    assert tonnes[Method.INTERPOLATED] == pytest.approx(3.42, rel=2e-3)
    assert Method.RATING_DUAN not in tonnes


@pytest.mark.parametrize("method", [Method.RATING_DUAN, Method.RATING_FERGUSON])
def test_rating_curves_are_free_of_the_bias_of_logarithms(method: Method) -> None:
    ratios = []
    for seed in range(12):
        series, truth = year(60, exponent=0.6, noise=0.5, seed=seed)
        [found] = [each for each in loads(series) if each.method is method]
        ratios.append(found.tonnes / truth)
    # without the correction the load would be exp(−0.5² / 2) = 0.88 of the truth
    assert np.mean(ratios) == pytest.approx(1.0, abs=0.05)


def test_intervals_hold_the_truth_nineteen_times_of_twenty() -> None:
    held = dict.fromkeys(Method, 0)
    for seed in range(30):
        series, truth = year(50, exponent=0.0, noise=0.4, seed=seed)
        for found in loads(series):
            held[found.method] += found.low <= truth <= found.high
    assert all(count >= 25 for count in held.values()), held


def test_samples_below_the_limit_count_as_nothing() -> None:
    samples, discharge = tables([0, 10, 20], [0.02, 0.02, 0.5], [10.0] * 21, detection_limit=[0.025] * 3)
    series = read_series(samples, discharge, START, START + timedelta(hours=21))
    assert series.concentration.tolist() == [0, 0, 0.5]


def test_units_and_flags_and_repeats() -> None:
    samples, discharge = tables(
        [0, 5, 10, 10, 20], [1, 9, 2, 4, 5], [10.0] * 21, data_flag=["N", "D", "N", "N", "N"]
    )
    series = read_series(samples, discharge, START, START + timedelta(hours=21))
    assert series.concentration.tolist() == [1, 3, 5]
    micro = samples.set_column(2, "unit", pa.array(["ug/L"] * 5))
    assert read_series(micro, discharge, START, START + timedelta(hours=21)).concentration.tolist() == [
        0.001,
        0.003,
        0.005,
    ]
    with pytest.raises(InvalidInputError, match="concentrations"):
        read_series(samples.set_column(2, "unit", pa.array(["1"] * 5)), discharge, START, START + YEAR)


def test_too_little_is_refused() -> None:
    samples, discharge = tables([0, 10], [1, 2], [10.0] * 21)
    with pytest.raises(InvalidInputError, match="too few"):
        read_series(samples, discharge, START, START + YEAR)
    samples, discharge = tables([50, 60, 70], [1, 2, 3], [10.0] * 21)
    with pytest.raises(InvalidInputError, match="surround"):
        read_series(samples, discharge, START, START + YEAR)
    with pytest.raises(InvalidInputError, match="offset"):
        read_series(samples, discharge, START, START)


def test_what_suits_the_sampling() -> None:
    dense, _ = year(1200, exponent=0.6, noise=0.3)
    assert (advise(dense).method, describe(dense).dense) == (
        Method.INTERPOLATED,
        pytest.approx(1.0, abs=0.01),
    )
    curve, _ = year(60, exponent=0.8, noise=0.3)
    assert advise(curve).method is Method.RATING_FERGUSON
    assert "R² = 0." in advise(curve).en
    loose, _ = year(24, exponent=0.0, noise=0.4)
    assert advise(loose).method is Method.FLOW_WEIGHTED
    few, _ = year(4, exponent=0.8, noise=0.1)
    assert advise(few).method is Method.MEAN_MEAN


@settings(max_examples=10, deadline=None)
@given(st.floats(0.01, 100), st.floats(0.01, 100))
def test_loads_scale_with_both_factors(times_c: float, times_q: float) -> None:
    series, _ = year(12, exponent=0.4, noise=0.2)
    scaled = Series(
        series.sampled, series.concentration * times_c, series.discharge * times_q, series.gauged,
        series.flow * times_q, series.seconds,
    )  # fmt: skip
    for before, after in zip(loads(series), loads(scaled), strict=True):
        assert after.tonnes == pytest.approx(before.tonnes * times_c * times_q, rel=1e-6)
        assert after.low <= after.tonnes <= after.high
