"""`hechuan duty`: who answers for what, do plans fit, how far are directives, who patrols, and the score over all."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated, Final

import pyarrow as pa
import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from exchange.cli.partner import Home, Hub, read_moment
from exchange.client import connect
from exchange.client.duty import Frozen, assess, dataset_of, read_totals
from exchange.duty.chief import clashes, patrolled
from exchange.duty.directive import COUNTS, KEYS, differences, progress
from exchange.duty.matrix import overlaps, route
from exchange.duty.plan import check_plans
from exchange.duty.rules import Rules, load_rules, shipped_rules
from exchange.trust.workday import SHANGHAI

app = typer.Typer(
    help="Duties, chiefs, plans, directives, assessment. 职责、河长、方案、总河长令、考核。",
    no_args_is_help=True,
)
out = Console(highlight=False)
Dataset = Annotated[str, typer.Argument(help="As 500000/joint-office/duty-matrix.")]
AsOf = Annotated[str | None, typer.Option(help="Ledger size, or an instant with offset.")]
RulesFile = Annotated[
    Path | None, typer.Option("--rules", exists=True, dir_okay=False, help="An edition of one's own, JSON.")
]
Day = Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Day; today otherwise.")]
_COUNTED: Final = ("points 点位", "mended 已整治", "closed 已销号", "overdue 逾期")


@app.command("route")
def route_(
    dataset: Dataset,
    matter: Annotated[str, typer.Argument(help="As boundary-water-quality.")],
    home: Home,
    river: Annotated[str, typer.Option()] = "",
    county: Annotated[str, typer.Option(help="GB/T 2260.")] = "",
    department: Annotated[str, typer.Option(help="As ecology.")] = "",
    on: Day = None,
    hub: Hub = None,
) -> None:
    """Which agency leads on a matter. 由谁牵头。"""
    with connect(home, hub) as client:
        duties = client.query(dataset).table()
    found = route(duties, matter, river, county, department, _day(on))
    out.print(f"{found.agency}  {found.code}", soft_wrap=True)
    for codes in overlaps(duties):
        out.print(f"[yellow]![/] 职责重叠 overlap: {', '.join(codes)}", soft_wrap=True)


@app.command()
def plans(
    dataset: Dataset,
    home: Home,
    reaches: Annotated[str, typer.Option(help="river-reach: what lies within what.")] = "",
    as_of: AsOf = None,
    hub: Hub = None,
) -> None:
    """Whether plans fit together: 不交叉、不重复，上统下、大统小，流域统河库。"""
    with connect(home, hub) as client:
        frozen = Frozen(client, read_moment(as_of))
        table = frozen.table(dataset)
        found = check_plans(table, frozen.table(reaches) if reaches else None)
    for each in found:
        out.print(f"[red]✗[/] {each.rule:<17}{' · '.join(each.tasks)}  {each.zh} {each.en}", soft_wrap=True)
    if found:
        raise typer.Exit(1)
    out.print(f"[green]✓[/] {table.num_rows} tasks fit 任务相互衔接")


@app.command()
def directive(
    dataset: Dataset,
    home: Home,
    reported: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="Totals that were reported, CSV.")
    ] = None,
    on: Day = None,
    as_of: AsOf = None,
    hub: Hub = None,
) -> None:
    """Progress of campaigns out of their points; with --reported, where totals disagree. 总河长令进展。"""
    with connect(home, hub) as client:
        points = Frozen(client, read_moment(as_of)).table(dataset)
    day = pa.scalar(_day(on), pa.date32())
    table = _table("directive 总河长令", "campaign 行动", "county 区县", *_COUNTED)
    for row in progress(points, day).to_pylist():
        table.add_row(*(str(row[name]) for name in (*KEYS, *COUNTS)))
    out.print(table)
    found = differences(points, read_totals(reported), day) if reported else []
    for each in found:
        where = f"{each.directive} {each.campaign} {each.county}"
        both = f"填报 reported {each.reported}, 点位 counted {each.counted}"
        out.print(f"[red]✗[/] {where} {each.count}: {both}", soft_wrap=True)
    if found:
        raise typer.Exit(1)


@app.command()
def patrols(
    chiefs: Annotated[str, typer.Argument(help="river-chief.")],
    records: Annotated[str, typer.Argument(help="patrol-record.")],
    home: Home,
    since: Annotated[datetime, typer.Option(formats=["%Y-%m-%d"])],
    until: Annotated[datetime, typer.Option(formats=["%Y-%m-%d"])],
    rules: RulesFile = None,
    hub: Hub = None,
) -> None:
    """Which chiefs patrol less than their level asks; posts held twice. 巡河频次。"""
    with connect(home, hub) as client:
        registry, made = client.query(chiefs).table(), client.query(records).table()
    table = _table("reach 河段", "chief 河长", "level 级别", "asked 应巡", "done 已巡", "short 欠")
    for each in patrolled(registry, made, _rules(rules).quota, since.date(), until.date()):
        short = f"[red]{each.short}[/]" if each.short else ""
        table.add_row(each.reach, each.chief, each.level, str(each.asked), str(each.done), short)
    out.print(table)
    for reach, post in clashes(registry, until.date()):
        out.print(f"[yellow]![/] {reach} {post}: 一职多人 held by several", soft_wrap=True)


@app.command()
def score(
    datasets: Annotated[list[str], typer.Argument(help="What is to be counted, each of another contract.")],
    home: Home,
    since: Annotated[datetime, typer.Option(formats=["%Y-%m-%d"])],
    until: Annotated[datetime, typer.Option(formats=["%Y-%m-%d"])],
    rules: RulesFile = None,
    as_of: AsOf = None,
    hub: Hub = None,
) -> None:
    """The assessment score with all that it comes from, over frozen ledger sizes. 考核评分。"""
    edition = _rules(rules)
    with connect(home, hub) as client:
        found = assess(client, dataset_of(datasets), edition, since.date(), until.date(), read_moment(as_of))
    table = _table("component 项目", "met 达到", "total 总数", "share 比例", "weight 权重", "points 得分")
    for line in found.lines:
        item = line.component
        share = "–" if item.share is None else f"{item.share:.1%}"
        points = "不计 left out" if line.points is None else f"{line.points:.2f}"
        table.add_row(
            f"{item.zh} {item.en}", f"{item.met:g}", f"{item.total:g}", share, f"{line.weight:g}", points
        )
    out.print(table)
    out.print(f"score 得分  [bold]{found.value}[/] {found.mark}  · rules 规则 {found.edition}")
    for dataset, size in found.as_of.items():
        out.print(f"  {escape(dataset)} @ {size}", style="dim", soft_wrap=True)


def _rules(file: Path | None) -> Rules:
    return load_rules(file.read_bytes()) if file else shipped_rules()


def _day(given: datetime | None) -> date:
    return given.date() if given else datetime.now(UTC).astimezone(SHANGHAI).date()


def _table(*titles: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in titles:
        table.add_column(title, overflow="fold")
    return table
