"""Where the sections are: by their registered places if all have one, else along their rivers in the scope's order."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from exchange.report.chart.canvas import FAINT, INK, MARKERS, WATER, Picture, legend_below, picture
from exchange.report.facts.month import Facts
from exchange.report.facts.quality import State
from exchange.report.mark import MARKS, NO_DATA, class_colour, class_name
from exchange.report.words import Words
from exchange.river.standard import WORSE

_NAMED: Final = 40
_TOLD: Final = 24
_NO_DATA: Final = Words("无数据", "no data")
Place = tuple[float, float]


def map_chart(facts: Facts, language: str) -> Picture:
    """Marks and colours are classes; of many sections only those off target are named."""
    surveyed = _surveyed(facts)
    rivers = _rivers(facts)
    height = 4.4 if surveyed else 1.3 + (0.95 if len(facts.states) <= _TOLD else 0.6) * len(rivers)
    return picture(
        lambda axes: _draw(axes, facts, surveyed or _along(facts), not surveyed, language), 9.2, height
    )


def _rivers(facts: Facts) -> list[str]:
    return list(dict.fromkeys(state.section.river for state in facts.states))


def _surveyed(facts: Facts) -> dict[str, Place] | None:
    found: dict[str, Place] = {}
    for state in facts.states:
        place = state.place
        if place is None or place.longitude is None or place.latitude is None:
            return None
        found[state.section.code] = (place.longitude, place.latitude)
    return found


def _along(facts: Facts) -> dict[str, Place]:
    """Each river a line, its sections at equal distances from left to right."""
    found: dict[str, Place] = {}
    for row, river in enumerate(_rivers(facts)):
        states = [state for state in facts.states if state.section.river == river]
        for at, state in enumerate(states, 1):
            found[state.section.code] = (at / (len(states) + 1), -float(row))
    return found


def _draw(axes: Any, facts: Facts, places: Mapping[str, Place], lines: bool, language: str) -> None:
    named = len(facts.states) <= _NAMED
    for row, river in enumerate(_rivers(facts)):
        held = [places[state.section.code] for state in facts.states if state.section.river == river]
        if lines:
            axes.annotate(
                "",
                (0.99, -row),
                (0.0, -row),
                arrowprops={"arrowstyle": "-|>", "color": WATER, "lw": 5, "shrinkA": 0},
            )
            axes.text(0.0, -row + 0.16, river, fontsize=10.5, color=FAINT, ha="left", va="bottom")
        elif len(held) > 1:
            axes.plot(*zip(*held, strict=True), color=WATER, lw=3, zorder=0)
    for state in facts.states:
        _mark(axes, facts, state, places[state.section.code], named or state.meets is False, language)
    seen = sorted({state.level for state in facts.states})
    for level in [*(level for level in range(1, WORSE + 1) if level in seen), *([0] if 0 in seen else [])]:
        name = f"{class_name(level).say(language)} {MARKS[level]}" if level else _NO_DATA.say(language)
        colour = class_colour(level, facts.standard)
        axes.plot([], [], MARKERS.get(level, "o"), color=colour, mec=INK, mew=0.8, ms=9, label=name)
    axes.set_axis_off()
    if lines:
        axes.set_xlim(-0.02, 1.02)
        axes.set_ylim(-len(_rivers(facts)) + 0.35, 0.6)
    else:
        axes.margins(0.12)
        axes.set_aspect(1.15)
    legend_below(axes, 7)


def _mark(axes: Any, facts: Facts, state: State, at: Place, named: bool, language: str) -> None:
    colour = class_colour(state.level, facts.standard) if state.level else NO_DATA
    axes.plot(*at, MARKERS.get(state.level, "o"), color=colour, mec=INK, mew=1.0, ms=13, zorder=3)
    if not named:
        return
    target = class_name(state.target or 0).say(language)
    now = class_name(state.level).say(language)
    goal = Words(f"{now}／目标{target}", f"{now} / target {target}").say(language)
    lines = [(state.section.name.say(language), -13, 10.0, INK)]
    if len(facts.states) <= _TOLD:
        lines.append((goal, -28, 8.5, FAINT))
    for text, down, size, ink in lines:
        label = axes.annotate(
            text, at, (0, down), textcoords="offset points", ha="center", va="top", fontsize=size, color=ink
        )
        label.set_in_layout(False)
