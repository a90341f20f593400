"""The first page: the numbers that a chief asks for."""

from __future__ import annotations

from exchange.report.facts.month import Facts
from exchange.report.page import Block, Chapter, Chart, Column, Table, Text, cell, shown
from exchange.report.words import Words

_KEY: tuple[tuple[Words, str, Words], ...] = (
    (Words("断面达标率", "Sections on target"), "quality.meets-share", Words("%", "%")),
    (Words("Ⅰ～Ⅲ类断面比例", "Sections of class I to III"), "quality.good-share", Words("%", "%")),
    (Words("两岸比对一致率", "Pairs that agree"), "comparison.share", Words("%", "%")),
    (Words("发出预警", "Warnings sent"), "warnings.sent", Words("件", "")),
    (Words("发现问题", "Problems found"), "problems.found", Words("件", "")),
    (Words("销号", "Problems closed"), "problems.closed", Words("件", "")),
    (Words("逾期", "Problems overdue"), "problems.overdue", Words("件", "")),
    (Words("移送案件", "Cases transferred"), "transfers.found", Words("件", "")),
    (Words("完成巡河", "Patrols done"), "patrols.done", Words("次", "")),
)


def summary_chapter(facts: Facts, known: frozenset[str]) -> Chapter:
    """Headline figures, those that are `known`, and the map; made last, when all figures are there."""
    rows = tuple((cell(title), shown(figure), cell(unit)) for title, figure, unit in _KEY if figure in known)
    columns = (
        Column(Words("指标", "Indicator"), 2.4),
        Column(Words("数值", "Value"), 1, True),
        Column(Words("单位", "Unit"), 0.6),
    )
    blocks: list[Block] = []
    if facts.scope.made:
        text = Words(
            "本报告所用数据为编造的样例，不代表任何实际水体。", "The data of this report are made up."
        )
        blocks.append(Text(text))
    blocks += [
        Table("summary", Words("主要数字", "Headline figures"), columns, rows),
        Chart(
            "map",
            Words("断面位置示意", "Sections, schematic"),
            Words(
                "断面按登记坐标或沿程顺序示意，符号与颜色为本期类别。",
                "Sections by their registered place, or in their order; mark and colour are their class.",
            ),
        ),
    ]
    return Chapter("summary", Words("本期概要", "Summary"), tuple(blocks))
