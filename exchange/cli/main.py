"""All commands, put together; errors become one clear message and exit code 1."""

from __future__ import annotations

import sys
from importlib.metadata import entry_points

import typer
from rich.console import Console

from exchange.cli import (
    agency,
    agreement,
    alert,
    contracts,
    duty,
    evidence,
    federation,
    hub,
    key,
    lists,
    operate,
    partner,
    patrol,
    reconcile,
    referral,
    report,
    river,
    search,
    settle,
    verify,
)
from exchange.errors import HechuanError

app = typer.Typer(
    name="hechuan",
    help="River data between governments: publish, read and verify. 河长制跨域数据交换。",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)
app.add_typer(hub.app, name="hub")
app.add_typer(agency.app, name="agency")
app.add_typer(agreement.app, name="agreement")
app.add_typer(referral.app, name="referral")
app.add_typer(duty.app, name="duty")
app.add_typer(federation.app, name="federation")
app.add_typer(contracts.app, name="contracts")
app.add_typer(key.app, name="key")
app.add_typer(patrol.app, name="patrol")
app.add_typer(river.app, name="river")
lists.register(reconcile.app)
app.add_typer(reconcile.app, name="reconcile")
app.add_typer(settle.app, name="settle")
app.add_typer(report.app, name="report")
partner.register(app)
app.command()(evidence.evidence)
app.command()(verify.verify)
operate.register(app)
app.command()(agreement.audit)
app.command()(referral.inbox)
app.command()(alert.alert)
app.command()(search.search)
app.command()(report.trace)
gateway = typer.Typer(help="Gateways for what speaks other protocols. 网关。", no_args_is_help=True)


def _add_installed() -> None:
    """Commands of what stands on this package and is installed beside it, as adapters are."""
    for group, target in (("hechuan.commands", app), ("hechuan.gateways", gateway)):
        for found in sorted(entry_points(group=group), key=lambda each: each.name):
            target.command(found.name)(found.load())
    if gateway.registered_commands:
        app.add_typer(gateway, name="gateway")


_add_installed()


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
