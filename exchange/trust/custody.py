"""Where a signing key is kept: a setting says `file`, or names a key in a token."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from exchange.errors import InvalidInputError
from exchange.trust.keys import Signer, SigningKey
from exchange.trust.token import TokenKey
from exchange.trust.uri import SCHEME, TokenUri

FILE: Final = "file"


def open_signer(where: str, path: Path) -> Signer:
    """The key at `path` where the setting says `file`, otherwise the one that its `pkcs11:` URI names.

    Raises InvalidInputError, and as SigningKey.load and TokenKey do.
    """
    if where == FILE:
        return SigningKey.load(path)
    if not where.startswith(SCHEME):
        raise InvalidInputError(f"a signing key is in {FILE!r} or at a {SCHEME} URI")
    return TokenKey(TokenUri.parse(where))
