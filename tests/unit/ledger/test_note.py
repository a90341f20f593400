"""Signed notes: the published examples, and everything that is not one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from exchange.errors import LimitExceededError, MalformedError, SignatureInvalidError
from exchange.ledger import Note, SignatureType, VerifierKey, sign_note, verify_note
from exchange.ledger.head import cosigned_message

PUBLISHED = Path(__file__).resolve().parents[2] / "vectors" / "published" / "notes.json"
EXAMPLES: dict[str, Any] = json.loads(PUBLISHED.read_text(encoding="utf-8"))
SPEC = EXAMPLES["notes"][0]
SPEC_KEY = VerifierKey.parse(SPEC["vkeys"][0])
PRIVATE = Ed25519PrivateKey.from_private_bytes(b"\7" * 32)
KEY = VerifierKey("log.example/a", PRIVATE.public_key().public_bytes_raw())
WITNESS = VerifierKey("witness.example/b", KEY.public, SignatureType.COSIGNATURE)


@pytest.mark.parametrize("row", EXAMPLES["notes"], ids=lambda row: row["source"])
def test_published_notes_verify(row: dict[str, Any]) -> None:
    keys = [VerifierKey.parse(vkey) for vkey in row["vkeys"]]
    assert [str(key) for key in keys] == row["vkeys"]
    note = Note.parse(row["note"])
    assert note.text == row["text"]
    assert list(verify_note(note, keys)) == keys
    for key in keys:
        assert list(verify_note(note, [key])) == [key]


def test_the_text_ends_at_the_last_empty_line() -> None:
    row = EXAMPLES["text_with_empty_line"]
    assert Note.parse(row["note"].encode()).text == row["text"]


def test_the_published_cosignature_is_framed_as_here() -> None:
    row = EXAMPLES["unverifiable"]
    note = Note.parse(row["note"])
    cosignature = note.signatures[1].signature
    assert int.from_bytes(cosignature[:8], "big") == row["time"]
    assert len(cosignature) == 8 + 64
    assert cosigned_message(note.text, row["time"]).decode() == row["cosigned"]


# keys of the tests of transparency-dev/formats: base64 with a plus inside, and a witness's key
@pytest.mark.parametrize(
    ("vkey", "kind"),
    [
        ("TEST+7997405c+AQcC+FTVKf0jlTdHDY3rbevmnKxxPjigCXlVtGe6RIr6", SignatureType.ED25519),
        ("remora.n621.de+da77ade7+BOvN63jn/bLvkieywe8R6UYAtVtNbZpXh34x7onlmtw2", SignatureType.COSIGNATURE),
    ],
)
def test_published_keys(vkey: str, kind: SignatureType) -> None:
    key = VerifierKey.parse(vkey)
    assert key.type is kind
    assert str(key) == vkey


GOOD = SPEC["vkeys"][0]
NAME, ID, MATERIAL = GOOD.split("+", 2)


@pytest.mark.parametrize(
    "vkey",
    {
        "empty": "",
        "no parts": "example.com",
        "no key": f"{NAME}+{ID}",
        "no name": f"+{ID}+{MATERIAL}",
        "another name": f"example.org/foo+{ID}+{MATERIAL}",
        "space in the name": f"example.com foo+{ID}+{MATERIAL}",
        "no-break space in the name": f"example.com\u00a0foo+{ID}+{MATERIAL}",
        "newline in the name": f"example.com\nfoo+{ID}+{MATERIAL}",
        "surrogate in the name": f"example.com\ud800+{ID}+{MATERIAL}",
        "another id": f"{NAME}+530d903b+{MATERIAL}",
        "upper-case id": f"{NAME}+{ID.upper()}+{MATERIAL}",
        "short id": f"{NAME}+530d903+{MATERIAL}",
        "id with a sign": f"{NAME}++30d903a+{MATERIAL}",
        "not base64": f"{NAME}+{ID}+!!!",
        "base64 with padding too much": f"{NAME}+{ID}+{MATERIAL}=",
        "url-safe base64": f"{NAME}+{ID}+{MATERIAL[:-1]}_",
        "ECDSA key": f"{NAME}+{ID}+AgEB",
        "no type": f"{NAME}+{ID}+",
        "short key": f"{NAME}+{ID}+{MATERIAL[:-4]}",
        "newline at the end": f"{GOOD}\n",
        "endless": f"{NAME}+{ID}+" + "A" * 100_000,
    }.values(),
)
def test_keys_that_are_refused(vkey: str) -> None:
    with pytest.raises(MalformedError):
        VerifierKey.parse(vkey)


# the eight points of small order, and encodings of them that are not reduced: with any of these as public key one
# signature (R = s·B, s) verifies every message
P = 2**255 - 19
Y8 = 2707385501144840649318225287225658788936804267575313519463743609750303402022
WEAK = [0, 1, P - 1, P, P + 1, Y8, P - Y8]


@pytest.mark.parametrize("sign_bit", [0, 1 << 255])
@pytest.mark.parametrize("y", WEAK)
def test_keys_of_small_order_are_refused(y: int, sign_bit: int) -> None:
    with pytest.raises(MalformedError, match="small order"):
        VerifierKey("log.example", (y | sign_bit).to_bytes(32, "little"))


BODY = "some text\n"
SIGNED = sign_note(BODY, KEY, PRIVATE.sign)
LINE = SIGNED.removeprefix(BODY + "\n")


def test_a_signature_is_of_the_text_only() -> None:
    assert f"some text\n\n— log.example/a {LINE.split()[2]}\n" == SIGNED
    assert verify_note(Note.parse(SIGNED), [KEY]) == {KEY: None}


@pytest.mark.parametrize(
    "note",
    {
        "empty": "",
        "text only": "some text\n",
        "no signatures": "some text\n\n",
        "no blank line": BODY + LINE,
        "no final newline": SIGNED[:-1],
        "blank line at the end": SIGNED + "\n",
        "hyphen for dash": SIGNED.replace("—", "-"),
        "no space after the dash": SIGNED.replace("— ", "—"),
        "no key name": SIGNED.replace("log.example/a", ""),
        "plus in the key name": SIGNED.replace("log.example/a", "log+example"),
        "two spaces": SIGNED.replace("/a ", "/a  "),
        "tab": SIGNED.replace("some text", "some\ttext"),
        "carriage returns": SIGNED.replace("\n", "\r\n"),
        "nul": SIGNED.replace("some", "so\0me"),
        "surrogate": SIGNED.replace("some", "so\ud800me"),
        "not UTF-8": SIGNED.encode().replace(b"some", b"so\xffme"),
        "not base64": SIGNED[:-5] + "*===\n",
        "base64 with a bit left over": BODY + "\n— log.example/a AAAAAAB=\n",
        "signature of a key id only": BODY + "\n— log.example/a AAAAAA==\n",
        "garbage after a good line": SIGNED + "garbage\n",
    }.values(),
)
def test_notes_that_are_refused(note: str | bytes) -> None:
    with pytest.raises(MalformedError):
        Note.parse(note)


def test_sixteen_large_signatures_are_accepted_and_an_endless_note_is_not() -> None:
    other = "— other.example " + "A" * 6668 + "\n"
    assert len(Note.parse(SIGNED + other * 15).signatures) == 16
    with pytest.raises(LimitExceededError):
        Note.parse(SIGNED + other * 64)
    with pytest.raises(LimitExceededError):
        Note.parse(SIGNED + "— other.example AAAAAAAA\n" * 64)


def test_signatures_of_others_are_passed_over() -> None:
    same_name = VerifierKey(KEY.name, SPEC_KEY.public)
    strangers = "— other.example AAAAAAAA\n" * 2 + LINE.replace("log.example/a", "log.example/b")
    assert verify_note(Note.parse(SIGNED + strangers), [KEY, same_name]) == {KEY: None}


@pytest.mark.parametrize(
    ("note", "reason"),
    [
        (SIGNED.replace("some", "Some"), "does not check"),
        (SIGNED + LINE, "twice"),
        (sign_note(BODY, KEY, lambda message: b"\0" * 64), "does not check"),
        (sign_note(BODY, KEY, lambda message: b"short"), "does not check"),
        (sign_note(BODY, WITNESS, PRIVATE.sign, 1), "no known key"),
        (sign_note(BODY, SPEC_KEY, PRIVATE.sign), "no known key"),
    ],
)
def test_a_bad_signature_of_a_known_key_refuses_the_note(note: str, reason: str) -> None:
    with pytest.raises(SignatureInvalidError, match=reason):
        verify_note(Note.parse(note), [KEY])


def test_one_bad_signature_spoils_the_good_one() -> None:
    bad = sign_note(BODY, WITNESS, lambda message: b"\0" * 64, 1).removeprefix(BODY + "\n")
    with pytest.raises(SignatureInvalidError, match="witness"):
        verify_note(Note.parse(SIGNED + bad), [KEY, WITNESS])
    assert verify_note(Note.parse(SIGNED + bad), [KEY]) == {KEY: None}
