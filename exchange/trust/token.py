"""Signing keys in PKCS #11 tokens (hardware security modules, SoftHSM): they sign, and never leave.

PKCS #11 v3.0 (OASIS), through python-pkcs11, extra `pkcs11`. Kinds of key, in the forms of `exchange.trust.keys`:

| algorithm | key type | curve (CKA_EC_PARAMS) | mechanism |
|---|---|---|---|
| ed25519 | CKK_EC_EDWARDS | PrintableString `edwards25519` | CKM_EDDSA |
| ecdsa-p256 | CKK_EC | OID 1.2.840.10045.3.1.7 | CKM_ECDSA over SHA-256 |

ML-DSA and SM2 stay in files: the first came into PKCS #11 with v3.2, the second is each vendor's own.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final, TypeVar

from exchange.errors import (
    ConflictError,
    HechuanError,
    InvalidInputError,
    NotFoundError,
    SignatureInvalidError,
    UnavailableError,
)
from exchange.trust.keys import VerifyKey
from exchange.trust.uri import TokenUri

if TYPE_CHECKING:
    from pkcs11 import Session, Token

_Result = TypeVar("_Result")
_ID_BYTES: Final = 8
_CURVES: Final = {
    "ed25519": bytes.fromhex("130c656477617264733235353139"),
    "ecdsa-p256": bytes.fromhex("06082a8648ce3d030107"),
}
# the same curve by object identifier, 1.3.101.112
_ALSO_ED25519: Final = bytes.fromhex("06032b6570")
_POINT_BYTES: Final = {"ed25519": 32, "ecdsa-p256": 65}
_OCTET_STRING: Final = 0x04


@dataclass(slots=True)
class _Login:
    """One session of this process with one token. PKCS #11 v3.0 §5.6: whoever logs in or out does so for all."""

    uri: TokenUri
    lock: threading.RLock = field(default_factory=threading.RLock)
    session: Session | None = None

    def run(self, act: Callable[[Session], _Result]) -> _Result:
        """Let `act` use the session, alone; once more with a new one where the token was away meanwhile."""
        pkcs11 = _load()
        with self.lock:
            for last in (False, True):
                try:
                    if self.session is None:
                        self.session = _open(self.uri)
                    return act(self.session)
                except pkcs11.PKCS11Error as error:
                    self._drop()
                    if last:
                        raise UnavailableError(
                            f"密码设备无响应 / token does not answer: {type(error).__name__}"
                        ) from error
            raise AssertionError  # the second turn returns or raises

    def _drop(self) -> None:
        session, self.session = self.session, None
        try:
            if session is not None:
                session.close()
        except _load().PKCS11Error:
            pass  # it was gone already


_logins: dict[tuple[Path, str, str], _Login] = {}
_logins_lock = threading.Lock()


class TokenKey:
    """A private key in a token, found by its URI. May be used by several threads."""

    def __init__(self, uri: TokenUri) -> None:
        """Log in and look the key up; raises NotFoundError, InvalidInputError (PIN, kind of key), UnavailableError."""
        self._uri = uri
        self._login = _login(uri)
        self.verify_key: VerifyKey = self._login.run(lambda session: _public(session, uri))
        self._held: tuple[Session, Any] | None = None

    def sign(self, message: bytes, /) -> bytes:
        """Signature over the message; raises UnavailableError where the token does not answer, or signs wrongly.

        It is checked before it leaves: a device at fault must not end in a ledger.
        """
        signature = self._login.run(lambda session: self._sign(session, message))
        try:
            self.verify_key.verify(message, signature)
        except SignatureInvalidError as error:
            raise UnavailableError("密码设备签名有误 / the token's signature does not check") from error
        return signature

    def _sign(self, session: Session, message: bytes) -> bytes:
        pkcs11 = _load()
        if self._held is None or self._held[0] is not session:
            self._held = (session, _find(session, self._uri, pkcs11.ObjectClass.PRIVATE_KEY))
        private = self._held[1]
        if self.verify_key.algorithm == "ed25519":
            return bytes(private.sign(message, mechanism=pkcs11.Mechanism.EDDSA))
        return bytes(private.sign(sha256(message).digest(), mechanism=pkcs11.Mechanism.ECDSA))

    def __repr__(self) -> str:
        return f"TokenKey({self.verify_key.keyid})"


def generate_in_token(uri: TokenUri, algorithm: str = "ed25519") -> VerifyKey:
    """Make a key pair inside the token, not extractable; returns its public half.

    `algorithm` is `ed25519` or `ecdsa-p256`. Raises ConflictError where the URI's key exists, InvalidInputError for
    another algorithm or a URI without `object`, and as TokenKey does.
    """
    pkcs11 = _load()
    if algorithm not in _CURVES:
        raise InvalidInputError(f"a token makes {' or '.join(_CURVES)}, not {algorithm[:40]!r}")
    if not uri.object:
        raise InvalidInputError("a new key needs a label: object=… in the token URI")

    def make(session: Session) -> VerifyKey:
        if list(session.get_objects(_sought(uri, pkcs11.ObjectClass.PRIVATE_KEY))):
            raise ConflictError(f"密钥已存在，不覆盖 / the token has this key already: {uri}")
        attribute = pkcs11.Attribute
        kind = pkcs11.KeyType.EC_EDWARDS if algorithm == "ed25519" else pkcs11.KeyType.EC
        curve = session.create_domain_parameters(kind, {attribute.EC_PARAMS: _CURVES[algorithm]}, local=True)
        curve.generate_keypair(
            label=uri.object,
            id=uri.id or secrets.token_bytes(_ID_BYTES),
            store=True,
            capabilities=pkcs11.MechanismFlag.SIGN | pkcs11.MechanismFlag.VERIFY,
            private_template={attribute.SENSITIVE: True, attribute.EXTRACTABLE: False},
        )
        return _public(session, uri)

    # not through _Login.run: a key that was made must not be made again
    with _login(uri).lock, _open(uri, writable=True) as session:
        return _told(lambda: make(session))


