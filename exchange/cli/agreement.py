"""`hechuan agreement`: ask for data, offer it, answer, and end it; `hechuan audit`: who read what."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Final
from zoneinfo import ZoneInfo

import typer
from google.protobuf.timestamp_pb2 import Timestamp
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from exchange.agreement.move import Act
from exchange.cli.partner import Home, Hub
from exchange.client import connect
from exchange.client.agreement import (
    Moved,
    get_agreement,
    list_agreements,
    list_reads,
)
from exchange.client.seal import erase_key, give_keys, register_recipient
from exchange.errors import InvalidInputError
from exchange.v1 import agreement_pb2

app = typer.Typer(help="Agreements on who may read what. 数据共享协议。", no_args_is_help=True)
out = Console(highlight=False)
_CHINA: Final = ZoneInfo("Asia/Shanghai")
_SHORT: Final = 8
STATES: Final = {
    "requested": "已申请",
    "offered": "已提议",
    "accepted": "已接受",
    "agreed": "提供方已签",
    "verified": "双方已签",
    "in_force": "生效",
    "suspended": "中止",
    "terminated": "终止",
    "expired": "到期",
    "lapsed": "逾期失效",
}
Id = Annotated[str, typer.Argument(help="The agreement's id, 32 hex digits.")]
Reason = Annotated[str, typer.Option(help="What the other side is told.")]


@app.command()
def propose(
    dataset: Annotated[str, typer.Argument(help="As 500000/ecology/enforcement-case.")],
    home: Home,
    purpose: Annotated[str, typer.Option(help="What the data is for; part of what both sides sign.")],
    to: Annotated[str | None, typer.Option(help="Consumer, where the owner offers; else the caller.")] = None,
    days: Annotated[int, typer.Option(help="How long, from now on.", min=1, max=3660)] = 365,
    columns: Annotated[str, typer.Option(help="Comma-separated; all where empty.")] = "",
    rows: Annotated[str, typer.Option(help="CEL, as: row.section == 'S1'; all rows where empty.")] = "",
    mirror: Annotated[bool, typer.Option(help="The consumer's hub may keep a copy.")] = False,
    onward: Annotated[bool, typer.Option(help="The consumer's jurisdiction may read too.")] = False,
    counter: Annotated[str | None, typer.Option(help="Agreement that this proposal answers.")] = None,
    reason: Reason = "",
    hub: Hub = None,
) -> None:
    """Ask for a dataset, or offer one's own; with --counter, other terms. 申请、提议或还价。"""
    with connect(home, hub) as client:
        moved = client.propose(
            dataset,
            to,
            purpose=purpose,
            until=datetime.now(UTC) + timedelta(days=days),
            columns=[name.strip() for name in columns.split(",") if name.strip()],
            row_filter=rows,
            mirror=mirror,
            onward=onward,
            agreement=counter,
            reason=reason,
        )
    _show_moved(moved)


@app.command()
def sign(agreement: Id, home: Home, reason: Reason = "", hub: Hub = None) -> None:
    """Say yes to what stands: accept, agree, verify or finalize, whichever is next. 同意并签署。"""
    with connect(home, hub) as client:
        _show_moved(client.sign(agreement, None, reason))


@app.command()
def suspend(agreement: Id, home: Home, reason: Reason = "", hub: Hub = None) -> None:
    """Stop reading under it for a while. 中止。"""
    with connect(home, hub) as client:
        _show_moved(client.sign(agreement, Act.SUSPEND, reason))


@app.command()
def resume(agreement: Id, home: Home, reason: Reason = "", hub: Hub = None) -> None:
    """End this side's suspension. 恢复。"""
    with connect(home, hub) as client:
        _show_moved(client.sign(agreement, Act.RESUME, reason))


@app.command()
def terminate(agreement: Id, home: Home, reason: Reason = "", hub: Hub = None) -> None:
    """End it for good, or refuse what is proposed. 终止或拒绝。"""
    with connect(home, hub) as client:
        _show_moved(client.sign(agreement, Act.TERMINATE, reason))


@app.command("list")
def list_(home: Home, dataset: Annotated[str, typer.Option()] = "", hub: Hub = None) -> None:
    """This agency's agreements, on either side. 本机构的协议。"""
    with connect(home, hub) as client:
        found = list_agreements(client, dataset)
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in (
        "agreement 协议",
        "state 状态",
        "dataset 数据集",
        "consumer 使用方",
        "awaited 待办",
        "due 期限",
    ):
        table.add_column(title, overflow="fold", no_wrap=title.startswith("agreement"))
    for each in found:
        due = _local(each.due_at) + (" !" if each.remind else "") if each.awaited else ""
        table.add_row(each.id, _state(each), each.dataset, each.consumer, each.awaited, due)
    out.print(table if found else "no agreements 没有协议")


