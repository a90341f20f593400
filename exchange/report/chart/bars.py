"""Verdicts, loads and problems."""

from __future__ import annotations

from typing import Any, Final

from exchange.reconcile.compare import Verdict
from exchange.report.chapter.style import item_name, side_name
from exchange.report.chart.canvas import (
    BLUE,
    GREEN,
    INK,
    ORANGE,
    RED,
    SKY,
    Picture,
    legend_below,
    picture,
    tidy,
)
from exchange.report.facts.month import Facts
from exchange.report.figure import Figures
from exchange.report.scope import Section
from exchange.report.words import Words

_MOST: Final = 24
_LOADS: Final = 14
_VERDICTS: Final = (
    (Verdict.AGREE, GREEN, "", Words("一致", "agree")),
    (Verdict.NOISE, SKY, "..", Words("检出限以内", "within noise")),
    (Verdict.DISAGREE, RED, "//", Words("不一致", "disagree")),
    (Verdict.LEFT_ONLY, "#c9ced6", "", Words("仅甲方有", "first side only")),
    (Verdict.RIGHT_ONLY, "#8f98a3", "\\\\", Words("仅乙方有", "second side only")),
)
_COUNTS: Final = (
    ("found", BLUE, "", Words("发现", "found")),
    ("closed", GREEN, "//", Words("销号", "closed")),
    ("open", ORANGE, "..", Words("期末在办", "open at the end")),
    ("overdue", RED, "xx", Words("其中逾期", "of these overdue")),
)


def verdicts_chart(facts: Facts, figures: Figures, language: str) -> Picture | None:
    """Stretches by verdict; of many sections those that agree least."""
    if facts.compared is None:
        return None
    ranked = sorted(facts.compared.sections, key=lambda each: _agreeing(figures, each))
    sections = ranked[:_MOST]

    def draw(axes: Any) -> None:
        rows = list(reversed(sections))
        ends = [0.0] * len(rows)
        for verdict, colour, hatch, words in _VERDICTS:
            widths = [_count(figures, f"comparison.{section.code}.{verdict}") for section in rows]
            style = {"color": colour, "hatch": hatch, "ec": "white", "lw": 0.6, "label": words.say(language)}
            axes.barh(range(len(rows)), widths, 0.62, ends, **style)
            ends = [end + width for end, width in zip(ends, widths, strict=True)]
        for row, (section, end) in enumerate(zip(rows, ends, strict=True)):
            share = figures[f"comparison.{section.code}.share"].shown(language)
            axes.text(end, row, f"  {share}%", va="center", fontsize=9, color=INK)
        axes.set_yticks(range(len(rows)), [each.name.say(language) for each in rows])
        axes.set_ylim(-0.6, max(len(sections) - 0.4, 1))
        axes.margins(x=0.09)
        tidy(axes)
        legend_below(axes, 5)

    return picture(draw, 9.2, 1.3 + 0.32 * max(len(sections), 2))


def flux_chart(facts: Facts, figures: Figures, language: str) -> Picture | None:
    """Estimates with their intervals, on a scale of their own for each item's size."""
    found = [each for each in facts.passed if each.load is not None][:_LOADS]
    if not found:
        return None

    def draw(axes: Any) -> None:
        labels = []
        for row, each in enumerate(reversed(found)):
            id = f"flux.{each.section.code}.{each.item}"
            value, low, high = (_number(figures, name) for name in (id, f"{id}.low", f"{id}.high"))
            axes.plot([low, high], [row, row], color=BLUE, lw=3, alpha=0.55, solid_capstyle="butt")
            axes.plot(
                [low, low, None, high, high],
                [row - 0.15, row + 0.15, None, row - 0.15, row + 0.15],
                color=BLUE,
            )
            axes.plot(value, row, "o", color=BLUE, ms=9, mec="white")
            text = f"{figures[id].shown(language)} t"
            axes.annotate(
                text, (value, row), (0, 9), textcoords="offset points", ha="center", fontsize=9, color=INK
            )
            item = item_name(facts.standard, each.item).say(language)
            labels.append(f"{each.section.name.say(language)} {item}")
        axes.set_yticks(range(len(found)), labels)
        axes.set_ylim(-0.6, len(found) - 0.2)
        axes.set_xlim(left=0)
        axes.set_xlabel("t", color=INK)
        tidy(axes)

    return picture(draw, 9.2, 1.1 + 0.5 * len(found))


def problems_chart(facts: Facts, figures: Figures, language: str) -> Picture | None:
    """Four bars a side, each with its number; None where there is nothing to draw."""
    sides = facts.scope.jurisdictions
    if not any(_count(figures, f"problems.{side}.{count}") for side in sides for count, *_ in _COUNTS):
        return None

    def draw(axes: Any) -> None:
        for place, (count, colour, hatch, words) in enumerate(_COUNTS):
            at = [side + 0.2 * (place - 1.5) for side in range(len(sides))]
            heights = [_count(figures, f"problems.{side}.{count}") for side in sides]
            axes.bar(
                at, heights, 0.18, color=colour, hatch=hatch, ec="white", lw=0.6, label=words.say(language)
            )
            for x, height in zip(at, heights, strict=True):
                axes.text(x, height, f"{height:,.0f}", ha="center", va="bottom", fontsize=9.5, color=INK)
        axes.set_xticks(range(len(sides)), [side_name(facts, side).say(language) for side in sides])
        axes.yaxis.get_major_locator().set_params(integer=True)
        axes.set_ylim(0, 1.15 * max(1.0, axes.dataLim.ymax))
        tidy(axes, "y")
        legend_below(axes, 4)

    return picture(draw, 9.2, 2.9)


def _agreeing(figures: Figures, section: Section) -> tuple[float, str]:
    return _number(figures, f"comparison.{section.code}.share", 101.0), section.code


def _count(figures: Figures, id: str) -> float:
    return _number(figures, id)


def _number(figures: Figures, id: str, absent: float = 0.0) -> float:
    number = figures[id].number
    return absent if number is None else float(number)
