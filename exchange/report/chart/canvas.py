"""A sheet to draw on, and its bytes: the same drawing gives the same bytes."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from exchange.river.extra import load
from exchange.river.letter import family_of, thickened

INK, FAINT, GRID = "#24303c", "#6b7785", "#dde3ea"
WATER: Final = "#9db8cf"
# Okabe and Ito's palette: told apart by everybody, and in grey
BLUE, ORANGE, GREEN, RED, SKY = "#0072b2", "#e69f00", "#009e73", "#d55e00", "#56b4e9"
# matplotlib's marker for each class, the shapes of exchange.report.mark
MARKERS: Final = {1: "o", 2: "o", 3: "D", 4: "^", 5: "s", 6: "X"}
_WEIGHTS: Final = ("font.weight", "axes.titleweight", "axes.labelweight", "figure.titleweight")


@dataclass(frozen=True, slots=True)
class Picture:
    """One chart as SVG, its letters outlines; `width` and `height` in inches."""

    svg: bytes
    width: float
    height: float


Draw = Callable[[Any], None]


def picture(draw: Draw, width: float, height: float) -> Picture:
    """Draw upon axes of that many inches."""
    with _styled():
        figure = load("matplotlib.figure").Figure(figsize=(width, height), layout="constrained")
        axes = figure.subplots()
        draw(axes)
        thickened(figure)
        out = io.BytesIO()
        # savefig would draw everything twice, to lay it out before
        canvas = load("matplotlib.backends.backend_svg").FigureCanvasSVG(figure)
        canvas.print_svg(out, metadata={"Date": None, "Creator": None})
        return Picture(out.getvalue(), width, height)


def tidy(axes: Any, grid: str = "x") -> None:
    """Faint lines behind, none around."""
    axes.set_axisbelow(True)
    axes.grid(axis=grid, color=GRID, lw=0.8)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.spines["bottom"].set_color(GRID)
    axes.tick_params(length=0, labelcolor=INK, labelsize=9)


def legend_below(axes: Any, columns: int, **more: Any) -> None:
    """A legend under the axes, in one line where it fits."""
    below = -0.32 / float(axes.figure.get_size_inches()[1])
    axes.legend(
        loc="upper center",
        bbox_to_anchor=(0.5, below),
        ncols=columns,
        fontsize=9,
        frameon=False,
        labelcolor=INK,
        handletextpad=0.5,
        columnspacing=1.4,
        **more,
    )


@contextmanager
def _styled() -> Iterator[None]:
    name, weight = family_of(None)
    settings = {
        "font.family": name,
        "svg.fonttype": "path",
        "svg.hashsalt": "hechuan",
        "hatch.linewidth": 0.6,
        "axes.edgecolor": GRID,
        **dict.fromkeys(_WEIGHTS, weight),
    }
    with load("matplotlib").rc_context(settings):
        yield
