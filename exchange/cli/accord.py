"""`hechuan patrol propose|ask|accept|accords|show|record`: a plan that both sides sign, and what became of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from exchange.cli.partner import Home, Hub
from exchange.errors import HechuanError
from exchange.ids import AgencyId
from exchange.trust.workday import SHANGHAI

if TYPE_CHECKING:
    from exchange.client.accord import Agreed
    from exchange.patrol.done import Done
    from exchange.patrol.model import Office
    from exchange.v1 import patrol_pb2

out = Console(highlight=False)
STATES: Final = {"proposed": "已提出", "asked": "要求修改", "accepted": "双方已会签"}
Id = Annotated[str, typer.Argument(metavar="ACCORD", help="The accord's id, 32 hex digits.")]
Reason = Annotated[str, typer.Option(help="What the other side is told.")]
File = Annotated[Path, typer.Argument(exists=True, dir_okay=False)]


def propose(
    office: File,
    plan: File,
    other: Annotated[str, typer.Option("--with", help="The other side, as 510000/joint-office.")],
    home: Home,
    reason: Reason = "",
    hub: Hub = None,
) -> None:
    """Propose a plan to the other side, or another one instead. 提出计划。"""
    from exchange.client import connect
    from exchange.patrol.agreed import propose as begin

    with connect(home, hub) as client:
        agreed = begin(client, office.read_bytes(), plan.read_bytes(), AgencyId.parse(other), reason)
    _show_agreed(agreed)


def ask(
    accord: Id,
    reason: Annotated[str, typer.Option(help="What should change.")],
    home: Home,
    hub: Hub = None,
) -> None:
    """Ask for changes of what is proposed. 要求修改。"""
    from exchange.client import connect
    from exchange.patrol.agreed import ask as say

    with connect(home, hub) as client:
        _show_agreed(say(client, accord, reason))


def accept(accord: Id, home: Home, reason: Reason = "", hub: Hub = None) -> None:
    """Check what is proposed, and countersign it. 会签计划。"""
    from exchange.client import connect
    from exchange.patrol.agreed import accept as sign

    with connect(home, hub) as client:
        _show_agreed(sign(client, accord, reason))


def accords(
    home: Home,
    awaited: Annotated[bool, typer.Option(help="Only what waits for this agency.")] = False,
    hub: Hub = None,
) -> None:
    """This agency's accords on plans. 本机构会签的计划。"""
    from exchange.client import connect
    from exchange.client.accord import list_accords, matter_of

    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("accord 会签", "state 状态", "period 期间", "with 双方", "awaited 待办"):
        table.add_column(title, overflow="fold", no_wrap=title.startswith("accord"))
    with connect(home, hub) as client:
        for each in list_accords(client, awaited):
            matter = matter_of(each)
            sides = " ".join(map(str, matter.sides))
            table.add_row(each.id, _state(each), f"{matter.start} … {matter.end}", sides, each.awaited)
    out.print(table if table.row_count else "no accords 没有会签")


def show(
    accord: Id,
    home: Home,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="A directory for the last proposal's two files.")
    ] = None,
    hub: Hub = None,
) -> None:
    """One accord: who signed what, and the plan that was proposed last. 会签详情。"""
    from exchange.client import connect
    from exchange.client.accord import folded, get_accord
    from exchange.patrol.agreed import Proposal
    from exchange.patrol.check import breaches
    from exchange.patrol.cost import unmet_of

    with connect(home, hub) as client:
        found = get_accord(client, accord)
    case = folded(found)
    proposal = Proposal.of(case.proposed)
    _show(found)
    out.print(f"period 期间     {case.matter.start} … {case.matter.end} · {case.matter.terms}")
    for move in case.moves:
        out.print(
            f"  {move.at:%Y-%m-%d %H:%M}Z  {move.act:<9}{move.by}  {escape(move.reason)}", soft_wrap=True
        )
    broken, unmet = breaches(proposal.office, proposal.plan), unmet_of(proposal.office, proposal.plan)
    out.print(
        f"plan 计划       {len(proposal.plan.tours)} tours 次出队 · {len(broken)} broken rules 项违规"
        f" · {len(unmet)} unmet 项未满足"
    )
    if output:
        output.mkdir(parents=True, exist_ok=True)
        (output / "office.json").write_bytes(proposal.office_text)
        (output / "plan.json").write_bytes(proposal.plan_text)


