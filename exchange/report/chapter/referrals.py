"""Warnings and how they went; problems found, closed and overdue by side; transferred cases."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from exchange.referral.case import State
from exchange.referral.order import Kind
from exchange.report.chapter.style import number, side_name, summed
from exchange.report.facts.month import Facts
from exchange.report.facts.referrals import Known
from exchange.report.figure import Figures
from exchange.report.page import Block, Cell, Chapter, Chart, Column, Table, Text, cell, shown
from exchange.report.words import Words, plain
from exchange.trust.workday import SHANGHAI

_COUNTS: Final = ("found", "closed", "open", "overdue")
_TITLES: Final = (
    Words("发现", "Found"),
    Words("销号", "Closed"),
    Words("期末在办", "Open at the end"),
    Words("其中逾期", "of these overdue"),
)
_KINDS: Final = {
    Kind.ASSIGNMENT: Words("交办", "assignment"),
    Kind.SUPERVISION: Words("督办", "supervision"),
    Kind.CASE_TRANSFER: Words("案件移送", "case transfer"),
    Kind.OBJECTION: Words("数据异议", "objection"),
    Kind.WARNING: Words("预警", "warning"),
}
_STATES: Final = {
    State.SENT: Words("待签收", "sent"),
    State.RECEIVED: Words("已签收", "received"),
    State.ACCEPTED: Words("已受理", "accepted"),
    State.RETURNED: Words("已退回", "returned"),
    State.IN_WORK: Words("办理中", "in work"),
    State.REPORTED: Words("已反馈", "reported"),
    State.REOPENED: Words("退回重办", "reopened"),
    State.APPROVED: Words("已销号", "closed"),
    State.WITHDRAWN: Words("已撤回", "withdrawn"),
}


def warnings_chapter(facts: Facts, figures: Figures) -> Chapter:
    """Warnings that were sent in the period, or still stand."""
    known = facts.handled.warnings
    every = [each.source for each in known]
    sent = facts.handled.found(known)
    figures.add("warnings.sent", len(sent), sources=[each.source for each in sent])
    in_time = [each for each in sent if each.acknowledged_in_time]
    figures.add("warnings.acknowledged", len(in_time), sources=[each.source for each in sent])
    figures.add("warnings.closed", len(facts.handled.closed(known)), sources=every)
    figures.add("warnings.open", len(facts.handled.open(known)), sources=every)
    text = Text(
        Words(
            "本期发出预警{warnings.sent}件，按时签收{warnings.acknowledged}件；本期销号{warnings.closed}件，期末在办{warnings.open}件。",
            "{warnings.sent} warnings were sent, {warnings.acknowledged} acknowledged in time; "
            "{warnings.closed} were closed in the period, {warnings.open} are open at its end.",
        )
    )
    blocks: list[Block] = [text]
    if known:
        blocks.append(_listed(facts, "warnings", Words("预警与处置", "Warnings"), known))
    return Chapter("warnings", Words("预警与处置", "Warnings and how they went"), tuple(blocks))


def problems_chapter(facts: Facts, figures: Figures) -> Chapter:
    """Problems by the side that handles them, what is overdue, and transferred cases."""
    blocks: list[Block] = [
        Chart(
            "problems",
            Words("问题发现、销号与逾期", "Problems found, closed and overdue"),
            Words("每侧四条：发现、销号、在办、逾期。", "Four bars a side: found, closed, open, overdue."),
        ),
        _by_side(facts, figures, "problems", Words("问题办理", "Problems"), facts.handled.problems),
        _by_side(
            facts, figures, "transfers", Words("案件移送", "Transferred cases"), facts.handled.transfers
        ),
    ]
    late = facts.handled.overdue(facts.handled.problems) + facts.handled.overdue(facts.handled.transfers)
    if late:
        blocks.append(_listed(facts, "overdue", Words("逾期清单", "Overdue"), late))
    else:
        blocks.append(Text(Words("期末没有逾期事项。", "Nothing is overdue at the end of the period.")))
    return Chapter("problems", Words("问题与案件", "Problems and cases"), tuple(blocks))


def _by_side(facts: Facts, figures: Figures, name: str, title: Words, known: Sequence[Known]) -> Table:
    rows: list[tuple[Cell, ...]] = []
    ids: dict[str, list[str]] = {count: [] for count in _COUNTS}
    for side in facts.scope.jurisdictions:
        cells = [cell(side_name(facts, side))]
        for count in _COUNTS:
            found: Sequence[Known] = getattr(facts.handled, count)(known, side)
            id = figures.add(f"{name}.{side}.{count}", len(found), sources=[each.source for each in found])
            ids[count].append(id)
            cells.append(shown(id))
        rows.append(tuple(cells))
    sums = [summed(figures, f"{name}.{count}", ids[count], "BCDE"[at]) for at, count in enumerate(_COUNTS)]
    rows.append((cell(Words("合计", "Total")), *sums))
    columns = (Column(Words("办理方", "Handled by"), 1.6), *(number(words) for words in _TITLES))
    return Table(name, title, columns, tuple(rows), total=True)


def _listed(facts: Facts, name: str, title: Words, known: Sequence[Known]) -> Table:
    rows = tuple(
        (
            cell(_KINDS[each.referral.order.kind]),
            cell(each.referral.order.title),
            cell(side_name(facts, each.side)),
            cell(_day(each.referral.order.at)),
            cell(_day(each.referral.due - datetime.resolution)),  # 24:00 of its last day
            cell(_STATES[each.referral.state]),
        )
        for each in known
    )
    columns = (
        Column(Words("类型", "Kind"), 0.8),
        Column(Words("事项", "Matter"), 2.4),
        Column(Words("办理方", "Handled by"), 1.3),
        Column(Words("发出", "Sent"), 1.15),
        Column(Words("期限", "Due"), 1.15),
        Column(Words("状态", "State"), 0.9),
    )
    return Table(name, title, columns, rows)


def _day(at: datetime) -> Words:
    return plain(at.astimezone(SHANGHAI).strftime("%Y-%m-%d"))
