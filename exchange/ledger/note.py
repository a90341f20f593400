"""C2SP signed notes: a text, a blank line, and one line for each signature.

Three signature types are known: plain Ed25519 (signed-note, 0x01), the timestamped Ed25519 cosignature of a witness
(tlog-cosignature, 0x04), and the timestamped ML-DSA-44 cosignature (tlog-cosignature, 0x06; FIPS 204, empty context).
A log signs its own checkpoints with the last, too (tlog-checkpoint § Signatures), so no private-use type 0xff is
needed. Lines of other keys are passed over, as the specification demands: who knows only Ed25519 is not disturbed.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from hashlib import sha256
from typing import Final, Self

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PublicKey

from exchange.errors import InvalidInputError, LimitExceededError, MalformedError, SignatureInvalidError
from exchange.ledger.head import cosigned_message, subtree_message
from exchange.ledger.text import decode_base64, decode_text

Sign = Callable[[bytes], bytes]
"""Message → raw signature, Ed25519 (64 bytes) or ML-DSA-44 (2,420 bytes); the private key stays with the caller."""

MAX_NOTE_BYTES: Final = 256 * 1024
MAX_SIGNATURES: Final = 64
_MAX_VKEY = 4096
_KEY_BYTES = 32
_ML_DSA_KEY_BYTES = 1312
_KEY_ID_BYTES = 4
_TIME_BYTES = 8
_MAX_TIME = (1 << 63) - 1
_FIELD = 2**255 - 19
_ORDER_8_Y = 2707385501144840649318225287225658788936804267575313519463743609750303402022
# y of the eight points of small order: under such a key one signature fits every note
_WEAK_Y = frozenset({0, 1, _FIELD - 1, _ORDER_8_Y, _FIELD - _ORDER_8_Y})
_DASH = "\u2014 "
_KEY_ID = re.compile(r"[0-9a-f]{8}")
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f]")


class SignatureType(IntEnum):
    """Signature type identifier byte (signed-note § Signature types)."""

    ED25519 = 0x01
    COSIGNATURE = 0x04
    ML_DSA_44 = 0x06

    @property
    def timed(self) -> bool:
        """Whether the signature carries the moment it was made at."""
        return self is not SignatureType.ED25519

    @property
    def algorithm(self) -> str:
        """Name of the algorithm, as key ids have it."""
        return "ml-dsa-44" if self is SignatureType.ML_DSA_44 else "ed25519"


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """A name and the key that signs under it: Ed25519 (32 bytes) or ML-DSA-44 (1,312). signed-note § Verifier keys."""

    name: str
    public: bytes
    type: SignatureType = SignatureType.ED25519
    key_id: bytes = field(init=False)
    _key: Ed25519PublicKey | MLDSA44PublicKey = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not _is_name(self.name):
            raise MalformedError("a key name is not empty and has no spaces, plus or control characters")
        load = _load_ml_dsa if self.type is SignatureType.ML_DSA_44 else _load_ed25519
        identity = self.name.encode() + b"\n" + bytes([self.type]) + self.public
        object.__setattr__(self, "_key", load(self.name, self.public))
        object.__setattr__(self, "key_id", sha256(identity).digest()[:_KEY_ID_BYTES])

    @classmethod
    def parse(cls, vkey: str) -> Self:
        """Read `<name>+<key id in hex>+<base64 of type and key>`; raises MalformedError."""
        parts = vkey.split("+", 2) if len(vkey) <= _MAX_VKEY else []
        if len(parts) != 3 or not _KEY_ID.fullmatch(parts[1]):
            raise MalformedError("a verifier key is <name>+<8 hex digits>+<base64>")
        name, key_id, material = parts[0], parts[1], decode_base64(parts[2], "verifier key")
        if not material or material[0] not in set(SignatureType):
            raise MalformedError("verifier key is of a signature type that is not known here")
        key = cls(name, material[1:], SignatureType(material[0]))
        if key.key_id.hex() != key_id:
            raise MalformedError("verifier key does not match its key id")
        return key

    def __str__(self) -> str:
        material = base64.b64encode(bytes([self.type]) + self.public).decode()
        return f"{self.name}+{self.key_id.hex()}+{material}"

    def verify(self, text: str, signature: bytes) -> int | None:
        """Check one signature over a note's text; returns a cosignature's POSIX time in seconds.

        Raises SignatureInvalidError, and MalformedError where ML-DSA is to have signed what is no checkpoint.
        signed-note § Ed25519 signatures; tlog-cosignature § Format.
        """
        time = None
        if self.type.timed:
            time, signature = int.from_bytes(signature[:_TIME_BYTES], "big"), signature[_TIME_BYTES:]
            if time > _MAX_TIME:
                raise SignatureInvalidError(f"cosignature of {self.name} has an impossible time")
        try:
            self._key.verify(signature, self.message(text, time))
        except (InvalidSignature, ValueError):
            raise SignatureInvalidError(f"signature of {self.name} does not check") from None
        return time

    def message(self, text: str, time: int | None) -> bytes:
        """The bytes that a signature of this type over a note's text signs; `time` (POSIX seconds) where it is timed.

        Raises MalformedError for a time that is missing or impossible, or a text that ML-DSA cannot sign.
        """
        if not self.type.timed:
            return text.encode()
        if time is None or not 0 <= time <= _MAX_TIME:
            raise MalformedError("a cosignature needs a POSIX time in seconds")
        if self.type is SignatureType.COSIGNATURE:
            return cosigned_message(text, time)
        return subtree_message(self.name, text, time)


@dataclass(frozen=True, slots=True)
class NoteSignature:
    """One signature line as read; nothing is checked yet."""

    name: str
    key_id: bytes
    signature: bytes


@dataclass(frozen=True, slots=True)
class Note:
    """A note as read: the signed text with its final newline, and its signature lines, unchecked."""

    text: str
    signatures: tuple[NoteSignature, ...]

    @classmethod
    def parse(cls, note: str | bytes) -> Self:
        """Read a note; raises MalformedError, LimitExceededError. signed-note § Format."""
        if len(note) > MAX_NOTE_BYTES:
            raise LimitExceededError(f"a note has at most {MAX_NOTE_BYTES} bytes")
        decoded = decode_text(note, "note")
        if _CONTROL.search(decoded):
            raise MalformedError("note contains control characters")
        text, blank, lines = decoded.rpartition("\n\n")
        if not blank or not lines.endswith("\n"):
            raise MalformedError("a note is a text, a blank line and signature lines, newline-ended")
        signatures = lines[:-1].split("\n")
        if len(signatures) > MAX_SIGNATURES:
            raise LimitExceededError(f"a note has at most {MAX_SIGNATURES} signatures")
        return cls(text + "\n", tuple(_parse_signature(line) for line in signatures))


def sign_note(text: str, key: VerifierKey, sign: Sign, time: int | None = None) -> str:
    """Sign a text that ends in a newline; returns the note. A cosignature key needs `time`, POSIX seconds."""
    return f"{text}\n{signature_line(text, key, sign, time)}"


def signature_line(text: str, key: VerifierKey, sign: Sign, time: int | None = None) -> str:
    """One signature line over a note's text, to be appended to the note."""
    message = key.message(text, time)
    stamp = time.to_bytes(_TIME_BYTES, "big") if key.type.timed and time is not None else b""
    blob = base64.b64encode(key.key_id + stamp + sign(message)).decode()
    return f"{_DASH}{key.name} {blob}\n"


