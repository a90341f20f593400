"""Checkpoints: the signed head and its cosignatures."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

from exchange.errors import InvalidInputError, MalformedError, SignatureInvalidError
from exchange.ledger import (
    MAX_ENTRY_BYTES,
    Checkpoint,
    LogSigner,
    Note,
    Receipt,
    SignatureType,
    VerifierKey,
    cosign,
    sign_checkpoint,
    sign_note,
    verify_checkpoint,
    verify_checkpoint_signers,
    verify_cosignatures,
)
from exchange.ledger.head import subtree_message
from exchange.ledger.note import MAX_SIGNATURES

PUBLISHED = Path(__file__).resolve().parents[2] / "vectors" / "published" / "notes.json"
LOG_PRIVATE = Ed25519PrivateKey.from_private_bytes(b"\1" * 32)
WITNESS_PRIVATE = Ed25519PrivateKey.from_private_bytes(b"\2" * 32)
LOG = VerifierKey("log.example/ledger", LOG_PRIVATE.public_key().public_bytes_raw())
WITNESS = VerifierKey(
    "witness.example", WITNESS_PRIVATE.public_key().public_bytes_raw(), SignatureType.COSIGNATURE
)
ML_DSA = MLDSA44PrivateKey.from_seed_bytes(b"\3" * 32)
ML_DSA_LOG = VerifierKey(LOG.name, ML_DSA.public_key().public_bytes_raw(), SignatureType.ML_DSA_44)
ML_DSA_WITNESS = VerifierKey("pq.witness.example", ML_DSA_LOG.public, SignatureType.ML_DSA_44)
BOTH = LogSigner(LOG, LOG_PRIVATE.sign, ((ML_DSA_LOG, ML_DSA.sign),))
NOON = datetime(2026, 3, 19, 4, 0, 0, 999_999, tzinfo=UTC)
ROOT = bytes(range(32))
HEAD = Checkpoint(LOG.name, 20, ROOT)
NOTE = sign_checkpoint(HEAD, LOG, LOG_PRIVATE.sign)
ENCODED = base64.b64encode(ROOT).decode()


def test_the_specifications_example() -> None:
    row = json.loads(PUBLISHED.read_text(encoding="utf-8"))["unverifiable"]
    text = Note.parse(row["note"]).text
    checkpoint = Checkpoint.parse_body(text)
    assert checkpoint == Checkpoint(row["origin"], row["size"], base64.b64decode(row["root"]))
    assert checkpoint.body() == text


def test_the_signed_head() -> None:
    assert HEAD.body() == f"log.example/ledger\n20\n{ENCODED}\n"
    assert verify_checkpoint(NOTE, LOG) == verify_checkpoint(NOTE.encode(), LOG) == HEAD


def test_extension_lines_are_signed_and_kept() -> None:
    extended = Checkpoint(LOG.name, 20, ROOT, ("one", "two"))
    note = sign_checkpoint(extended, LOG, LOG_PRIVATE.sign)
    assert verify_checkpoint(note, LOG) == extended
    with pytest.raises(SignatureInvalidError):
        verify_checkpoint(note.replace("two", "six"), LOG)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        "o\n20\n",
        f"o\n20\n{ENCODED}",
        f"\n20\n{ENCODED}\n",
        f"o\n\n{ENCODED}\n",
        f"o\n020\n{ENCODED}\n",
        f"o\n+20\n{ENCODED}\n",
        f"o\n-1\n{ENCODED}\n",
        f"o\n2_0\n{ENCODED}\n",
        f"o\n٢٠\n{ENCODED}\n",
        f"o\n 20\n{ENCODED}\n",
        f"o\n{2**63}\n{ENCODED}\n",
        f"o\n{'9' * 5000}\n{ENCODED}\n",
        "o\n20\nAAAA\n",
        f"o\n20\n{ENCODED[:-1]}\n",
        f"o\n20\n{ENCODED} \n",
        f"o\n20\n{ENCODED}\n\nextension\n",
        f"o\n20\n{ENCODED}\next\tension\n",
    ],
)
def test_bodies_that_are_refused(text: str) -> None:
    with pytest.raises(MalformedError):
        Checkpoint.parse_body(text)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Checkpoint("", 1, ROOT),
        lambda: Checkpoint("two\nlines", 1, ROOT),
        lambda: Checkpoint("o", -1, ROOT),
        lambda: Checkpoint("o", 1 << 63, ROOT),
        lambda: Checkpoint("o", 1, ROOT[:31]),
        lambda: Checkpoint("o", 1, ROOT, ("",)),
        lambda: sign_checkpoint(Checkpoint("another.example", 1, ROOT), LOG, LOG_PRIVATE.sign),
        lambda: sign_checkpoint(Checkpoint(WITNESS.name, 1, ROOT), WITNESS, WITNESS_PRIVATE.sign),
        lambda: cosign(NOTE, LOG, 1, LOG_PRIVATE.sign),
        lambda: cosign(NOTE, WITNESS, -1, WITNESS_PRIVATE.sign),
        lambda: cosign(NOTE, WITNESS, 1 << 63, WITNESS_PRIVATE.sign),
        lambda: cosign(sign_note("no checkpoint\n", LOG, LOG_PRIVATE.sign), WITNESS, 1, WITNESS_PRIVATE.sign),
    ],
)
def test_what_cannot_be_made(make: object) -> None:
    assert callable(make)
    with pytest.raises(MalformedError):
        make()


@pytest.mark.parametrize(
    "note",
    {
        "another size": NOTE.replace("\n20\n", "\n21\n"),
        "another log's key under the same name": sign_checkpoint(
            HEAD, VerifierKey(LOG.name, WITNESS.public), WITNESS_PRIVATE.sign
        ),
        "another origin": sign_note(Checkpoint("other.example", 20, ROOT).body(), LOG, LOG_PRIVATE.sign),
        "a cosignature only": sign_note(HEAD.body(), WITNESS, WITNESS_PRIVATE.sign, 5),
    }.values(),
)
def test_notes_the_log_did_not_sign(note: str) -> None:
    with pytest.raises(SignatureInvalidError):
        verify_checkpoint(note, LOG)


def test_a_signed_text_that_is_no_checkpoint() -> None:
    with pytest.raises(MalformedError):
        verify_checkpoint(sign_note("hello\n", LOG, LOG_PRIVATE.sign), LOG)


def test_cosignatures_say_when() -> None:
    cosigned = cosign(NOTE, WITNESS, 1_767_225_600, WITNESS_PRIVATE.sign)
    assert cosigned.startswith(NOTE)
    assert verify_checkpoint(cosigned, LOG) == HEAD
    assert verify_cosignatures(cosigned, [WITNESS, LOG]) == {WITNESS: 1_767_225_600}


def test_a_cosignature_covers_its_time() -> None:
    line = cosign(NOTE, WITNESS, 5, WITNESS_PRIVATE.sign).removeprefix(NOTE)
    blob = bytearray(base64.b64decode(line.split()[2]))
    for at, value in ((11, 6), (4, 0x80)):
        changed = blob.copy()
        changed[at] = value
        with pytest.raises(SignatureInvalidError):
            verify_cosignatures(
                f"{NOTE}— {WITNESS.name} {base64.b64encode(bytes(changed)).decode()}\n", [WITNESS]
            )


def test_a_witness_that_did_not_sign() -> None:
    with pytest.raises(SignatureInvalidError, match="no known key"):
        verify_cosignatures(NOTE, [WITNESS])


def test_a_published_log_that_signs_with_ml_dsa_alone() -> None:
    row = json.loads(PUBLISHED.read_text(encoding="utf-8"))["ml_dsa_44"]
    key = VerifierKey.parse(row["vkey"])
    assert str(key) == row["vkey"]
    checkpoint, signers = verify_checkpoint_signers(row["note"], key)
    assert (checkpoint.origin, checkpoint.size, signers) == (key.name, row["size"], (key,))
    assert verify_cosignatures(row["note"], [key]) == {key: row["time"]}
    with pytest.raises(SignatureInvalidError):
        verify_checkpoint(row["note"].replace("\n1\n", "\n2\n"), key)


def test_the_ml_dsa_message_is_laid_out_as_the_specification_says() -> None:
    expected = b"".join(
        (
            b"subtree/v1\n\0",
            b"\x01w",
            bytes.fromhex("0000000000000005"),
            b"\x12log.example/ledger",
            bytes.fromhex("00000000000000000000000000000014"),
            ROOT,
        )
    )
    assert subtree_message("w", HEAD.body(), 5) == expected


def test_a_log_signs_with_both_and_each_is_enough() -> None:
    note = BOTH.note(HEAD, NOON)
    assert verify_checkpoint_signers(note, LOG) == (HEAD, (LOG,))
    assert verify_checkpoint_signers(note, ML_DSA_LOG) == (HEAD, (ML_DSA_LOG,))
    assert verify_checkpoint_signers(note, LOG, ML_DSA_LOG) == (HEAD, (LOG, ML_DSA_LOG))
    assert verify_checkpoint_signers(NOTE, LOG, ML_DSA_LOG) == (HEAD, (LOG,))
    assert verify_cosignatures(note, [ML_DSA_LOG]) == {ML_DSA_LOG: int(NOON.timestamp())}
    assert len(note) < 4096


def test_a_bad_ml_dsa_line_spoils_the_note_for_those_who_know_the_key() -> None:
    good = BOTH.note(HEAD, NOON)
    line = good.removeprefix(NOTE)
    blob = bytearray(base64.b64decode(line.split()[2]))
    for at, value in ((11, blob[11] ^ 1), (4, 0x80), (100, blob[100] ^ 1)):
        changed = blob.copy()
        changed[at] = value
        bad = f"{NOTE}— {LOG.name} {base64.b64encode(bytes(changed)).decode()}\n"
        assert verify_checkpoint(bad, LOG) == HEAD
        with pytest.raises(SignatureInvalidError):
            verify_checkpoint(bad, LOG, ML_DSA_LOG)
    short = f"{NOTE}— {LOG.name} {base64.b64encode(bytes(blob[:40])).decode()}\n"
    with pytest.raises(SignatureInvalidError):
        verify_checkpoint(short, ML_DSA_LOG)


def test_the_ml_dsa_signature_is_bound_to_its_signers_name() -> None:
    cosigned = cosign(NOTE, ML_DSA_WITNESS, 7, ML_DSA.sign)
    assert verify_cosignatures(cosigned, [ML_DSA_WITNESS, WITNESS]) == {ML_DSA_WITNESS: 7}
    renamed = VerifierKey("else.example", ML_DSA_LOG.public, SignatureType.ML_DSA_44)
    blob = bytearray(base64.b64decode(cosigned.removeprefix(NOTE).split()[2]))
    blob[:4] = renamed.key_id
    with pytest.raises(SignatureInvalidError):
        verify_cosignatures(f"{NOTE}— {renamed.name} {base64.b64encode(bytes(blob)).decode()}\n", [renamed])


def test_extension_lines_need_ed25519() -> None:
    extended = Checkpoint(LOG.name, 20, ROOT, ("one",))
    note = BOTH.note(extended, NOON)
    assert verify_checkpoint(note, LOG, ML_DSA_LOG) == extended
    with pytest.raises(SignatureInvalidError, match="extension"):
        verify_checkpoint(note.replace("\none\n", "\ntwo\n"), ML_DSA_LOG)


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (lambda: LogSigner(LOG, LOG_PRIVATE.sign, ((ML_DSA_WITNESS, ML_DSA.sign),)), InvalidInputError),
        (lambda: LogSigner(LOG, LOG_PRIVATE.sign, ((LOG, LOG_PRIVATE.sign),)), InvalidInputError),
        (lambda: VerifierKey("a", b"x" * 1311, SignatureType.ML_DSA_44), MalformedError),
        (lambda: VerifierKey("a", b"x" * 32, SignatureType.ML_DSA_44), MalformedError),
        (lambda: cosign(NOTE, ML_DSA_WITNESS, -1, ML_DSA.sign), MalformedError),
        (
            lambda: sign_note(
                HEAD.body(), VerifierKey("n" * 256, ML_DSA_LOG.public, ML_DSA_LOG.type), ML_DSA.sign, 1
            ),
            MalformedError,
        ),
        (lambda: sign_note("hello\n", ML_DSA_WITNESS, ML_DSA.sign, 1), MalformedError),
    ],
)
def test_what_ml_dsa_cannot_sign(make: Callable[[], object], error: type[Exception]) -> None:
    with pytest.raises(error):
        make()


def test_as_many_ml_dsa_witnesses_as_a_note_may_have_fit_note_and_receipt() -> None:
    witnesses = [
        VerifierKey(f"{number:02}.pq.witness.example", ML_DSA_LOG.public, SignatureType.ML_DSA_44)
        for number in range(MAX_SIGNATURES - 2)
    ]
    note = BOTH.note(HEAD, NOON)
    for witness in witnesses:
        note = cosign(note, witness, 7, ML_DSA.sign)
    assert verify_cosignatures(note, witnesses) == dict.fromkeys(witnesses, 7)
    receipt = str(Receipt(0, (ROOT,) * 63, note, b"x" * MAX_ENTRY_BYTES))
    assert verify_checkpoint(Receipt.parse(receipt).checkpoint, LOG, ML_DSA_LOG) == HEAD
