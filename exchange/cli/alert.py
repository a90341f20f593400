"""`hechuan alert`: warn the neighbour downstream of what one's own data show."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from exchange.cli.partner import Home, Hub
from exchange.client import connect
from exchange.client.alert import Registries, Sentinel

out = Console(highlight=False)
Named = list[str] | None


def alert(
    datasets: Annotated[list[str], typer.Argument(help="water-quality and spill-report of this agency.")],
    home: Home,
    sections: Annotated[
        list[str], typer.Option(help="monitoring-section of both sides, the own first; repeated.")
    ],
    duties: Annotated[list[str], typer.Option(help="duty-matrix of those below; repeated.")],
    reaches: Annotated[Named, typer.Option(help="river-reach of both sides, for the forecast.")] = None,
    hydraulics: Annotated[Named, typer.Option(help="reach-hydraulics, in the same order.")] = None,
    reach_crosswalk: Annotated[str, typer.Option()] = "",
    section_crosswalk: Annotated[str, typer.Option()] = "",
    interval_hours: Annotated[float, typer.Option(help="How long an exceedance is taken to last.")] = 4.0,
    start: Annotated[int, typer.Option(help="Ledger index to begin at.", min=0)] = 0,
    once: Annotated[bool, typer.Option(help="Stop at the end of the ledger.")] = False,
    hub: Hub = None,
) -> None:
    """Follow datasets and send signed warnings with a forecast. 跨界水污染预警。"""
    registries = Registries(
        sections, duties, reaches or (), hydraulics or (), reach_crosswalk, section_crosswalk, interval_hours
    )
    with connect(home, hub) as client:
        sentinel = Sentinel(client, registries)
        for cursor, warned in sentinel.run(datasets, start):
            for each in warned:
                found = each.referral
                out.print(
                    f"[red]![/] {found.id[:8]}  {escape(found.title)}  → {found.handler}", soft_wrap=True
                )
            if once and sentinel.at_rest:
                out.print(f"cursor 位置 {cursor}")
                return
