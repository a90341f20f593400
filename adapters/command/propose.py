"""`hechuan map`: propose a mapping from a file's header and first rows."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

if TYPE_CHECKING:
    from exchange.contract.model import Contract

err = Console(stderr=True, highlight=False)


def propose_mapping(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help=".csv .xlsx .xls")],
    contract: Annotated[str, typer.Option(help="The contract that the rows are for, as `water-quality`.")],
    sheet: Annotated[str | None, typer.Option(help="Sheet of a workbook; the first otherwise.")] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Standard output otherwise.")] = None,
) -> None:
    """Propose a mapping file: what was recognised, and what is left to say. 由表头推断映射文件。"""
    from adapters.tabular.propose import propose

    found = propose(file, contract_named(contract), sheet)
    if output is None:
        sys.stdout.write(found.text)
    else:
        output.write_text(found.text, encoding="utf-8")
    err.print(f"识别 {found.recognised} 列 columns recognised · 未识别 not recognised: {len(found.unknown)}")
    for heading in found.unknown:
        err.print(f"  ? {heading}", markup=False)
    for name in found.made:
        err.print(f"  ~ {name}: 由名称生成，请核对 / made of names: check it")
    for name in found.presumed:
        err.print(f"  ~ {name}: 未注明单位，请核对 / no unit is given: check it", markup=False)
    for name in found.lacking:
        err.print(f"  ! {name}: 必填，请补 / required: fill it in", style="yellow")


def contract_named(name: str) -> Contract:
    """A shipped contract; raises NotFoundError."""
    from adapters.mapping.document import shipped
    from exchange.errors import NotFoundError

    found = shipped().get(name)
    if found is None:
        raise NotFoundError(f"没有合约 {name} / no shipped contract {name}; there are {', '.join(shipped())}")
    return found
