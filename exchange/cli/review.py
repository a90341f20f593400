"""`hechuan report submit|remark|sign|verify|erratum…`: a report's way to both signatures, and what corrects it."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final
from zoneinfo import ZoneInfo

import typer
from rich.markup import escape

from exchange.cli.partner import Home, Hub
from exchange.cli.report import Directory, Language, ReportFile, app, moment_of, out, read_report
from exchange.client import connect

if TYPE_CHECKING:
    from google.protobuf.timestamp_pb2 import Timestamp

    from exchange.report.document import Report
    from exchange.report.make import Made
    from exchange.v1 import report_pb2

_WRITTEN: Any = typer.Argument(exists=True, file_okay=False, help="A directory that `report make` filled.")
Written = Annotated[Path, _WRITTEN]
Id = Annotated[str, typer.Argument(help="The report's id, 32 hex digits.")]
Person = Annotated[str, typer.Option(help="Who acts for the agency.")]
Patrols = Annotated[
    Path | None, typer.Option(help="Where the scope's patrol files lie; beside the report otherwise.")
]
_CHINA: Final = ZoneInfo("Asia/Shanghai")
STATES: Final = {"in_review": "审议中", "signed": "双方已签", "withdrawn": "已撤回"}


@app.command()
def submit(
    directory: Written,
    home: Home,
    revises: Annotated[str, typer.Option(help="Id of the report whose next version this is.")] = "",
    person: Person = "",
    hub: Hub = None,
) -> None:
    """Put a report up for review by both sides. 送审。"""
    from exchange.client.report import submit_report
    from exchange.report.signing import draft_from, read_files

    draft = draft_from(read_files(directory))
    with connect(home, hub) as client:
        _standing(submit_report(client, draft, person, revises).report)


@app.command("list")
def list_(
    home: Home, awaited: Annotated[bool, typer.Option(help="Only what waits for this agency.")] = False,
    hub: Hub = None,
) -> None:  # fmt: skip
    """Reports that this agency signs. 本机构签署的报告。"""
    from exchange.client.report import draft_of, list_reports

    with connect(home, hub) as client:
        for each in list_reports(client, awaited):
            draft = draft_of(each)
            out.print(
                f"{each.id}  {_state(each):<22}{draft.period:<9}{escape(draft.title)}  {' '.join(each.awaited)}",
                soft_wrap=True,
            )


@app.command()
def status(report: Id, home: Home, hub: Hub = None) -> None:
    """Where a report stands: versions, remarks, signatures, errata. 审签状态。"""
    from exchange.client.report import get_report

    with connect(home, hub) as client:
        _standing(get_report(client, report))


@app.command()
def remark(
    report: Id,
    text: Annotated[str, typer.Argument(help="What should be different.")],
    home: Home,
    person: Person = "",
    hub: Hub = None,
) -> None:
    """Say what should be different. 提出意见。"""
    from exchange.client.report import remark_report

    with connect(home, hub) as client:
        _standing(remark_report(client, report, text, person).report)


@app.command()
def sign(
    report: Id,
    directory: Written,
    person: Annotated[str, typer.Option(help="Who signs.")],
    home: Home,
    hub: Hub = None,
) -> None:
    """Sign the version that stands, once the files are held to it. 签署。"""
    from exchange.client.report import draft_of, get_report, sign_report
    from exchange.report.signing import check_files, read_files

    with connect(home, hub) as client:
        check_files(draft_of(get_report(client, report)), read_files(directory))
        _standing(sign_report(client, report, person).report)


@app.command()
def withdraw(
    report: Id, home: Home, reason: Annotated[str, typer.Option(help="Why.")] = "", hub: Hub = None
) -> None:
    """Take a draft back. 撤回。"""
    from exchange.client.report import withdraw_report

    with connect(home, hub) as client:
        _standing(withdraw_report(client, report, reason).report)


@app.command()
def verify(
    report: ReportFile,
    home: Home,
    patrols: Patrols = None,
    as_of: Annotated[
        str | None, typer.Option(help="Instant with offset; the report's own moment otherwise.")
    ] = None,
    hub: Hub = None,
) -> None:
    """Work every figure out again from this agency's hub; exit 1 where one differs. 复算核对。"""
    from exchange.report.document import changes

    found = read_report(report)
    moment = found.as_of if as_of is None else moment_of(as_of)
    again = _again(found, moment, patrols or report.parent, home, hub)
    differing = changes(found.figures, again.report.figures)
    for change in differing:
        out.print(f"[red]✗[/] {change.figure:<56}{change.before} → {change.after}", soft_wrap=True)
    if differing:
        raise typer.Exit(1)
    out.print(f"[green]✓[/] {len(found.figures)} figures 个数字复算一致")


