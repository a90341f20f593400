"""What a spill does downstream: one-dimensional advection, dispersion and first-order decay through a chain of reaches.

Concentrations are flux-averaged, as a station in the current measures them: each reach turns what enters it into
∂c/∂t + u ∂c/∂x = D ∂²c/∂x² − k c, with c given at its head (Kreft and Zuber, Chem. Eng. Sci. 33 (1978) 1471). One
reach then answers in closed form: instantaneous releases by the first-passage density, lasting ones after Ogata and
Banks (USGS PP 411-A, 1961) with decay (van Genuchten and Alves, USDA TB 1661, 1982, C5). A chain is the product of
its reaches' Laplace transforms. `numeric` solves the same equation on a grid, and tests hold both together.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from exchange.errors import InvalidInputError
from exchange.river.extra import load

Floats = npt.NDArray[np.float64]
DAY: Final = 86_400.0
_DAMPING: Final = 16.0
_SPREAD: Final = 8.0
_POINTS: Final = 24.0
_MOST: Final = 1 << 18


@dataclass(frozen=True, slots=True)
class Channel:
    """A uniform piece of channel: metres, m/s, m²/s."""

    length: float
    velocity: float
    dispersion: float

    def __post_init__(self) -> None:
        for name in ("length", "velocity", "dispersion"):
            value = getattr(self, name)
            if not 0 < value < math.inf:
                raise InvalidInputError(f"{name} 应为正数 / {name} must be positive: {value}")


@dataclass(frozen=True, slots=True)
class Release:
    """`mass` in grams, evenly over `duration` seconds (0: at once), decaying by `decay` a second."""

    mass: float
    duration: float = 0.0
    decay: float = 0.0

    def __post_init__(self) -> None:
        if (
            not 0 < self.mass < math.inf
            or not 0 <= self.duration < math.inf
            or not 0 <= self.decay < math.inf
        ):
            raise InvalidInputError(
                "泄漏量应为正，历时与衰减不能为负 / mass must be positive, duration and decay not negative"
            )


def mass_flux(chain: Sequence[Channel], release: Release, times: Floats) -> Floats:
    """Grams a second that pass the end of a chain at `times` (seconds after the release began, any shape, any order).

    Divided by the discharge there (m³/s) it is the concentration that the spill adds, in mg/L. Raises InvalidInputError
    (no channel; the extra `river` not installed).
    """
    if not chain:
        raise InvalidInputError("没有河段 / no channel to pass through")
    times = np.asarray(times, np.float64)
    if len(chain) == 1:
        return _one(chain[0], release, times)
    grid, flux = _inverse(chain, release, float(times.max(initial=0.0)))
    return np.interp(times, grid, flux, left=0.0)


def moments(chain: Sequence[Channel], release: Release) -> tuple[float, float]:
    """Mean and standard deviation, in seconds, of the time when the mass passes the end, decay left out."""
    mean = sum(each.length / each.velocity for each in chain) + release.duration / 2
    variance = sum(2 * each.dispersion * each.length / each.velocity**3 for each in chain)
    return mean, math.sqrt(variance + release.duration**2 / 12)


def surviving(chain: Sequence[Channel], release: Release) -> float:
    """The share of the mass that is left at the end: the transform of the chain at the decay rate."""
    return float(np.prod([_transform(each, 0.0, release.decay) for each in chain]))


def span(chain: Sequence[Channel], release: Release) -> float:
    """Seconds after which nothing to speak of is still to come."""
    mean, deviation = moments(chain, release)
    return mean + release.duration / 2 + _SPREAD * deviation


def _one(channel: Channel, release: Release, times: Floats) -> Floats:
    if release.duration == 0:
        return release.mass * _first_passage(channel, release.decay, times)
    rate = release.mass / release.duration
    return rate * (
        _step(channel, release.decay, times) - _step(channel, release.decay, times - release.duration)
    )


def _first_passage(channel: Channel, decay: float, times: Floats) -> Floats:
    """x / √(4πDt³) exp(−(x − ut)² / 4Dt − kt), a second."""
    out = np.zeros_like(times)
    late = times > 0
    t, x, d = times[late], channel.length, channel.dispersion
    exponent = -((x - channel.velocity * t) ** 2) / (4 * d * t) - decay * t
    out[late] = x / np.sqrt(4 * math.pi * d * t**3) * np.exp(exponent)
    return out


def _step(channel: Channel, decay: float, times: Floats) -> Floats:
    """The answer to a head kept at 1: Ogata and Banks with decay, written with erfcx so that nothing overflows."""
    special: Any = load("scipy.special")
    out = np.zeros_like(times)
    late = times > 0
    t, x, u, d = times[late], channel.length, channel.velocity, channel.dispersion
    with_decay = math.sqrt(u**2 + 4 * decay * d)
    root = 2 * np.sqrt(d * t)
    near, far = (x - with_decay * t) / root, (x + with_decay * t) / root
    first = np.exp((u - with_decay) * x / (2 * d)) * special.erfc(near)
    # exp((u + v) x / 2D) erfc(far) = exp((u − v) x / 2D − near²) erfcx(far), for far² = near² + v x / D
    second = np.exp((u - with_decay) * x / (2 * d) - near**2) * special.erfcx(far)
    out[late] = (first + second) / 2
    return out


def _transform(channel: Channel, s: Any, decay: float) -> Any:
    u, d = channel.velocity, channel.dispersion
    # 1 − √(1 + y) loses digits where y is small; −y / (1 + √(1 + y)) does not
    y = 4 * d * (s + decay) / u**2
    return np.exp(channel.length * u / (2 * d) * -y / (1 + np.sqrt(1 + y)))


def _inverse(chain: Sequence[Channel], release: Release, until: float) -> tuple[Floats, Floats]:
    """The product of the transforms, inverted on a grid by a damped Fourier sum.

    The damping makes what wraps around smaller than e^−16; the grid has some twenty points in a standard deviation.
    """
    alone = Release(release.mass, 0.0, release.decay)
    mean, deviation = moments(chain, alone)
    period = 2 * max(until, mean + _SPREAD * deviation + release.duration, 1.0)
    points = 1 << math.ceil(math.log2(_POINTS * period / deviation))
    points = min(max(points, 1 << 12), _MOST)
    shift = _DAMPING / period
    s = shift + 2j * math.pi * np.arange(points // 2 + 1) / period
    transform = np.full(len(s), release.mass, np.complex128)
    for channel in chain:
        transform *= _transform(channel, s, release.decay)
    if release.duration:
        transform *= -np.expm1(-s * release.duration) / (s * release.duration)
    grid = np.arange(points) * period / points
    flux = np.fft.irfft(transform, points) * points / period * np.exp(shift * grid)
    inside = grid <= period / 2
    return grid[inside], np.maximum(flux[inside], 0.0)
