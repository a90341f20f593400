"""`hechuan hub`: set up and run a hub, and decide who belongs to it."""

from __future__ import annotations

import json
import sys
from contextlib import closing
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from exchange.errors import InvalidInputError, MalformedError
from exchange.flow.enrol import invite as make_invitation
from exchange.flow.enrol import issue
from exchange.home import HubDirectory, found_hub, renew_hub_certificate
from exchange.ids import AgencyId, parse_jurisdiction
from exchange.ledger import SignatureType
from exchange.member import HubCard
from exchange.settings import Identity, Keys, Settings, load_settings
from exchange.store import open_ledger
from exchange.trust.custody import FILE
from exchange.trust.secret import read_public, write_private

app = typer.Typer(help="Run a jurisdiction's hub. 管理本辖区的枢纽。", no_args_is_help=True)
out = Console(highlight=False)
err = Console(stderr=True, highlight=False)

Directory = Annotated[Path, typer.Argument(help="The hub's directory.")]
Agency = Annotated[str, typer.Argument(help="As 500000/ecology.")]
Output = Annotated[
    Path | None, typer.Option("--output", "-o", help="New file (mode 0600); standard output otherwise.")
]
Address = Annotated[
    str | None, typer.Option(help="host:port under which partners reach the hub; from hub.toml otherwise.")
]
Jurisdiction = Annotated[str, typer.Option(help="Province code of GB/T 2260, as 500000.")]


@app.command()
def init(
    directory: Directory,
    jurisdiction: Jurisdiction,
    names: Annotated[
        str, typer.Option(help="Comma-separated names and addresses; they go into the certificate.")
    ] = "localhost,127.0.0.1",
    listen: Annotated[str, typer.Option(help="host:port for members; port 0: any.")] = "127.0.0.1:0",
    listen_enrolment: Annotated[str, typer.Option(help="host:port for enrolment.")] = "127.0.0.1:0",
    ledger: Annotated[str, typer.Option(help="PostgreSQL URL; SQLite in the directory otherwise.")] = "",
    objects: Annotated[str, typer.Option(help="s3:// URL; files in the directory otherwise.")] = "",
    log_key: Annotated[str, typer.Option(help="pkcs11: URI of a key that `hechuan key new` made.")] = FILE,
    statement_key: Annotated[str, typer.Option(help="The same for what readers are told.")] = FILE,
    stewards: Annotated[str, typer.Option(help="Comma-separated agencies that watch over quality.")] = "",
) -> None:
    """Make a hub: certificate authority, keys, settings, empty stores, shipped contracts. 建立枢纽。"""
    from exchange.app import initialise

    hub = {"jurisdiction": parse_jurisdiction(jurisdiction), "names": names}
    hub |= {"listen": listen, "listen_enrolment": listen_enrolment}
    hub |= {"stewards": stewards} if stewards else {}
    store = {name: url for name, url in (("ledger", ledger), ("objects", objects)) if url}
    keys = Keys(log=log_key, statement=statement_key)
    kept = {name: where for name, where in asdict(keys).items() if where != FILE}
    life = Identity()
    home = HubDirectory(directory)
    hosts = [name.strip() for name in names.split(",") if name.strip()]
    text = settings_text({"hub": hub, "store": store, "keys": kept})
    days = (life.ca_certificate_days, life.hub_certificate_days)
    found_hub(home, jurisdiction, hosts, text, _now(), *days, keys)
    initialise(directory)
    out.print(f"[green]✓[/] hub {jurisdiction} is in {directory} 枢纽已建立", soft_wrap=True)
    for key in home.log_verifiers():
        text = str(key) if key.type is SignatureType.ED25519 else f"{str(key)[:60]}…"
        out.print(f"log key 账本公钥  {key.type.algorithm}  {text}", soft_wrap=True, markup=False)


