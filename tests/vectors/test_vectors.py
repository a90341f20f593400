"""The vector files are what `make` writes, and this implementation passes them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from exchange.errors import HechuanError, NotFoundError, ProofInvalidError
from exchange.ledger import (
    Checkpoint,
    Receipt,
    TilePath,
    VerifierKey,
    leaf_hash,
    verify_checkpoint,
    verify_consistency,
    verify_cosignatures,
    verify_inclusion,
    verify_receipt,
)
from exchange.trust import Envelope, VerifyKey, canonical, parse_canonical, verify
from tests.vectors.make import FILES, render

HERE = Path(__file__).parent


def load(name: str) -> dict[str, Any]:
    vectors: dict[str, Any] = json.loads((HERE / name).read_text(encoding="utf-8"))
    return vectors


def _hashes(row: dict[str, Any]) -> list[bytes]:
    return [bytes.fromhex(item) for item in row["path"]]


@pytest.mark.parametrize("name", FILES)
def test_a_file_is_what_the_script_writes(name: str) -> None:
    assert (HERE / name).read_text(encoding="utf-8") == render(name)


def test_every_file_is_explained_and_made() -> None:
    readme = (HERE / "README.md").read_text(encoding="utf-8")
    assert sorted(path.name for path in HERE.glob("*.json")) == sorted(FILES)
    assert all(f"`{name}`" in readme for name in FILES)


def test_canonical() -> None:
    vectors = load("canonical.json")
    for row in vectors["accepted"]:
        data = bytes.fromhex(row["canonical_hex"])
        assert canonical(row["value"]) == data, row["name"]
        assert parse_canonical(data) == row["value"], row["name"]
    for row in vectors["refused"]:
        with pytest.raises(HechuanError):
            parse_canonical(bytes.fromhex(row["bytes_hex"]))


def test_key() -> None:
    vectors = load("key.json")
    for row in vectors["keys"]:
        key = VerifyKey(row["algorithm"], bytes.fromhex(row["public_hex"]))
        assert (key.keyid, str(key)) == (row["keyid"], row["text"])
        if "signature_hex" in row:
            key.verify(bytes.fromhex(vectors["message_hex"]), bytes.fromhex(row["signature_hex"]))


def test_envelope() -> None:
    vectors = load("envelope.json")
    key = VerifyKey.parse(vectors["public_key"])

    def resolve(keyid: str) -> VerifyKey:
        if keyid != key.keyid:
            raise NotFoundError(keyid)
        return key

    envelope = Envelope.from_json_bytes(vectors["envelope_canonical"].encode())
    assert envelope == Envelope.from_json(vectors["envelope"])
    assert verify(envelope, vectors["payload_type"], resolve) == canonical(vectors["payload"])
    for row in vectors["refused"]:
        with pytest.raises(HechuanError):
            verify(Envelope.from_json(row["envelope"]), vectors["payload_type"], resolve)


def test_merkle() -> None:
    vectors = load("merkle.json")
    hashes = [leaf_hash(bytes.fromhex(leaf)) for leaf in vectors["leaves_hex"]]
    assert [item.hex() for item in hashes] == vectors["leaf_hashes"]
    roots = [bytes.fromhex(root) for root in vectors["roots"]]
    for row in vectors["inclusion"]:
        verify_inclusion(hashes[row["index"]], row["index"], row["size"], _hashes(row), roots[row["size"]])
    for row in vectors["consistency"]:
        size1, size2 = row["size1"], row["size2"]
        verify_consistency(size1, roots[size1], size2, roots[size2], _hashes(row))


def test_tile() -> None:
    vectors = load("tile.json")
    for row in vectors["paths"]:
        assert TilePath.parse(row["path"]) == TilePath(row["level"], row["index"], row["width"])
    for text in vectors["refused_paths"]:
        with pytest.raises(HechuanError):
            TilePath.parse(text)


def test_checkpoint() -> None:
    vectors = load("checkpoint.json")
    log, witness = VerifierKey.parse(vectors["log_vkey"]), VerifierKey.parse(vectors["witness_vkey"])
    expected = Checkpoint(vectors["origin"], vectors["size"], bytes.fromhex(vectors["root_hex"]))
    assert (
        verify_checkpoint(vectors["note"], log)
        == verify_checkpoint(vectors["cosigned_note"], log)
        == expected
    )
    assert verify_cosignatures(vectors["cosigned_note"], [witness]) == {witness: vectors["cosigned_at"]}
    second = VerifierKey.parse(vectors["ml_dsa_44_log_vkey"])
    assert second.message(vectors["body"], vectors["cosigned_at"]).hex() == vectors["ml_dsa_44_message_hex"]


def test_receipt() -> None:
    vectors = load("receipt.json")
    log = VerifierKey.parse(vectors["log_vkey"])
    receipt = Receipt.parse(vectors["receipt"])
    assert receipt.extra.decode() == vectors["entry"]
    assert verify_receipt(receipt, receipt.extra, log).size == vectors["size"]
    for row in vectors["refused"]:
        bad = Receipt.parse(row["receipt"])
        with pytest.raises(ProofInvalidError) as caught:
            verify_receipt(bad, bad.extra, log)
        assert caught.value.detail["step"] == row["step"], row["name"]
