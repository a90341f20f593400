"""Checkpoints: the signed head and its cosignatures."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from exchange.errors import MalformedError, SignatureInvalidError
from exchange.ledger import (
    Checkpoint,
    Note,
    SignatureType,
    VerifierKey,
    cosign,
    sign_checkpoint,
    sign_note,
    verify_checkpoint,
    verify_cosignatures,
)

PUBLISHED = Path(__file__).resolve().parents[2] / "vectors" / "published" / "notes.json"
LOG_PRIVATE = Ed25519PrivateKey.from_private_bytes(b"\1" * 32)
WITNESS_PRIVATE = Ed25519PrivateKey.from_private_bytes(b"\2" * 32)
LOG = VerifierKey("log.example/ledger", LOG_PRIVATE.public_key().public_bytes_raw())
WITNESS = VerifierKey(
    "witness.example", WITNESS_PRIVATE.public_key().public_bytes_raw(), SignatureType.COSIGNATURE
)
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
