"""`hechuan try`: what would come of a source, without publishing anything."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

out = Console(highlight=False)
Name = Annotated[str, typer.Argument(metavar="ADAPTER", help="tabular, sql, geo, sensorthings, waterml, …")]
Given = Annotated[str, typer.Argument(metavar="FILE", help="File, URL or database.")]
Map = Annotated[
    str | None,
    typer.Option("--mapping", "-m", help="Mapping file, or a shipped one as `ecology/cnemc-4h`."),
]


def attempt(
    adapter: Name,
    source: Given,
    contract: Annotated[str | None, typer.Option(help="Only rows for this contract.")] = None,
    mapping: Map = None,
    show: Annotated[int, typer.Option(help="How many cells to name.", min=0)] = 20,
) -> None:
    """Read a source and show what a hub would accept, what quarantine and why; nothing is published. 试读，不发布。

    Without --mapping, one is proposed for tables as `hechuan map` does; evidence needs none. Exit 1 where a batch would
    be refused.
    """
    from adapters.mapping.document import find_form, shipped
    from adapters.take.find import find_adapter
    from adapters.take.report import show_tally, show_trial
    from adapters.take.spool import spool
    from adapters.take.trial import trial_of

    found = find_adapter(adapter)
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        form = find_form(mapping) if mapping else _proposed(adapter, Path(source), contract, scratch)
        spooled = spool(found.read(source, form), shipped(), scratch)
        show_tally(spooled.tally, out, show)
        trials = trial_of(spooled, contract)
        for trial in trials:
            out.print()
            show_trial(trial, out, show)
    if not trials:
        out.print("没有该合约的行 no rows for this contract")
    raise typer.Exit(1 if any(trial.result.refused for trial in trials) else 0)


def _proposed(adapter: str, source: Path, contract: str | None, scratch: Path) -> Path:
    from adapters.command.propose import contract_named
    from adapters.tabular.propose import propose
    from exchange.errors import InvalidInputError, NotFoundError

    path = scratch / "proposed.yaml"
    if adapter == "evidence":
        return path
    if adapter != "tabular":
        raise InvalidInputError(f"请给出 --mapping / say --mapping: {adapter} proposes none")
    if contract is None:
        raise InvalidInputError("请给出 --mapping 或 --contract / say --mapping or --contract")
    if not source.is_file():
        raise NotFoundError(f"没有文件 {source} / no file {source}")
    path.write_text(propose(source, contract_named(contract)).text, encoding="utf-8")
    out.print("映射由表头推断 the mapping is proposed from the header (hechuan map)\n", style="dim")
    return path
