"""`hechuan search`: what there is at every hub, and whether it may be read."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, time, timedelta
from typing import Annotated, Final
from zoneinfo import ZoneInfo

import typer
from google.protobuf.timestamp_pb2 import Timestamp
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from exchange.cli.partner import Home
from exchange.client import connect
from exchange.client.search import search_page, search_request
from exchange.errors import InvalidInputError
from exchange.v1 import catalog_pb2

_CHINA: Final = ZoneInfo("Asia/Shanghai")
_SPAN: Final = re.compile(r"([1-9]\d{0,4})(h|d)?")
_SHARING: Final = {
    catalog_pb2.SHARING_UNCONDITIONAL: "无条件 unconditional",
    catalog_pb2.SHARING_CONDITIONAL: "有条件 conditional",
    catalog_pb2.SHARING_WITHHELD: "不予 withheld",
}
_ACCESS: Final = {
    catalog_pb2.DATASET_ACCESS_OWNER: "[green]✓[/] 本部门 own",
    catalog_pb2.DATASET_ACCESS_UNCONDITIONAL: "[green]✓[/] 可读 may read",
    catalog_pb2.DATASET_ACCESS_AGREEMENT: "[green]✓[/] 协议 agreement",
    catalog_pb2.DATASET_ACCESS_NEEDS_AGREEMENT: "[yellow]○[/] 需协议 agree first",
    catalog_pb2.DATASET_ACCESS_WITHHELD: "[red]✗[/] 不可读 closed",
}
_PLACE: Final = {
    catalog_pb2.DATASET_PLACE_LOCAL: "本枢纽 here",
    catalog_pb2.DATASET_PLACE_MIRRORED: "镜像 mirrored",
    catalog_pb2.DATASET_PLACE_THROUGH: "代询 through",
    catalog_pb2.DATASET_PLACE_ELSEWHERE: "须加入 join it",
}
_FRESHNESS: Final = {
    catalog_pb2.DATASET_FRESHNESS_FRESH: "[green]及时 fresh[/]",
    catalog_pb2.DATASET_FRESHNESS_LATE: "[red]逾期 late[/]",
    catalog_pb2.DATASET_FRESHNESS_NOT_PROMISED: "",
}
out = Console(highlight=False)
err = Console(stderr=True, highlight=False)


def search(
    home: Home,
    text: Annotated[
        list[str] | None,
        typer.Argument(help="Words that must all be found: name, title, owner, river, section."),
    ] = None,
    river: Annotated[str, typer.Option(help="Part of a river's name.")] = "",
    section: Annotated[str, typer.Option(help="Code of a section, or part of its name.")] = "",
    department: Annotated[str, typer.Option(help="As ecology.")] = "",
    contract: Annotated[str, typer.Option(help="As water-quality.")] = "",
    since: Annotated[str, typer.Option(help="With rows from then on: 2026-03-01, or an instant.")] = "",
    until: Annotated[str, typer.Option(help="With rows up to then: a day counts whole.")] = "",
    fresher_than: Annotated[str, typer.Option(help="Updated within, as 6h or 2d.")] = "",
    sharing: Annotated[
        list[str] | None,
        typer.Option(help="unconditional 无条件, conditional 有条件 or withheld 不予; may be repeated."),
    ] = None,
    hub: Annotated[str, typer.Option("--hub", help="Held by this hub, as 510000.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many to show.")] = 20,
    ask: Annotated[str | None, typer.Option("--ask", help="Ask another hub that was joined.")] = None,
) -> None:
    """Find datasets of every hub, by words, place, time and freshness. 检索全部枢纽的数据目录。"""
    request = search_request(
        " ".join(text or ()),
        contract=contract,
        river=river,
        section=section,
        department=department,
        sharing=sharing or (),
        since=read_day(since, "since"),
        until=read_day(until, "until", last=True),
        fresher_than_hours=read_hours(fresher_than),
        hub=hub,
    )
    request.page_size = limit
    with connect(home, ask) as client:
        found = search_page(client, request)
    show_hits(found.hits, out)
    shown = f", {len(found.hits):,} shown 已列出" if len(found.hits) < found.total else ""
    hubs = " ".join(each.hub for each in found.hubs)
    err.print(f"{found.total:,} found 个数据集{shown} · hubs searched 已检索枢纽: {hubs}", style="dim")


def show_hits(hits: Sequence[catalog_pb2.DatasetHit], console: Console) -> None:
    """A row a dataset, its titles below its id; fits 100 columns."""
    if not hits:
        return
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1), pad_edge=False, expand=False)
    table.add_column("dataset 数据集", ratio=5, overflow="fold")
    table.add_column("hub 枢纽", no_wrap=True)
    table.add_column("access 可否读取", no_wrap=True)
    table.add_column("rows 行数\nupdated 更新\nperiod 时段", no_wrap=True)
    for hit in hits:
        name = [f"[bold]{escape(hit.dataset.id)}[/]", escape(f"{hit.title_zh} {hit.title_en}")]
        access = [_ACCESS.get(hit.access, ""), _SHARING.get(hit.dataset.sharing, "")]
        told = f"{hit.dataset.rows_accepted:,}  {_FRESHNESS.get(hit.freshness, '')}".rstrip()
        table.add_row(
            "\n".join([*name, *_covered(hit)]),
            f"{hit.hub}\n{_PLACE.get(hit.place, '')}",
            "\n".join([*access, *([hit.agreement[:12] + "…"] if hit.agreement else [])]),
            "\n".join([told, _instant(hit.dataset.updated_at), *_period(hit.dataset)]),
        )
        table.add_section()
    console.print(table)


def _covered(hit: catalog_pb2.DatasetHit) -> Iterator[str]:
    sections = [section.name or section.code for section in hit.sections]
    for names, count, what in (
        (list(hit.rivers), hit.river_count, "rivers 河"),
        (sections, hit.section_count, "sections 断面"),
    ):
        if count:
            shown = list(itertools.islice(names, 3))
            more = "…" if count > len(shown) else ""
            yield f"[dim]{what} {count}: {escape('、'.join(shown))}{more}[/]"


def _instant(value: Timestamp) -> str:
    return value.ToDatetime(UTC).astimezone(_CHINA).strftime("%Y-%m-%d %H:%M")


def _period(dataset: catalog_pb2.Dataset) -> Iterator[str]:
    if dataset.HasField("period_from"):
        first, last = (
            value.ToDatetime(UTC).astimezone(_CHINA).strftime("%Y-%m-%d")
            for value in (dataset.period_from, dataset.period_until)
        )
        yield f"[dim]{first} – {last}[/]" if first != last else f"[dim]{first}[/]"


def read_day(text: str, option: str, last: bool = False) -> datetime | None:
    """A day in China, its first moment or its last, or an instant with offset; raises InvalidInputError."""
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is not None and moment.tzinfo is None and len(text) <= len("2026-03-01"):
        day = moment.date() + timedelta(days=1) if last else moment.date()
        start = datetime.combine(day, time(), _CHINA)
        return (start - timedelta(microseconds=1) if last else start).astimezone(UTC)
    if moment is None or moment.tzinfo is None:
        raise InvalidInputError(f"--{option} {text!r} is neither a day nor an instant with offset")
    return moment.astimezone(UTC)


def read_hours(text: str) -> int:
    """`6h`, `2d`, or a number of hours; 0 for empty; raises InvalidInputError."""
    if not text:
        return 0
    match = _SPAN.fullmatch(text)
    if match is None:
        raise InvalidInputError(f"--fresher-than {text!r} is not like 6h or 2d")
    return int(match[1]) * (24 if match[2] == "d" else 1)