def record(
    accord: Id,
    home: Home,
    file: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="New rows of patrol-record, published first."),
    ] = None,
    other: Annotated[
        str | None,
        typer.Option("--other", help="The other side's dataset, as 510000/joint-office/patrol-record."),
    ] = None,
    refer_to: Annotated[
        str | None, typer.Option("--refer", help="Who is handed what was not solved on the spot.")
    ] = None,
    hub: Hub = None,
) -> None:
    """Publish what was patrolled, tell what of the plan is done, and hand problems on. 巡查结果。"""
    from exchange.client import connect
    from exchange.patrol.agreed import standing
    from exchange.patrol.done import done, problems, recorded, refer

    with connect(home, hub) as client:
        _, proposal = standing(client, accord)
        if file:
            published = client.publish("patrol-record", file)
            verdict = published.batch.verdict
            out.print(f"published 发布  {verdict.accepted} accepted 接收 · {verdict.rejected} rejected 隔离")
        mine = client.profile.agency
        office = proposal.office
        records = {mine.jurisdiction: recorded(client, f"{mine}/patrol-record", office)}
        if other:
            try:
                records[other.split("/")[0]] = recorded(client, other, office)
            except HechuanError as error:
                out.print(f"[yellow]![/] {escape(other)}: {error.code} {escape(str(error))}", soft_wrap=True)
        found = done(office, proposal.plan, records)
        referred = refer(client, list(problems(records[mine.jurisdiction])), refer_to) if refer_to else []
    _tell_done(found)
    _tell_coverage(office, found)
    for sent in referred:
        out.print(f"referral 交办   {sent.referral.id}  {escape(sent.referral.title)}")


def _tell_done(found: Sequence[Done]) -> None:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("side 侧", "visits 计划", "made 已巡", "joint 联合", "made 已巡"):
        table.add_column(title, justify="left" if title.startswith("side") else "right")
    counts = Counter((each.side, each.joint, each.made) for each in found)
    for side in sorted({each.side for each in found}):
        made = [counts[side, joint, True] for joint in (False, True)]
        whole = [made[joint] + counts[side, bool(joint), False] for joint in (0, 1)]
        table.add_row(side, str(sum(whole)), str(sum(made)), str(whole[1]), str(made[1]))
    out.print(table)
    today = datetime.now(SHANGHAI).date()
    for each in found:
        if not each.made and each.day < today:
            out.print(f"[yellow]○[/] {each.day} {each.reach} {each.team}  未巡 not made")


def _tell_coverage(office: Office, found: Sequence[Done]) -> None:
    """Which part of the rivers was seen at all."""
    seen = {each.reach for each in found if each.made}
    whole = sum(reach.length_km for reach in office.reaches)
    part = sum(reach.length_km for reach in office.reaches if reach.code in seen)
    out.print(
        f"coverage 覆盖   {len(seen)} / {len(office.reaches)} reaches 河段 · {part:.1f} / {whole:.1f} km"
    )


COMMANDS: Final = (propose, ask, accept, accords, show, record)


def _show_agreed(agreed: Agreed) -> None:
    _show(agreed.accord)


def _show(found: patrol_pb2.Accord) -> None:
    out.print(f"accord 会签     {found.id}")
    out.print(f"state 状态      {_state(found)}")
    out.print(f"proposed 提出   {found.proposed}", soft_wrap=True)
    if found.standing:
        out.print(f"standing 生效   {found.standing}", soft_wrap=True)
    if found.awaited:
        out.print(f"awaited 待办    {found.awaited}")


def _state(found: patrol_pb2.Accord) -> str:
    from exchange.v1 import patrol_pb2

    name = patrol_pb2.AccordState.Name(found.state).removeprefix("ACCORD_STATE_").lower()
    return f"{name} {STATES.get(name, '')}"
