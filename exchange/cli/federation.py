"""`hechuan federation`: which hubs belong together, decided by enough jurisdictions, each with a key of its own.

One hub more: `hechuan hub card` at the new hub; `add` where the repository is kept; `sign` at a second jurisdiction;
`publish`; `join` at the new hub.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from tuf.api.metadata import Root

from exchange.cli.hub import read_serial
from exchange.cli.roster import changes, entry_of, signatures, table, with_authority
from exchange.errors import InvalidInputError, LimitExceededError, NotFoundError
from exchange.home import HubDirectory
from exchange.ids import AgencyId, fingerprint, parse_jurisdiction
from exchange.member import HubCard
from exchange.settings import Federation, load_settings
from exchange.store.tuf import (
    FederationDirectory,
    Holder,
    HolderKeys,
    LastRoster,
    Proposal,
    Repository,
    RosterClient,
    Thresholds,
    fetch_from,
)
from exchange.trust.roster import Denied, Roster
from exchange.trust.secret import make_private_directory, read_public, replace_private, write_private

app = typer.Typer(help="Hubs that know each other. 枢纽联盟。", no_args_is_help=True)
out = Console(highlight=False)
_MAX_PROPOSAL = 4 << 20

Directory = Annotated[Path, typer.Argument(help="The hub's directory.")]
Keys = Annotated[
    Path | None, typer.Option(help="Where the federation keys are; <hub>/federation/keys otherwise.")
]


class Office:
    """A hub's directory as the commands see it."""

    def __init__(self, directory: Path, keys: Path | None = None) -> None:
        self.home = HubDirectory(directory)
        self.settings: Federation = load_settings(self.home.settings).federation
        self.jurisdiction = self.home.authority().jurisdiction
        self.place = FederationDirectory(self.home.federation)
        self.keys = HolderKeys(keys or self.place.keys)
        self.repository = Repository(self.place.publish, self.settings)

    def staged(self, proposal: Proposal) -> None:
        """Sign a proposal that was made here with whatever keys are here, and say what is next."""
        before = self.published()
        needed = ("targets", "root") if proposal.root else ("targets",)
        if all(self.keys.path(role).exists() for role in needed):
            root = self.repository.newest_root_of(proposal)
            proposal = proposal.sign(self.keys, self.jurisdiction, root)
            self.repository.save(proposal)
        changes(out, before, proposal)
        signatures(out, proposal, self.repository)
        out.print(f"proposal 提案  {self.repository.staged}", soft_wrap=True)

    def published(self) -> Roster | None:
        """The roster before a change."""
        try:
            return self.repository.roster()
        except NotFoundError:
            return LastRoster(self.place.last).read()


@app.command("root-key")
def root_key(
    directory: Directory,
    output: Annotated[Path, typer.Option("--output", "-o", help="New file with the public keys.")],
    keys: Keys = None,
) -> None:
    """Make this jurisdiction's keys; hand the public file to whoever founds the federation. 生成联盟密钥。"""
    office = Office(directory, keys)
    make_private_directory(office.place.root)
    holder = office.keys.make(office.jurisdiction)
    write_private(output, holder.to_bytes())
    out.print(f"[green]✓[/] keys 密钥  {office.keys.directory}", soft_wrap=True)
    out.print(f"fingerprint 指纹  {holder.fingerprint}")


@app.command()
def found(
    directory: Directory,
    holder: Annotated[
        list[Path],
        typer.Option(exists=True, dir_okay=False, help="What `root-key` wrote; once for each jurisdiction."),
    ],
    card: Annotated[
        list[Path], typer.Option(exists=True, dir_okay=False, help="Card of a founding hub; once for each.")
    ],
    root_threshold: Annotated[
        int | None, typer.Option(help="Jurisdictions that change keys; a majority otherwise.")
    ] = None,
    targets_threshold: Annotated[
        int | None, typer.Option(help="Jurisdictions that add or deny; two otherwise.")
    ] = None,
) -> None:
    """Propose a federation; it begins once enough have signed and it is published. 发起联盟。"""
    office = Office(directory)
    make_private_directory(office.place.root)
    holders = [Holder.parse(read_public(path)) for path in holder]
    for each in holders:
        out.print(f"keys of 密钥 {each.jurisdiction}  fingerprint 指纹  {each.fingerprint}")
    hubs = [entry_of(_card(path)) for path in card]
    thresholds = Thresholds(root_threshold, targets_threshold)
    office.staged(office.repository.found(holders, thresholds, hubs, _now()))
    if len(holders) <= 2:
        out.print(
            "[yellow]fewer than three: a lost root key cannot be replaced 少于三方，丢失根密钥将无法更换[/]"
        )


