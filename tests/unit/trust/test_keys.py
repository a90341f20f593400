"""Keys: published vectors of each algorithm, key ids, text and files, and keys that must not pass."""

from __future__ import annotations

import base64
import stat
from importlib.util import find_spec
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, mldsa, rsa

from exchange.errors import (
    ConflictError,
    HechuanError,
    InvalidInputError,
    MalformedError,
    NotFoundError,
    SignatureInvalidError,
    UntrustedError,
)
from exchange.trust import SigningKey, VerifyKey, pae
from exchange.trust.keys import ALGORITHMS

# sm2 needs GmSSL, which has no wheels for some machines; test_sm2 says so where it is missing
NAMES = [name for name in ALGORITHMS if name != "sm2" or find_spec("gmssl_pyx")]
KEYS = {name: SigningKey.generate(name) for name in NAMES}

# RFC 8032 §7.1, TEST 1 to 3: secret key, public key, message, signature
ED25519 = [
    (
        "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0"
        "595bbe24655141438e7a100b",
    ),
    (
        "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eae"
        "b4302aeeb00d291612bb0c00",
    ),
    (
        "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9"
        "716ed28dc027beceea1ec40a",
    ),
]


@pytest.mark.parametrize(("secret", "public", "message", "signature"), ED25519)
def test_ed25519_of_rfc_8032(secret: str, public: str, message: str, signature: str) -> None:
    key = SigningKey(ed25519.Ed25519PrivateKey.from_private_bytes(bytes.fromhex(secret)))
    assert key.verify_key.public.hex() == public
    assert key.sign(bytes.fromhex(message)).hex() == signature
    key.verify_key.verify(bytes.fromhex(message), bytes.fromhex(signature))


def test_ecdsa_p256_of_the_dsse_specification() -> None:
    secret = 97358161215184420915383655311931858321456579547487070936769975997791359926199
    x = 46950820868899156662930047687818585632848591499744589407958293238635476079160
    y = 5640078356564379163099075877009565129882514886557779369047442380624545832820
    signature = "A3JqsQGtVsJ2O2xqrI5IcnXip5GToJ3F+FnZ+O88SjtR6rDAajabZKciJTfUiHqJPcIAriEGAHTVeCUjW2JIZA=="
    key = SigningKey(ec.derive_private_key(secret, ec.SECP256R1()))
    assert key.verify_key.public == b"\4" + x.to_bytes(32, "big") + y.to_bytes(32, "big")
    message = pae("http://example.com/HelloWorld", b"hello world")
    assert message == b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    assert base64.b64encode(key.sign(message)).decode() == signature


def test_ml_dsa_65_of_rfc_9881() -> None:
    key = SigningKey(mldsa.MLDSA65PrivateKey.from_seed_bytes(bytes(range(32))))
    # the first line of the RFC's example public key for this seed
    head = base64.b64decode("MIIHsjALBglghkgBZQMEAxIDggehAEhoPZGXjjHrPd24sEc0gtK4il9iWUn9j1il")
    assert key.verify_key.public[:26] == head[22:]
    assert len(key.verify_key.public) == 1952
    assert len(key.sign(b"")) == 3309


@pytest.mark.parametrize("name", NAMES)
def test_every_algorithm_signs_and_verifies(name: str) -> None:
    key = KEYS[name]
    signature = key.sign(b"message")
    again = VerifyKey.parse(str(key.verify_key))
    assert again == key.verify_key
    again.verify(b"message", signature)
    assert key.keyid == again.keyid
    assert key.keyid.startswith(f"{name}:")
    assert len(key.keyid) == len(name) + 1 + 32


@pytest.mark.parametrize("name", NAMES)
def test_every_algorithm_refuses(name: str) -> None:
    key = KEYS[name]
    good = key.sign(b"message")
    other = SigningKey.generate(name).sign(b"message")
    flipped = bytes([good[0] ^ 1]) + good[1:]
    for bad in (b"", good[:-1], good + b"\0", flipped, other, bytes(len(good)), b"\xff" * len(good)):
        with pytest.raises(SignatureInvalidError):
            key.verify_key.verify(b"message", bad)
    with pytest.raises(SignatureInvalidError):
        key.verify_key.verify(b"Message", good)


def test_ecdsa_in_der_is_not_accepted() -> None:
    private = ec.derive_private_key(7, ec.SECP256R1())
    der = private.sign(b"message", ec.ECDSA(hashes.SHA256()))
    with pytest.raises(SignatureInvalidError):
        SigningKey(private).verify_key.verify(b"message", der)


def test_the_key_id_binds_the_algorithm() -> None:
    public = KEYS["ed25519"].verify_key.public
    text = str(KEYS["ed25519"].verify_key).replace("ed25519:", "ecdsa-p256:")
    with pytest.raises(HechuanError):
        VerifyKey.parse(text)
    with pytest.raises(MalformedError):
        VerifyKey("ecdsa-p256", public)


