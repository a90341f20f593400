"""Write the project's own test vectors beside this file: `python -m tests.vectors.make`.

Deterministic: fixed published keys, no clock, no randomness. README.md says what each file holds.
"""

from __future__ import annotations

import base64
import json
from hashlib import sha256
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, mldsa

from exchange.ledger import (
    Checkpoint,
    Frontier,
    Receipt,
    RightEdge,
    SignatureType,
    Tile,
    TiledTree,
    VerifierKey,
    cosign,
    encode_bundle,
    extend,
    leaf_hash,
    overlay,
    sign_checkpoint,
    tile_paths,
)
from exchange.trust import SigningKey, canonical, pae, sign

HERE = Path(__file__).parent
# RFC 8032 §7.1, TEST 1 to 3: everybody knows these keys, so nobody will ever trust them by mistake
LOG_SEED = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"
AGENCY_SEED = "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb"
WITNESS_SEED = "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7"
# the example key of DSSE's protocol.md
P256_SECRET = 97358161215184420915383655311931858321456579547487070936769975997791359926199
ML_DSA_SEED = bytes(range(32)).hex()
ORIGIN = "500000.hub.example/ledger"
MANIFEST_TYPE = "application/vnd.hechuan.manifest+json"
TIME = 1767225600

Vectors = dict[str, Any]


def _key(seed: str) -> SigningKey:
    return SigningKey(ed25519.Ed25519PrivateKey.from_private_bytes(bytes.fromhex(seed)))


LOG, AGENCY, WITNESS = _key(LOG_SEED), _key(AGENCY_SEED), _key(WITNESS_SEED)
LOG_VKEY = VerifierKey(ORIGIN, LOG.verify_key.public)
WITNESS_VKEY = VerifierKey("510000.hub.example/witness", WITNESS.verify_key.public, SignatureType.COSIGNATURE)
ML_DSA_LOG = mldsa.MLDSA44PrivateKey.from_seed_bytes(bytes.fromhex(ML_DSA_SEED))
ML_DSA_VKEY = VerifierKey(ORIGIN, ML_DSA_LOG.public_key().public_bytes_raw(), SignatureType.ML_DSA_44)
MANIFEST = {
    "publisher": "500000/ecology",
    "dataset": "500000/ecology/water-quality",
    "note": "嘉陵江 金子断面",
    "rows": 1,
    "tp_mg_l": 0.05,
}


def canonical_vectors() -> Vectors:
    """Values with their canonical form, and bytes that must be refused."""
    accepted = {
        "members sorted by UTF-16 code units": {"\u20ac": 1, "\r": 2, "\ufb33": 3, "1": 4, "\U0001f600": 5},
        "no spaces, minimal escapes": {
            "b": [True, False, None],
            "a": 'quote " slash / back \\ \b\t\n\f\r \x01',
        },
        "Chinese stays UTF-8": {"河长制": "合川", "断面": ["金子", "北温泉"]},
        "numbers as ECMAScript writes them": [1e21, 1e-7, 0.000001, 4.5, 0.002, 100.0, -0.0, 5e-324],
        "largest whole numbers": [2**53 - 1, 1 - 2**53],
        "empty": {"": [], "x": {}},
    }
    refused = {
        "space": b'{"a": 1}',
        "members out of order": b'{"b":1,"a":2}',
        "duplicate member": b'{"a":1,"a":1}',
        "NaN": b"NaN",
        "infinity": b"-Infinity",
        "overflow to infinity": b"1e999",
        "whole number beyond 2**53 - 1": b"9007199254740992",
        "negative zero": b"-0",
        "fraction that is whole": b"1.0",
        "exponent not needed": b"1e2",
        "escape not needed": b'"\\u0041"',
        "lone surrogate": b'"\\ud800"',
        "overlong UTF-8": b'"\xc0\xaf"',
        "byte order mark": b"\xef\xbb\xbf{}",
        "cut short": b'{"a":',
        "two values": b"{}{}",
        "nested deeper than 32": b"[" * 33 + b"]" * 33,
    }
    return {
        "accepted": [
            {"name": name, "value": value, "canonical_hex": canonical(value).hex()}
            for name, value in accepted.items()
        ],
        "refused": [{"name": name, "bytes_hex": data.hex()} for name, data in refused.items()],
    }


