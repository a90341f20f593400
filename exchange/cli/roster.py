"""A roster on the screen: as it is, and what a proposal would change in it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from rich.console import Console
from rich.table import Table

from exchange.errors import InvalidInputError
from exchange.member import HubCard
from exchange.names import PROVINCES
from exchange.store.tuf import Proposal, Repository
from exchange.trust.roster import LOG_MLDSA_MEMBER, Denied, HubEntry, Roster


def entry_of(card: HubCard, name_zh: str | None = None, name_en: str | None = None) -> HubEntry:
    """A roster's entry from a hub's card; raises InvalidInputError for a card without witness key or name."""
    if not card.witness_key:
        raise InvalidInputError(
            f"枢纽 {card.jurisdiction} 的名片没有见证公钥，请重新导出 / the card of {card.jurisdiction} has no "
            "witness key: make a new one with hechuan hub card"
        )
    zh, en = PROVINCES.get(card.jurisdiction, (None, None))
    zh, en = name_zh or zh, name_en or en
    if not zh or not en:
        raise InvalidInputError("请给出枢纽名称 / give the hub's names: --name-zh and --name-en")
    keys = (card.log_key, card.witness_key, card.statement_key)
    extra = {LOG_MLDSA_MEMBER: card.log_mldsa_key} if card.log_mldsa_key else {}
    return HubEntry(card.jurisdiction, zh, en, card.address, card.authority, *keys, extra)


def with_authority(entry: HubEntry, authorities: str) -> HubEntry:
    """The entry with further authorities (PEM) that count as well."""
    both = authorities if entry.authorities in authorities else entry.authorities + authorities
    return replace(entry, authorities=both)


def table(out: Console, roster: Roster) -> None:
    """Hubs, expiry, and who is denied."""
    expired = roster.expires_at <= datetime.now(UTC)
    state = "[red]expired 已过期[/]" if expired else "until 有效至"
    out.print(f"version 版本 {roster.version}  {state} {roster.expires_at:%Y-%m-%d %H:%M} UTC")
    shown = Table("hub 枢纽", "name 名称", "address 地址", "authority until 证书机构至", "log key 账本公钥")
    for name in sorted(roster.hubs):
        hub = roster.hubs[name]
        authorities = roster.bundle().authorities[name]
        until = " ".join(f"{each.not_valid_after_utc:%Y-%m-%d}" for each in authorities)
        mark = " [red]denied 已拒绝[/]" if name in roster.denied.hubs else ""
        shown.add_row(
            name + mark, f"{hub.name_zh} {hub.name_en}", hub.address, until, hub.log_key.split("+")[1]
        )
    out.print(shown)
    for line in _lines(roster.denied):
        out.print(f"[red]denied 已拒绝[/]  {line}", soft_wrap=True)


def changes(out: Console, before: Roster | None, proposal: Proposal) -> None:
    """What a proposal adds, replaces, denies and lets go, against what is known here."""
    after = proposal.roster()
    known = before.hubs if before else {}
    for name in sorted(after.hubs):
        hub = after.hubs[name]
        if known.get(name) != hub:
            what = "replaced 更新" if name in known else "new 新增"
            out.print(f"[yellow]{what}[/]  {name} {hub.name_zh} {hub.name_en}  {hub.address}", soft_wrap=True)
            for key in (hub.log_key, hub.witness_key, hub.statement_key):
                out.print(f"    {key}", soft_wrap=True, markup=False)
    for name in sorted(known.keys() - after.hubs.keys()):
        out.print(f"[red]removed 移除[/]  {name}")
    denied = before.denied if before else Denied()
    for line in _lines(after.denied - denied):
        out.print(f"[red]denied 拒绝[/]  {line}", soft_wrap=True)
    for line in _lines(denied - after.denied):
        out.print(f"[yellow]let go 解除[/]  {line}", soft_wrap=True)
    if proposal.root:
        out.print(f"[yellow]keys 密钥[/]  root version {proposal.root.signed.version}")
    expires = proposal.targets.signed.expires
    out.print(f"version 版本 {after.version}  until 有效至 {expires:%Y-%m-%d} UTC")


def signatures(out: Console, proposal: Proposal, repository: Repository) -> None:
    """Who has signed, and how many it takes."""
    root = repository.newest_root_of(proposal)
    signed = proposal.signed_by(root)
    needed = root.roles["targets"].threshold
    out.print(f"signed 已签署 {len(signed)}/{needed}  {' '.join(signed)}")


def _lines(denied: Denied) -> list[str]:
    return [
        *(f"hub {name}" for name in sorted(denied.hubs)),
        *(f"agency {name}" for name in sorted(map(str, denied.agencies))),
        *(f"certificate {hub}:{serial}" for hub, serial in sorted(denied.serials)),
        *(f"key {name}" for name in sorted(denied.keys)),
    ]
