"""`hechuan adapt`: read a source as it is, and publish what it holds."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from adapters.command.attempt import Given, Name

out = Console(highlight=False)


def adapt(
    adapter: Name,
    source: Given,
    mapping: Annotated[
        str, typer.Option("--mapping", "-m", help="Mapping file, or the name of a shipped one.")
    ],
    home: Annotated[Path, typer.Option("--home", envvar="HECHUAN_HOME", help="What `agency enroll` made.")],
    contract: Annotated[str | None, typer.Option(help="Only rows for this contract.")] = None,
    hub: Annotated[str | None, typer.Option(help="Jurisdiction of another hub that was joined.")] = None,
    show: Annotated[int, typer.Option(help="How many unreadable cells to name.", min=0)] = 5,
) -> None:
    """Read a source under a mapping and publish it, a batch per contract; the same rows once. 按映射读取并发布。"""
    from adapters.mapping.document import find_form, shipped
    from adapters.take.find import find_adapter
    from adapters.take.publish import publish_spooled
    from adapters.take.report import show_tally
    from adapters.take.spool import spool
    from exchange.cli.partner import show_published
    from exchange.client import connect

    with tempfile.TemporaryDirectory() as scratch, connect(home, hub) as client:
        reading = find_adapter(adapter).read(source, find_form(mapping))
        spooled = spool(reading, shipped(), Path(scratch))
        show_tally(spooled.tally, out, show)
        for sent in publish_spooled(client, spooled, contract):
            out.print()
            if sent.published is None:
                out.print(f"{sent.taken.contract.ref}: 已在枢纽 the hub has these rows already")
            else:
                show_published(sent.published, out)
