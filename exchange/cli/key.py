"""`hechuan key`: make and look at signing keys, in files and in PKCS #11 tokens."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from exchange.trust.custody import FILE, open_signer
from exchange.trust.keys import ALGORITHMS, DEFAULT_ALGORITHM, SigningKey, VerifyKey
from exchange.trust.token import generate_in_token
from exchange.trust.uri import SCHEME, TokenUri

app = typer.Typer(help="Signing keys in files and tokens. 签名密钥。", no_args_is_help=True)
out = Console(highlight=False)

Place = Annotated[
    str,
    typer.Argument(
        help="A file, or pkcs11:token=…;object=…?module-path=/…&pin-source=file:/… (RFC 7512); env:NAME as well."
    ),
]


@app.command()
def new(
    place: Place,
    algorithm: Annotated[
        str, typer.Option(help=f"{', '.join(ALGORITHMS)}; in a token ed25519 or ecdsa-p256.")
    ] = DEFAULT_ALGORITHM,
) -> None:
    """Make a signing key; nothing is overwritten. In a token it can never be read out. 生成签名密钥。"""
    if place.startswith(SCHEME):
        _print(generate_in_token(TokenUri.parse(place), algorithm))
        return
    key = SigningKey.generate(algorithm)
    key.save(Path(place))
    _print(key.verify_key)


@app.command()
def show(place: Place) -> None:
    """The public half of a signing key. 查看公钥。"""
    where, path = (place, Path()) if place.startswith(SCHEME) else (FILE, Path(place))
    _print(open_signer(where, path).verify_key)


def _print(key: VerifyKey) -> None:
    out.print(str(key), soft_wrap=True, markup=False)
