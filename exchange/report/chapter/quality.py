"""Sections against target, last period and last year; what exceeds; all means."""

from __future__ import annotations

from typing import Final

from exchange.report.chapter.style import item_name, item_names, level_figure, number, share
from exchange.report.facts.month import Facts
from exchange.report.facts.quality import State
from exchange.report.figure import Figures
from exchange.report.mark import class_name
from exchange.report.page import Cell, Chapter, Chart, Column, Table, Text, cell, shown
from exchange.report.words import EMPTY, Words

_MEETS: Final = {None: EMPTY, True: Words("达标", "yes"), False: Words("未达标", "no")}


def quality_chapter(facts: Facts, figures: Figures) -> Chapter:
    """Classes, exceedances and means."""
    _counts(facts, figures)
    rows = tuple(_row(facts, figures, state) for state in facts.states)
    blocks: list[Text | Table | Chart] = [
        Text(
            Words(
                "评价断面{quality.count}个，有数据{quality.assessed}个；达到目标{quality.meets}个，达标率{quality.meets-share}%；"
                "Ⅰ～Ⅲ类{quality.good}个，占{quality.good-share}%；劣Ⅴ类{quality.bad}个。",
                "Of {quality.count} sections, {quality.assessed} have data; {quality.meets} reach their target "
                "({quality.meets-share}%), {quality.good} are of class I to III ({quality.good-share}%), "
                "{quality.bad} worse than V.",
            )
        ),
        Chart("classes", Words("断面水质类别与目标", "Classes of sections and their targets"), _CLASSES),
        Table("sections", Words("断面水质评价", "Sections"), _SECTIONS, rows, _note(facts)),
    ]
    exceeding = [(state, mean) for state in facts.states for mean in state.exceeding]
    if exceeding:
        blocks.append(_exceedances(facts, figures))
    else:
        blocks.append(Text(Words("本期没有项目超过目标限值。", "No item exceeds the limit of its target.")))
    blocks.append(_means(facts, figures))
    return Chapter("quality", Words("断面水质", "Water quality"), tuple(blocks))


_CLASSES: Final = Words(
    "每行一个断面：符号与颜色为本期类别，竖线为目标。",
    "A row per section: mark and colour are its class, the bar its target.",
)
_SECTIONS: Final = (
    Column(Words("断面", "Section"), 1.3),
    Column(Words("河流", "River"), 1.0),
    Column(Words("目标", "Target"), 0.8),
    Column(Words("本期", "Now"), 1.2),
    Column(Words("上期", "Last period"), 1.2),
    Column(Words("上年同期", "Last year"), 1.2),
    Column(Words("同比变化", "Change"), 1.15),
    Column(Words("达标", "On target"), 0.9),
    Column(Words("主要污染指标", "Main pollutants"), 1.5),
)


def _counts(facts: Facts, figures: Figures) -> None:
    states = facts.states
    every = [source for state in states for source in state.every_source]
    assessed = [state for state in states if state.level]
    aimed = [state for state in assessed if state.meets is not None]
    good = [state for state in assessed if state.level <= facts.standard.good]
    figures.add("quality.count", len(states), sources=every)
    figures.add("quality.assessed", len(assessed), sources=every)
    meets = sum(bool(state.meets) for state in aimed)
    figures.add("quality.meets", meets, sources=every)
    share(figures, "quality.meets-share", meets, len(aimed), every)
    figures.add("quality.good", len(good), sources=every)
    share(figures, "quality.good-share", len(good), len(assessed), every)
    bad = sum(state.level == len(facts.standard.classes) for state in assessed)
    figures.add("quality.bad", bad, sources=every)


