"""`hechuan reconcile registry|cases|deliveries|campaign`: two lists of the same things, and where they part."""

from __future__ import annotations

import tempfile
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final
from zoneinfo import ZoneInfo

import pyarrow as pa
import typer
from pyarrow import csv
from rich.table import Table

from exchange.cli.partner import Home, Hub, read_moment
from exchange.cli.reconcile import AsOf, Left, Output, Right, app, out, read_crosswalk, write
from exchange.client import connect

if TYPE_CHECKING:
    from exchange.reconcile.lists import Lists

_SHOWN: Final = 20
VERDICTS: Final = {
    "differs": "不一致",
    "left_only": "仅甲方有",
    "right_only": "仅乙方有",
    "twice": "一方有多条",
}


@app.command()
def registry(
    left: Left,
    right: Right,
    codes: Annotated[
        Path, typer.Option(exists=True, help="CSV with left_section,right_section: codes of both sides.")
    ],
    home: Home,
    on: Annotated[str, typer.Option(help="Day, as 2026-11-01; today otherwise.")] = "",
    as_of: AsOf = None,
    output: Output = None,
    hub: Hub = None,
) -> None:
    """Registers of sections, reaches or chiefs: what only one side has, and what differs. 名录比对。"""
    from exchange.reconcile.lists import registry as lists

    day = date.fromisoformat(on) if on else datetime.now(ZoneInfo("Asia/Shanghai")).date()
    walk = {second: first for first, second in read_crosswalk(codes).items()}
    with connect(home, hub) as client:
        ours, theirs = (client.query(each, as_of=read_moment(as_of)).table() for each in (left, right))
    _compare(lists(left.rsplit("/", 1)[-1], ours, theirs, walk, day), output)


@app.command()
def cases(
    sent: Annotated[
        str, typer.Argument(help="Dataset of whoever transferred, as 500000/ecology/enforcement-case.")
    ],
    received: Annotated[Path, typer.Argument(exists=True, help="CSV: case_number,category,received_on.")],
    receiver: Annotated[str, typer.Option(help="As in transferred_to.")],
    home: Home,
    as_of: AsOf = None,
    output: Output = None,
    hub: Hub = None,
) -> None:
    """Cases transferred here and received there. 案件移送比对。"""
    from exchange.reconcile.lists import cases as lists

    columns = ["case_number", "category", "transferred_to", "transferred_on"]
    with connect(home, hub) as client:
        ours = client.query(sent, columns=columns, as_of=read_moment(as_of)).table()
    _compare(lists(ours, csv.read_csv(received), receiver), output)


@app.command()
def deliveries(
    dataset: Annotated[str, typer.Argument(help="As 500000/ecology/water-quality.")],
    home: Home,
    other: Annotated[Path, typer.Option(exists=True, help="Home of an agency at the reader's hub.")],
    output: Output = None,
    hub: Hub = None,
) -> None:
    """What the owner's ledger says it published, and what the reader's hub has of it. 送达比对。"""
    from exchange.reconcile.lists import deliveries as lists
    from exchange.reconcile.source import batches_of

    with connect(home, hub) as owner, connect(other) as reader:
        found = lists(batches_of(owner, dataset), batches_of(reader, dataset))
    _compare(found, output)


@app.command()
def campaign(
    totals: Annotated[
        Path, typer.Argument(exists=True, help="CSV: directive,campaign,county_code,listed,mended,closed.")
    ],
    points: Annotated[str, typer.Argument(help="Dataset, as 500000/joint-office/directive-point.")],
    home: Home,
    as_of: AsOf = None,
    output: Output = None,
    hub: Hub = None,
) -> None:
    """Totals of a campaign that were reported, and the points that they count. 专项行动总数与点位比对。"""
    from exchange.reconcile.lists import campaign as lists

    columns = ["directive", "campaign", "county_code", "status"]
    with connect(home, hub) as client:
        listed = client.query(points, columns=columns, as_of=read_moment(as_of)).table()
    _compare(lists(csv.read_csv(totals), listed), output)


def _compare(lists: Lists, output: Path | None) -> None:
    from exchange.reconcile.engine.duck import DuckEngine
    from exchange.reconcile.records import compare_records

    with tempfile.TemporaryDirectory(prefix="hechuan-") as spill, DuckEngine(Path(spill)) as engine:
        found = compare_records(engine, lists.left, lists.right, lists.key, lists.columns)
    out.print(f"first 甲方      {lists.left.num_rows:,}")
    out.print(f"second 乙方     {lists.right.num_rows:,}")
    told = found["verdict"].to_pylist()
    for name, zh in VERDICTS.items():
        if name in told:
            out.print(f"{name:<12}{told.count(name):>10,}  {zh}")
    if not told:
        out.print("[green]✓[/] both say the same 双方一致")
    else:
        _show(found)
    if output is not None:
        write(found, output)


def _show(found: pa.Table) -> None:
    table = Table(*found.column_names, box=None, pad_edge=False, header_style="bold")
    for row in found.slice(0, _SHOWN).to_pylist():
        table.add_row(*("" if value is None else str(value) for value in row.values()))
    out.print(table)
