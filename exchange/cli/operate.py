"""What a hub's operator does on its host: alarms, fsck, backup, restore."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress

from exchange.app.upkeep import opened
from exchange.flow.backup import back_up, restore_backup, restore_hub
from exchange.flow.entry import record_of
from exchange.flow.fsck import GRACE, Report
from exchange.home import HubDirectory
from exchange.ports import LedgerArchive, ObjectStore
from exchange.settings import Settings, load_settings
from exchange.store import open_ledger, open_objects
from exchange.trust.workday import SHANGHAI

Directory = Annotated[Path, typer.Argument(exists=True, file_okay=False, help="The hub's directory.")]
out = Console(highlight=False)
err = Console(stderr=True, highlight=False)


def fsck(
    directory: Directory,
    sweep: Annotated[bool, typer.Option(help="Remove objects that nothing refers to.")] = False,
    grace: Annotated[
        int,
        typer.Option(min=0, help="Seconds that an object may wait for its entry; 0 only for a stopped hub."),
    ] = int(GRACE.total_seconds()),
) -> None:
    """Check every object, entry, proof and index again; exit 1 if anything is wrong. 全面核验。"""
    bar = Progress(console=err, transient=True, disable=not err.is_terminal)
    with opened(HubDirectory(directory)) as hub, bar:
        task = bar.add_task("fsck", total=None)
        report = hub.check(
            sweep,
            timedelta(seconds=grace),
            lambda done, total: bar.update(task, completed=done, total=total),
        )
    show_report(report)
    raise typer.Exit(0 if report.clean else 1)


def show_report(report: Report) -> None:
    """Counts, then every problem."""
    out.print(
        f"entries 条目 {report.entries:,} · objects 对象 {report.objects:,}"
        f" · orphans 孤儿 {len(report.orphans):,} · recent 未入账 {report.recent:,}"
    )
    for problem in report.problems:
        out.print(f"[red]✗[/] {problem}")
    if report.clean:
        out.print("[green]✓[/] clean 一切正常")


def compact(directory: Directory) -> None:
    """Put small batches of each dataset together, so that queries open few files; the hub may run. 合并小批次。"""
    with opened(HubDirectory(directory)) as hub:
        found = hub.compact()
    for each in found:
        out.print(
            f"[green]✓[/] {each.dataset}  segments 段 {each.segments:,} · batches 批次 {each.batches:,}"
            f" · made 新 {each.made:,} · replaced 换下 {each.retired:,}",
            soft_wrap=True,
        )
    if not found:
        out.print("no dataset of so many batches 没有批次足够多的数据集")


def mirrors(directory: Directory) -> None:
    """What agreements let this hub mirror of its peers, and what of it is missing; exit code 1 where any is. 镜像。"""
    with opened(HubDirectory(directory)) as hub:
        found = hub.mirrors()
    for each in found:
        sign = "[red]✗[/]" if each.missing else "[green]✓[/]"
        counts = f"batches 批次 {each.batches:,} · parts 对象 {each.parts:,} · missing 缺 {each.missing:,}"
        out.print(f"{sign} {each.dataset}  {counts}")
    if not found:
        out.print("no mirror 没有镜像")
    raise typer.Exit(1 if any(each.missing for each in found) else 0)


def backup(
    directory: Directory,
    target: Annotated[Path, typer.Argument(help="New directory for the backup.")],
    with_keys: Annotated[bool, typer.Option(help="Private keys and settings as well; keep it safe.")] = False,
) -> None:
    """Copy a running hub, consistently. 备份。"""
    home = HubDirectory(directory)
    settings = load_settings(home.settings)
    with _stores(settings, home) as (ledger, objects):
        made = back_up(ledger, objects, target, home.root, record_of, with_keys)
    out.print(f"[green]✓[/] {made.entries:,} entries, {made.objects:,} objects → {target}")


def restore(
    backup_directory: Annotated[Path, typer.Argument(exists=True, file_okay=False)],
    directory: Annotated[Path, typer.Argument(help="The hub's directory; its state is empty.")],
) -> None:
    """Put a backup into an empty hub and check it; a new directory where the backup has the keys. 恢复。"""
    home = HubDirectory(directory)
    found = restore_hub(backup_directory, directory)
    if found:
        out.print(f"files put back 补回文件 {found}")
    settings = load_settings(home.settings)
    with _stores(settings, home) as (ledger, objects):
        report = restore_backup(backup_directory, ledger, objects, home.log_verifiers(), record_of)
    show_report(report)
    raise typer.Exit(0 if report.clean else 1)


@contextmanager
def _stores(settings: Settings, home: HubDirectory) -> Iterator[tuple[LedgerArchive, ObjectStore]]:
    """The hub's stores, beside the hub or in its place."""
    with (
        closing(open_ledger(settings.store, home.state)) as ledger,
        closing(open_objects(settings.store, home.state)) as objects,
    ):
        yield ledger, objects


def alarms(
    directory: Directory,
    evidence: Annotated[
        Path | None, typer.Option("--evidence", "-o", help="Directory for what proves each alarm.")
    ] = None,
) -> None:
    """What peers have shown that cannot be, and this hub's proof of it; exit code 1 where there is any. 告警。"""
    home = HubDirectory(directory)
    with closing(open_ledger(load_settings(home.settings).store, home.state)) as ledger:
        found = ledger.federation().alarms()
    for alarm in found:
        when = alarm.raised_at.astimezone(SHANGHAI).strftime("%Y-%m-%d %H:%M")
        out.print(
            f"[red]![/] {when}  {alarm.origin}  {alarm.kind}  {alarm.evidence.get('error', '')}",
            soft_wrap=True,
        )
        if evidence is not None:
            evidence.mkdir(parents=True, exist_ok=True)
            stem = f"{alarm.raised_at:%Y%m%dT%H%M%S}-{alarm.kind.replace(' ', '-')}"
            for name, text in alarm.evidence.items():
                (evidence / f"{stem}-{name}.txt").write_text(text, encoding="utf-8")
    if found:
        raise typer.Exit(1)
    out.print("[green]✓[/] no alarms 没有告警")
