"""Every picture that the chapters ask for, by name."""

from __future__ import annotations

from collections.abc import Mapping

from exchange.report.chart.bars import flux_chart, problems_chart, verdicts_chart
from exchange.report.chart.canvas import Picture
from exchange.report.chart.classes import classes_chart
from exchange.report.chart.map import map_chart
from exchange.report.make import Made


def pictures(made: Made, language: str) -> Mapping[str, Picture]:
    """Name → picture; raises InvalidInputError where the extra is not installed."""
    facts, figures = made.facts, made.report.figures
    found = {
        "map": map_chart(facts, language),
        "classes": classes_chart(facts, language),
        "verdicts": verdicts_chart(facts, figures, language),
        "flux": flux_chart(facts, figures, language),
        "problems": problems_chart(facts, figures, language),
    }
    return {name: picture for name, picture in found.items() if picture is not None}