@app.command()
def add(
    directory: Directory,
    card: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="What `hechuan hub card` wrote.")],
    name_zh: Annotated[
        str | None, typer.Option(help="The hub's Chinese name; the province's otherwise.")
    ] = None,
    name_en: Annotated[str | None, typer.Option(help="The hub's English name.")] = None,
    keep_authority: Annotated[
        bool, typer.Option(help="The authority before it counts as well, while it is being changed.")
    ] = False,
) -> None:
    """Propose a hub, or a new card of one; signed here at once if the keys are here. 加入或更新枢纽。"""
    office = Office(directory)
    entry = entry_of(_card(card), name_zh, name_en)
    before = office.published()
    if keep_authority and before and entry.jurisdiction in before.hubs:
        entry = with_authority(entry, before.hubs[entry.jurisdiction].authorities)
    office.staged(office.repository.propose(_now(), hubs=[entry]))


@app.command()
def deny(
    directory: Directory,
    serial: Annotated[list[str] | None, typer.Option(help="<jurisdiction>:<hex>, a certificate.")] = None,
    key: Annotated[list[str] | None, typer.Option(help="A signing key, by id.")] = None,
    agency: Annotated[list[str] | None, typer.Option(help="As 510000/water.")] = None,
    hub: Annotated[list[str] | None, typer.Option(help="A jurisdiction.")] = None,
    undo: Annotated[bool, typer.Option(help="Let them count again.")] = False,
) -> None:
    """Propose that somebody counts nowhere in the federation. 全联盟拒绝。"""
    denied = Denied(
        serials=frozenset(_serial(text) for text in serial or ()),
        keys=frozenset(key or ()),
        agencies=frozenset(AgencyId.parse(text) for text in agency or ()),
        hubs=frozenset(parse_jurisdiction(text) for text in hub or ()),
    )
    if denied == Denied():
        raise InvalidInputError("请指明拒绝何者 / say what to deny: --serial, --key, --agency or --hub")
    office = Office(directory)
    nobody = Denied()
    deny_more, allow = (nobody, denied) if undo else (denied, nobody)
    office.staged(office.repository.propose(_now(), deny=deny_more, allow=allow))


@app.command()
def rotate(
    directory: Directory,
    holder: Annotated[
        Path | None, typer.Argument(exists=True, dir_okay=False, help="New keys, as `root-key` wrote them.")
    ] = None,
) -> None:
    """Propose new keys for a jurisdiction that lost its own; without them, only later expiries. 更换密钥或展期。"""
    office = Office(directory)
    fresh = Holder.parse(read_public(holder)) if holder else None
    if fresh:
        out.print(f"keys of 密钥 {fresh.jurisdiction}  fingerprint 指纹  {fresh.fingerprint}")
    office.staged(office.repository.propose(_now(), holder=fresh, renew=fresh is None))


