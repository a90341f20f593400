"""`hechuan verify`: a receipt or a pack of evidence, checked offline."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer
from rich.cells import cell_len
from rich.console import Console
from rich.markup import escape

from exchange.client import verify_receipt_file
from exchange.client.profile import Profile
from exchange.errors import InvalidInputError
from exchange.evidence.check import Verdict, check_pack
from exchange.evidence.keys import HubKeys, Trust
from exchange.evidence.reading import Outcome
from exchange.evidence.told import reliances
from exchange.member import HubCard
from exchange.trust.secret import read_public

out = Console(highlight=False)
_MARKS: Final = {
    Outcome.PASSED: "[green]✓[/]",
    Outcome.FAILED: "[bold red]✗[/]",
    Outcome.OPEN: "[yellow]–[/]",
}
_NAMES: Final = {
    "archive": "压缩包",
    "files": "文件",
    "keys": "枢纽公钥",
    "ledger": "账本",
    "witnesses": "见证",
    "signers": "签名密钥",
    "contracts": "合约",
    "batches": "批次",
    "absent": "未附",
    "rows": "数据行",
    "agreement": "协议",
    "compiler": "制作单位",
    "cover": "封面",
    "rest": "其余文件",
    "trust": "信任",
}
_WIDTH: Final = 20
_Path = Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="A receipt, or a pack of evidence.")]


def verify(
    file: _Path,
    batch: Annotated[
        Path | None, typer.Argument(exists=True, dir_okay=False, help="The batch that a receipt speaks of.")
    ] = None,
    log_key: Annotated[
        list[str] | None,
        typer.Option(help="Verifier key of the log, <origin>+<hash>+<base64>; may be repeated."),
    ] = None,
    card: Annotated[
        list[Path] | None,
        typer.Option(exists=True, dir_okay=False, help="Card of a hub that is trusted; may be repeated."),
    ] = None,
    roster: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="federation.json, whose hubs are trusted."),
    ] = None,
    home: Annotated[
        Path | None, typer.Option("--home", envvar="HECHUAN_HOME", help="Take keys from here.")
    ] = None,
) -> None:
    """Check a receipt, or a pack of evidence, offline. 离线验证回执或证据包。"""
    trust = _trust(log_key or [], card or [], roster)
    with file.open("rb") as opened:
        is_pack = opened.read(2) == b"PK"
    if is_pack:
        if batch is not None:
            raise InvalidInputError("a pack has its batches in it: name the pack alone")
        _add_home(trust, home)
        _show_pack(check_pack(file, trust))
        return
    keys = [str(key) for hub in trust.hubs.values() for key in hub.log]
    if not keys:
        if home is None:
            raise InvalidInputError("give --log-key or --card, or --home of an enrolled agency")
        keys = list(Profile.load(home).log_keys)
    _show_receipt(file, keys, batch)


def _trust(log_keys: list[str], cards: list[Path], roster: Path | None) -> Trust:
    trust = Trust()
    for text in log_keys:
        trust.add_log_key(text)
    for path in cards:
        trust.add_card(read_public(path))
    if roster is not None:
        trust.add_roster(read_public(roster))
    return trust


def _add_home(trust: Trust, home: Path | None) -> None:
    """Cards of every hub that an agency has joined, where nothing else was given."""
    if home is not None and not trust.hubs:
        for path in sorted(Profile.load(home).home.hubs.glob("*.json")):
            trust.add(HubKeys.of_card(HubCard.parse(read_public(path))))


def _show_pack(verdict: Verdict) -> None:
    for step in verdict.steps:
        name = f"{_NAMES.get(step.name, '')} {step.name}"
        pad = " " * max(1, _WIDTH - cell_len(name))
        out.print(f"{_MARKS[step.outcome]} {name}{pad}{escape(step.zh)} · {escape(step.en)}", soft_wrap=True)
    if verdict.error is not None:
        raise verdict.error
    assert verdict.facts is not None
    assert verdict.book is not None
    subject, facts = verdict.facts.manifest.subject, verdict.facts
    out.print(f"\n{subject.about} · {subject.id}", soft_wrap=True)
    claimed = [each for each in reliances(facts, verdict.book) if not each.given]
    if claimed:
        out.print(
            "\n[yellow]以下公钥仅为包内所称，请电话核对指纹 / these keys are only claimed by the pack: whether the hub"
            " really has them is for you to ask it, by telephone[/]",
            soft_wrap=True,
        )
        for hub in facts.hubs:
            if hub.card and any(each.hub == hub.jurisdiction for each in claimed):
                out.print(f"  {hub.jurisdiction}  {'card':21}{hub.card}", soft_wrap=True)
        for each in claimed:
            told = f"  {each.hub}  {each.use:21}{each.fingerprint}  {each.key[:60]}"
            out.print(told, markup=False, soft_wrap=True)
    rests = any(not each.adds for each in claimed)
    out.print(f"\n[green]✓[/] 证据成立{'（以上述公钥属实为前提）' if rests else ''} / it is proven", end="")
    out.print(", if these are the hubs' keys" if rests else "")


def _show_receipt(receipt: Path, log_keys: list[str], batch: Path | None) -> None:
    found = verify_receipt_file(receipt, log_keys, batch)
    out.print(f"[green]✓[/] the log signed the checkpoint 账本签名有效  {found.checkpoint.origin}")
    out.print(f"  {' · '.join(found.algorithms)}")
    out.print(f"[green]✓[/] entry {found.index} is in the tree of {found.checkpoint.size} 条目在账本中")
    if found.manifest:
        manifest = found.manifest
        out.print(f"[green]✓[/] {manifest.publisher} signed the manifest 发布方签名有效")
        out.print(f"  {manifest.dataset} · {manifest.kind} · {found.entry['verdict']['rows']:,} rows")
    if batch:
        out.print(f"[green]✓[/] {escape(batch.name)} is that batch, byte for byte 文件一致")
