"""Receipts: what a holder can check with the log's public key alone, and what must not pass."""

from __future__ import annotations

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from exchange.errors import LimitExceededError, MalformedError, ProofInvalidError
from exchange.ledger import (
    Checkpoint,
    Receipt,
    RightEdge,
    TiledTree,
    VerifierKey,
    extend,
    leaf_hash,
    overlay,
    sign_checkpoint,
    sign_note,
    verify_receipt,
)

PRIVATE = Ed25519PrivateKey.from_private_bytes(b"\3" * 32)
LOG = VerifierKey("log.example/ledger", PRIVATE.public_key().public_bytes_raw())
ENTRIES = [b'{"entry":%d}' % number for number in range(300)]


def _absent(level: int, index: int) -> bytes:
    raise AssertionError(f"tile {level}/{index} was never written")


EDGE, TILES = extend(RightEdge(), [leaf_hash(entry) for entry in ENTRIES])
TREE = TiledTree(300, overlay(TILES, _absent), EDGE)
HEAD = Checkpoint(LOG.name, 300, EDGE.root())
NOTE = sign_checkpoint(HEAD, LOG, PRIVATE.sign)


def receipt(index: int) -> Receipt:
    return Receipt(index, tuple(TREE.inclusion_path(index)), NOTE, ENTRIES[index])


GOOD = receipt(77)
TEXT = str(GOOD)


def test_the_text_is_that_of_the_specification() -> None:
    path = "".join(f"{base64.b64encode(item).decode()}\n" for item in GOOD.path)
    extra = base64.b64encode(ENTRIES[77]).decode()
    assert f"c2sp.org/tlog-proof@v1\nextra {extra}\nindex 77\n{path}\n{NOTE}" == TEXT
    bare = Receipt(77, GOOD.path, NOTE)
    assert str(bare) == f"c2sp.org/tlog-proof@v1\nindex 77\n{path}\n{NOTE}"
    assert Receipt.parse(str(bare)) == bare


@pytest.mark.parametrize("index", [0, 255, 256, 299])
def test_receipts_check_offline(index: int) -> None:
    again = Receipt.parse(str(receipt(index)).encode())
    assert verify_receipt(again, again.extra, LOG) == HEAD


def test_the_only_entry_of_a_log_has_an_empty_path() -> None:
    note = sign_checkpoint(Checkpoint(LOG.name, 1, leaf_hash(b"{}")), LOG, PRIVATE.sign)
    alone = Receipt(0, (), note, b"{}")
    assert Receipt.parse(str(alone)) == alone
    assert verify_receipt(alone, b"{}", LOG).size == 1


def test_extra_counts_for_nothing_unless_it_is_the_entry() -> None:
    lying = Receipt(77, GOOD.path, NOTE, b"another story")
    assert verify_receipt(lying, ENTRIES[77], LOG) == HEAD
    with pytest.raises(ProofInvalidError, match="inclusion"):
        verify_receipt(lying, lying.extra, LOG)


OTHER = VerifierKey("log.example/ledger", Ed25519PrivateKey.generate().public_key().public_bytes_raw())
SMALLER = sign_checkpoint(Checkpoint(LOG.name, 299, HEAD.root), LOG, PRIVATE.sign)
FAILING = {
    "another entry": (GOOD, ENTRIES[78], LOG, "inclusion"),
    "no entry": (GOOD, b"", LOG, "inclusion"),
    "another index": (Receipt(78, GOOD.path, NOTE), ENTRIES[77], LOG, "inclusion"),
    "index outside": (Receipt(300, GOOD.path, NOTE), ENTRIES[77], LOG, "inclusion"),
    "path of another entry": (Receipt(77, receipt(78).path, NOTE), ENTRIES[77], LOG, "inclusion"),
    "an inner node sold as an entry": (
        Receipt(38, GOOD.path[1:], NOTE),
        b"\1" + GOOD.path[0] + leaf_hash(ENTRIES[77]),
        LOG,
        "inclusion",
    ),
    "size and root that do not belong together": (Receipt(77, (), SMALLER), ENTRIES[77], LOG, "inclusion"),
    "another log's key": (GOOD, ENTRIES[77], OTHER, "checkpoint"),
    "checkpoint altered": (
        Receipt(77, GOOD.path, NOTE.replace("\n300\n", "\n301\n")),
        ENTRIES[77],
        LOG,
        "checkpoint",
    ),
    "checkpoint of another origin": (
        Receipt(77, GOOD.path, sign_note(Checkpoint("evil", 300, HEAD.root).body(), LOG, PRIVATE.sign)),
        ENTRIES[77],
        LOG,
        "checkpoint",
    ),
    "no checkpoint": (Receipt(77, GOOD.path, "nothing"), ENTRIES[77], LOG, "checkpoint"),
}