def key_vectors() -> Vectors:
    """Key ids and text forms; signatures where the algorithm is deterministic."""
    message = b"hechuan"
    p256 = SigningKey(ec.derive_private_key(P256_SECRET, ec.SECP256R1()))
    ml_dsa_44 = SigningKey(ML_DSA_LOG)
    ml_dsa = SigningKey(mldsa.MLDSA65PrivateKey.from_seed_bytes(bytes.fromhex(ML_DSA_SEED)))
    rows = [("RFC 8032 TEST 2 seed", AGENCY_SEED, AGENCY), ("DSSE example d", f"{P256_SECRET:064x}", p256)]
    return {
        "message_hex": message.hex(),
        "keys": [
            {**_key_row(private, secret, key), "signature_hex": key.sign(message).hex()}
            for private, secret, key in rows
        ]
        + [_key_row("seed", ML_DSA_SEED, key) for key in (ml_dsa_44, ml_dsa)],
    }


def _key_row(private: str, secret: str, key: SigningKey) -> Vectors:
    return {
        "algorithm": key.verify_key.algorithm,
        "private": private,
        "private_hex": secret,
        "public_hex": key.verify_key.public.hex(),
        "keyid": key.keyid,
        "text": str(key.verify_key),
    }


def envelope_vectors() -> Vectors:
    """One signed manifest, step by step, and copies that must be refused."""
    envelope = sign(MANIFEST, MANIFEST_TYPE, AGENCY)
    good = envelope.to_json()
    other = sign({**MANIFEST, "rows": 2}, MANIFEST_TYPE, AGENCY).to_json()
    spaced = json.dumps(MANIFEST).encode()
    sprawling = {
        "payload": base64.b64encode(spaced).decode(),
        "payloadType": MANIFEST_TYPE,
        "signatures": [
            {"keyid": AGENCY.keyid, "sig": base64.b64encode(AGENCY.sign(pae(MANIFEST_TYPE, spaced))).decode()}
        ],
    }
    refused = {
        "payload of another envelope": {**good, "payload": other["payload"]},
        "another payload type": {**good, "payloadType": "application/json"},
        "key id of another key": {**good, "signatures": [{**good["signatures"][0], "keyid": LOG.keyid}]},
        "no signature": {**good, "signatures": []},
        "signed, but not canonical": sprawling,
    }
    return {
        "public_key": str(AGENCY.verify_key),
        "payload_type": MANIFEST_TYPE,
        "payload": MANIFEST,
        "payload_canonical": envelope.payload.decode(),
        "pae_hex": pae(MANIFEST_TYPE, envelope.payload).hex(),
        "envelope": good,
        "envelope_canonical": envelope.to_json_bytes().decode(),
        "refused": [{"name": name, "envelope": value} for name, value in refused.items()],
    }


def _tree(leaves: list[bytes]) -> tuple[RightEdge, list[Tile]]:
    return extend(RightEdge(), [leaf_hash(leaf) for leaf in leaves])


def merkle_vectors() -> Vectors:
    """Twenty leaves: hashes, every root, and proofs for a choice of sizes."""
    leaves = [b"", *(f"entry {number}".encode() for number in range(1, 20))]
    hashes = [leaf_hash(leaf) for leaf in leaves]
    _, tiles = _tree(leaves)
    reader = overlay(tiles, _no_tile)
    trees = {size: TiledTree(size, reader) for size in range(21)}
    return {
        "leaves_hex": [leaf.hex() for leaf in leaves],
        "leaf_hashes": [item.hex() for item in hashes],
        "roots": [trees[size].root().hex() for size in range(21)],
        "inclusion": [
            {"index": index, "size": size, "path": _hex(trees[size].inclusion_path(index))}
            for size in (1, 2, 3, 7, 8, 13, 20)
            for index in range(size)
        ],
        "consistency": [
            {"size1": size1, "size2": size2, "path": _hex(trees[size2].consistency_path(size1))}
            for size2 in (1, 2, 7, 8, 13, 20)
            for size1 in range(size2 + 1)
        ],
        "frontier_hex": Frontier().append(hashes).to_bytes().hex(),
    }


def tile_vectors() -> Vectors:
    """Paths, the layout of a tree, the bytes of tiles by digest, an entry bundle."""
    paths = {
        "tile/0/000": (0, 0, 256),
        "tile/0/x001/234.p/5": (0, 1234, 5),
        "tile/1/x001/x234/067": (1, 1234067, 256),
        "tile/entries/x273/000": (None, 273000, 256),
    }
    refused = [
        "tile/0/0",
        "tile/00/000",
        "tile/64/000",
        "tile/0/x000/001",
        "tile/0/001/234",
        "tile/0/x001",
        "tile/0/000.p/0",
        "tile/0/000.p/256",
        "tile/0/000.p/05",
        "tile/0/000/",
        "/tile/0/000",
        "tile/0/../000",
        "tile/0/٠٠٠",
        "tile/-1/000",
    ]
    leaves = [f"entry {number}".encode() for number in range(70_000)]
    edge, tiles = _tree(leaves)
    last = {tile.path: tile for tile in tiles}
    return {
        "paths": [
            {"path": path, "level": level, "index": index, "width": width}
            for path, (level, index, width) in paths.items()
        ],
        "refused_paths": refused,
        "tree": {
            "leaf": "the UTF-8 text 'entry N', N from 0, decimal",
            "size": edge.size,
            "root": edge.root().hex(),
            "tiles": len(list(tile_paths(edge.size))),
            "sha256_of_partial_and_last_tiles": {
                str(path): sha256(last[path].hashes).hexdigest()
                for path in tile_paths(edge.size)
                if path.level or path.index >= edge.size // 256 - 1
            },
        },
        "bundle": {"entries_hex": ["", "00", "e6b2b3"], "bytes_hex": _bundle(["", "00", "e6b2b3"])},
    }


