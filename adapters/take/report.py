"""What was read and what a hub would say, for people, in both languages."""

from __future__ import annotations

from typing import Final

from rich.console import Console
from rich.markup import escape

from adapters.protocol import COUNTS, Tally
from adapters.take.trial import Trial

_STYLE: Final = {"error": "red", "blocker": "bold red", "warning": "yellow", "info": "dim"}


def show_tally(tally: Tally, console: Console, count: int) -> None:
    """What was in the source, and what was left out."""
    console.print("[bold]读到 read[/]")
    for name, (zh, en) in COUNTS.items():
        if found := tally.counts.get(name, 0):
            console.print(f"{found:>12,}  {zh} {en}", markup=False, soft_wrap=True)
    for note in tally.notes:
        console.print(f"[yellow]·[/] {escape(str(note))}", soft_wrap=True)
    for cell in tally.unread[:count]:
        console.print(f"  {cell.place} · 无法读取 cannot be read · {cell.text}", markup=False, soft_wrap=True)
    if len(tally.unread) > count:
        console.print(f"  … {len(tally.unread) - count:,} more 余下从略 (--show)", style="dim")


def show_trial(trial: Trial, console: Console, count: int) -> None:
    """Counts by rule, then the first cells that would be quarantined."""
    found, contract = trial.result, trial.taken.contract
    console.print(
        f"[bold]{contract.title_zh} {contract.title_en}[/]  {contract.ref}\n"
        f"rows 行数       {found.rows:,} · accepted 将接收 {found.accepted:,} · rejected 将隔离 {found.rejected:,}"
    )
    for rule in contract.rules:
        if rows := found.counts.get(rule.id, 0):
            style = _STYLE[rule.severity]
            console.print(f"  {rule.severity:8}{rows:>8,}  {rule.id}", style=style)
            console.print(f"          {'':8}{escape(rule.zh)} {escape(rule.en)}", style="dim", soft_wrap=True)
    for each in trial.findings(count):
        again = f" · ×{each.times}" if each.times > 1 else ""
        console.print(
            f"  {each.place} · {each.rule} · {each.value or '空 empty'}{again}", markup=False, soft_wrap=True
        )
    if found.rejected > count:
        console.print("  … more 余下从略 (--show)", style="dim")
    for rule_id in found.unchecked:
        console.print(f"[yellow]·[/] {rule_id}: 只有枢纽能查 / only the hub can check it", soft_wrap=True)
    if found.refused:
        console.print(
            f"[bold red]整批将被拒绝 the batch would be refused[/]: {escape(found.refused)}", soft_wrap=True
        )
