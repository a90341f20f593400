"""All commands, put together; errors become one clear message and exit code 1."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib.metadata import EntryPoint, entry_points
from typing import Final

import typer
from rich.console import Console

from exchange.cli.deferred import MARKUP, deferred
from exchange.errors import HechuanError

_GROUPS: Final = (
    "hub",
    "agency",
    "agreement",
    "referral",
    "duty",
    "federation",
    "contracts",
    "key",
    "patrol",
    "settle",
)
_COMMANDS: Final = {
    "partner": ["publish", "query", "watch", "fetch", "quarantine", "receipts"],
    "evidence": ["evidence"],
    "verify": ["verify"],
    "operate": ["alarms", "fsck", "compact", "backup", "restore"],
    "agreement": ["audit"],
    "referral": ["inbox"],
    "alert": ["alert"],
    "search": ["search"],
    "report": ["trace"],
}


def _own() -> Iterator[EntryPoint]:
    for group in _GROUPS:
        yield EntryPoint(group, f"exchange.cli.{group}:app", "")
    yield EntryPoint("reconcile", "exchange.cli.lists:app", "")  # which adds to exchange.cli.reconcile
    yield EntryPoint("report", "exchange.cli.review:app", "")  # and this to exchange.cli.report
    yield EntryPoint("river", "exchange.cli.river_state:app", "")  # which adds to exchange.cli.river
    for module, names in _COMMANDS.items():
        for name in names:
            yield EntryPoint(name, f"exchange.cli.{module}:{name}", "")


def _installed(group: str) -> list[EntryPoint]:
    """What stands on this package and is installed beside it, as adapters are."""
    return sorted(entry_points(group=group), key=lambda each: each.name)


def _named(*places: EntryPoint) -> dict[str, EntryPoint]:
    return {each.name: each for each in places}


app = typer.Typer(
    name="hechuan",
    cls=deferred(
        _named(*_own(), EntryPoint("gateway", f"{__name__}:gateway", ""), *_installed("hechuan.commands"))
    ),
    help="River data between governments: publish, read and verify. 河长制跨域数据交换。",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=MARKUP,
)
gateway = typer.Typer(
    cls=deferred(_named(*_installed("hechuan.gateways"))),
    help="Gateways for what speaks other protocols. 网关。",
    no_args_is_help=True,
)
# a Typer application without a command of its own needs a callback to be one
for _each in (app, gateway):
    _each.callback()(lambda: None)


def main() -> None:
    """Run a command."""
    try:
        app()
    except HechuanError as error:
        show_error(error)
        sys.exit(1)
    except BrokenPipeError:
        sys.exit(141)


def show_error(error: HechuanError) -> None:
    """Code, message, and each violation with row, field, rule and what to do."""
    console = Console(stderr=True, highlight=False)
    console.print(f"[bold red]错误 error[/] [bold]{error.code}[/]: ", end="")
    console.print(error.message, markup=False, soft_wrap=True)
    for item in error.violations:
        where = (
            item.field
            if item.row is None
            else f"第 {item.row + 1} 行数据 data row {item.row + 1} · {item.field}"
        )
        console.print(f"  {where} · {item.rule} · {item.description}", markup=False, soft_wrap=True)
    if error.retryable:
        console.print("  可以重试 a retry may help", style="yellow")
