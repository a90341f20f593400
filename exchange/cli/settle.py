"""`hechuan settle`: what both sides agree a value to be, or that they do not, and what an arbiter finds."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Final
from zoneinfo import ZoneInfo

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from exchange.cli.partner import Home, Hub
from exchange.client import connect
from exchange.client.settlement import (
    Settled,
    get_settlement,
    list_settlements,
    matter_of,
    move_settlement,
    propose_settlement,
)
from exchange.errors import InvalidInputError
from exchange.ids import AgencyId, DatasetId
from exchange.settlement.matter import Matter
from exchange.settlement.move import Act, Move
from exchange.trust.envelope import Envelope
from exchange.v1 import settlement_pb2

app = typer.Typer(
    help="Settle values that differ, signed by both sides. 数据会商与会签。", no_args_is_help=True
)
out = Console(highlight=False)
_CHINA: Final = ZoneInfo("Asia/Shanghai")
STATES: Final = {
    "proposed": "已提议",
    "disputing": "提出分歧",
    "agreed": "双方一致",
    "disputed": "分歧已记录",
    "arbitrated": "已裁定",
}
Id = Annotated[str, typer.Argument(help="The settlement's id, 32 hex digits.")]
Reason = Annotated[str, typer.Option(help="What the other side is told.")]


@app.command()
def propose(
    left: Annotated[str, typer.Argument(help="First side's dataset, as 500000/ecology/water-quality.")],
    right: Annotated[str, typer.Argument(help="Second side's dataset.")],
    value: Annotated[str, typer.Argument(help="What the value should be, in --unit.")],
    section: Annotated[str, typer.Option(help="The section's codes: <first>/<second>.")],
    item: Annotated[str, typer.Option(help="As w21003.")],
    unit: Annotated[str, typer.Option(help="As mg/L.")],
    arbiter: Annotated[str, typer.Option(help="Who decides if both do not agree, as 500000/joint-office.")],
    home: Home,
    left_value: Annotated[str | None, typer.Option(help="<value>@<instant with offset>")] = None,
    right_value: Annotated[str | None, typer.Option(help="<value>@<instant with offset>")] = None,
    terms: Annotated[str, typer.Option(help="What it was compared by.")] = "boundary-comparison",
    cause: Annotated[str, typer.Option(help="What was found to stand behind it.")] = "",
    reason: Reason = "",
    hub: Hub = None,
) -> None:
    """Say what a value should be that differs between both sides. 提议一致值。"""
    codes = section.split("/")
    if len(codes) != 2:
        raise InvalidInputError(f"section {section!r} is not <first>/<second>")
    (first, left_at), (second, right_at) = read_value(left_value), read_value(right_value)
    with connect(home, hub) as client:
        contract = client.contract(terms)
        matter = Matter(
            left_dataset=DatasetId.parse(left),
            right_dataset=DatasetId.parse(right),
            arbiter=AgencyId.parse(arbiter),
            left_section=codes[0],
            right_section=codes[1],
            item=item,
            unit=unit,
            left_at=left_at,
            right_at=right_at,
            left_value=first,
            right_value=second,
            terms=contract.ref,
            terms_digest=contract.digest,
            cause=cause,
        )
        _show_settled(propose_settlement(client, matter, value, reason))


@app.command()
def counter(settlement: Id, value: str, home: Home, reason: Reason = "", hub: Hub = None) -> None:
    """Answer with another value. 还议。"""
    with connect(home, hub) as client:
        _show_settled(move_settlement(client, settlement, Act.PROPOSE, value=value, reason=reason))


@app.command()
def accept(settlement: Id, home: Home, reason: Reason = "", hub: Hub = None) -> None:
    """Countersign what stands: the value, or that there is a dispute. 会签。"""
    with connect(home, hub) as client:
        _show_settled(move_settlement(client, settlement, Act.ACCEPT, reason=reason))


@app.command()
def dispute(
    settlement: Id,
    reason: Annotated[str, typer.Option(help="Why the value is not accepted.")],
    home: Home,
    hub: Hub = None,
) -> None:
    """Have it recorded that the two do not agree. 提出分歧。"""
    with connect(home, hub) as client:
        _show_settled(move_settlement(client, settlement, Act.DISPUTE, reason=reason))


@app.command()
def arbitrate(
    settlement: Id,
    value: Annotated[str, typer.Argument(help="The value that holds.")],
    person: Annotated[str, typer.Option(help="Who decided.")],
    reason: Annotated[str, typer.Option(help="On what grounds.")],
    home: Home,
    hub: Hub = None,
) -> None:
    """Decide a dispute that both have signed: a third value. 裁定。"""
    with connect(home, hub) as client:
        found = move_settlement(client, settlement, Act.ARBITRATE, value=value, person=person, reason=reason)
    _show_settled(found)


@app.command("list")
def list_(
    home: Home, awaited: Annotated[bool, typer.Option(help="Only what waits for this agency.")] = False,
    hub: Hub = None,
) -> None:  # fmt: skip
    """This agency's settlements. 本机构的会商。"""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in (
        "settlement 会商",
        "state 状态",
        "item 项目",
        "first 甲方",
        "second 乙方",
        "value 值",
        "awaited 待办",
    ):
        table.add_column(title, overflow="fold", no_wrap=title.startswith("settlement"))
    with connect(home, hub) as client:
        for each in list_settlements(client, awaited):
            matter = matter_of(each)
            table.add_row(
                each.id,
                _state(each),
                matter.item,
                f"{matter.left_value or '—'}",
                f"{matter.right_value or '—'}",
                each.value,
                each.awaited,
            )
    out.print(table if table.row_count else "no settlements 没有会商")