GOOD = str(SigningKey(ed25519.Ed25519PrivateKey.from_private_bytes(b"\1" * 32)).verify_key)
ID, MATERIAL = GOOD.split(" ")


@pytest.mark.parametrize(
    "text",
    [
        "",
        ID,
        MATERIAL,
        f"{ID}  {MATERIAL}",
        f"{ID} {MATERIAL}\n",
        f" {GOOD}",
        f"{ID.upper()} {MATERIAL}",
        f"{ID[:-1]}0 {MATERIAL}" if ID[-1] != "0" else f"{ID[:-1]}1 {MATERIAL}",
        f"{ID} {MATERIAL[:-1]}",
        f"{ID} {MATERIAL}=",
        f"{ID} {MATERIAL[:-2]}==",
        f"{ID} *{MATERIAL[1:]}",
        f"{ID} {'A' * 100_000}",
        "ed25519:" + "0" * 32 + " ====",
        f"ed25519{ID.removeprefix('ed25519')} é",
    ],
)
def test_texts_that_are_no_key(text: str) -> None:
    with pytest.raises(MalformedError):
        VerifyKey.parse(text)


@pytest.mark.parametrize("name", ["", "rsa", "ED25519", "sm3", "__class__", "x" * 1000])
def test_unknown_algorithms(name: str) -> None:
    with pytest.raises(InvalidInputError):
        VerifyKey(name, b"x" * 32)
    with pytest.raises(InvalidInputError):
        SigningKey.generate(name)


@pytest.mark.parametrize(
    ("name", "raw"),
    [
        ("ed25519", b""),
        ("ed25519", b"x" * 31),
        ("ecdsa-p256", b""),
        ("ecdsa-p256", b"\0"),
        ("ecdsa-p256", b"\4" + b"\1" * 64),
        pytest.param("ecdsa-p256", b"\2" + KEYS["ecdsa-p256"].verify_key.public[1:33], id="compressed"),
        ("ml-dsa-44", b"x" * 1311),
        ("ml-dsa-65", b"x" * 1951),
    ],
)
def test_bytes_that_are_no_public_key(name: str, raw: bytes) -> None:
    with pytest.raises(MalformedError):
        VerifyKey(name, raw)


P = 2**255 - 19
Y8 = 2707385501144840649318225287225658788936804267575313519463743609750303402022


@pytest.mark.parametrize("sign_bit", [0, 1 << 255])
@pytest.mark.parametrize("y", [0, 1, P - 1, P, P + 1, Y8, P - Y8])
def test_a_key_under_which_one_signature_fits_all_messages_is_refused(y: int, sign_bit: int) -> None:
    with pytest.raises(MalformedError):
        VerifyKey("ed25519", (y | sign_bit).to_bytes(32, "little"))


def test_why_small_order_is_refused() -> None:
    neutral = ed25519.Ed25519PublicKey.from_public_bytes((1).to_bytes(32, "little"))
    base_point = bytes.fromhex("58" + "66" * 31)
    for message in (b"I published this", b"I never published this"):
        neutral.verify(base_point + (1).to_bytes(32, "little"), message)


@pytest.mark.parametrize("name", NAMES)
def test_key_files(name: str, tmp_path: Path) -> None:
    path = tmp_path / "signing.pem"
    KEYS[name].save(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    again = SigningKey.load(path)
    again.verify_key.verify(b"m", KEYS[name].sign(b"m"))
    assert again.keyid == KEYS[name].keyid
    with pytest.raises(ConflictError):
        KEYS[name].save(path)
    assert path.read_bytes() == KEYS[name].to_pem()
    path.chmod(0o644)
    with pytest.raises(UntrustedError):
        SigningKey.load(path)


def test_a_missing_key_file(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError):
        SigningKey.load(tmp_path / "none.pem")


def test_a_private_key_does_not_show() -> None:
    key = KEYS["ed25519"]
    assert repr(key) == f"SigningKey({key.keyid})"


def _pem(private: ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey, password: bytes | None) -> bytes:
    encryption: serialization.KeySerializationEncryption = serialization.NoEncryption()
    if password:
        encryption = serialization.BestAvailableEncryption(password)
    return private.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)


@pytest.mark.parametrize(
    ("pem", "error"),
    [
        (b"", MalformedError),
        (b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", MalformedError),
        (KEYS["ed25519"].to_pem()[:-40], MalformedError),
        (_pem(ed25519.Ed25519PrivateKey.generate(), b"secret"), MalformedError),
        (_pem(rsa.generate_private_key(65537, 2048), None), InvalidInputError),
    ],
    ids=["empty", "no key", "cut", "encrypted", "rsa"],
)
def test_pem_that_is_refused(pem: bytes, error: type[HechuanError]) -> None:
    with pytest.raises(error):
        SigningKey.from_pem(pem)


def test_other_curves_are_refused() -> None:
    with pytest.raises(MalformedError):
        SigningKey(ec.generate_private_key(ec.SECP384R1()))
