"""Keys in a PKCS #11 token: SoftHSM makes them, signs with them, and does not give them away."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from exchange.errors import (
    ConflictError,
    HechuanError,
    InvalidInputError,
    MalformedError,
    NotFoundError,
    UnavailableError,
)
from exchange.trust import SigningKey, VerifyKey, sign, verify
from exchange.trust.custody import open_signer
from exchange.trust.token import TokenKey, generate_in_token
from exchange.trust.uri import TokenUri
from tests.tokens import SoftToken

ALGORITHMS = ["ed25519", "ecdsa-p256"]
NOWHERE = Path("/nonexistent")


def _made(token: SoftToken, label: str, algorithm: str = "ed25519") -> tuple[TokenKey, VerifyKey]:
    uri = TokenUri.parse(token.uri(label))
    public = generate_in_token(uri, algorithm)
    return TokenKey(uri), public


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_key_in_a_token_signs_as_one_in_a_file_would(token: SoftToken, algorithm: str) -> None:
    key, public = _made(token, f"signs-{algorithm}", algorithm)
    assert key.verify_key == public == VerifyKey.parse(str(public))
    assert public.algorithm == algorithm
    for message in (b"", b"message", b"x" * 100_000):
        public.verify(message, key.sign(message))
    envelope = sign({"rows": 1}, "application/json", key, SigningKey.generate())
    assert verify(envelope, "application/json", lambda keyid: public) == b'{"rows":1}'
    assert repr(key) == f"TokenKey({public.keyid})"


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_the_private_half_cannot_be_read(token: SoftToken, algorithm: str) -> None:
    import pkcs11

    _made(token, f"hidden-{algorithm}", algorithm)
    with token.session() as session:
        (private,) = session.get_objects(
            {
                pkcs11.Attribute.LABEL: f"hidden-{algorithm}",
                pkcs11.Attribute.CLASS: pkcs11.ObjectClass.PRIVATE_KEY,
            }
        )
        assert private[pkcs11.Attribute.SENSITIVE]
        assert not private[pkcs11.Attribute.EXTRACTABLE]
        assert private[pkcs11.Attribute.NEVER_EXTRACTABLE]
        with pytest.raises(pkcs11.AttributeSensitive):
            private[pkcs11.Attribute.VALUE]


def test_a_key_is_made_once(token: SoftToken) -> None:
    key, public = _made(token, "once")
    for algorithm in ALGORITHMS:
        with pytest.raises(ConflictError):
            generate_in_token(TokenUri.parse(token.uri("once")), algorithm)
    assert key.verify_key == TokenKey(TokenUri.parse(token.uri("once"))).verify_key == public


def test_many_threads_share_a_token(token: SoftToken) -> None:
    keys = [_made(token, f"shared-{number}")[0] for number in range(3)]

    def work(number: int) -> None:
        key, message = keys[number % 3], str(number).encode()
        key.verify_key.verify(message, key.sign(message))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(200)))


def test_whoever_was_logged_out_logs_in_again(token: SoftToken) -> None:
    key, public = _made(token, "lost")
    for _ in range(3):
        with token.session():
            pass
        public.verify(b"message", key.sign(b"message"))


def test_a_key_that_is_gone_says_so(token: SoftToken) -> None:
    import pkcs11

    key, _ = _made(token, "gone")

    with token.session() as session:
        for found in session.get_objects({pkcs11.Attribute.LABEL: "gone"}):
            found.destroy()
    with pytest.raises((NotFoundError, UnavailableError)):
        key.sign(b"message")


def test_open_signer_takes_both(token: SoftToken, tmp_path: Path) -> None:
    _, public = _made(token, "either")
    assert open_signer(token.uri("either"), NOWHERE).verify_key == public
    SigningKey.generate().save(tmp_path / "a.key")
    assert isinstance(open_signer("file", tmp_path / "a.key"), SigningKey)
    for where, error in (
        ("", InvalidInputError),
        ("File", InvalidInputError),
        ("pkcs11:", InvalidInputError),
    ):
        with pytest.raises(error):
            open_signer(where, tmp_path / "a.key")


def test_what_is_not_there(token: SoftToken) -> None:
    with pytest.raises(NotFoundError, match="hechuan key new"):
        TokenKey(TokenUri.parse(token.uri("never-made")))
    with pytest.raises(NotFoundError, match="no such token"):
        TokenKey(TokenUri.parse(token.uri("log", token="another")))
    driver = token.uri("log").replace(str(token.driver), "/nonexistent/driver.so")
    with pytest.raises(NotFoundError, match="driver"):
        TokenKey(TokenUri.parse(driver))


def test_what_a_token_does_not_make(token: SoftToken) -> None:
    for algorithm in ("ml-dsa-44", "sm2", "rsa", ""):
        with pytest.raises(InvalidInputError, match="ed25519 or ecdsa-p256"):
            generate_in_token(TokenUri.parse(token.uri("other")), algorithm)
    nameless = token.uri("x").replace("object=x", "id=%01")
    with pytest.raises(InvalidInputError, match="object"):
        generate_in_token(TokenUri.parse(nameless))


def test_keys_of_other_kinds_are_refused(token: SoftToken) -> None:
    import pkcs11

    with token.session() as session:
        session.generate_keypair(pkcs11.KeyType.RSA, 2048, label="rsa", store=True)
    with pytest.raises(InvalidInputError, match="ed25519 or ecdsa-p256"):
        TokenKey(TokenUri.parse(token.uri("rsa")))


def test_a_wrong_pin_is_tried_once(token: SoftToken) -> None:
    # another process, for a login holds for the whole of one
    code = (
        "import sys\n"
        "from exchange.errors import InvalidInputError\n"
        "from exchange.trust.token import TokenKey\n"
        "from exchange.trust.uri import TokenUri\n"
        "try: TokenKey(TokenUri.parse(sys.argv[1]))\n"
        "except InvalidInputError as error: assert 'PIN' in error.message and '0000' not in error.message\n"
        "else: raise AssertionError\n"
    )
    uri = token.uri("any", source="env:WRONG_PIN")
    subprocess.run(
        [sys.executable, "-c", code, uri], check=True, timeout=60, env={**os.environ, "WRONG_PIN": "0000"}
    )


def test_without_the_extra_it_says_what_to_install(token: SoftToken) -> None:
    code = (
        "import sys; sys.modules['pkcs11'] = None\n"
        "from exchange.errors import InvalidInputError\n"
        "from exchange.trust.custody import open_signer\n"
        "from pathlib import Path\n"
        "try: open_signer(sys.argv[1], Path())\n"
        "except InvalidInputError as error: assert 'hechuan[pkcs11]' in error.message\n"
        "else: raise AssertionError\n"
    )
    subprocess.run([sys.executable, "-c", code, token.uri("any")], check=True, timeout=60)


@pytest.mark.parametrize("where", ['pkcs11:token=a;object=b?module-path=/x"y', "pkcs11:token=\\;object=b"])
def test_no_uri_breaks_out_of_profile_toml(where: str) -> None:
    with pytest.raises(HechuanError) as caught:
        open_signer(where, NOWHERE)
    assert isinstance(caught.value, MalformedError)