def _load() -> ModuleType:
    try:
        import pkcs11
    except ImportError:
        raise InvalidInputError(
            "密码设备需要安装扩展 / tokens need their extra: pip install 'hechuan[pkcs11]'"
        ) from None
    module: ModuleType = pkcs11
    return module


def _login(uri: TokenUri) -> _Login:
    with _logins_lock:
        return _logins.setdefault((uri.module, uri.token, uri.serial), _Login(uri))


def _open(uri: TokenUri, *, writable: bool = False) -> Session:
    pkcs11 = _load()
    token, pin = _token(uri), uri.pin()
    try:
        try:
            return token.open(rw=writable, user_pin=pin)
        except pkcs11.UserAlreadyLoggedIn:
            return token.open(rw=writable)
    except (pkcs11.PinIncorrect, pkcs11.PinLenRange, pkcs11.PinInvalid, pkcs11.PinExpired) as error:
        # once only: a token locks itself after a few wrong ones
        raise InvalidInputError(f"密码设备拒绝 PIN / token refuses the PIN: {uri}") from error
    except pkcs11.PinLocked as error:
        raise InvalidInputError(f"密码设备已锁定 / token is locked: {uri}") from error


def _token(uri: TokenUri) -> Token:
    pkcs11 = _load()
    try:
        driver = pkcs11.lib(str(uri.module))
    except (pkcs11.PKCS11Error, RuntimeError, OSError) as error:
        raise NotFoundError(f"无法加载驱动 / cannot load the token's driver {uri.module}: {error}") from error
    wanted: dict[str, Any] = {"token_label": uri.token or None}
    if uri.serial:
        wanted["token_serial"] = uri.serial.encode()
    try:
        found: Token = driver.get_token(**wanted)
    except pkcs11.NoSuchToken:
        raise NotFoundError(f"找不到密码设备 / no such token: {uri}") from None
    except pkcs11.MultipleTokensReturned:
        raise InvalidInputError(f"several tokens have this name, say serial=…: {uri}") from None
    return found


def _sought(uri: TokenUri, kind: object) -> dict[Any, Any]:
    attribute = _load().Attribute
    sought: dict[Any, Any] = {attribute.CLASS: kind}
    if uri.object:
        sought[attribute.LABEL] = uri.object
    if uri.id:
        sought[attribute.ID] = uri.id
    return sought


def _find(session: Session, uri: TokenUri, kind: object) -> Any:
    found = list(session.get_objects(_sought(uri, kind)))
    if not found:
        raise NotFoundError(
            f"密码设备中没有此密钥，请先执行 hechuan key new / no such key in the token, run hechuan key new: {uri}"
        )
    if len(found) > 1:
        raise InvalidInputError(f"several keys have this name, say id=…: {uri}")
    return found[0]


def _public(session: Session, uri: TokenUri) -> VerifyKey:
    """The public half; the private key must be there as well."""
    pkcs11 = _load()
    _find(session, uri, pkcs11.ObjectClass.PRIVATE_KEY)
    public = _find(session, uri, pkcs11.ObjectClass.PUBLIC_KEY)
    curve = bytes(public[pkcs11.Attribute.EC_PARAMS]) if _is_curve(public, pkcs11) else b""
    names = {**{value: name for name, value in _CURVES.items()}, _ALSO_ED25519: "ed25519"}
    if curve not in names:
        raise InvalidInputError(f"keys in tokens are {' or '.join(_CURVES)}: {uri}")
    return VerifyKey(names[curve], _point(bytes(public[pkcs11.Attribute.EC_POINT]), names[curve]))


def _is_curve(public: Any, pkcs11: ModuleType) -> bool:
    return public.key_type in (pkcs11.KeyType.EC, pkcs11.KeyType.EC_EDWARDS)


def _point(data: bytes, algorithm: str) -> bytes:
    """CKA_EC_POINT is a DER OCTET STRING; some devices leave its two bytes of header out."""
    size = _POINT_BYTES[algorithm]
    if len(data) == size + 2 and data[0] == _OCTET_STRING and data[1] == size:
        return data[2:]
    return data


def _told(act: Callable[[], _Result]) -> _Result:
    """Errors of the device as ours."""
    try:
        return act()
    except HechuanError:
        raise
    except _load().PKCS11Error as error:
        raise UnavailableError(f"密码设备拒绝 / the token refuses: {type(error).__name__} {error}") from error
