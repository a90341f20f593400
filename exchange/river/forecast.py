"""When a spill reaches a section, how high it rises and when it has passed: for the table that goes with a warning."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from exchange.errors import InvalidInputError
from exchange.river.network import RiverNetwork, Stretch
from exchange.river.practice import Practice, shipped_practice
from exchange.river.reach import Place
from exchange.river.transport import DAY, Channel, Release, mass_flux, span, surviving

Floats = npt.NDArray[np.float64]
_POINTS: Final = 4000
CURVE: Final = pa.schema(
    [
        pa.field("section", pa.string()),
        pa.field("at", pa.timestamp("s", "UTC")),
        pa.field("mgl", pa.float64()),
    ]
)


@dataclass(frozen=True, slots=True)
class Spill:
    """`mass_kg` of one item, let in at `place` from `began` on over `hours` (0: at once); decay is first order."""

    place: Place
    item_code: str
    mass_kg: float
    began: datetime
    hours: float = 0.0
    decay_per_day: float = 0.0

    def __post_init__(self) -> None:
        if self.began.tzinfo is None:
            raise InvalidInputError("泄漏时间须带时区 / the beginning of the spill needs an offset")


@dataclass(frozen=True, slots=True)
class Window:
    """From when until when a level is exceeded."""

    begins: datetime
    ends: datetime


@dataclass(frozen=True, slots=True)
class Forecast:
    """At one section. Concentrations in mg/L are added by the spill; `background` is what is there without it.

    `felt`: above `felt_mgl`, that is, arrival and passing; `over`: sum with the background above `limit_mgl`, None
    where it is never. `earliest` and `latest` arrival are with the velocity so much higher and lower. `left`: share of
    the mass that decay leaves. `times` in seconds after the beginning, `added` in mg/L.
    """

    section: str
    place: Place
    began: datetime
    path: tuple[Stretch, ...]
    km: float
    mean_hours: float
    felt_mgl: float
    felt: Window
    peak_at: datetime
    peak_mgl: float
    earliest: datetime
    latest: datetime
    background: float
    limit_mgl: float | None
    over: Window | None
    left: float
    times: Floats
    added: Floats


@dataclass(frozen=True, slots=True)
class Levels:
    """Concentrations in mg/L that matter at a section: what is there without the spill, and the limit held to, if any.

    `felt`: added by the spill, from which it has arrived. `spread`: doubt of velocities, relative. None: as the
    practice has it.
    """

    background: float = 0.0
    limit: float | None = None
    felt: float | None = None
    spread: float | None = None

    def __post_init__(self) -> None:
        if (
            not 0 <= (self.spread or 0.0) < 1
            or self.background < 0
            or (self.felt is not None and self.felt <= 0)
        ):
            raise InvalidInputError(
                "参数超出范围 / spread is in [0, 1), the background is not negative, felt is above 0"
            )


NO_LEVELS: Final = Levels()


def forecast(
    network: RiverNetwork,
    spill: Spill,
    section: str,
    place: Place,
    levels: Levels = NO_LEVELS,
    practice: Practice | None = None,
) -> Forecast:
    """What a section at `place` will see of a spill.

    Raises NotFoundError (the water does not pass the section), InvalidInputError (a peak below `felt`, a number that
    cannot be), and as `mass_flux`.
    """
    usual = (practice or shipped_practice()).forecast
    spread = usual.spread if levels.spread is None else levels.spread
    path = network.path(spill.place, place)
    times, added = _curve(path, spill, 1.0)
    peak = int(np.argmax(added))
    level = usual.felt_share * float(added[peak]) if levels.felt is None else levels.felt
    window = _window(times, added, level, spill.began)
    if window is None:
        raise InvalidInputError(
            f"峰值 {added[peak]:.3g} mg/L 低于 {level:.3g} / the peak {added[peak]:.3g} mg/L stays below {level:.3g}"
        )
    return Forecast(
        section=section,
        place=place,
        began=spill.began,
        path=path,
        km=sum(each.length_km for each in path),
        mean_hours=sum(each.hours for each in path),
        felt_mgl=level,
        felt=window,
        peak_at=_moment(spill.began, float(times[peak])),
        peak_mgl=float(added[peak]),
        earliest=_arrival(path, spill, level, 1 + spread),
        latest=_arrival(path, spill, level, 1 - spread),
        background=levels.background,
        limit_mgl=levels.limit,
        over=_over(times, added, levels, spill.began),
        left=surviving(_chain(path, 1.0), _release(spill)),
        times=times,
        added=added,
    )


def _release(spill: Spill) -> Release:
    return Release(spill.mass_kg * 1e3, spill.hours * 3600, spill.decay_per_day / DAY)


def _chain(path: Sequence[Stretch], factor: float) -> list[Channel]:
    found = [
        Channel(each.length_km * 1e3, each.reach.velocity_ms * factor, each.reach.dispersion_m2s)
        for each in path
        if each.length_km > 0
    ]
    if not found:
        raise InvalidInputError(
            "泄漏点就在断面 / the spill is at the section itself: there is nothing to forecast"
        )
    return found


def _curve(path: Sequence[Stretch], spill: Spill, factor: float) -> tuple[Floats, Floats]:
    chain, release = _chain(path, factor), _release(spill)
    times = np.linspace(0, span(chain, release), _POINTS)
    # g/s over m³/s is mg/L: tributaries on the way dilute by the discharge that they add
    return times, mass_flux(chain, release, times) / path[-1].reach.discharge_m3s


def _arrival(path: Sequence[Stretch], spill: Spill, level: float, factor: float) -> datetime:
    times, added = _curve(path, spill, factor)
    above = np.flatnonzero(added >= min(level, float(added.max())))
    return _moment(spill.began, float(times[above[0]]))


def _window(times: Floats, added: Floats, level: float, began: datetime) -> Window | None:
    """The first and last moment above a level, between the points by straight lines."""
    above = np.flatnonzero(added >= level)
    if not len(above):
        return None
    first, last = int(above[0]), int(above[-1])
    return Window(
        _moment(began, _crossing(times, added, level, first - 1, first) if first else float(times[0])),
        _moment(
            began,
            _crossing(times, added, level, last, last + 1) if last + 1 < len(times) else float(times[-1]),
        ),
    )


def _over(times: Floats, added: Floats, levels: Levels, began: datetime) -> Window | None:
    return None if levels.limit is None else _window(times, added, levels.limit - levels.background, began)


def _crossing(times: Floats, added: Floats, level: float, before: int, after: int) -> float:
    low, high = float(added[before]), float(added[after])
    return float(times[before] + (level - low) / (high - low) * (times[after] - times[before]))


def _moment(began: datetime, seconds: float) -> datetime:
    return began + timedelta(seconds=round(seconds))


def forecast_table(forecasts: Sequence[Forecast]) -> pa.Table:
    """A row a section, instants in UTC; what a warning carries."""
    return pa.Table.from_pylist(
        [
            {
                "section": each.section,
                "reach_code": each.place.reach,
                "km": round(each.km, 3),
                "mean_hours": round(each.mean_hours, 2),
                "earliest": each.earliest,
                "arrives": each.felt.begins,
                "latest": each.latest,
                "peak_at": each.peak_at,
                "passes": each.felt.ends,
                "peak_mgl": each.peak_mgl,
                "background_mgl": each.background,
                "limit_mgl": each.limit_mgl,
                "over_from": each.over.begins if each.over else None,
                "over_until": each.over.ends if each.over else None,
                "share_left": each.left,
            }
            for each in forecasts
        ],
        schema=TABLE,
    )


_INSTANT: Final = pa.timestamp("s", "UTC")
TABLE: Final = pa.schema(
    [
        *((name, pa.string()) for name in ("section", "reach_code")),
        *((name, pa.float64()) for name in ("km", "mean_hours")),
        *((name, _INSTANT) for name in ("earliest", "arrives", "latest", "peak_at", "passes")),
        *((name, pa.float64()) for name in ("peak_mgl", "background_mgl", "limit_mgl")),
        *((name, _INSTANT) for name in ("over_from", "over_until")),
        ("share_left", pa.float64()),
    ]
)


def forecast_curve(found: Forecast) -> pa.Table:
    """What the section sees over time: `section`, `at`, `mgl` with the background."""
    at = [_moment(found.began, float(seconds)) for seconds in found.times]
    columns = [
        pa.array([found.section] * len(at)),
        pa.array(at, _INSTANT),
        pa.array(found.added + found.background),
    ]
    return pa.Table.from_arrays(columns, schema=CURVE)
