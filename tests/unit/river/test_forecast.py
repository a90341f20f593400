"""A spill on its way to the border; golden values by hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from exchange.errors import InvalidInputError, LimitExceededError
from exchange.river.forecast import Levels, Spill, forecast, forecast_curve, forecast_table
from exchange.river.numeric import numeric_flux
from exchange.river.reach import Place
from exchange.river.transport import Channel, Release, mass_flux, span, surviving
from tests.unit.river.waters import waters

BEGAN = datetime(2026, 3, 19, 1, 30, tzinfo=UTC)
ABOVE = Place("SC-TB-01", 7.2)
SECTION = Place("SC-TB-02")


def spill(**change: object) -> Spill:
    return Spill(**{"place": ABOVE, "item_code": "w21003", "mass_kg": 120.0, "began": BEGAN, **change})  # type: ignore[arg-type]


def test_a_spill_at_once() -> None:
    found = forecast(waters(), spill(), "SC-SHANGHEBA", SECTION, Levels(0.3, 1.0))
    # 7.2 km at 0.4 m/s is 5 h, 10 km at 0.45 m/s is 6.17 h
    assert (found.km, found.mean_hours) == (pytest.approx(17.2), pytest.approx(5 + 10_000 / 0.45 / 3600))
    # σ² = 2·12·7200/0.4³ + 2·12·10000/0.45³ = 2.70e6 + 2.63e6 → σ = 2309 s; the peak is near M / (Q σ √2π):
    # 120 000 g / (5 m³/s · 2309 s · 2.507) = 4.15 mg/L
    assert found.peak_mgl == pytest.approx(4.15, rel=0.02)
    assert found.earliest < found.felt.begins < found.peak_at < found.felt.ends
    assert found.felt.begins < found.latest
    assert abs(found.peak_at - BEGAN - timedelta(hours=found.mean_hours)) < timedelta(minutes=5)
    # 1.0 − 0.3 = 0.7 mg/L is 0.169 of the peak: √(2 ln 5.93) = 1.887 σ before it and after: 72.6 min
    assert found.over is not None
    assert (found.over.ends - found.over.begins).total_seconds() == pytest.approx(2 * 1.887 * 2309, rel=0.02)
    assert found.left == pytest.approx(1.0)


def test_decay_takes_its_share() -> None:
    found = forecast(waters(), spill(decay_per_day=0.5), "SC-SHANGHEBA", SECTION)
    # exp(−0.5 · 11.17 / 24) = 0.792
    assert found.left == pytest.approx(0.792, abs=0.001)
    assert found.peak_mgl == pytest.approx(4.15 * 0.792, rel=0.02)


def test_a_lasting_spill_reaches_its_plateau() -> None:
    # 120 kg over 30 h is 1.111 g/s; over 5 m³/s that is 0.2222 mg/L
    found = forecast(waters(), spill(hours=30.0), "SC-SHANGHEBA", SECTION, Levels(limit=1.0))
    assert found.peak_mgl == pytest.approx(0.2222, rel=1e-3)
    assert found.over is None
    felt = (found.felt.ends - found.felt.begins).total_seconds() / 3600
    # from 5 % of the plateau before to 5 % after: 30 h and 2 · 1.645 σ
    assert felt == pytest.approx(30 + 2 * 1.645 * 2309 / 3600, rel=0.02)


def test_tributaries_dilute() -> None:
    here, below = (
        forecast(waters(), spill(), "S", place).added.max() for place in (SECTION, Place("CQ-TB-01", 11.9))
    )
    assert below / here == pytest.approx(5 / 6, rel=0.02)


def test_the_table_and_the_curve() -> None:
    found = forecast(waters(), spill(), "SC-SHANGHEBA", SECTION, Levels(0.3, 1.0))
    [row] = forecast_table([found]).to_pylist()
    assert (row["section"], row["reach_code"], row["arrives"]) == (
        "SC-SHANGHEBA",
        "SC-TB-02",
        found.felt.begins,
    )
    curve = forecast_curve(found)
    assert curve["mgl"].to_pylist()[0] == pytest.approx(0.3)
    top = int(np.argmax(curve["mgl"].to_numpy()))
    assert curve["at"][top].as_py() == found.peak_at


@pytest.mark.parametrize(
    "wrong",
    [
        {"mass_kg": 0.0},
        {"mass_kg": float("nan")},
        {"hours": -1.0},
        {"decay_per_day": -0.1},
        {"place": SECTION},
    ],
)
def test_spills_that_cannot_be(wrong: dict[str, object]) -> None:
    with pytest.raises(InvalidInputError):
        forecast(waters(), spill(**wrong), "S", SECTION)


def test_levels_that_cannot_be() -> None:
    for wrong in ({"felt": 50.0}, {"felt": 0.0}, {"spread": 1.0}, {"background": -1.0}):
        with pytest.raises(InvalidInputError):
            forecast(waters(), spill(), "S", SECTION, Levels(**wrong))  # type: ignore[arg-type]
    with pytest.raises(InvalidInputError, match="offset"):
        spill(began=datetime(2026, 3, 19))
    with pytest.raises(InvalidInputError, match="no channel"):
        mass_flux([], Release(1.0), np.zeros(1))


def test_the_grid_is_bounded() -> None:
    with pytest.raises(LimitExceededError):
        numeric_flux([Channel(1e5, 1.0, 1e-3)], Release(1.0), 2e5)


def test_ogata_and_banks() -> None:
    # x = 1000 m, u = 0.5 m/s, D = 25 m²/s, t = 2000 s: erfc(0) = 1, ux/D = 20, far = 2000 / (2 √50000) = 4.4721;
    # e²⁰ erfc(4.4721) = erfcx(4.4721) = 0.12317 (far² = 20): c = (1 + 0.12317) / 2 = 0.5616
    channel = Channel(1000, 0.5, 25)
    [flux] = mass_flux([channel], Release(1e9, 1e9), np.array([2000.0]))
    assert flux == pytest.approx(0.5616, abs=2e-4)
    # with decay, for ever: exp((u − √(u² + 4kD)) x / 2D), k = 1e-4: √(0.25 + 0.01) = 0.50990 → exp(−0.1980) = 0.8203
    assert surviving([channel], Release(1.0, 0.0, 1e-4)) == pytest.approx(0.8203, abs=1e-4)
    times = np.linspace(0, span([channel], Release(1.0, 0.0, 1e-4)), 20_000)
    whole = np.trapezoid(mass_flux([channel], Release(1.0, 0.0, 1e-4), times), times)
    assert whole == pytest.approx(0.8203, abs=1e-4)
