"""Classes: a row per section where they are few, else how many sections have which class, now and before."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

from exchange.report.chart.canvas import FAINT, GRID, INK, MARKERS, Picture, legend_below, picture, tidy
from exchange.report.facts.month import Facts
from exchange.report.facts.quality import State
from exchange.report.mark import MARKS, class_colour, class_name
from exchange.report.words import Words
from exchange.river.standard import WORSE

FEW: Final = 24
_LEVELS: Final = range(1, WORSE + 1)
_HATCHES: Final = {1: "", 2: "//", 3: "", 4: "..", 5: "xx", 6: ""}


def classes_chart(facts: Facts, language: str) -> Picture:
    """By section for 24 and fewer; a picture of the distribution for more."""
    states = [state for state in facts.states if state.level]
    if len(states) > FEW:
        return picture(lambda axes: _distribution(axes, facts, language), 9.2, 2.7)
    return picture(lambda axes: _rows(axes, facts, states, language), 9.2, 1.5 + 0.36 * max(len(states), 2))


def _rows(axes: Any, facts: Facts, states: Sequence[State], language: str) -> None:
    for row, state in enumerate(reversed(states)):
        axes.axhline(row, color=GRID, lw=0.8, zorder=0)
        if state.target:
            axes.plot([state.target + 0.32] * 2, [row - 0.34, row + 0.34], color=INK, lw=2.4)
        if state.year_ago.level:
            axes.plot(
                state.year_ago.level,
                row,
                MARKERS[state.year_ago.level],
                ms=12,
                mfc="white",
                mec=FAINT,
                mew=1.2,
            )
        colour = class_colour(state.level, facts.standard)
        axes.plot(state.level, row, MARKERS[state.level], color=colour, ms=9, mec=INK, mew=0.8, zorder=4)
    axes.set_yticks(range(len(states)), [state.section.name.say(language) for state in reversed(states)])
    axes.set_xticks(list(_LEVELS), [f"{class_name(level).say(language)} {MARKS[level]}" for level in _LEVELS])
    axes.set_xlim(0.5, WORSE + 0.6)
    axes.set_ylim(-0.6, max(len(states) - 0.4, 1))
    tidy(axes, "x")
    for label, words in (
        ("now", Words("本期（填色）", "now (filled)")),
        ("ago", Words("上年同期（空心）", "last year (hollow)")),
        ("target", Words("目标（不应越过的竖线）", "target (the bar not to be passed)")),
    ):
        style = {
            "now": {"marker": "D", "color": INK, "ls": "", "ms": 7},
            "ago": {"marker": "D", "mfc": "white", "mec": FAINT, "ls": "", "ms": 9},
            "target": {"marker": "|", "color": INK, "ls": "", "ms": 13, "mew": 2.4},
        }[label]
        axes.plot([], [], label=words.say(language), **style)
    legend_below(axes, 3)


def _distribution(axes: Any, facts: Facts, language: str) -> None:
    rows = (
        (Words("上年同期", "last year"), [state.year_ago.level for state in facts.states]),
        (Words("上期", "last period"), [state.before.level for state in facts.states]),
        (Words("本期", "now"), [state.level for state in facts.states]),
    )
    for place, (_, levels) in enumerate(rows):
        counts, left = Counter(level for level in levels if level), 0
        for level in _LEVELS:
            width = counts[level]
            if not width:
                continue
            colour = class_colour(level, facts.standard)
            axes.barh(place, width, 0.62, left, color=colour, ec="white", hatch=_HATCHES[level], lw=0.8)
            text = f"{MARKS[level]}{width}"
            axes.text(
                left + width / 2, place, text, ha="center", va="center", fontsize=9, color=INK,
                bbox={"boxstyle": "round,pad=0.15", "fc": "white", "ec": "none", "alpha": 0.85},
            )  # fmt: skip
            left += width
    axes.set_yticks(range(len(rows)), [words.say(language) for words, _ in rows])
    tidy(axes, "x")
    for level in _LEVELS:
        name = f"{class_name(level).say(language)} {MARKS[level]}"
        axes.barh(
            0, 0, color=class_colour(level, facts.standard), hatch=_HATCHES[level], ec="white", label=name
        )
    legend_below(axes, 6)
