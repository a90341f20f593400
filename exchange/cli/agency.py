"""`hechuan agency`: become a member of a hub. Keys are made here and never leave."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from exchange.client.enrol import enroll as enroll_agency
from exchange.client.enrol import join as join_hub
from exchange.client.enrol import register_key
from exchange.client.enrol import renew as renew_certificate
from exchange.client.profile import Home, Profile
from exchange.ids import AgencyId
from exchange.member import HubCard, Invitation
from exchange.trust.custody import FILE
from exchange.trust.secret import read_public, write_private

app = typer.Typer(help="An agency's membership. 机构入网。", no_args_is_help=True)
out = Console(highlight=False)

Directory = Annotated[Path, typer.Option("--home", envvar="HECHUAN_HOME", help="The agency's directory.")]
Signing = Annotated[
    str, typer.Option(help="pkcs11: URI of a signing key that `hechuan key new` made; a file otherwise.")
]
Card = Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="What `hechuan hub card` wrote.")]


@app.command()
def enroll(
    invitation: Annotated[
        Path, typer.Argument(exists=True, dir_okay=False, help="What `hechuan hub invite` wrote.")
    ],
    home: Directory,
    signing: Signing = FILE,
) -> None:
    """Make keys, fetch the certificate, put the signing key into the ledger. Safe to repeat. 凭邀请入网。"""
    now = datetime.now(UTC)
    invited = Invitation.parse(read_public(invitation))
    _fingerprint(invited.card)
    profile = enroll_agency(invited, home, now, signing)
    _register(profile, now)
    _describe(profile)


@app.command()
def csr(
    home: Directory,
    agency: Annotated[str, typer.Option(help="As 500000/ecology.")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="New file; standard output otherwise.")
    ] = None,
    signing: Signing = FILE,
) -> None:
    """Make keys and a certificate request, to be carried to the hub by hand. 生成证书请求（离线）。"""
    request = Home(home).prepare(AgencyId.parse(agency), signing)
    if output:
        write_private(output, request)
    else:
        sys.stdout.buffer.write(request)
        sys.stdout.flush()


@app.command()
def install(
    chain: Annotated[
        Path, typer.Argument(exists=True, dir_okay=False, help="What `hechuan hub sign` wrote.")
    ],
    home: Directory,
    hub: Annotated[Path, typer.Option(exists=True, dir_okay=False, help="Card of the agency's own hub.")],
    register: Annotated[bool, typer.Option(help="Register the signing key at the hub at once.")] = True,
) -> None:
    """Take over a certificate that was signed by hand. 安装离线签发的证书。"""
    now = datetime.now(UTC)
    card = HubCard.parse(read_public(hub))
    _fingerprint(card)
    Home(home).install(card, read_public(chain), now)
    profile = Profile.load(home)
    if register:
        _register(profile, now)
    _describe(profile)


@app.command()
def join(card: Card, home: Directory) -> None:
    """Register the signing key at another jurisdiction's hub, which must trust yours. 加入外辖区枢纽。"""
    found = HubCard.parse(read_public(card))
    _fingerprint(found)
    profile = join_hub(found, home)
    _register(profile, datetime.now(UTC))
    _describe(profile)


@app.command()
def register(
    home: Directory,
    hub: Annotated[
        str | None, typer.Option(help="Jurisdiction of a joined hub; the own one otherwise.")
    ] = None,
) -> None:
    """Register the signing key again, after it was replaced or the hub was not there. 登记签名密钥。"""
    _register(Profile.load(home, hub), datetime.now(UTC))


@app.command()
def renew(home: Directory) -> None:
    """Fetch a new certificate while the old one is good; connections made from then on use it. 更新证书。"""
    profile = renew_certificate(home, datetime.now(UTC))
    out.print("[green]✓[/] renewed 证书已更新")
    _describe(profile)


@app.command()
def show(home: Directory) -> None:
    """Who this is, and what it holds. 查看本机构。"""
    _describe(Profile.load(home))


def _register(profile: Profile, now: datetime) -> None:
    record = register_key(profile, now)
    where = f"hub {profile.card.jurisdiction}"
    out.print(
        f"[green]✓[/] signing key is in the ledger of {where} 签名密钥已入账  {record.id}", soft_wrap=True
    )


def _fingerprint(card: HubCard) -> None:
    out.print(f"hub 枢纽 {card.jurisdiction}  fingerprint 指纹  {card.fingerprint}")


def _describe(profile: Profile) -> None:
    serial, until = profile.certificate()
    out.print(f"agency 机构       {profile.agency}")
    out.print(f"certificate 证书  {serial}", soft_wrap=True)
    out.print(f"until 有效至      {until:%Y-%m-%d %H:%M} UTC")
    out.print(f"signing key 签名  {profile.signing_key().verify_key.keyid}", soft_wrap=True)
    for jurisdiction in profile.joined():
        card = Profile.load(profile.home.root, jurisdiction).card
        out.print(
            f"hub 枢纽 {jurisdiction}   {card.address}  fingerprint 指纹 {card.fingerprint}", soft_wrap=True
        )