@app.command()
def serve(directory: Directory) -> None:
    """Run the hub until SIGTERM or SIGINT, then drain. 启动枢纽。"""
    from exchange.app import serve as run

    run(
        directory,
        lambda ports: out.print(f"listening 已就绪  exchange {ports.exchange} · enrolment {ports.enrolment}"),
    )


@app.command()
def invite(
    directory: Directory,
    agency: Agency,
    output: Output = None,
    address: Address = None,
    enrolment: Annotated[str | None, typer.Option(help="host:port for enrolment.")] = None,
) -> None:
    """Invite an agency of this jurisdiction; hand the file over in private, it works once. 邀请机构。"""
    home, settings = _open(directory)
    names, listen = settings.hub.names, settings.hub.listen_enrolment
    with closing(open_ledger(settings.store, home.state)) as ledger:
        invitation = make_invitation(
            ledger,
            _card(home, settings, address),
            enrolment or home.address(names, listen, "enrolment"),
            AgencyId.parse(agency),
            settings.identity.invitation_hours,
            _now(),
        )
    _emit(invitation.to_bytes(), output)
    err.print(
        f"invitation 邀请  {agency}  until 有效至 {invitation.expires_at:%Y-%m-%d %H:%M} UTC", soft_wrap=True
    )
    err.print(f"fingerprint 指纹  {invitation.card.fingerprint}")


@app.command()
def card(directory: Directory, output: Output = None, address: Address = None) -> None:
    """The hub's card, for members of other jurisdictions; nothing in it is secret. 枢纽名片。"""
    home, settings = _open(directory)
    made = _card(home, settings, address)
    _emit(made.to_bytes(), output)
    err.print(f"fingerprint 指纹  {made.fingerprint}")


@app.command()
def sign(
    directory: Directory,
    csr: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="PKCS #10, PEM.")],
    agency: Annotated[str, typer.Option(help="Whom you know to have made the request.")],
    output: Output = None,
) -> None:
    """Sign a certificate request that came another way; its own claims do not count. 离线签发证书。"""
    home, settings = _open(directory)
    days, request = settings.identity.agency_certificate_days, read_public(csr)
    with closing(open_ledger(settings.store, home.state)) as ledger:
        chain = issue(ledger, home.authority(), AgencyId.parse(agency), request, days, _now())
    _emit(chain, output)


@app.command()
def trust(
    directory: Directory,
    jurisdiction: Jurisdiction,
    ca: Annotated[
        Path, typer.Option(exists=True, dir_okay=False, help="Its authorities, PEM, or a hub card.")
    ],
) -> None:
    """Let another jurisdiction's authority vouch for its agencies; a federation's roster goes before. 信任外辖区。"""
    home, _ = _open(directory)
    pem = read_public(ca)
    if pem.lstrip().startswith(b"{"):
        found = HubCard.parse(pem)
        if found.jurisdiction != jurisdiction:
            raise InvalidInputError(
                f"名片属于 {found.jurisdiction} / the card is that of {found.jurisdiction}"
            )
        pem = found.authority.encode()
    home.trust_authority(jurisdiction, pem)
    out.print(f"[green]✓[/] {jurisdiction} is trusted for new connections 新连接即生效")


@app.command()
def peer(
    directory: Directory,
    card: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="The other hub's card.")],
) -> None:
    """Federate with one hub by its card, without a roster; both sides do it. 与另一枢纽直接联接。"""
    home, _ = _open(directory)
    found = HubCard.parse(read_public(card))
    home.add_peer(found)
    out.print(f"hub 枢纽 {found.jurisdiction}  fingerprint 指纹  {found.fingerprint}", soft_wrap=True)
    out.print(f"[green]✓[/] {found.jurisdiction} is a peer from now on 即刻生效")


