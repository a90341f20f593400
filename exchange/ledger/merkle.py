"""RFC 6962 Merkle tree: hashing, the right frontier, and checking of proofs.

A hash is 32 bytes of SHA-256; a path is a sequence of hashes, the leaf's sibling first.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final, Self

from exchange.errors import MalformedError, ProofInvalidError

HASH_BYTES: Final = 32
EMPTY_ROOT: Final = sha256(b"").digest()
_SIZE_BYTES = 8


def leaf_hash(entry: bytes) -> bytes:
    """Hash of one entry (RFC 6962 §2.1)."""
    return sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash of two sibling subtrees (RFC 6962 §2.1)."""
    return sha256(b"\x01" + left + right).digest()


@dataclass(frozen=True, slots=True)
class Frontier:
    """What a tree must remember to grow: its `size` and the roots of its perfect subtrees, left to right.

    One root stands for each bit set in `size`, the largest subtree first.
    """

    size: int = 0
    roots: tuple[bytes, ...] = ()

    def append(self, leaf_hashes: Iterable[bytes]) -> Frontier:
        """The frontier after these leaves; costs two hashes a leaf at most on average."""
        stack, size = list(self.roots), self.size
        for node in leaf_hashes:
            carry = size
            while carry & 1:
                node = node_hash(stack.pop(), node)
                carry >>= 1
            stack.append(node)
            size += 1
        return Frontier(size, tuple(stack))

    def root(self) -> bytes:
        """Merkle tree hash of all leaves so far (RFC 6962 §2.1)."""
        if not self.roots:
            return EMPTY_ROOT
        *others, root = self.roots
        for left in reversed(others):
            root = node_hash(left, root)
        return root

    def to_bytes(self) -> bytes:
        """Size as 8 bytes big-endian, then the roots."""
        return self.size.to_bytes(_SIZE_BYTES, "big") + b"".join(self.roots)

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Undo `to_bytes`; raises MalformedError."""
        size = int.from_bytes(data[:_SIZE_BYTES], "big")
        if len(data) != _SIZE_BYTES + HASH_BYTES * size.bit_count():
            raise MalformedError("a frontier is 8 bytes of size and one hash for each bit set in it")
        return cls(size, tuple(split_hashes(data[_SIZE_BYTES:])))


def split_hashes(data: bytes) -> list[bytes]:
    """Cut concatenated hashes apart; raises MalformedError on a remainder."""
    if len(data) % HASH_BYTES:
        raise MalformedError(f"{len(data)} bytes are not a whole number of {HASH_BYTES}-byte hashes")
    return [data[at : at + HASH_BYTES] for at in range(0, len(data), HASH_BYTES)]


def verify_inclusion(leaf: bytes, index: int, size: int, path: Sequence[bytes], root: bytes) -> None:
    """Check that the entry hashing to `leaf` is number `index` (from 0) of the tree of `size` and `root`.

    Raises ProofInvalidError. RFC 9162 §2.1.3.2.
    """
    _check_lengths(leaf, root, *path)
    if not 0 <= index < size:
        raise ProofInvalidError(f"index {index} is outside a tree of size {size}")
    node, last, result = index, size - 1, leaf
    for sibling in path:
        if last == 0:
            raise ProofInvalidError("inclusion path is too long")
        if node & 1 or node == last:
            result = node_hash(sibling, result)
            # the last node of a ragged level has no sibling there: it climbs unchanged
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            result = node_hash(result, sibling)
        node, last = node >> 1, last >> 1
    if last:
        raise ProofInvalidError("inclusion path is too short")
    if result != root:
        raise ProofInvalidError("inclusion path does not lead to the root")


def verify_consistency(size1: int, root1: bytes, size2: int, root2: bytes, path: Sequence[bytes]) -> None:
    """Check that the tree (`size2`, `root2`) only appended to the tree (`size1`, `root1`).

    Raises ProofInvalidError. RFC 9162 §2.1.4.2; an empty tree is consistent with every tree.
    """
    _check_lengths(root1, root2, *path)
    if not 0 <= size1 <= size2:
        raise ProofInvalidError(f"a tree of size {size2} cannot follow one of size {size1}")
    for size, root in ((size1, root1), (size2, root2)):
        if size == 0 and root != EMPTY_ROOT:
            raise ProofInvalidError("the root of an empty tree is the hash of nothing")
    if size1 in (0, size2):
        if path:
            raise ProofInvalidError("no consistency path is needed here, yet one is given")
        if size1 == size2 and root1 != root2:
            raise ProofInvalidError("two roots for one tree size")
        return
    old, new = _climb_both(size1, size2, path if size1 & (size1 - 1) else [root1, *path])
    if old != root1:
        raise ProofInvalidError("consistency path does not lead to the older root")
    if new != root2:
        raise ProofInvalidError("consistency path does not lead to the newer root")


def _climb_both(size1: int, size2: int, path: Sequence[bytes]) -> tuple[bytes, bytes]:
    """The two roots that a consistency path with its starting node leads to."""
    if not path:
        raise ProofInvalidError("consistency path is too short")
    node, last = size1 - 1, size2 - 1
    while node & 1:
        node, last = node >> 1, last >> 1
    old = new = path[0]
    for sibling in path[1:]:
        if last == 0:
            raise ProofInvalidError("consistency path is too long")
        if node & 1 or node == last:
            old, new = node_hash(sibling, old), node_hash(sibling, new)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            new = node_hash(new, sibling)
        node, last = node >> 1, last >> 1
    if last:
        raise ProofInvalidError("consistency path is too short")
    return old, new


def _check_lengths(*hashes: bytes) -> None:
    if any(len(item) != HASH_BYTES for item in hashes):
        raise ProofInvalidError(f"a hash in the proof is not {HASH_BYTES} bytes")