def verify_note(note: Note, keys: Sequence[VerifierKey]) -> dict[VerifierKey, int | None]:
    """Which of `keys` signed, each with its cosignature time if it has one.

    Lines of other keys are ignored. The whole note is refused with SignatureInvalidError if a known key signed
    twice, if its signature fails, or if none of the keys signed. signed-note § Signatures.
    """
    known = {(key.name, key.key_id): key for key in keys}
    signed: dict[VerifierKey, int | None] = {}
    for line in note.signatures:
        key = known.get((line.name, line.key_id))
        if key is None:
            continue
        if key in signed:
            raise SignatureInvalidError(f"{key.name} signed the note twice")
        signed[key] = key.verify(note.text, line.signature)
    if not signed:
        raise SignatureInvalidError("no known key signed the note")
    return signed


def _load_ed25519(name: str, raw: bytes) -> Ed25519PublicKey:
    if len(raw) != _KEY_BYTES:
        raise MalformedError(f"an Ed25519 public key has {_KEY_BYTES} bytes")
    if (int.from_bytes(raw, "little") & (1 << 255) - 1) % _FIELD in _WEAK_Y:
        raise MalformedError(f"the Ed25519 key of {name} is a point of small order")
    return Ed25519PublicKey.from_public_bytes(raw)


def _load_ml_dsa(name: str, raw: bytes) -> MLDSA44PublicKey:
    if len(raw) != _ML_DSA_KEY_BYTES:
        raise MalformedError(f"an ML-DSA-44 public key has {_ML_DSA_KEY_BYTES} bytes")
    try:
        return MLDSA44PublicKey.from_public_bytes(raw)
    except UnsupportedAlgorithm as error:
        raise InvalidInputError(f"the key of {name}: ML-DSA-44 is not supported by this build") from error


def _is_name(name: str) -> bool:
    printable = not any(char.isspace() or char == "+" or char < " " for char in name)
    return bool(name) and printable and not any("\ud800" <= char <= "\udfff" for char in name)


def _parse_signature(line: str) -> NoteSignature:
    name, space, encoded = line.removeprefix(_DASH).partition(" ")
    if not line.startswith(_DASH) or not space or not _is_name(name):
        raise MalformedError(f"{line[:80]!r} is not a signature line")
    blob = decode_base64(encoded, "note signature")
    if len(blob) <= _KEY_ID_BYTES:
        raise MalformedError("note signature is too short")
    return NoteSignature(name, blob[:_KEY_ID_BYTES], blob[_KEY_ID_BYTES:])
