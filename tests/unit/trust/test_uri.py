"""pkcs11: URIs: what they name, where their PIN is, and texts that are none."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.errors import (
    HechuanError,
    InvalidInputError,
    LimitExceededError,
    MalformedError,
    NotFoundError,
    UntrustedError,
)
from exchange.trust.uri import TokenUri

MODULE = "module-path=/usr/lib/softhsm/libsofthsm2.so"


def test_a_uri_names_one_key() -> None:
    uri = TokenUri.parse(
        f"pkcs11:token=Hub%20%E5%90%88%E5%B7%9D;serial=9cb6;object=log;id=%01%FF;type=private"
        f"?{MODULE}&pin-source=file:/etc/hechuan/pin"
    )
    assert uri == TokenUri(
        Path("/usr/lib/softhsm/libsofthsm2.so"), "Hub 合川", "9cb6", "log", b"\1\xff", "file:/etc/hechuan/pin"
    )
    assert str(uri) == "pkcs11:token=Hub 合川;serial=9cb6;object=log;id=01ff"


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("", MalformedError),
        ("file", MalformedError),
        ("PKCS11:token=a;object=b", MalformedError),
        (f"pkcs11:?{MODULE}", InvalidInputError),
        (f"pkcs11:token=a?{MODULE}", InvalidInputError),
        (f"pkcs11:object=a?{MODULE}", InvalidInputError),
        ("pkcs11:token=a;object=b", InvalidInputError),
        ("pkcs11:token=a;object=b?module-path=libsofthsm2.so", InvalidInputError),
        (f"pkcs11:token=a;token=b;object=c?{MODULE}", InvalidInputError),
        (f"pkcs11:token=a;object=b;colour=red?{MODULE}", InvalidInputError),
        (f"pkcs11:token=a;object=b;type=public?{MODULE}", InvalidInputError),
        (f"pkcs11:token=a;object=?{MODULE}", MalformedError),
        (f"pkcs11:token=a;object?{MODULE}", MalformedError),
        (f"pkcs11:token=a;;object=b?{MODULE}", InvalidInputError),
        (f"pkcs11:token=a b;object=c?{MODULE}", MalformedError),
        (f'pkcs11:token=a"b;object=c?{MODULE}', MalformedError),
        (f"pkcs11:token=a%2;object=c?{MODULE}", MalformedError),
        (f"pkcs11:token=%FF;object=c?{MODULE}", MalformedError),
        (f"pkcs11:token=a;object=b\n?{MODULE}", MalformedError),
        (f"pkcs11:token=a;object=b?{MODULE}&pin-source=/etc/pin", InvalidInputError),
        (f"pkcs11:token=a;object=b?{MODULE}&pin-source=file:pin", InvalidInputError),
        (f"pkcs11:token=a;object=b?{MODULE}&pin-source=%7Ccat%20/etc/pin", InvalidInputError),
        (f"pkcs11:token=a;object=b?{MODULE}&pin-source=env:A=B", InvalidInputError),
        ("pkcs11:token=" + "a" * 3000, MalformedError),
    ],
)
def test_uris_that_are_refused(text: str, error: type[HechuanError]) -> None:
    with pytest.raises(error):
        TokenUri.parse(text)


def test_a_pin_in_the_uri_is_refused_and_not_shown() -> None:
    with pytest.raises(InvalidInputError, match="pin-source") as caught:
        TokenUri.parse(f"pkcs11:token=a;object=b?{MODULE}&pin-value=31415")
    assert "31415" not in caught.value.message


def _with_source(source: str) -> TokenUri:
    return TokenUri.parse(f"pkcs11:token=a;object=b?{MODULE}&pin-source={source}")


def test_where_a_pin_comes_from(tmp_path: Path) -> None:
    pin = tmp_path / "pin"
    pin.write_text("1234\n")
    pin.chmod(0o600)
    assert _with_source(f"file:{pin}").pin({}) == "1234"
    assert _with_source(f"file://{pin}").pin({}) == "1234"
    assert _with_source("env:HECHUAN_PIN").pin({"HECHUAN_PIN": "5678"}) == "5678"
    assert TokenUri.parse(f"pkcs11:token=a;object=b?{MODULE}").pin({}) is None
    with pytest.raises(NotFoundError):
        _with_source("env:HECHUAN_PIN").pin({})
    pin.chmod(0o644)
    with pytest.raises(UntrustedError):
        _with_source(f"file:{pin}").pin({})
    pin.chmod(0o600)
    pin.write_bytes(b"\xff")
    with pytest.raises(MalformedError):
        _with_source(f"file:{pin}").pin({})
    pin.write_bytes(bytes(100_000))
    with pytest.raises(LimitExceededError):
        _with_source(f"file:{pin}").pin({})


@given(st.text(max_size=200))
def test_no_text_raises_anything_but_our_errors(text: str) -> None:
    for made in (text, f"pkcs11:{text}", f"pkcs11:token=a;object=b?{MODULE}&{text}"):
        with pytest.raises(HechuanError):
            TokenUri.parse(made)
