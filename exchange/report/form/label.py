"""What every form says around the chapters: title, moment, who signs; and how a cell is told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from exchange.report.figure import Figures
from exchange.report.make import Made
from exchange.report.mark import MARKS, class_colour
from exchange.report.page import Cell
from exchange.report.words import Words
from exchange.river.standard import Standard
from exchange.trust.workday import SHANGHAI

FONT: Final = "Noto Sans CJK SC"
# what Word and WPS have where that font is not installed
WESTERN, EASTERN = "Calibri", "Microsoft YaHei"
SIGN: Final = Words("签署", "Signatures")
SIGNED: Final = Words(
    "双方以各自密钥签署本报告，签署记入双方账本；打印件上的签章栏供存档之用。",
    "Both sides sign this report with their keys, and the signatures stand in both ledgers; the boxes are for paper.",
)
AGENCY, PERSON, DAY = Words("签署机构", "Agency"), Words("签署人", "Name"), Words("日期", "Date")
PAGE: Final = Words("第 {page} 页，共 {pages} 页", "Page {page} of {pages}")


@dataclass(frozen=True, slots=True)
class Front:
    """The title page's words in one language."""

    title: str
    kind: str
    period: str
    about: str
    moment: str
    digest: str


def front(made: Made, language: str) -> Front:
    """Out of the report."""
    report, scope = made.report, made.report.scope
    erratum = bool(report.corrects)
    kind = Words("跨界河流联合报告", "Joint report on rivers across the border")
    if erratum:
        kind = Words("跨界河流联合报告（勘误）", "Joint report on rivers across the border: erratum")
    moment = f"{report.as_of.astimezone(SHANGHAI):%Y-%m-%d %H:%M}"
    names = [side.name.say(language) for side in scope.sides]
    about = scope.about.words.say(language)
    return Front(
        scope.title.say(language),
        kind.say(language),
        report.period.words.say(language),
        f"{about}：{scope.called.zh}　{' · '.join(names)}"
        if language == "zh"
        else f"{about}: {scope.called.en}, {' · '.join(names)}",
        Words(f"数据截至 {moment}（北京时间）", f"Data as of {moment}, Beijing time").say(language),
        Words(f"报告摘要 {report.digest}", f"Digest {report.digest}").say(language),
    )


@dataclass(frozen=True, slots=True)
class Told:
    """A cell as it is read; `colour` and the mark in `text` where it is a class."""

    text: str
    colour: str


def told(cell: Cell, figures: Figures, language: str, standard: Standard) -> Told:
    """A cell with the mark of its class."""
    text = cell.say(figures, language)
    level = figures[cell.figure].level if cell.figure else 0
    if not level:
        return Told(text, "")
    return Told(f"{text}\u00a0{MARKS[level]}", class_colour(level, standard))
