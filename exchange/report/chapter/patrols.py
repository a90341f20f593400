"""Patrols planned and done, works, campaigns and cases by side."""

from __future__ import annotations

from collections.abc import Sequence

from exchange.report.chapter.style import number, share, side_name, summed
from exchange.report.facts.month import Facts
from exchange.report.facts.works import Counted
from exchange.report.figure import Figures
from exchange.report.page import Block, Cell, Chapter, Column, Table, Text, cell, shown
from exchange.report.words import Words


def patrols_chapter(facts: Facts, figures: Figures) -> Chapter:
    """Planned and done; a dash where there is no plan or nothing can be read."""
    rows: list[tuple[Cell, ...]] = []
    names = ("planned", "done", "joint", "found", "solved")
    ids: dict[str, list[str]] = {name: [] for name in names}
    for each in facts.patrolled:
        cells = [cell(side_name(facts, each.side))]
        for name in names:
            value: int | None = getattr(each, name)
            if name != "planned" and not each.readable:
                value = None
            id = figures.add(f"patrols.{each.side}.{name}", value, sources=each.sources)
            ids[name].append(id)
            cells.append(shown(id))
        done = each.done if each.readable and each.planned else 0
        part = share(figures, f"patrols.{each.side}.share", done, each.planned or 0, each.sources)
        cells.append(shown(part, '=IF(N(B{row})=0,"",100*C{row}/B{row})'))
        rows.append(tuple(cells))
    sums = [summed(figures, f"patrols.{name}", ids[name], "BCDEF"[at]) for at, name in enumerate(names)]
    done, planned = (int(figures[f"patrols.{name}"].value or 0) for name in ("done", "planned"))
    every = [source for each in facts.patrolled for source in each.sources]
    whole = share(figures, "patrols.share", done if planned else 0, planned, every)
    rows.append((cell(Words("合计", "Total")), *sums, shown(whole, '=IF(N(B{row})=0,"",100*C{row}/B{row})')))
    columns = (
        Column(Words("辖区", "Side"), 1.6),
        number(Words("计划", "Planned")),
        number(Words("完成", "Done")),
        number(Words("其中联合", "of these joint")),
        number(Words("发现问题", "Problems found"), 1.2),
        number(Words("当场解决", "Solved"), 1.1),
        number(Words("完成率 %", "Done %")),
    )
    title = Words("巡河计划与完成", "Patrols")
    table = Table("patrols", title, columns, tuple(rows), _reaches(facts), total=True)
    return Chapter("patrols", Words("联合巡河", "Patrols"), (table,))


def _reaches(facts: Facts) -> Words | None:
    """Which reaches count, where not all do."""
    if facts.reaches is None:
        return None
    named = "、".join(sorted(facts.reaches))
    return Words(f"计入河段：{named}。", f"Reaches counted: {named.replace('、', ', ')}.")


def works_chapter(facts: Facts, figures: Figures) -> Chapter:
    """Tasks of plans, points of campaigns, enforcement cases."""
    late = Words("逾期", "Late")
    listed = (
        ("works", Words("一河一策任务", "Works of the plans"), facts.tasks, Words("任务", "Tasks"), late),
        ("points", Words("专项行动点位", "Points of campaigns"), facts.points, Words("点位", "Points"), late),
        (
            "cases",
            Words("执法案件", "Cases"),
            facts.cases,
            Words("案件", "Cases"),
            Words("移送", "Transferred"),
        ),
    )
    blocks: list[Block] = [
        _counted(facts, figures, name, title, found, first, last)
        for name, title, found, first, last in listed
        if found
    ]
    if not blocks:
        blocks = [Text(Words("没有可读的任务、点位与案件。", "No tasks, points or cases can be read."))]
    return Chapter("works", Words("工程、专项与执法", "Works, campaigns, enforcement"), tuple(blocks))


def _counted(
    facts: Facts,
    figures: Figures,
    name: str,
    title: Words,
    found: Sequence[Counted],
    first: Words,
    last: Words,
) -> Table:
    rows: list[tuple[Cell, ...]] = []
    ids: dict[str, list[str]] = {count: [] for count in ("total", "done", "late")}
    for each in found:
        cells = [cell(side_name(facts, each.side))]
        for count, held in ids.items():
            id = figures.add(f"{name}.{each.side}.{count}", getattr(each, count), sources=each.sources)
            held.append(id)
            cells.append(shown(id))
        rows.append(tuple(cells))
    sums = [
        summed(figures, f"{name}.{count}", held, "BCD"[at]) for at, (count, held) in enumerate(ids.items())
    ]
    rows.append((cell(Words("合计", "Total")), *sums))
    columns = (
        Column(Words("辖区", "Side"), 1.6),
        number(first),
        number(Words("完成", "Done")),
        number(last),
    )
    return Table(name, title, columns, tuple(rows), total=True)
