"""`hechuan report`: the joint report of a period, made by one command, reviewed and signed by both sides."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape

from exchange.cli.partner import Home, Hub, read_moment
from exchange.client import connect
from exchange.errors import InvalidInputError

if TYPE_CHECKING:
    from exchange.report.document import Report

app = typer.Typer(help="Joint reports. 联合报告。", no_args_is_help=True)
out = Console(highlight=False)
err = Console(stderr=True, highlight=False)
_FILE: Any = typer.Argument(exists=True, dir_okay=False, help="report.json, as `report make` wrote it.")
ReportFile = Annotated[Path, _FILE]
_SCOPE: Any = typer.Argument(exists=True, dir_okay=False, help="The office's file: sides, sections (YAML).")
ScopeFile = Annotated[Path, _SCOPE]
Directory = Annotated[Path, typer.Option("-o", "--output", help="A directory for the report's files.")]
Language = Annotated[str, typer.Option("--language", help="zh or en.")]


@app.command()
def make(
    scope: ScopeFile,
    period: Annotated[str, typer.Argument(help="2026-03, 2026-Q1 or 2026.")],
    home: Home,
    output: Directory = Path("report"),
    as_of: Annotated[str | None, typer.Option(help="Instant with offset; now otherwise.")] = None,
    language: Language = "zh",
    hub: Hub = None,
) -> None:
    """Make a report: document, PDF, DOCX, XLSX and HTML with the same numbers. 生成报告。"""
    from exchange.report.make import make as make_report
    from exchange.report.period import Period
    from exchange.report.scope import Scope
    from exchange.report.write import write_forms

    given = Scope.parse(scope.read_bytes())
    with connect(home, hub) as client:
        made = make_report(client, given, Period.parse(period), moment_of(as_of), scope.parent)
    for path in write_forms(made, output, language):
        out.print(f"{path.suffix[1:]:<6}{escape(str(path))}", soft_wrap=True)
    _tell(made.report)


@app.command()
def show(report: ReportFile, language: Language = "zh") -> None:
    """Every figure of a report, with what it rests on. 列出数字。"""
    found = read_report(report)
    _tell(found)
    for figure in found.figures:
        value = f"{figure.shown(language)} {figure.unit}".strip()
        out.print(f"{figure.id:<56}{escape(value):<16}{' '.join(figure.sources)}", soft_wrap=True)


def trace(
    report: ReportFile,
    figure: Annotated[str, typer.Argument(help="A figure's id, as `report show` lists them.")],
    home: Home,
    hub: Hub = None,
) -> None:
    """Open a figure of a report: batches, publishers, receipts, each checked now. 追溯数字。"""
    from exchange.report.trace import traced

    found = read_report(report)
    held = found.figures[figure]
    out.print(f"{held.id}  {held.shown('zh')} {held.unit}".rstrip(), markup=False)
    with connect(home, hub) as client:
        for each in traced(client, found, held):
            source = each.source
            out.print(f"✓ {source.kind:<11}{source.about}  {source.digest}", markup=False, soft_wrap=True)
            if each.size:
                where = f"{source.hub} 账本 ledger {each.index} / {each.size} · {' · '.join(each.algorithms)}"
                out.print(f"  {each.by}  {where}", markup=False, soft_wrap=True)
    if not held.sources:
        pinned = "  ".join(f"{name}@{size}" for name, _, size in found.pinned)
        out.print(f"无来源条目 nothing stands behind it in {pinned}", markup=False, soft_wrap=True)


def moment_of(text: str | None) -> datetime:
    """An instant with offset, or now; raises InvalidInputError."""
    moment = datetime.now(UTC) if text is None else read_moment(text)
    if not isinstance(moment, datetime):
        raise InvalidInputError("as_of 须为带时区的时刻 / as_of is an instant with offset")
    return moment.astimezone(UTC)


def read_report(path: Path) -> Report:
    """A report's document; raises MalformedError."""
    from exchange.report.document import Report

    return Report.parse(path.read_bytes())


def _tell(report: Report) -> None:
    out.print(f"report 报告     {escape(report.scope.title.zh)} · {report.period.words.zh}")
    out.print(f"as of 截至      {report.as_of.isoformat()}")
    out.print(f"figures 数字    {len(report.figures)} · sources 来源 {len(report.sources)}")
    out.print(f"digest 摘要     {report.digest}", soft_wrap=True)
    for name, code in report.absent:
        out.print(f"[yellow]absent 未读到[/] {escape(name)}  {code}")
