"""The hub's append-only Merkle log: pure functions over hashes."""

from exchange.ledger.checkpoint import (
    cosign,
    sign_checkpoint,
    verify_checkpoint,
    verify_checkpoint_by,
    verify_checkpoint_signers,
    verify_cosignatures,
)
from exchange.ledger.edge import RightEdge, TileReader, extend, load_edge, tile_root
from exchange.ledger.head import Checkpoint
from exchange.ledger.merkle import (
    EMPTY_ROOT,
    HASH_BYTES,
    Frontier,
    leaf_hash,
    node_hash,
    split_hashes,
    verify_consistency,
    verify_inclusion,
)
from exchange.ledger.note import Note, Sign, SignatureType, VerifierKey, sign_note, verify_note
from exchange.ledger.path import TiledTree, consistency_path, inclusion_path, overlay, paths_for
from exchange.ledger.proof import Receipt, verify_receipt, verify_receipt_signers
from exchange.ledger.signer import LogSigner
from exchange.ledger.tile import (
    MAX_ENTRY_BYTES,
    TILE_WIDTH,
    Tile,
    TilePath,
    decode_bundle,
    encode_bundle,
    tile_paths,
)

__all__ = [
    "EMPTY_ROOT",
    "HASH_BYTES",
    "MAX_ENTRY_BYTES",
    "TILE_WIDTH",
    "Checkpoint",
    "Frontier",
    "LogSigner",
    "Note",
    "Receipt",
    "RightEdge",
    "Sign",
    "SignatureType",
    "Tile",
    "TilePath",
    "TileReader",
    "TiledTree",
    "VerifierKey",
    "consistency_path",
    "cosign",
    "decode_bundle",
    "encode_bundle",
    "extend",
    "inclusion_path",
    "leaf_hash",
    "load_edge",
    "node_hash",
    "overlay",
    "paths_for",
    "sign_checkpoint",
    "sign_note",
    "split_hashes",
    "tile_paths",
    "tile_root",
    "verify_checkpoint",
    "verify_checkpoint_by",
    "verify_checkpoint_signers",
    "verify_consistency",
    "verify_cosignatures",
    "verify_inclusion",
    "verify_note",
    "verify_receipt",
    "verify_receipt_signers",
]
