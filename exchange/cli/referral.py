"""`hechuan referral`: hand over, answer, press, close; `hechuan inbox`: what waits, and for how long still."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC
from pathlib import Path
from typing import Annotated, Final
from zoneinfo import ZoneInfo

import typer
from google.protobuf.timestamp_pb2 import Timestamp
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from exchange.cli.partner import Home, Hub
from exchange.client import Client, connect
from exchange.client.duty import routed
from exchange.client.referral import (
    find_referral,
    get_referral,
    leave,
    list_referrals,
    move_referral,
    put_attachment,
    save_attachments,
    send_referral,
    succeed,
)
from exchange.referral.custody import custody
from exchange.referral.move import Act, Move
from exchange.referral.order import Kind
from exchange.trust.envelope import Envelope
from exchange.v1 import referral_pb2

app = typer.Typer(
    help="Referrals: tasks between agencies, with deadline and end. 交办、督办、移送、异议、预警。",
    no_args_is_help=True,
)
out = Console(highlight=False)
_CHINA: Final = ZoneInfo("Asia/Shanghai")
_HEX: Final = len("sha256:")
KINDS: Final = {
    "assignment": "交办单",
    "supervision": "督办函",
    "case_transfer": "案件移送",
    "objection": "数据异议",
    "warning": "水污染预警通报",
}
STATES: Final = {
    "sent": "待签收",
    "received": "已签收",
    "accepted": "已受理",
    "returned": "已退回",
    "in_work": "办理中",
    "reported": "已反馈",
    "reopened": "重新办理",
    "approved": "已销号",
    "withdrawn": "已撤回",
}
ACTS: Final = {
    Act.SEND: "交办",
    Act.RECEIVE: "签收",
    Act.ACCEPT: "受理",
    Act.RETURN: "退回",
    Act.INSIST: "再次交办",
    Act.START: "开始办理",
    Act.REPORT: "反馈",
    Act.APPLY: "申请销号",
    Act.APPROVE: "销号",
    Act.REOPEN: "重新办理",
    Act.WITHDRAW: "撤回",
    Act.NOTE: "补充材料",
    Act.ASK_EXTENSION: "申请延期",
    Act.GRANT_EXTENSION: "同意延期",
    Act.REFUSE_EXTENSION: "不同意延期",
    Act.REMIND: "提醒",
    Act.INTERVIEW: "约谈",
    Act.CIRCULATE: "通报",
    Act.ACCOUNT: "追责",
    Act.HAND_OVER: "离任移交",
    Act.TAKE_OVER: "接任",
}
_COMMANDS: Final = {
    Act.RECEIVE: "Say that it has come, with everything attached to it.",
    Act.ACCEPT: "Take it on.",
    Act.RETURN: "Give it back: not for this desk.",
    Act.INSIST: "Send it once more after it came back.",
    Act.START: "Begin to work on it.",
    Act.REPORT: "Say what was done.",
    Act.APPLY: "Ask the supervisor to close it.",
    Act.APPROVE: "Close it; names the person who decided.",
    Act.REOPEN: "Not done yet: work on it again; --days sets a new term.",
    Act.WITHDRAW: "Take it back.",
    Act.NOTE: "Add to the file.",
    Act.ASK_EXTENSION: "Ask for --days more working days.",
    Act.GRANT_EXTENSION: "Grant the extension that was asked for.",
    Act.REFUSE_EXTENSION: "Refuse it.",
    Act.REMIND: "First step of the ladder; names the person who decided.",
    Act.INTERVIEW: "Second step.",
    Act.CIRCULATE: "Third step.",
    Act.ACCOUNT: "Last step.",
}
Id = Annotated[str, typer.Argument(help="The referral's id, or its first digits.")]
Reason = Annotated[str, typer.Option(help="What the other side is told.")]
Person = Annotated[str, typer.Option(help="Who decided it.")]
Attach = Annotated[
    list[Path] | None, typer.Option("--attach", exists=True, dir_okay=False, help="File; may be repeated.")
]


@app.command()
def send(
    kind: Annotated[Kind, typer.Argument(help="What it is.")],
    handler: Annotated[str, typer.Argument(help="To whom, as 510000/dazhu; `auto` asks --duties.")],
    title: Annotated[str, typer.Argument(help="In a few words; no personal data.")],
    home: Home,
    supervisor: Annotated[str, typer.Option(help="Who closes it; the sender otherwise.")] = "",
    text: Annotated[str, typer.Option(help="More words; no personal data.")] = "",
    matter: Annotated[str, typer.Option(help="Kind of trouble, as in the duty matrix.")] = "",
    river: Annotated[str, typer.Option()] = "",
    subject: Annotated[str, typer.Option(help="Section, reach, case, or <batch>#<row>.")] = "",
    duties: Annotated[str, typer.Option(help="duty-matrix that names the handler by matter and river.")] = "",
    county: Annotated[str, typer.Option(help="For --duties, GB/T 2260.")] = "",
    parent: Annotated[str, typer.Option(help="Referral that this one grew out of.")] = "",
    days: Annotated[int, typer.Option(help="Working days; the hub's for the kind otherwise.", min=0)] = 0,
    attach: Attach = None,
    person: Person = "",
    hub: Hub = None,
) -> None:
    """Hand something to another agency, here or across the border. 交办、督办、移送、异议、预警。"""
    with connect(home, hub) as client:
        if handler == "auto":
            duty = routed(client, duties, matter, river, county)
            handler, days = duty.agency, days or duty.days
            supervisor = supervisor or duty.supervisor
        done = send_referral(
            client,
            kind,
            handler,
            title,
            supervisor=supervisor,
            text=text,
            matter=matter,
            river=river,
            subject=subject,
            parent=find_referral(client, parent) if parent else "",
            days=days,
            attachments=[put_attachment(client, file) for file in attach or ()],
            person=person,
        )
    _show(done.referral)


def _command(act: Act) -> Callable[..., None]:
    def command(
        referral: Id,
        home: Home,
        reason: Reason = "",
        person: Person = "",
        days: Annotated[int, typer.Option(help="Working days.", min=0)] = 0,
        attach: Attach = None,
        hub: Hub = None,
    ) -> None:
        with connect(home, hub) as client:
            done = move_referral(
                client,
                find_referral(client, referral),
                act,
                reason=reason,
                person=person,
                days=days,
                attachments=[put_attachment(client, file) for file in attach or ()],
            )
        _show(done.referral)

    command.__doc__ = f"{_COMMANDS[act]} {ACTS[act]}。"
    return command


for _act in _COMMANDS:
    app.command(_act.value.replace("_", "-"))(_command(_act))


@app.command()
def show(referral: Id, home: Home, hub: Hub = None) -> None:
    """One referral: what it is, where it stands, and every step of it. 详情。"""
    with connect(home, hub) as client:
        found = get_referral(client, find_referral(client, referral))
    _show(found)
    for move in found.moves:
        more = "  ".join(filter(None, (move.person, move.to and f"→ {move.to}", escape(move.reason))))
        aside = f"  [yellow]不计 set aside: {move.aside}[/]" if move.aside else ""
        out.print(f"  {_local(move.at)}  {_act_name(move.act):<24}{move.by}  {more}{aside}", soft_wrap=True)
        for item in move.attachments:
            out.print(f"    {item.name}  {item.bytes:,} B  {item.digest[:19]}…", style="dim", soft_wrap=True)


@app.command()
def files(
    referral: Id,
    home: Home,
    output: Annotated[Path, typer.Option("--output", "-o", file_okay=False, help="Directory.")] = Path("."),
    hub: Hub = None,
) -> None:
    """Fetch everything attached to it, each file held to its digest. 附件。"""
    with connect(home, hub) as client:
        for path in save_attachments(client, find_referral(client, referral), output):
            out.print(f"[green]✓[/] {escape(str(path))}", soft_wrap=True)


@app.command("custody")
def custody_(referral: Id, home: Home, hub: Hub = None) -> None:
    """Who held it and its evidence from when on, each link with the hash of the one before. 保管链。"""
    with connect(home, hub) as client:
        found = get_referral(client, find_referral(client, referral))
    payloads = (Envelope.from_json_bytes(move.envelope).payload for move in found.moves)
    table = _table("when 时间", "referral 经手 → 保管", "files 附件", "link 链")
    for link in custody([Move.parse(payload) for payload in payloads]):
        lacks = f"\n[red]缺 missing {len(link.missing)}[/]" if link.missing else ""
        table.add_row(
            link.at.astimezone(_CHINA).strftime("%Y-%m-%d\n%H:%M:%S"),
            f"{link.act} {ACTS[link.act]}\n{link.by} → {link.holder}",
            f"{len(link.attachments)}{lacks}",
            f"{link.id[_HEX:][:12]}\n← {(link.previous or '')[_HEX:][:12]}",
        )
    out.print(table)


@app.command("hand-over")
def hand_over(
    successor: Annotated[str, typer.Argument(help="An agency of the same jurisdiction.")],
    home: Home,
    reason: Reason = "",
    hub: Hub = None,
) -> None:
    """Leave the desk: every open referral goes to the successor, who signs as well. 离任移交。"""
    with connect(home, hub) as client:
        found = leave(client, successor, reason)
    out.print(
        f"[green]✓[/] {len(found)} handed over to 已移交 {successor}; 待接任者签署 the successor signs next"
    )


@app.command("take-over")
def take_over(home: Home, reason: Reason = "", hub: Hub = None) -> None:
    """Sign for everything that a predecessor has handed over. 接任。"""
    with connect(home, hub) as client:
        found = succeed(client, reason)
    out.print(f"[green]✓[/] {len(found)} taken over 已接任")


def inbox(
    home: Home,
    all_: Annotated[bool, typer.Option("--all", help="Also what waits for somebody else.")] = False,
    kind: Annotated[list[Kind] | None, typer.Option(help="Only this; may be repeated.")] = None,
    limit: Annotated[int, typer.Option(min=1)] = 50,
    hub: Hub = None,
) -> None:
    """Referrals that wait for this agency, the nearest deadline first. 待办。"""
    with connect(home, hub) as client:
        _inbox(client, not all_, kind or [], limit)


def _inbox(client: Client, awaited: bool, kinds: list[Kind], limit: int) -> None:
    me = str(client.profile.agency)
    table = _table("id", "referral 事项", "state 状态", "left 剩余")
    found = list_referrals(client, awaited=awaited, kinds=kinds)
    for each, _ in zip(found, range(limit), strict=False):
        kind = _kind(each)
        title = f"{KINDS[kind]} [dim]{kind}[/]  {escape(each.title)}"
        state = _state(each).replace(" ", "\n") + ("" if me in each.awaited else " …")
        step = f"\n[red]建议 propose {_act_name(each.proposed)}[/]" if each.proposed else ""
        table.add_row(each.id[:8], f"{title}\n{each.issuer} → {each.handler}{step}", state, _left(each))
    out.print(table if table.row_count else "nothing waits 没有待办")


def _left(each: referral_pb2.Referral) -> str:
    """Working days until the deadline, in a colour; the hour for what is due today."""
    if not each.HasField("deadline"):
        return ""
    if each.overdue:
        days = -each.days_left
        late = f"逾期 {days} 工作日\n{days} days late" if days else "逾期\nlate"
        return f"[bold red]{late}[/]"
    if not each.days_left:
        return f"[yellow]今日 today\n{_last(each.deadline)}[/]"
    text = f"{each.days_left} 工作日\n{each.days_left} working day{'s' if each.days_left > 1 else ''}"
    return f"[yellow]{text}[/]" if each.soon else text


def _show(found: referral_pb2.Referral) -> None:
    kind = _kind(found)
    out.print(f"referral 编号   {found.id}")
    out.print(f"kind 类型       {kind} {KINDS[kind]}")
    out.print(f"title 标题      {escape(found.title)}", soft_wrap=True)
    if found.text:
        out.print(f"text 内容       {escape(found.text)}", soft_wrap=True)
    out.print(f"state 状态      {_state(found)}")
    out.print(
        f"desks 三方      {found.issuer} → {found.handler} · 核销 closed by {found.supervisor}",
        soft_wrap=True,
    )
    about = " · ".join(filter(None, (found.river, found.subject, found.matter)))
    if about:
        out.print(f"about 事项      {escape(about)}", soft_wrap=True)
    if found.HasField("deadline"):
        out.print(f"deadline 期限   {_local(found.deadline)}  {_left(found).replace(chr(10), ' / ')}")
    if found.HasField("extension_due_at"):
        out.print(f"extension 延期  {found.extension_days} 工作日 wd → {_local(found.extension_due_at)} ?")
    if found.awaited:
        out.print(f"awaited 待办    {', '.join(found.awaited)}", soft_wrap=True)
    if found.proposed:
        out.print(f"[red]proposed 建议   {_act_name(found.proposed)}[/]")


def _table(*titles: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in titles:
        table.add_column(title, overflow="fold", no_wrap=not title.startswith("referral"))
    return table


def _kind(found: referral_pb2.Referral) -> str:
    return referral_pb2.ReferralKind.Name(found.kind).removeprefix("REFERRAL_KIND_").lower()


def _state(found: referral_pb2.Referral) -> str:
    name = referral_pb2.ReferralState.Name(found.state).removeprefix("REFERRAL_STATE_").lower()
    return f"{name} {STATES[name]}"


def _act_name(act: str) -> str:
    return f"{act} {ACTS[Act(act)]}"


def _last(deadline: Timestamp) -> str:
    """The hour that a deadline ends with: midnight is the end of the day before."""
    hour = _local(deadline)[-5:]
    return "24:00" if hour == "00:00" else hour


def _local(instant: Timestamp) -> str:
    return instant.ToDatetime(tzinfo=UTC).astimezone(_CHINA).strftime("%Y-%m-%d %H:%M")
