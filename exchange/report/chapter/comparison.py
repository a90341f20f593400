"""Both banks' values: verdicts by section, the differences, what was settled."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from exchange.reconcile.cause import TITLES, Cause
from exchange.reconcile.compare import Verdict
from exchange.report.chapter.style import item_name, number, share, summed
from exchange.report.facts.comparison import Compared, Difference
from exchange.report.facts.month import Facts
from exchange.report.figure import Figures
from exchange.report.page import Block, Cell, Chapter, Chart, Column, Table, Text, cell, shown
from exchange.report.words import EMPTY, Words, plain
from exchange.trust.workday import SHANGHAI

_LISTED: Final = 60
_VERDICTS: Final = (
    (Verdict.AGREE, Words("一致", "Agree")),
    (Verdict.NOISE, Words("检出限以内", "Within noise")),
    (Verdict.DISAGREE, Words("不一致", "Disagree")),
    (Verdict.LEFT_ONLY, Words("仅甲方有", "First only")),
    (Verdict.RIGHT_ONLY, Words("仅乙方有", "Second only")),
)
_STATES: Final = {
    "": EMPTY,
    "agreed": Words("双方一致", "agreed"),
    "disputed": Words("分歧待裁", "disputed"),
    "arbitrated": Words("已裁定", "decided"),
}


def comparison_chapter(facts: Facts, figures: Figures) -> Chapter:
    """Verdicts and differences; a line where there is nothing to compare."""
    title = Words("两岸数据比对", "Both banks' values")
    found = facts.compared
    if found is None:
        text = Words(
            "没有双方共同监测且双方数据均可读的断面。", "No section is watched and readable on both sides."
        )
        return Chapter("comparison", title, (Text(text),))
    blocks: list[Block] = [_told(facts, found, figures)]
    blocks.append(
        Chart(
            "verdicts",
            Words("逐对比对结论", "Verdicts on pairs"),
            Words("每行一个断面，按结论分段。", "A row per section, in stretches by verdict."),
        )
    )
    blocks.append(_verdicts(found, figures))
    if found.differences:
        blocks.append(_differences(facts, found, figures))
    return Chapter("comparison", title, tuple(blocks))


def _told(facts: Facts, found: Compared, figures: Figures) -> Text:
    every = [source for keys in found.sources.values() for source in keys]
    ended = [each for each in facts.settled if each.value is not None]
    figures.add("comparison.settled", len(ended), sources=[each.source for each in ended])
    figures.add("comparison.classes", found.classes, sources=every)
    figures.add("comparison.samples", found.samples, sources=every)
    left, right = (side.name for side in facts.scope.sides)
    return Text(
        Words(
            f"甲方为{left.zh}，乙方为{right.zh}，按 {found.terms.ref} 的容许偏差比对"
            "{comparison.pairs}对，一致率"
            "{comparison.share}%；{comparison.samples}次同步样品中，两岸类别不同的{comparison.classes}次；"
            "已会签或裁定的一致值{comparison.settled}项。",
            f"First side {left.en}, second {right.en}, by the tolerances of {found.terms.ref}: "
            "{comparison.pairs} pairs, {comparison.share}% agree; of {comparison.samples} common samples "
            "{comparison.classes} differ in class; "
            "{comparison.settled} values are settled.",
        )
    )


def _verdicts(found: Compared, figures: Figures) -> Table:
    rows: list[tuple[Cell, ...]] = []
    held: dict[str, list[str]] = {}
    for section in found.sections:
        counts, sources = found.verdicts.get(section.code, {}), found.sources[section.code]
        cells = [cell(section.name)]
        for verdict, _ in _VERDICTS:
            id = figures.add(f"comparison.{section.code}.{verdict}", counts.get(verdict, 0), sources=sources)
            held.setdefault(verdict, []).append(id)
            cells.append(shown(id))
        pairs = sum(counts.get(verdict, 0) for verdict, _ in _VERDICTS[:3])
        good = pairs - counts.get(Verdict.DISAGREE, 0)
        part = share(figures, f"comparison.{section.code}.share", good, pairs, sources)
        cells.append(shown(part, _SHARE))
        rows.append(tuple(cells))
    totals = [
        summed(figures, f"comparison.{verdict}", held[verdict], "BCDEF"[at])
        for at, (verdict, _) in enumerate(_VERDICTS)
    ]
    sums = {verdict: int(figures[f"comparison.{verdict}"].value or 0) for verdict, _ in _VERDICTS}
    pairs = sums[Verdict.AGREE] + sums[Verdict.NOISE] + sums[Verdict.DISAGREE]
    every = [source for keys in found.sources.values() for source in keys]
    figures.add("comparison.pairs", pairs, sources=every)
    whole = share(figures, "comparison.share", pairs - sums[Verdict.DISAGREE], pairs, every)
    rows.append((cell(Words("合计", "Total")), *totals, shown(whole, _SHARE)))
    columns = (
        Column(Words("断面", "Section"), 1.6),
        *(number(words) for _, words in _VERDICTS),
        number(Words("一致率 %", "Agree %")),
    )
    note = Words(
        "一致率 =（一致 + 检出限以内）÷ 成对数；单方有值不计入成对数。",
        "Agree % = (agree + within noise) / pairs; values of one side alone are no pairs.",
    )
    title = Words("逐断面比对结论", "Verdicts by section")
    return Table("verdicts", title, columns, tuple(rows), note, total=True)


_SHARE: Final = '=IF(B{row}+C{row}+D{row}=0,"",100*(B{row}+C{row})/(B{row}+C{row}+D{row}))'


def _differences(facts: Facts, found: Compared, figures: Figures) -> Table:
    listed = sorted(
        found.differences, key=lambda each: (not each.source, each.at, each.section.code, each.item)
    )
    rows = tuple(_row(facts, found, figures, at, each) for at, each in enumerate(listed[:_LISTED], 1))
    columns = (
        Column(Words("断面", "Section"), 1.1),
        Column(Words("项目", "Item"), 1.3),
        Column(Words("时刻", "At"), 1.3),
        number(Words("甲方", "First"), 0.8),
        number(Words("乙方", "Second"), 0.8),
        Column(Words("单位", "Unit"), 0.7),
        Column(Words("原因", "Cause"), 1.3),
        number(Words("采用值", "Used"), 0.8),
        Column(Words("会商", "Settled"), 1.0),
    )
    more = len(listed) - len(rows)
    note = None
    if more:
        note = Words(
            f"另有{more}项差异未列出，见数据附件与账本。", f"{more} more differences are not listed."
        )
    return Table(
        "differences", Words("差异与会商结果", "Differences, and what was settled"), columns, rows, note
    )


def _row(facts: Facts, found: Compared, figures: Figures, place: int, each: Difference) -> tuple[Cell, ...]:
    sources = (*found.sources[each.section.code], *([each.source] if each.source else ()))
    values = []
    for which, value in (("left", each.left), ("right", each.right), ("used", each.settled)):
        given = figures.add(f"difference.{place}.{which}", value, digits=_digits(value), sources=sources)
        values.append(shown(given))
    zh, en = TITLES[Cause(each.cause)]
    units = {unit for unit in (each.left_unit, each.right_unit) if unit}
    return (
        cell(each.section.name),
        cell(item_name(facts.standard, each.item)),
        cell(_local(each.at)),
        values[0],
        values[1],
        cell("—" if units <= {"1"} else " / ".join(sorted(units))),
        cell(Words(zh, en)),
        values[2],
        cell(_STATES[each.state]),
    )


def _digits(value: float | None) -> int:
    """As many as were published, four at most."""
    text = f"{value or 0:.4f}".rstrip("0")
    return len(text.partition(".")[2])


def _local(at: datetime) -> Words:
    return plain(at.astimezone(SHANGHAI).strftime("%m-%d %H:%M"))
