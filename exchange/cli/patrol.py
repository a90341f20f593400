"""`hechuan patrol`: a month of joint patrols from an office's file. 联合巡河。"""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from exchange.cli import accord, patrol_paper
from exchange.errors import InvalidInputError

if TYPE_CHECKING:
    from exchange.patrol.cost import Cost
    from exchange.patrol.explain import Unmet
    from exchange.patrol.model import Office, Plan

app = typer.Typer(help="Joint patrols. 联合巡河。", no_args_is_help=True)
for _command in (*accord.COMMANDS, *patrol_paper.COMMANDS):
    app.command()(_command)
out = Console(highlight=False)
err = Console(stderr=True, highlight=False)
_EXISTING: Any = typer.Argument(exists=True, dir_okay=False, help="The office: reaches, teams, roads (JSON).")
OfficeFile = Annotated[Path, _EXISTING]
PlanFile = Annotated[
    Path, typer.Option("--plan", exists=True, dir_okay=False, help="A plan that was written before.")
]
Output = Annotated[Path, typer.Option("-o", "--output", help="Where the plan is written, as canonical JSON.")]
_STAGES: Final = {
    "first": "已有可行计划，代价 {0.value:,.0f}，改进中 first plan; improving",
    "bound": "至少 {0.value:,.0f}，改进中 bound found; improving",
    "days": "已排到日，代价 {0.value:,.0f}，改进中 days settled; improving",
}
Seconds = Annotated[float, typer.Option(min=1, max=3600, help="How long to look for a better plan.")]


@app.command()
def plan(office: OfficeFile, output: Output = Path("plan.json"), seconds: Seconds = 60.0) -> None:
    """Plan a period: both banks meet, hours are kept, little is driven. 制订计划。"""
    from exchange.patrol.planner import plan as make

    given = _office(office)
    with err.status(f"计划中，{seconds:g} 秒 planning") as status:
        made = make(given, seconds, tell=lambda each: status.update(_STAGES[each.stage].format(each)))
    _write(given, made.plan, output)
    _tell(given, made.plan, made.cost)
    out.print(f"at least 至少       {made.bound:,.0f} · gap 差距不超过 {made.gap:.1%}")
    _explain(given, made.plan)


@app.command()
def replan(
    office: OfficeFile,
    plan: PlanFile,
    output: Output = Path("plan.json"),
    cancel: Annotated[
        list[str] | None, typer.Option(metavar="TEAM@DATE", help="A team that does not go on that day.")
    ] = None,
    seconds: Seconds = 4.0,
) -> None:
    """Mend a plan after a change, moving as little else as possible. 调整计划。"""
    from exchange.patrol.cost import cost_of
    from exchange.patrol.planner import replan as mend
    from exchange.patrol.planner import without

    before = _plan(plan)
    given = _office(office, before)
    for each in cancel or ():
        team, _, day = each.rpartition("@")
        given = without(given, team, _date(day))
    with err.status("调整中 replanning"):
        made = mend(given, seconds)
    _write(given, made, output)
    kept = set(before.visits()) & set(made.visits())
    count = len(set(before.visits()))
    out.print(f"kept 保留           {len(kept)} / {count} visits 次巡查")
    _tell(given, made, cost_of(given, made))
    _explain(given, made)


@app.command()
def explain(office: OfficeFile, plan: PlanFile) -> None:
    """What a plan leaves undone or breaks, why, and what would help; exit code 1 where there is any. 说明。"""
    from exchange.patrol.check import breaches

    given, made = _office(office), _plan(plan)
    found = breaches(given, made)
    for breach in found:
        out.print(f"[red]✗[/] {breach.rule:<10} {escape(breach.what)}")
    if _explain(given, made) or found:
        raise typer.Exit(1)
    out.print("[green]✓[/] 全部满足 every visit is planned and every rule kept")


@app.command()
def calendar(
    office: OfficeFile,
    plan: PlanFile,
    output: Annotated[Path, typer.Option("-o", "--output", help="A directory for one .ics per team.")],
    begins: Annotated[str, typer.Option(metavar="HH:MM", help="When days begin, Asia/Shanghai.")] = "08:30",
) -> None:
    """An iCalendar file for each team. 日历。"""
    from exchange.patrol.calendar import calendar_of

    given, made = _office(office), _plan(plan)
    try:
        first = time.fromisoformat(begins)
    except ValueError:
        raise InvalidInputError(f"{begins!r} 不是时刻 / is no time such as 08:30") from None
    output.mkdir(parents=True, exist_ok=True)
    now = datetime.now(UTC)
    for team in given.teams:
        tours = sum(tour.team == team.code for tour in made.tours)
        (output / f"{team.code}.ics").write_bytes(calendar_of(given, made, team, first, now))
        out.print(f"{team.code}.ics  {escape(team.name)}  {tours} tours 次出队")


def _office(path: Path, before: Plan | None = None) -> Office:
    from exchange.patrol.document import office_from_json

    return office_from_json(path.read_bytes(), before)


def _plan(path: Path) -> Plan:
    from exchange.patrol.document import plan_from_json

    return plan_from_json(path.read_bytes())


def _write(office: Office, plan: Plan, path: Path) -> None:
    from exchange.patrol.document import plan_to_json

    path.write_bytes(plan_to_json(office, plan))
    out.print(f"plan 计划           {path}")


def _date(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise InvalidInputError(f"{text!r} 不是日期 / is no date such as 2026-06-01") from None


def _tell(office: Office, plan: Plan, cost: Cost) -> None:
    table = Table(box=box.SIMPLE, pad_edge=False)
    for name in ("side 侧", "teams 队", "tours 出队", "visits 巡查", "joint 联合"):
        table.add_column(name, justify="left" if name.startswith("side") else "right")
    side = {team.code: team.side for team in office.teams}
    joint = {reach.code for reach in office.reaches if reach.joint}
    for one in sorted(set(side.values())):
        tours = [tour for tour in plan.tours if side[tour.team] == one]
        stops = [stop.reach for tour in tours for stop in tour.stops]
        teams = sum(each == one for each in side.values())
        table.add_row(
            one, str(teams), str(len(tours)), str(len(stops)), str(sum(stop in joint for stop in stops))
        )
    out.print(table)
    out.print(
        f"cost 代价           {cost.whole:,.0f} = travel 路程 {cost.travel:,.0f} + outings 出队 {cost.outings:,.0f}"
        f" + uneven 不均 {cost.uneven:,.0f} + moved 变动 {cost.moved:,.0f} + unmet 未满足 {cost.unmet:,.0f}"
    )


def _explain(office: Office, plan: Plan) -> list[Unmet]:
    from exchange.patrol.explain import explain as reasons

    found = reasons(office, plan)
    for each in found:
        out.print(f"[yellow]○[/] {each.reach} {each.first} … {each.last}  {each.zh} / {each.en}")
        for remedy in each.remedies:
            out.print(f"    → {remedy.zh} / {remedy.en}")
    return found