def _bundle(entries: list[str]) -> str:
    return encode_bundle([bytes.fromhex(entry) for entry in entries]).hex()


def checkpoint_vectors() -> Vectors:
    """A checkpoint as text, signed, and cosigned; the ML-DSA message, for its signatures are not deterministic."""
    checkpoint = Checkpoint(ORIGIN, 20, bytes.fromhex(merkle_vectors()["roots"][20]))
    note = sign_checkpoint(checkpoint, LOG_VKEY, LOG.sign)
    return {
        "log_private_hex": LOG_SEED,
        "log_vkey": str(LOG_VKEY),
        "witness_private_hex": WITNESS_SEED,
        "witness_vkey": str(WITNESS_VKEY),
        "origin": ORIGIN,
        "size": checkpoint.size,
        "root_hex": checkpoint.root.hex(),
        "body": checkpoint.body(),
        "note": note,
        "cosigned_at": TIME,
        "cosigned_note": cosign(note, WITNESS_VKEY, TIME, WITNESS.sign),
        "ml_dsa_44_seed_hex": ML_DSA_SEED,
        "ml_dsa_44_log_vkey": str(ML_DSA_VKEY),
        "ml_dsa_44_message_hex": ML_DSA_VKEY.message(checkpoint.body(), TIME).hex(),
    }


def receipt_vectors() -> Vectors:
    """A self-contained receipt for entry 5 of 20, and copies that must be refused at the step named."""
    entries = [canonical({"entry": number, "hub": "500000"}) for number in range(20)]
    edge, tiles = _tree(entries)
    tree = TiledTree(edge.size, overlay(tiles, _no_tile), edge)
    note = sign_checkpoint(Checkpoint(ORIGIN, edge.size, edge.root()), LOG_VKEY, LOG.sign)
    receipt = Receipt(5, tuple(tree.inclusion_path(5)), note, entries[5])
    path = receipt.path
    bigger = note.replace("\n20\n", "\n21\n")
    refused = [
        ("another entry", "inclusion", Receipt(5, path, note, entries[6])),
        ("another index", "inclusion", Receipt(4, path, note, entries[5])),
        ("index outside the tree", "inclusion", Receipt(20, path, note, entries[5])),
        ("path cut short", "inclusion", Receipt(5, path[:-1], note, entries[5])),
        ("path too long", "inclusion", Receipt(5, (*path, path[0]), note, entries[5])),
        ("path in another order", "inclusion", Receipt(5, (path[1], path[0], *path[2:]), note, entries[5])),
        ("checkpoint altered", "checkpoint", Receipt(5, path, bigger, entries[5])),
    ]
    return {
        "log_vkey": str(LOG_VKEY),
        "index": 5,
        "size": edge.size,
        "root_hex": edge.root().hex(),
        "entry": entries[5].decode(),
        "receipt": str(receipt),
        "refused": [{"name": name, "step": step, "receipt": str(bad)} for name, step, bad in refused],
    }


def _hex(hashes: list[bytes]) -> list[str]:
    return [item.hex() for item in hashes]


def _no_tile(level: int, index: int) -> bytes:
    raise AssertionError(f"tile {level}/{index} was never made")


FILES = {
    "canonical.json": canonical_vectors,
    "checkpoint.json": checkpoint_vectors,
    "envelope.json": envelope_vectors,
    "key.json": key_vectors,
    "merkle.json": merkle_vectors,
    "receipt.json": receipt_vectors,
    "tile.json": tile_vectors,
}


def render(name: str) -> str:
    """The text of one vector file."""
    return json.dumps(FILES[name](), ensure_ascii=False, indent=1) + "\n"


if __name__ == "__main__":
    for file in FILES:
        (HERE / file).write_text(render(file), encoding="utf-8")
        print(HERE / file)
