"""SM2 with SM3: the example of the standard, OpenSSL in both directions, key files, and what must not pass."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import utils

from exchange.errors import InvalidInputError, MalformedError, SignatureInvalidError
from exchange.trust import Envelope, SigningKey, VerifyKey, sign, verify

pytest.importorskip("gmssl_pyx", reason="gmssl-pyx is not installed: it has wheels for x86-64 alone")

# GB/T 32918.5-2017 (GM/T 0003.5-2012) annex A.2: recommended curve, identifier 1234567812345678
SECRET = "3945208f7b2144b13f36e38ac6d39f95889393692860b51a42fb81ef4df7c5b8"
POINT = (
    "09f9df311e5421a150dd7d161e4bc5c672179fad1833fc076bb08ff356f35020"
    "ccea490ce26775a52dc6ea718cc1aa600aed05fbf35e084a6632f6072da9ad13"
)
SIGNATURE = (
    "f5a03b0648d2c4630eeac513e1bb81a15944da3827d5b74143ac7eaceee720b3"
    "b1b6aa29df212fd8763182bc0d421ca1bb9038fd1f7f42d4840b69c485bbc1aa"
)
MESSAGE = b"message digest"
ORDER = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFF7203DF6B21C6052B53BBF40939D54123
PUBLIC = VerifyKey("sm2", b"\x04" + bytes.fromhex(POINT))
DISTID = ("-pkeyopt", "distid:1234567812345678")


def test_the_signature_of_the_standard() -> None:
    PUBLIC.verify(MESSAGE, bytes.fromhex(SIGNATURE))
    with pytest.raises(SignatureInvalidError):
        PUBLIC.verify(b"Message digest", bytes.fromhex(SIGNATURE))


@pytest.mark.parametrize(
    ("r", "s"),
    [
        (int(SIGNATURE[:64], 16) + 1, int(SIGNATURE[64:], 16)),
        (0, 1),
        (1, 0),
        (ORDER, 1),
        (1, ORDER),
        (1, ORDER - 1),
        (2**256 - 1, 2**256 - 1),
    ],
)
def test_numbers_that_sign_nothing(r: int, s: int) -> None:
    with pytest.raises(SignatureInvalidError):
        PUBLIC.verify(MESSAGE, r.to_bytes(32, "big") + s.to_bytes(32, "big"))


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\4" + b"\1" * 64,
        bytes(65),
        PUBLIC.public[1:],
        b"\2" + PUBLIC.public[1:33],
        b"\4" + b"\xff" * 64,
    ],
)
def test_bytes_that_are_no_point(raw: bytes) -> None:
    with pytest.raises(MalformedError):
        VerifyKey("sm2", raw)


def test_no_two_signatures_share_a_nonce() -> None:
    key = SigningKey.generate("sm2")
    assert len({key.sign(MESSAGE) for _ in range(20)}) == 20


def test_an_envelope_signed_with_sm2_beside_ed25519() -> None:
    national, other = SigningKey.generate("sm2"), SigningKey.generate()
    envelope = sign({"断面": "金子"}, "application/json", national, other)
    again = Envelope.from_json_bytes(envelope.to_json_bytes())
    for key in (national, other):
        found = VerifyKey.parse(str(key.verify_key))

        def resolve(keyid: str, found: VerifyKey = found) -> VerifyKey:
            if keyid != found.keyid:
                raise SignatureInvalidError("another key")
            return found

        assert verify(again, "application/json", resolve) == envelope.payload


@pytest.fixture(scope="module")
def openssl() -> str:
    """OpenSSL 3, which knows SM2."""
    found = shutil.which("openssl")
    if found is None:
        pytest.skip("openssl is not installed: nothing to compare SM2 with")
    return found


def test_openssl_verifies_ours_and_we_openssls(openssl: str, tmp_path: Path) -> None:
    def run(*arguments: str) -> None:
        subprocess.run([openssl, *arguments], cwd=tmp_path, check=True, capture_output=True, timeout=60)

    (tmp_path / "message").write_bytes(MESSAGE)
    run("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:SM2", "-out", "key.pem")
    run("pkey", "-in", "key.pem", "-pubout", "-out", "public.pem")
    key = SigningKey.from_pem((tmp_path / "key.pem").read_bytes())
    assert key.to_pem() == (tmp_path / "key.pem").read_bytes()
    ours = key.sign(MESSAGE)
    r, s = int.from_bytes(ours[:32], "big"), int.from_bytes(ours[32:], "big")
    (tmp_path / "ours").write_bytes(utils.encode_dss_signature(r, s))
    run("pkeyutl", "-verify", "-pubin", "-inkey", "public.pem", "-rawin", "-digest", "sm3", *DISTID,
        "-in", "message", "-sigfile", "ours")  # fmt: skip
    run("pkeyutl", "-sign", "-inkey", "key.pem", "-rawin", "-digest", "sm3", *DISTID,
        "-in", "message", "-out", "theirs")  # fmt: skip
    r, s = utils.decode_dss_signature((tmp_path / "theirs").read_bytes())
    key.verify_key.verify(MESSAGE, r.to_bytes(32, "big") + s.to_bytes(32, "big"))


def test_key_files_that_are_refused() -> None:
    mine, other = SigningKey.generate("sm2").to_pem(), SigningKey.generate("sm2").to_pem()
    lines, foreign = mine.splitlines(), other.splitlines()
    swapped = b"\n".join([*lines[:2], *foreign[2:]]) + b"\n"
    cut = b"\n".join([*lines[:2], *lines[3:]]) + b"\n"
    for pem in (swapped, cut):
        with pytest.raises(MalformedError):
            SigningKey.from_pem(pem)


def test_the_scalar_does_not_show() -> None:
    key = SigningKey.generate("sm2")
    assert "scalar" not in repr(key._private)


def test_without_the_extra_it_says_what_to_install() -> None:
    code = (
        "import sys; sys.modules['gmssl_pyx'] = None\n"
        "from exchange.errors import InvalidInputError\n"
        "from exchange.trust.keys import SigningKey, VerifyKey\n"
        "for make in (lambda: SigningKey.generate('sm2'), lambda: VerifyKey('sm2', bytes(65))):\n"
        "    try: make()\n"
        "    except InvalidInputError as error: assert 'hechuan[sm2]' in error.message\n"
        "    else: raise AssertionError\n"
        "SigningKey.generate()\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
    with pytest.raises(InvalidInputError):
        SigningKey.generate("sm9")