@app.command()
def show(settlement: Id, home: Home, hub: Hub = None) -> None:
    """One settlement: both values, and who signed what. 会商详情。"""
    with connect(home, hub) as client:
        found = get_settlement(client, settlement)
    _show(found)
    for envelope in found.moves:
        move = Move.parse(Envelope.from_json_bytes(envelope).payload)
        value = f"  {move.value}" if move.value else ""
        who = f"  {escape(move.person)}" if move.person else ""
        out.print(
            f"  {_local(move.at)}  {move.act:<10}{move.by}{value}{who}  {escape(move.reason)}", soft_wrap=True
        )


def read_value(text: str | None) -> tuple[str | None, datetime | None]:
    """<value>@<instant>; raises InvalidInputError."""
    if text is None:
        return None, None
    value, found, instant = text.partition("@")
    try:
        at = datetime.fromisoformat(instant)
    except ValueError:
        at = datetime.min
    if not found or at.tzinfo is None:
        raise InvalidInputError(f"{text!r} is not <value>@<instant with offset>")
    return value, at.astimezone(UTC)


def _show_settled(settled: Settled) -> None:
    _show(settled.settlement)


def _show(found: settlement_pb2.Settlement) -> None:
    matter = matter_of(found)
    out.print(f"settlement 会商 {found.id}")
    out.print(f"state 状态      {_state(found)}")
    out.print(f"section 断面    {matter.left_section} / {matter.right_section} · {matter.item}")
    for title, dataset, value, at in (
        ("first 甲方     ", matter.left_dataset, matter.left_value, matter.left_at),
        ("second 乙方    ", matter.right_dataset, matter.right_value, matter.right_at),
    ):
        out.print(f"{title} {value or '—':<10}{_local(at) if at else '':<18}{dataset}", soft_wrap=True)
    out.print(f"value 值        {found.value} {matter.unit}")
    out.print(f"terms 容差      {matter.terms}")
    if matter.cause:
        out.print(f"cause 原因      {escape(matter.cause)}")
    if found.awaited:
        out.print(f"awaited 待办    {found.awaited}")


def _state(found: settlement_pb2.Settlement) -> str:
    name = settlement_pb2.SettlementState.Name(found.state).removeprefix("SETTLEMENT_STATE_").lower()
    return f"{name} {STATES.get(name, '')}"


def _local(instant: datetime) -> str:
    return instant.astimezone(_CHINA).strftime("%Y-%m-%d %H:%M")
