"""The signed ledger head: C2SP tlog-checkpoint, signed by the log and cosigned by witnesses."""

from __future__ import annotations

from collections.abc import Sequence

from exchange.errors import MalformedError, SignatureInvalidError
from exchange.ledger.head import Checkpoint
from exchange.ledger.note import (
    Note,
    Sign,
    SignatureType,
    VerifierKey,
    sign_note,
    signature_line,
    verify_note,
)


def sign_checkpoint(checkpoint: Checkpoint, key: VerifierKey, sign: Sign) -> str:
    """The signed note of a checkpoint; the key's name must be the origin, else MalformedError."""
    if key.name != checkpoint.origin or key.type is not SignatureType.ED25519:
        raise MalformedError("a log signs its own checkpoints, with an Ed25519 key named as the origin")
    return sign_note(checkpoint.body(), key, sign)


def verify_checkpoint(note: str | bytes, *log: VerifierKey) -> Checkpoint:
    """The checkpoint in a note that this log signed; raises as `verify_checkpoint_signers`."""
    return verify_checkpoint_signers(note, *log)[0]


def verify_checkpoint_signers(
    note: str | bytes, *log: VerifierKey
) -> tuple[Checkpoint, tuple[VerifierKey, ...]]:
    """The checkpoint in a note that this log signed, and which of its keys signed it (at least one).

    A line of any of these keys that does not check spoils the note. The origin must be the keys' name: one name speaks
    for one log. Extension lines count only where Ed25519 signed, for ML-DSA does not cover them. Raises
    MalformedError, SignatureInvalidError.
    """
    parsed = Note.parse(note)
    signers = tuple(verify_note(parsed, log))
    checkpoint = Checkpoint.parse_body(parsed.text)
    for key in signers:
        if checkpoint.origin != key.name:
            raise SignatureInvalidError(f"checkpoint of {checkpoint.origin!r} is signed by {key.name!r}")
    if checkpoint.extensions and not any(key.type is SignatureType.ED25519 for key in signers):
        raise SignatureInvalidError("the checkpoint's extension lines are signed by nobody")
    return checkpoint, signers


def verify_checkpoint_by(
    note: str | bytes, log: Sequence[VerifierKey], required: Sequence[VerifierKey]
) -> Checkpoint:
    """As `verify_checkpoint`, where each of the `required` keys of the log must have signed."""
    checkpoint, signers = verify_checkpoint_signers(note, *log)
    absent = [key.type.algorithm for key in required if key not in signers]
    if absent:
        raise SignatureInvalidError(
            f"{checkpoint.origin} has not signed with {', '.join(absent)}", detail={"reason": "HALF_SIGNED"}
        )
    return checkpoint


def cosign(note: str, witness: VerifierKey, time: int, sign: Sign) -> str:
    """The note with a cosignature appended; `time` in POSIX seconds. tlog-cosignature § Format.

    A log appends its own ML-DSA-44 signature in this way, too: the key has the log's name. The caller has checked
    the log's signature and consistency with what it saw before. Raises MalformedError.
    """
    if not witness.type.timed:
        raise MalformedError("a witness signs with a cosignature key")
    parsed = Note.parse(note)
    Checkpoint.parse_body(parsed.text)
    return note + signature_line(parsed.text, witness, sign, time)


def verify_cosignatures(note: str | bytes, witnesses: Sequence[VerifierKey]) -> dict[VerifierKey, int]:
    """Which witnesses cosigned, and when (POSIX seconds); raises MalformedError, SignatureInvalidError.

    Says nothing about the log's own signature: call `verify_checkpoint` as well.
    """
    parsed = Note.parse(note)
    Checkpoint.parse_body(parsed.text)
    signed = verify_note(parsed, [key for key in witnesses if key.type.timed])
    return {key: time for key, time in signed.items() if time is not None}