@app.command()
def erratum(
    report: ReportFile,
    id: Id,
    home: Home,
    output: Directory = Path("erratum"),
    patrols: Patrols = None,
    as_of: Annotated[str | None, typer.Option(help="Instant with offset; now otherwise.")] = None,
    language: Language = "zh",
    hub: Hub = None,
) -> None:
    """Make an erratum of a signed report whose data have changed since. 勘误。"""
    from exchange.report.signing import check_files
    from exchange.report.write import write_forms

    found = read_report(report)
    with connect(home, hub) as client:
        from exchange.client.report import draft_of, get_report

        check_files(draft_of(get_report(client, id)), {"report.json": report.read_bytes()})
    made = _again(found, moment_of(as_of), patrols or report.parent, home, hub, id)
    if not made.report.changes:
        out.print("[green]✓[/] nothing has changed 数据未变，无须勘误")
        return
    for change in made.report.changes:
        out.print(f"{change.figure:<56}{change.before} → {change.after}", soft_wrap=True)
    for path in write_forms(made, output, language):
        out.print(f"{path.suffix[1:]:<6}{escape(str(path))}", soft_wrap=True)


def _again(
    found: Report, moment: datetime, patrols: Path, home: Path, hub: str | None, corrects: str = ""
) -> Made:
    from exchange.report.make import make as make_report

    with connect(home, hub) as client:
        erratum = (corrects, found) if corrects else None
        return make_report(client, found.scope, found.period, moment, patrols, erratum)


def _standing(found: report_pb2.Report) -> None:
    """Where it stands, who has said and signed what."""
    from exchange.client.report import draft_of

    draft = draft_of(found)
    out.print(f"report 报告     {found.id}  {escape(draft.title)} · {draft.period}", soft_wrap=True)
    out.print(f"state 状态      {_state(found)} · version 版本 {found.version}")
    out.print(f"digest 摘要     {draft.digest}", soft_wrap=True)
    for name, digest in sorted(draft.forms.items()):
        out.print(f"  {name:<14}{digest}", soft_wrap=True)
    if draft.corrects:
        out.print(f"corrects 勘误   {draft.corrects}")
    for said in found.remarks:
        at = _local(said.made_at)
        out.print(
            f"remark 意见     {at}  {said.agency}  v{said.version}  {escape(said.text)}", soft_wrap=True
        )
    for signed in found.signatures:
        at = _local(signed.signed_at)
        out.print(f"[green]✓[/] signed 已签  {at}  {signed.agency}  {escape(signed.person)}", soft_wrap=True)
    for agency in found.awaited:
        out.print(f"awaited 待签    {agency}")
    for each in found.errata:
        out.print(f"[yellow]erratum 勘误[/]    {each}")


def _state(found: report_pb2.Report) -> str:
    from exchange.client.report import state_of

    state = state_of(found).value
    return f"{state} {STATES[state]}"


def _local(at: Timestamp) -> str:
    from exchange import wire

    return wire.instant(at).astimezone(_CHINA).strftime("%Y-%m-%d %H:%M")