@pytest.mark.parametrize("case", FAILING.values(), ids=FAILING)
def test_a_failing_receipt_says_at_which_step(case: tuple[Receipt, bytes, VerifierKey, str]) -> None:
    bad, entry, key, step = case
    with pytest.raises(ProofInvalidError, match=f"^{step}: ") as caught:
        verify_receipt(bad, entry, key)
    assert caught.value.detail == {"step": step}


HEADER, EXTRA, INDEX, *REST = TEXT.split("\n")


def lines(*changed: str) -> str:
    return "\n".join([*changed, *REST])


@pytest.mark.parametrize(
    "text",
    {
        "empty": "",
        "another version": lines("c2sp.org/tlog-proof@v2", EXTRA, INDEX),
        "no header": lines(EXTRA, INDEX),
        "no index": lines(HEADER, EXTRA),
        "index before extra": lines(HEADER, INDEX, EXTRA),
        "two extras": lines(HEADER, EXTRA, EXTRA, INDEX),
        "empty extra": lines(HEADER, "extra ", INDEX),
        "extra not base64": lines(HEADER, "extra *", INDEX),
        "extra of another base64": lines(HEADER, "extra QR==", INDEX),
        "leading zero": lines(HEADER, EXTRA, "index 077"),
        "negative": lines(HEADER, EXTRA, "index -1"),
        "index too large": lines(HEADER, EXTRA, f"index {2**63}"),
        "index endless": lines(HEADER, EXTRA, "index " + "7" * 5000),
        "two spaces": lines(HEADER, EXTRA, "index  77"),
        "short hash": lines(HEADER, EXTRA, INDEX, "AAAA"),
        "long hash": lines(HEADER, EXTRA, INDEX, base64.b64encode(b"x" * 64).decode()),
        "no blank line": TEXT.replace("\n\n", "\n", 1),
        "no checkpoint": TEXT.partition("\n\n")[0] + "\n\n",
        "checkpoint without signatures": TEXT.rpartition("\n\n")[0] + "\n\n",
        "note that is no checkpoint": TEXT.replace("\n300\n", "\nx\n"),
        "carriage returns": TEXT.replace("\n", "\r\n"),
        "text after the end": TEXT + "more",
        "space before": " " + TEXT,
        "not UTF-8": TEXT.encode() + b"\xff",
        "surrogate": TEXT + "\ud800",
    }.values(),
)
def test_texts_that_are_no_receipt(text: str | bytes) -> None:
    with pytest.raises(MalformedError):
        Receipt.parse(text)


def test_receipts_have_limits() -> None:
    with pytest.raises(LimitExceededError):
        Receipt.parse(str(Receipt(1, (b"x" * 32,) * 64, NOTE)))
    with pytest.raises(LimitExceededError):
        Receipt.parse("x" * (512 * 1024 + 1))
    largest = Receipt(1, (b"x" * 32,) * 63, NOTE, b"x" * 0xFFFF)
    assert Receipt.parse(str(largest)) == largest
