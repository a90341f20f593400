"""What compensation comes to, by the formula of each agreement."""

from __future__ import annotations

from typing import Final

from exchange.report.chapter.style import level_figure, number, side_name
from exchange.report.compensation.count import Basis
from exchange.report.facts.compensation import Compensation, Line
from exchange.report.facts.month import Facts
from exchange.report.figure import Figures
from exchange.report.page import Block, Cell, Chapter, Column, Table, Text, cell, shown
from exchange.report.scope import SIDES
from exchange.report.words import EMPTY, Words, plain

_WAN: Final = 1e4
_BASES: Final = {
    Basis.BETTER: Words("达标且好于上年，下游补上游", "on target, better: downstream pays"),
    Basis.SAME: Words("达标且与上年持平", "on target, unchanged"),
    Basis.WORSE: Words("达标但差于上年，上游补下游", "on target, worse: upstream pays"),
    Basis.MISSED: Words("未达标，上游补下游", "off target: upstream pays"),
    Basis.UNKNOWN: Words("数据不足，暂不核算", "data are missing"),
}


def compensation_chapter(facts: Facts, figures: Figures) -> Chapter:
    """A table for each contract of the scope."""
    title = Words("生态补偿核算", "Compensation")
    if not facts.compensation:
        text = Words("任务书未列补偿协议。", "The scope names no agreement on compensation.")
        return Chapter("compensation", title, (Text(text),))
    blocks: list[Block] = []
    for each in facts.compensation:
        blocks += _counted(facts, figures, each)
    return Chapter("compensation", title, tuple(blocks))


def _counted(facts: Facts, figures: Figures, found: Compensation) -> list[Block]:
    contract = found.terms.contract
    title = Words(contract.title_zh, contract.title_en)
    blocks: list[Block] = []
    if found.why is not None:
        why = found.why
        blocks.append(
            Text(Words(f"{title.zh}：无法核算，{why.zh}。", f"{title.en}: cannot be counted: {why.en}."))
        )
    elif found.lines:
        blocks.append(_lines(facts, figures, found, title))
    else:
        blocks.append(_accounts(facts, figures, found, title))
    blocks.append(Text(_caution(found), weak=True))
    return blocks


def _caution(found: Compensation) -> Words:
    ref = found.terms.contract.ref
    zh, en = f"参数依据 {ref}。", f"Terms: {ref}."
    if found.trial:
        zh += "该办法按年核算，本期为试算。"
        en += " It counts by the year; this is a trial over a part of one."
    if not found.terms.confirmed:
        limits = found.terms.limits.strip().split("\n")
        zh += f"参数尚待双方确认。{limits[0]}"
        en += f" Both sides have yet to confirm them. {limits[-1]}".rstrip()
    return Words(zh, en)


def _lines(facts: Facts, figures: Figures, found: Compensation, title: Words) -> Table:
    name = found.terms.contract.ref.name
    rows: list[tuple[Cell, ...]] = [_line(facts, figures, name, line) for line in found.lines]
    total = sum(line.yuan for line in found.lines)
    sources = [source for line in found.lines for source in line.sources]
    whole = figures.add(f"{name}.total", total / _WAN, unit="万元", digits=2, sources=sources)
    blank = cell(plain(""))
    rows.append(
        (
            cell(Words("合计", "Total")),
            blank,
            blank,
            blank,
            blank,
            shown(whole, "=SUM(F{first}:F{last})"),
            blank,
        )
    )
    columns = (
        Column(Words("断面", "Section"), 1.2),
        Column(Words("时段", "Period"), 0.8),
        Column(Words("本期", "Now"), 0.9),
        Column(Words("上年", "Last year"), 0.9),
        number(Words("指数 P", "Index P"), 0.8),
        number(Words("上游应得 万元", "To upstream, 10⁴ yuan"), 1.2),
        Column(Words("依据", "Ground"), 2.4),
    )
    note = Words(
        "正数为下游补偿上游，负数为上游补偿下游。",
        "Positive: downstream pays; negative: upstream pays.",
    )
    return Table(name, title, columns, tuple(rows), note, total=True)


def _line(facts: Facts, figures: Figures, name: str, line: Line) -> tuple[Cell, ...]:
    id = f"{name}.{line.section.code}.{line.period}"
    now = level_figure(figures, f"{id}.class", line.level, line.sources)
    last = level_figure(figures, f"{id}.last-year", line.last_year, line.sources)
    index = figures.add(f"{id}.index", line.index, digits=3, sources=line.sources)
    owed = figures.add(id, line.yuan / _WAN, unit="万元", digits=2, sources=line.sources)
    ground = EMPTY if line.basis is None else _BASES[line.basis]
    if line.index is not None:
        ground = (
            Words("下游补偿上游", "downstream pays upstream")
            if line.yuan > 0
            else Words("上游补偿下游", "upstream pays downstream")
        )
    return (
        cell(line.section.name),
        cell(str(line.period)),
        shown(now),
        shown(last),
        shown(index),
        shown(owed),
        cell(_between(facts, line, ground)),
    )


def _between(facts: Facts, line: Line, ground: Words) -> Words:
    """The ground, with the two sides' names where it is known which is upstream."""
    up = line.section.upstream
    if not up or not line.yuan:
        return ground
    upper, lower = (side_name(facts, facts.scope.side(which).jurisdiction) for which in _ordered(up))
    payer, payee = (lower, upper) if line.yuan > 0 else (upper, lower)
    return Words(f"{ground.zh}（{payer.zh}→{payee.zh}）", f"{ground.en} ({payer.en} → {payee.en})")


def _ordered(up: str) -> tuple[str, str]:
    return up, SIDES[1 - SIDES.index(up)]


def _accounts(facts: Facts, figures: Figures, found: Compensation, title: Words) -> Table:
    name = found.terms.contract.ref.name
    rows = []
    for party, account in found.accounts.items():
        cells = [cell(_party(facts, party))]
        for what in ("allotted", "lost", "gained", "paid"):
            id = figures.add(
                f"{name}.{party}.{what}",
                getattr(account, what) / _WAN,
                unit="万元",
                digits=2,
                sources=found.sources,
            )
            cells.append(shown(id))
        net = figures.add(
            f"{name}.{party}.net", account.net / _WAN, unit="万元", digits=2, sources=found.sources
        )
        rows.append((*cells, shown(net, "=B{row}-C{row}+D{row}-E{row}")))
    columns = (
        Column(Words("省份", "Party"), 1.2),
        number(Words("应分配 万元", "Allotted, 10⁴ yuan")),
        number(Words("扣减", "Taken away")),
        number(Words("由他省划入", "Gained")),
        number(Words("出资", "Paid in")),
        number(Words("净额", "Net")),
    )
    return Table(name, title, columns, tuple(rows))


def _party(facts: Facts, code: str) -> Words:
    if code in facts.scope.jurisdictions:
        return side_name(facts, code)
    return plain(code)