@app.command()
def revoke(
    directory: Directory,
    agency: Agency,
    serial: Annotated[str | None, typer.Option(help="Only this certificate, hex.")] = None,
    key: Annotated[str | None, typer.Option(help="Only this signing key, by id.")] = None,
) -> None:
    """Revoke a certificate or signing key, or all that is known of an agency; a running hub obeys. 吊销。"""
    from exchange.app import build

    member = AgencyId.parse(agency)
    _open(directory)
    application = build(directory)
    store = application.ledger
    try:
        serials = [read_serial(serial)] if serial else []
        keys = [key] if key else []
        if not serials and not keys:
            serials = [record.serial for record in store.certificates(member)]
            keys = [record.id for record in store.keys(member)]
        known = {store.key(name).agency for name in keys}
        if known - {member}:
            raise InvalidInputError(f"密钥不属于 {member} / the key does not belong to {member}")
        for name in serials:
            application.catalogue.revoke(member, serial=name)
            out.print(f"[green]✓[/] certificate 证书 {name}")
        for name in keys:
            application.catalogue.revoke(member, key_id=name)
            out.print(f"[green]✓[/] signing key 签名密钥 {name}")
        if not serials and not keys:
            out.print(f"nothing to revoke 无可吊销  {member}")
    finally:
        application.close()


@app.command()
def members(directory: Directory) -> None:
    """Who holds which certificate and signing key. 成员一览。"""
    home, settings = _open(directory)
    with closing(open_ledger(settings.store, home.state)) as ledger:
        revoked = {record.serial or record.key_id for record in ledger.revocations()}
        for issued in ledger.certificates():
            until = f"until 有效至 {issued.not_after:%Y-%m-%d}"
            _line(issued.agency, "certificate 证书", issued.serial, until, issued.serial in revoked)
        for record in ledger.keys(None):
            _line(record.agency, "key 密钥", record.id, "", record.id in revoked)


@app.command()
def renew(directory: Directory) -> None:
    """A new server certificate for the names in hub.toml; a running hub takes it at once. 更新服务器证书。"""
    home, settings = _open(directory)
    hosts = [name.strip() for name in settings.hub.names.split(",") if name.strip()]
    renew_hub_certificate(home, hosts, settings.identity.hub_certificate_days, _now())
    out.print("[green]✓[/] renewed; new connections see it 证书已更新，新连接即用")


def settings_text(sections: dict[str, dict[str, str]]) -> str:
    """The text of hub.toml; empty sections are left out."""
    # a JSON string without control characters is a TOML string
    lines = ["# Settings of this hub. Every name and its default: exchange/settings.py"]
    for section, values in sections.items():
        if values:
            lines.append(f"\n[{section}]")
            lines += [f"{name} = {json.dumps(value, ensure_ascii=False)}" for name, value in values.items()]
    return "\n".join(lines) + "\n"


def read_serial(text: str) -> str:
    """A certificate's serial number, hex in any of the usual spellings, as revocations hold it."""
    digits = text.replace(":", "").lower().removeprefix("0x").lstrip("0")
    if not digits or set(digits) - set("0123456789abcdef"):
        raise MalformedError(f"证书序号应为十六进制 / serial {text[:80]!r} is not a hexadecimal number")
    return digits


def _open(directory: Path) -> tuple[HubDirectory, Settings]:
    home = HubDirectory(directory)
    return home, load_settings(home.settings)


def _card(home: HubDirectory, settings: Settings, address: str | None) -> HubCard:
    return home.card(address or home.address(settings.hub.names, settings.hub.listen, "exchange"))


def _line(agency: AgencyId, kind: str, name: str, until: str, revoked: bool) -> None:
    # a line each, never cut: ids are there to be copied into `revoke`
    out.print(f"{agency!s:28} {kind}  {name}  {until}{'  revoked 已吊销' if revoked else ''}", soft_wrap=True)


def _emit(data: bytes, output: Path | None) -> None:
    if output:
        write_private(output, data)
    else:
        sys.stdout.buffer.write(data)
        sys.stdout.flush()


def _now() -> datetime:
    return datetime.now(UTC)