def _row(facts: Facts, figures: Figures, state: State) -> tuple[Cell, ...]:
    code, sources = state.section.code, state.every_source
    change = state.change(state.year_ago.level)
    words = EMPTY if change is None else Words(*change.words)
    meets = figures.add(
        f"section.{code}.meets",
        None if state.meets is None else "yes" if state.meets else "no",
        said=_MEETS[state.meets],
        sources=sources,
    )
    name = state.section.name
    marked = Words(f"{name.zh} ※", f"{name.en} ※") if state.settlements else name
    return (
        cell(marked),
        cell(state.section.river or "—"),
        cell(class_name(state.target or 0)),
        shown(level_figure(figures, f"section.{code}.class", state.level, sources)),
        shown(level_figure(figures, f"section.{code}.before", state.before.level, state.before.sources)),
        shown(
            level_figure(figures, f"section.{code}.year-ago", state.year_ago.level, state.year_ago.sources)
        ),
        cell(words),
        shown(meets),
        cell(item_names(facts.standard, state.main)),
    )


def _note(facts: Facts) -> Words:
    edition = facts.standard.name
    settled = any(state.settlements for state in facts.states)
    zh = f"按 {edition} 表 1 与环办〔2011〕22号单因子评价；时段均值，低于检出限以检出限之半计。"
    en = f"Single factor after {edition}, table 1, and 环办〔2011〕22号; means of the period, half the detection limit."
    if settled:
        zh += "※ 采用双方会签的一致值。"
        en += " ※ with values that both sides settled."
    return Words(zh, en)


def _exceedances(facts: Facts, figures: Figures) -> Table:
    rows = []
    for state in facts.states:
        for mean in state.exceeding:
            code = state.section.code
            mean_id = _mean(figures, state, mean.item)
            used = figures[mean_id].sources
            excess = figures.add(f"excess.{code}.{mean.item}", mean.multiple, digits=2, sources=used)
            rows.append(
                (
                    cell(state.section.name),
                    cell(item_name(facts.standard, mean.item)),
                    shown(mean_id),
                    cell(_unit(mean.unit)),
                    cell(class_name(mean.level)),
                    cell(class_name(state.target or 0)),
                    shown(excess),
                )
            )
    columns = (
        Column(Words("断面", "Section"), 1.4),
        Column(Words("项目", "Item"), 1.6),
        number(Words("均值", "Mean")),
        Column(Words("单位", "Unit"), 0.8),
        Column(Words("项目类别", "Class of item")),
        Column(Words("目标", "Target")),
        number(Words("超目标倍数", "Times above target")),
    )
    note = Words(
        "超目标倍数 =（均值 − 目标限值）÷ 目标限值；pH、溶解氧不计倍数。",
        "Times above target = (mean − limit of the target) / that limit; none for pH and oxygen.",
    )
    return Table("exceedances", Words("超目标项目", "Items above target"), columns, tuple(rows), note)


def _means(facts: Facts, figures: Figures) -> Table:
    rows = []
    for state in facts.states:
        for mean in state.means:
            samples = figures.add(
                f"samples.{state.section.code}.{mean.item}", mean.samples, sources=state.sources
            )
            rows.append(
                (
                    cell(state.section.name),
                    cell(item_name(facts.standard, mean.item)),
                    shown(_mean(figures, state, mean.item)),
                    cell(_unit(mean.unit)),
                    shown(samples),
                    cell(class_name(mean.level)),
                )
            )
    columns = (
        Column(Words("断面", "Section"), 1.4),
        Column(Words("项目", "Item"), 1.8),
        number(Words("均值", "Mean")),
        Column(Words("单位", "Unit"), 0.8),
        number(Words("样品数", "Samples")),
        Column(Words("类别", "Class")),
    )
    return Table("means", Words("各项目时段均值", "Means of all items"), columns, tuple(rows))


def _mean(figures: Figures, state: State, item: str) -> str:
    """The figure of a mean; kept once."""
    id = f"mean.{state.section.code}.{item}"
    mean = next(each for each in state.means if each.item == item)
    if id not in figures:
        used = (*state.sources, *state.settlements.get(item, ()))
        figures.add(id, mean.value, unit=mean.unit, digits=_digits(mean.value), sources=used)
    return id


def _digits(value: float) -> int:
    """Three significant digits, as laboratories give them."""
    size = abs(value)
    return 0 if size >= 100 else 1 if size >= 10 else 2 if size >= 1 else 3 if size >= 0.1 else 4


def _unit(unit: str) -> str:
    return "—" if unit == "1" else unit
