"""The plan for the next period, and what the report rests on."""

from __future__ import annotations

from exchange.report.chapter.style import number, side_name
from exchange.report.facts.month import Facts
from exchange.report.figure import Figures
from exchange.report.gather import Gatherer
from exchange.report.page import Block, Cell, Chapter, Column, Table, Text, cell, shown
from exchange.report.words import Words


def following_chapter(facts: Facts, figures: Figures) -> Chapter:
    """What the office has decided, and what is due anyway."""
    following = facts.period.following
    blocks: list[Block] = [
        Text(Words(f"{at}．{words.zh}", f"{at}. {words.en}")) for at, words in enumerate(facts.scope.next, 1)
    ]
    due = [
        each
        for each in (*facts.handled.problems, *facts.handled.warnings, *facts.handled.transfers)
        if each.open and each.referral.due <= following.end
    ]
    figures.add("next.due", len(due), sources=[each.source for each in due])
    text = Words(
        f"{following.words.zh}内到期或已逾期的事项{{next.due}}件。",
        f"{{next.due}} open matters are due by the end of {following.words.en}.",
    )
    blocks.append(Text(text))
    if facts.plan is not None:
        rows: list[tuple[Cell, ...]] = []
        for side in facts.scope.jurisdictions:
            visits = facts.plan.following.get(side, 0)
            id = figures.add(f"next.{side}.visits", visits, sources=[facts.plan.source])
            rows.append((cell(side_name(facts, side)), shown(id)))
        columns = (Column(Words("辖区", "Side"), 2), number(Words("计划巡查次数", "Planned visits")))
        blocks.append(Table("next", Words("下期巡河计划", "Patrols planned"), columns, tuple(rows)))
    return Chapter("next", Words("下期工作安排", "Plan for the next period"), tuple(blocks))


def sources_chapter(gatherer: Gatherer) -> Chapter:
    """Datasets with the ledger sizes that they were read at, and what could not be read."""
    rows = tuple(
        (cell(str(each.dataset)), cell(each.hub), cell(f"{each.tree_size}"))
        for each in sorted(gatherer.pinned.values(), key=lambda each: str(each.dataset))
    )
    columns = (
        Column(Words("数据集", "Dataset"), 3),
        Column(Words("枢纽", "Hub"), 1),
        number(Words("账本规模", "Ledger size")),
    )
    blocks: list[Block] = [
        Text(
            Words(
                "每个数字均可用 hechuan trace 追溯到签名批次、发布机构与回执；下表为所依据的账本位置。",
                "hechuan trace opens each figure down to signed batches, publishers and receipts; these are the "
                "places in the ledgers that the report rests on.",
            )
        ),
        Table("ledgers", Words("数据来源", "Datasets"), columns, rows),
    ]
    absent = sorted(gatherer.absent.values(), key=lambda each: str(each.dataset))
    if absent:
        listed = tuple((cell(str(each.dataset)), cell(each.code)) for each in absent)
        titles = (Column(Words("数据集", "Dataset"), 3), Column(Words("原因", "Why"), 2))
        blocks.append(Table("absent", Words("未能读取", "Not readable"), titles, listed))
    return Chapter("sources", Words("数据来源与追溯", "What it rests on"), tuple(blocks))
