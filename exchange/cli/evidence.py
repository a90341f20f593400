"""`hechuan evidence`: everything that it takes to prove something, in one file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from exchange.cli.partner import Home, Hub, read_moment
from exchange.client import connect
from exchange.client.evidence import collect_evidence
from exchange.ids import digest_of

out = Console(highlight=False)


def evidence(
    subject: Annotated[
        str,
        typer.Argument(help="Batch (sha256:…), agreement (32 hex digits), or dataset.", show_default=False),
    ],
    home: Home,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="File to write; evidence-<subject>.zip otherwise.")
    ] = None,
    as_of: Annotated[
        str | None, typer.Option(help="For a dataset: ledger size, or an instant with offset.")
    ] = None,
    objects: Annotated[
        bool, typer.Option(help="With the bytes of the batches, not their digests alone.")
    ] = True,
    hub: Hub = None,
) -> None:
    """Write a pack that proves a batch, an agreement or a dataset, offline and for decades. 制作证据包。"""
    target = output or Path(f"evidence-{subject.removeprefix('sha256:')[:32].replace('/', '-')}.zip")
    with connect(home, hub) as client:
        facts = collect_evidence(client, subject, target, as_of=read_moment(as_of), objects=objects)
    entries = sum(log.receipts for log in facts.logs)
    out.print(f"[green]✓[/] {escape(str(target))}  {target.stat().st_size:,} bytes 字节", soft_wrap=True)
    out.print(f"entries 条目   {entries} · batches 批次 {len(facts.batches)}")
    for log in facts.logs:
        who = " · ".join(name for name, _ in log.cosigned) or "nobody 无"
        out.print(f"ledger 账本    {log.origin} · {log.size} · cosigned by 副署 {who}", soft_wrap=True)
    for missing in facts.manifest.absent:
        out.print(
            f"absent 未附    {missing.what} · {missing.code}", style="yellow", markup=False, soft_wrap=True
        )
    out.print(f"SHA-256        {digest_of(target.read_bytes()).removeprefix('sha256:')}", soft_wrap=True)
