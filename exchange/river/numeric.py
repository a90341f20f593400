"""The transport equation on a grid: Crank and Nicolson in time, central differences in space, a reach after the other.

Written against the same equation as `transport` and sharing nothing with it but the shapes, so that either can show the
other wrong.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from exchange.errors import LimitExceededError
from exchange.river.extra import load
from exchange.river.transport import Channel, Release, moments

Floats = npt.NDArray[np.float64]
_ERROR: Final = 0.002
_BEYOND: Final = 6.0
_PULSE: Final = 0.2
MOST_CELLS: Final = 20_000
MOST_STEPS: Final = 60_000


def numeric_flux(chain: Sequence[Channel], release: Release, until: float) -> tuple[Floats, Floats]:
    """Times (seconds, evenly spaced from 0) and grams a second that pass the end of a chain.

    Raises LimitExceededError where dispersion is so small that the grid would not be bounded.
    """
    # so short that the reach which spreads least keeps its shape
    step = min(_cell(channel) / channel.velocity for channel in chain)
    count = math.ceil(until / step)
    if count > MOST_STEPS:
        raise LimitExceededError(
            f"需要 {count} 个时间步 / {count} time steps would be needed, at most {MOST_STEPS} are made"
        )
    times = np.linspace(0.0, until, count + 1)
    # at once would need an infinite value at the head; a smooth pulse has the same mass and hardly any width
    narrow = _PULSE * min(moments([channel], Release(1.0))[1] for channel in chain)
    entered = release.mass * _entered(times, max(release.duration, narrow), narrow)
    flux: Floats = np.gradient(entered, times)
    late = 0.0 if release.duration else narrow / 2
    for channel in chain:
        flux = _through(channel, flux, times, release.decay)
    return times - late, flux


def _entered(times: Floats, duration: float, ramp: float) -> Floats:
    """The share of the mass that has entered: even over the duration, its ends rounded off over `ramp`."""
    if duration <= ramp:
        share = np.clip(times / duration, 0, 1)
        rounded: Floats = share - np.sin(2 * math.pi * share) / (2 * math.pi)
        return rounded
    return np.clip(times / duration, 0.0, 1.0)


def _cell(channel: Channel) -> float:
    """Metres of a cell, from the error of central differences, dx² L / 6 σ³, and at most one diffusion length."""
    sigma = math.sqrt(2 * channel.dispersion * channel.length / channel.velocity)
    return min(
        math.sqrt(6 * _ERROR * sigma**3 / channel.length),
        channel.dispersion / channel.velocity * 2,
        sigma / 24,
    )


def _through(channel: Channel, inflow: Floats, times: Floats, decay: float) -> Floats:
    """What leaves a channel, given what enters it; the grid goes on beyond the end so that it is not felt there."""
    cell = _cell(channel)
    inside = math.ceil(channel.length / cell)
    cell = channel.length / inside
    beyond = math.ceil(_BEYOND * channel.dispersion / channel.velocity / cell) + 4
    cells = inside + beyond
    if cells > MOST_CELLS:
        raise LimitExceededError(
            f"需要 {cells} 个网格 / {cells} cells would be needed, at most {MOST_CELLS} are made"
        )
    lapack: Any = load("scipy.linalg.lapack")
    step = times[1] - times[0]
    spread, carried = channel.dispersion / cell**2, channel.velocity / (2 * cell)
    lower, middle, upper = spread + carried, -2 * spread - decay, spread - carried
    half = step / 2
    below, main, above = (
        np.full(cells - 1, -half * lower),
        np.full(cells, 1 - half * middle),
        np.full(cells - 1, -half * upper),
    )
    # beyond the last cell the value stays what it is there
    main[-1] -= half * upper
    factors = lapack.dgttrf(below, main, above)[:-1]
    state, out = np.zeros(cells), np.zeros(len(times))
    for number in range(1, len(times)):
        right = (1 + half * middle) * state
        right[1:] += half * lower * state[:-1]
        right[:-1] += half * upper * state[1:]
        right[-1] += half * upper * state[-1]
        right[0] += half * lower * (inflow[number - 1] + inflow[number])
        state, _ = lapack.dgttrs(*factors, right)
        out[number] = state[inside - 1]
    return out