@app.command()
def show(
    agreement: Id,
    home: Home,
    document: Annotated[
        Path | None, typer.Option("--document", "-o", help="Where to write the terms with both signatures.")
    ] = None,
    hub: Hub = None,
) -> None:
    """One agreement: terms, moves, and whose turn it is. 协议详情。"""
    with connect(home, hub) as client:
        found = get_agreement(client, agreement)
    _show(found)
    for move in found.moves:
        reason = f"  {escape(move.reason)}" if move.reason else ""
        out.print(f"  {_local(move.at)}  {move.move:<10}{move.by}{reason}", soft_wrap=True)
    if document is not None:
        if not found.signed_terms:
            raise InvalidInputError("双方尚未签署 / both sides have not signed yet")
        document.write_bytes(found.signed_terms)


@app.command()
def keys(home: Home, hub: Hub = None) -> None:
    """Register this agency's recipient key, and wrap its batch keys for all who may read by now. 补发密钥。"""
    with connect(home, hub) as client:
        recipient = register_recipient(client)
        given = give_keys(client)
    out.print(f"recipient 接收密钥  {recipient.keyid}")
    out.print(f"[green]✓[/] {given} keys wrapped 已封装密钥")


@app.command()
def erase(
    contract: Annotated[str, typer.Argument(help="As enforcement-case.")],
    key: Annotated[str, typer.Argument(help="The batch key's id, seal-1:…, as its manifest names it.")],
    home: Home,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    hub: Hub = None,
) -> None:
    """Destroy the key of one batch: its sealed columns are lost to everybody, its proofs stay. 销毁密钥。"""
    if not yes:
        typer.confirm("此操作不可撤销 / this cannot be undone. Go on?", abort=True)
    with connect(home, hub) as client:
        erased = erase_key(client, contract, key)
    out.print(f"[green]✓[/] {key} and {erased} wrapped copies are gone 已销毁")


def audit(
    home: Home,
    dataset: Annotated[str, typer.Option(help="Only this dataset.")] = "",
    limit: Annotated[int, typer.Option(min=1)] = 50,
    hub: Hub = None,
) -> None:
    """Who read this agency's datasets, newest first. 谁读取了本机构的数据。"""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in (
        "when 时间",
        "reader 读取方",
        "via",
        "dataset 数据集",
        "act",
        "rows 行",
        "outcome",
        "agreement 协议",
    ):
        table.add_column(title, no_wrap=True)
    with connect(home, hub) as client:
        missing: set[str] = set()
        for each, _ in zip(list_reads(client, dataset, missing), range(limit), strict=False):
            rows = f"{each.rows:,}" if each.HasField("ended_at") else "?"
            outcome = each.outcome or "running 进行中"
            when = _local(each.started_at)
            short = each.agreement[:_SHORT]
            table.add_row(when, each.reader, each.via, each.dataset, each.act, rows, outcome, short)
    out.print(table if table.row_count else "nobody else has read 尚无他方读取")
    for hub_code in sorted(missing):
        out.print(f"[yellow]![/] hub {hub_code} mirrors and could not be asked 镜像枢纽暂时无法询问")


def _show_moved(moved: Moved) -> None:
    _show(moved.agreement)


def _show(found: agreement_pb2.Agreement) -> None:
    out.print(f"agreement 协议  {found.id}")
    out.print(f"state 状态      {_state(found)}")
    out.print(f"dataset 数据集  {found.dataset}  {found.contract}")
    out.print(f"parties 双方    {found.provider} → {found.consumer}")
    out.print(f"columns 列      {escape(', '.join(found.columns))}", soft_wrap=True)
    if found.row_filter:
        out.print(f"rows 行         {escape(found.row_filter)}", soft_wrap=True)
    out.print(f"purpose 用途    {escape(found.purpose)}", soft_wrap=True)
    out.print(f"term 期限       {_local(getattr(found, 'from'))} – {_local(found.until)}")
    more = [
        text
        for text, said in (("mirror 可镜像", found.mirror), ("onward 可在辖区内传递", found.onward))
        if said
    ]
    if more:
        out.print(f"also 另         {', '.join(more)}")
    if found.awaited:
        out.print(f"awaited 待办    {found.awaited} until {_local(found.due_at)}")


def _state(found: agreement_pb2.Agreement) -> str:
    name = agreement_pb2.AgreementState.Name(found.state).removeprefix("AGREEMENT_STATE_").lower()
    return f"{name} {STATES.get(name, '')}"


def _local(instant: Timestamp) -> str:
    return instant.ToDatetime(tzinfo=UTC).astimezone(_CHINA).strftime("%Y-%m-%d %H:%M")
