"""The forecast as a picture: the way of the water, and what each section will see. PNG, or SVG that needs no font.

Letters become outlines in SVG, so that the file looks the same wherever it is opened.
"""

from __future__ import annotations

import io
from collections.abc import Collection, Iterator, Sequence
from datetime import timedelta, timezone
from pathlib import Path
from typing import Any, Final

from exchange.errors import InvalidInputError
from exchange.river.extra import load
from exchange.river.forecast import Forecast
from exchange.river.letter import family_of, thickened
from exchange.river.network import RiverNetwork
from exchange.river.reach import Point, Reach

FORMATS: Final = ("png", "svg")
_CHINA: Final = timezone(timedelta(hours=8))
_BESIDE: Final = 5.0
_INK, _WATER, _WAY, _LIMIT = "#24303c", "#9db8cf", "#c2410c", "#b91c1c"
_SECTIONS: Final = ("#1d4ed8", "#0f766e", "#7c3aed", "#a16207", "#be185d")


def forecast_chart(
    network: RiverNetwork,
    forecasts: Sequence[Forecast],
    title: str,
    kind: str = "png",
    font: Path | None = None,
) -> bytes:
    """Bytes of a picture of 12 × 6 inches: on the left the network, on the right concentrations over time.

    `title` is set as it is; `font`: a file with Chinese letters, else that of the extra. Raises InvalidInputError (no
    forecast, another kind, the extra not installed), NotFoundError (no such font).
    """
    if kind not in FORMATS or not forecasts:
        raise InvalidInputError(
            f"图须为 {'、'.join(FORMATS)} 且至少一个断面 / a chart is png or svg, of at least one section"
        )
    matplotlib = load("matplotlib")
    figure_of = load("matplotlib.figure").Figure
    family, weight = family_of(font)
    weights = dict.fromkeys(
        ("font.weight", "axes.titleweight", "axes.labelweight", "figure.titleweight"), weight
    )
    settings = {"font.family": family, "svg.fonttype": "path", "svg.hashsalt": "hechuan", **weights}
    with matplotlib.rc_context(settings):
        figure = figure_of(figsize=(12, 6), layout="constrained")
        way, curves = figure.subplots(1, 2, width_ratios=(5, 7))
        figure.suptitle(title, color=_INK, fontsize=15)
        _draw_network(way, network, forecasts)
        _draw_curves(curves, forecasts)
        thickened(figure)
        out = io.BytesIO()
        figure.savefig(
            out, format=kind, dpi=150, metadata={"Date": None} if kind == "svg" else {"Software": None}
        )
    return out.getvalue()


def _draw_network(axes: Any, network: RiverNetwork, forecasts: Sequence[Forecast]) -> None:
    passed = {each.reach.code for found in forecasts for each in found.path}
    lines = _lines(network, passed)
    for reach in network.reaches:
        start, end = lines[reach.code]
        on_way = reach.code in passed
        axes.annotate(
            "", xy=end, xytext=start,
            arrowprops={"arrowstyle": "-|>", "color": _WAY if on_way else _WATER, "lw": 2.6 if on_way else 1.6},
        )  # fmt: skip
        middle = ((start[0] + end[0]) / 2, (start[1] + end[1]) / 2)
        axes.annotate(reach.name, middle, (7, 5), textcoords="offset points", fontsize=8.5, color=_INK)
        axes.plot(*zip(start, end, strict=True), alpha=0)
    first = forecasts[0].path[0]
    axes.plot(
        *_along(lines[first.reach.code], first.reach, first.length_km),
        "X",
        color=_LIMIT,
        ms=11,
        label="泄漏点 spill",
    )
    for colour, found in zip(_cycle(), forecasts, strict=False):
        place = _along(
            lines[found.path[-1].reach.code], network.reach(found.place.reach), found.place.km_to_end
        )
        label = f"{found.section}：{_hours(found)}"
        axes.plot(*place, "o", color=colour, ms=10, mec="white", mew=1.5, label=label)
    axes.legend(loc="best", fontsize=9, frameon=False)
    axes.set_title("传播路径与到达时间 the way, and when it arrives", fontsize=11, color=_INK)
    axes.margins(0.14)
    axes.set_axis_off()


def _hours(found: Forecast) -> str:
    arrives = (found.felt.begins - found.began).total_seconds() / 3600
    return f"{found.km:.1f} km，{arrives:.1f} h 到达 arrives"


def _lines(network: RiverNetwork, way: Collection[str]) -> dict[str, tuple[Point, Point]]:
    """Where each reach is drawn: by its coordinates if all have some, else by length, with the way straight down."""
    reaches = network.reaches
    if all(reach.start and reach.end for reach in reaches):
        return {reach.code: (reach.start, reach.end) for reach in reaches if reach.start and reach.end}
    outlets = dict(network.edges)
    sides: dict[str, list[str]] = {}
    for reach in sorted(reaches, key=lambda each: (each.code not in way, each.code)):
        sides.setdefault(outlets.get(reach.code, ""), []).append(reach.code)
    found: dict[str, tuple[Point, Point]] = {}
    for reach in reversed(reaches):
        under = outlets.get(reach.code, "")
        beside = _BESIDE * sides[under].index(reach.code)
        foot = found[under][0] if under else (beside, 0.0)
        found[reach.code] = ((foot[0] + (beside if under else 0.0), foot[1] + reach.length_km), foot)
    return found


def _along(line: tuple[Point, Point], reach: Reach, km_to_end: float) -> Point:
    share = 1 - km_to_end / reach.length_km
    (x, y), (u, v) = line
    return x + (u - x) * share, y + (v - y) * share


def _draw_curves(axes: Any, forecasts: Sequence[Forecast]) -> None:
    dates = load("matplotlib.dates")
    for colour, found in zip(_cycle(), forecasts, strict=False):
        began = found.began.astimezone(_CHINA)
        at = [began + timedelta(seconds=float(seconds)) for seconds in found.times]
        axes.plot(
            at,
            found.added + found.background,
            color=colour,
            lw=2,
            label=f"{found.section}（峰值 peak {found.peak_mgl + found.background:.3g}）",
        )
        axes.axvspan(found.earliest, found.latest, color=colour, alpha=0.12, lw=0)
        peak = found.peak_at.astimezone(_CHINA)
        axes.plot([peak], [found.peak_mgl + found.background], "o", color=colour, ms=6)
        axes.annotate(
            f"{peak:%m-%d %H:%M}",
            (peak, found.peak_mgl + found.background),
            (6, 5),
            textcoords="offset points",
            fontsize=9,
        )
    for limit in sorted({found.limit_mgl for found in forecasts if found.limit_mgl is not None}):
        axes.axhline(limit, color=_LIMIT, ls="--", lw=1.2, label=f"限值 limit {limit:g}")
    axes.set_title(
        "断面浓度预报 concentrations (mg/L)；阴影为到达时间范围 shaded: range of arrival",
        fontsize=11,
        color=_INK,
    )
    axes.xaxis.set_major_formatter(dates.DateFormatter("%m-%d\n%H:%M", tz=_CHINA))
    axes.set_xlabel("北京时间 Beijing time", color=_INK)
    axes.set_ylim(bottom=0)
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(loc="upper right", fontsize=9, frameon=False)


def _cycle() -> Iterator[str]:
    while True:
        yield from _SECTIONS