@app.command()
def sign(
    directory: Directory,
    proposal: Annotated[
        Path, typer.Argument(exists=True, dir_okay=False, help="A proposal; signed in place.")
    ],
    keys: Keys = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Look at a proposal and sign it with this jurisdiction's keys. 核对并签署提案。"""
    office = Office(directory, keys)
    read = Proposal.parse(_bounded(proposal))
    changes(out, LastRoster(office.place.last).read(), read)
    if read.root:
        for role in ("root", "targets"):
            held = read.root.signed.roles[role]
            out.print(f"{role}: {held.threshold} of {len(held.keyids)} 门限")
    if not yes:
        typer.confirm("签署？ Sign it?", abort=True)
    signed = read.sign(
        office.keys, office.jurisdiction, read.root.signed if read.root else _known_root(office)
    )
    replace_private(proposal, signed.to_bytes())
    out.print(f"[green]✓[/] signed by 已签署 {office.jurisdiction}")


@app.command()
def publish(
    directory: Directory,
    copies: Annotated[
        list[Path] | None, typer.Argument(exists=True, dir_okay=False, help="Signed copies of the proposal.")
    ] = None,
    keys: Keys = None,
) -> None:
    """Publish what enough have signed; with nothing waiting, sign the timestamp if it is due. 发布。"""
    office = Office(directory, keys)
    if office.repository.proposal() is None:
        due = office.repository.resign(office.keys, _now())
        out.print("timestamp signed 时间戳已更新" if due else "nothing to do 无待办")
        return
    signed = [Proposal.parse(_bounded(path)) for path in copies or ()]
    roster = office.repository.publish(signed, office.keys, _now())
    root = office.repository.root().signed.version
    out.print(f"[green]✓[/] version {roster.version} is published 已发布")
    path = office.place.publish / f"metadata/{root}.root.json"
    out.print(f"root for new hubs 供新枢纽固定  {path}", soft_wrap=True)
    out.print(f"fingerprint 指纹  {fingerprint(read_public(path))}")


@app.command()
def join(
    directory: Directory,
    root: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="The federation's root; own repository otherwise."),
    ] = None,
    card: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="Card of a hub that is in the federation."),
    ] = None,
) -> None:
    """Pin the federation's root and fetch the roster; a running hub follows from then on. 加入联盟。"""
    from exchange.app import SystemClock
    from exchange.serve.federation import peer_fetch

    office = Office(directory)
    place, clock = office.place, SystemClock()
    if root is None:
        root = place.publish / f"metadata/{office.repository.root().signed.version}.root.json"
    data = read_public(root)
    out.print(f"root fingerprint 根指纹  {fingerprint(data)}")
    if card is None:
        client = RosterClient(place.root, fetch_from(place.publish), clock)
        client.pin(data)
        roster = client.refresh()
    else:
        peer = _card(card)
        with peer_fetch(office.home, peer.address, peer.authority, office.settings.fetch_seconds) as fetch:
            client = RosterClient(place.root, fetch, clock)
            client.pin(data)
            roster = client.refresh()
    table(out, roster)


@app.command()
def show(directory: Directory) -> None:
    """The roster as this hub has verified it last, and what waits for signatures. 查看联盟。"""
    office = Office(directory)
    roster = LastRoster(office.place.last).read()
    if roster is None:
        out.print("not in a federation 未加入联盟")
    else:
        table(out, roster)
    waiting = office.repository.proposal()
    if waiting:
        changes(out, office.published(), waiting)
        signatures(out, waiting, office.repository)


def _known_root(office: Office) -> Root:
    """The newest root that was published here or verified here."""
    for directory in (office.place.publish, office.place.mirror):
        try:
            return Repository(directory, office.settings).root().signed
        except NotFoundError:
            continue
    raise NotFoundError("本机尚无联盟的根，请先 join / no root of the federation is known here: join first")


def _card(path: Path) -> HubCard:
    card = HubCard.parse(read_public(path))
    out.print(f"hub 枢纽 {card.jurisdiction}  fingerprint 指纹  {card.fingerprint}")
    return card


def _serial(text: str) -> tuple[str, str]:
    jurisdiction, colon, serial = text.partition(":")
    if not colon:
        raise InvalidInputError(f"应为 <辖区>:<序号> / {text[:80]!r} is not <jurisdiction>:<hex>")
    return parse_jurisdiction(jurisdiction), read_serial(serial)


def _bounded(path: Path) -> bytes:
    with path.open("rb") as file:
        data = file.read(_MAX_PROPOSAL + 1)
    if len(data) > _MAX_PROPOSAL:
        raise LimitExceededError(f"文件过大 / file is larger than {_MAX_PROPOSAL} bytes: {path}")
    return data


def _now() -> datetime:
    return datetime.now(UTC)
