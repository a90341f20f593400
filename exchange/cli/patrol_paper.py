"""`hechuan patrol office|picture|sheets`: an office out of evidence, and a plan on paper."""

from __future__ import annotations

import json
from datetime import date, time
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from exchange.cli.partner import Home, Hub
from exchange.errors import InvalidInputError, MalformedError

out = Console(highlight=False)
_FILE: Any = typer.Argument(exists=True, dir_okay=False)
PlanFile = Annotated[Path, typer.Option("--plan", exists=True, dir_okay=False, help="The plan's file.")]
Begins = Annotated[str, typer.Option(metavar="HH:MM", help="When days begin, Asia/Shanghai.")]


def office(
    frame: Annotated[Path, _FILE],
    datasets: Annotated[
        list[str],
        typer.Argument(
            help="Of both sides: river-reach, monitoring-section, water-quality, hydrology, fishing-ban-case, "
            "directive-point, patrol-record."
        ),
    ],
    home: Home,
    output: Annotated[Path, typer.Option("-o", "--output")] = Path("office.json"),
    hub: Hub = None,
) -> None:
    """An office out of what the hub holds: risk with its reasons, visits that follow. 由数据编制任务书。"""
    from exchange.client import connect
    from exchange.patrol.collect import collected
    from exchange.patrol.document import office_from_json
    from exchange.patrol.evidence import office_document
    from exchange.patrol.terms import CONTRACT, read_terms

    try:
        given = json.loads(frame.read_bytes())
    except ValueError as error:
        raise MalformedError(f"不是 JSON / not JSON: {error}") from None
    with connect(home, hub) as client:
        terms = read_terms(client.contract(CONTRACT))
        document = office_document(given, collected(client, datasets, terms, _start(given)), terms)
    text = json.dumps(document, ensure_ascii=False, indent=1).encode()
    made = office_from_json(text)
    output.write_bytes(text)
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("reach 河段", "risk 风险", "visits 次数", "why 依据"):
        table.add_column(title, overflow="fold")
    for reach in sorted(made.reaches, key=lambda reach: -reach.risk):
        reasons = escape(" · ".join(reach.reasons))
        table.add_row(f"{reach.code} {reach.name}", f"{reach.risk:.2f}", str(reach.visits), reasons)
    out.print(table)
    out.print(f"office 任务书  {output}")


def _start(frame: Any) -> date:
    try:
        return date.fromisoformat(frame["start"])
    except (KeyError, TypeError, ValueError):
        raise MalformedError("start 不是日期 / the frame's start is no date") from None


def picture(
    office: Annotated[Path, _FILE],
    plan: PlanFile,
    output: Annotated[Path, typer.Option("-o", "--output", help=".png, .svg or .html")],
    title: Annotated[str, typer.Option()] = "",
) -> None:
    """A map of the plan, and who is out when; as a page also what is required and met. 计划图。"""
    from exchange.patrol.chart import plan_chart
    from exchange.patrol.document import office_from_json, plan_from_json
    from exchange.patrol.page import plan_page

    given, made = office_from_json(office.read_bytes()), plan_from_json(plan.read_bytes())
    heading = title or f"联合巡河计划 {given.start} … {given.date_of(given.days - 1)}"
    kind = output.suffix.removeprefix(".").lower()
    if kind == "html":
        page = plan_page(given, made, heading, plan_chart(given, made, "", "svg"))
        output.write_text(page, encoding="utf-8")
    else:
        output.write_bytes(plan_chart(given, made, heading, kind))
    out.print(f"picture 计划图  {output}")


def sheets(
    office: Annotated[Path, _FILE],
    plan: PlanFile,
    output: Annotated[Path, typer.Option("-o", "--output", help="A directory for one page per team.")],
    begins: Begins = "08:30",
) -> None:
    """A task sheet for each team, to print. 任务单。"""
    from exchange.patrol.document import office_from_json, plan_from_json
    from exchange.patrol.page import sheet_page

    given, made = office_from_json(office.read_bytes()), plan_from_json(plan.read_bytes())
    try:
        first = time.fromisoformat(begins)
    except ValueError:
        raise InvalidInputError(f"{begins!r} 不是时刻 / is no time such as 08:30") from None
    output.mkdir(parents=True, exist_ok=True)
    for team in given.teams:
        (output / f"{team.code}.html").write_text(sheet_page(given, made, team, first), encoding="utf-8")
    out.print(f"sheets 任务单  {len(given.teams)}  {output}")


COMMANDS: Final = (office, picture, sheets)
