"""Formula and grid over random rivers; and what holds for any: mass, halves, and scale."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from exchange.river.numeric import numeric_flux
from exchange.river.transport import Channel, Release, mass_flux, moments, span, surviving

CHANNELS = st.builds(
    Channel, length=st.floats(2e3, 3e4), velocity=st.floats(0.15, 1.5), dispersion=st.floats(8.0, 120.0)
)
CHAINS = st.lists(CHANNELS, min_size=1, max_size=3)
RELEASES = st.builds(
    Release,
    mass=st.floats(1.0, 1e7),
    duration=st.one_of(st.just(0.0), st.floats(1800.0, 4e4)),
    decay=st.one_of(st.just(0.0), st.floats(1e-7, 6e-6)),
)


@settings(max_examples=15)
@given(CHAINS, RELEASES)
def test_formula_and_grid_agree_within_a_hundredth(chain: list[Channel], release: Release) -> None:
    times, numeric = numeric_flux(chain, release, span(chain, release))
    exact = mass_flux(chain, release, times)
    assert np.abs(exact - numeric).max() <= 0.01 * exact.max()
    assert (
        abs(times[numeric.argmax()] - times[exact.argmax()])
        <= 0.05 * moments(chain, release)[1] + release.duration
    )


@given(CHAINS, RELEASES)
def test_no_mass_is_made_or_lost(chain: list[Channel], release: Release) -> None:
    times = np.linspace(0, 1.5 * span(chain, release), 20_000)
    passed = np.trapezoid(mass_flux(chain, release, times), times)
    assert abs(passed - release.mass * surviving(chain, release)) <= 2e-3 * release.mass


@given(CHAINS, RELEASES, st.floats(0.1, 10.0))
def test_twice_the_mass_is_twice_the_flux(chain: list[Channel], release: Release, factor: float) -> None:
    times = np.linspace(0, span(chain, release), 500)
    more = Release(release.mass * factor, release.duration, release.decay)
    first, second = mass_flux(chain, release, times), mass_flux(chain, more, times)
    np.testing.assert_allclose(second, factor * first, rtol=1e-6, atol=1e-9 * second.max())


@given(CHANNELS, RELEASES)
def test_a_reach_in_two_parts_is_the_reach(channel: Channel, release: Release) -> None:
    halves = [Channel(channel.length / 2, channel.velocity, channel.dispersion)] * 2
    times = np.linspace(0, span([channel], release), 1000)
    whole, parts = mass_flux([channel], release, times), mass_flux(halves, release, times)
    assert np.abs(whole - parts).max() <= 2e-3 * whole.max()


@given(CHAINS, RELEASES)
def test_the_order_of_reaches_changes_nothing_at_the_end(chain: list[Channel], release: Release) -> None:
    times = np.linspace(0, span(chain, release), 500)
    turned = mass_flux(chain[::-1], release, times)
    np.testing.assert_allclose(turned, mass_flux(chain, release, times), atol=1e-6 * turned.max())
