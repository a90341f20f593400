"""AES-256-CCM over many short messages at once.

A call per cell costs many times what the cipher does. CCM is made of nothing
but AES on single blocks, so the cells of a column are worked through in step: the first block of every cell in one
call, then the second, and so on; ECB below is AES itself on many blocks, not a mode of encryption. What comes out is
CCM as anybody has it (the tests open single cells by `cryptography`'s AESCCM): NIST SP 800-38C, RFC 3610 with L = 4 and
M = 16, nonce of 11 bytes, tag of 16. All messages are whole blocks.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

BLOCK: Final = 16
MAX_ASSOCIATED: Final = 0xFEFF  # RFC 3610 §2.2: lengths of two bytes
_FLAGS_MAC: Final = 0x40 | (16 - 2) // 2 << 3 | 4 - 1
_FLAGS_COUNTER: Final = 4 - 1

Bytes = npt.NDArray[np.uint8]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


class Cells:
    """One column's key. `numbers` are the cells' nonces: never two cells of one number under one key."""

    def __init__(self, key: bytes) -> None:
        self._aes = Cipher(algorithms.AES256(key), modes.ECB()).encryptor()

    def seal(self, numbers: Ints, counts: Ints, blocks: Bytes, associated: Packed) -> tuple[Bytes, Bytes]:
        """Ciphertext, laid out as `blocks` is (cell after cell, `counts` blocks each), and one tag for each cell."""
        masks, stream = self._stream(numbers, counts)
        return blocks ^ stream, self._mac(numbers, counts, blocks, associated) ^ masks

    def open(
        self, numbers: Ints, counts: Ints, blocks: Bytes, tags: Bytes, associated: Packed
    ) -> tuple[Bytes, Bools]:
        """Plaintext, and which cells' tags check; nothing may be made of the plaintext of others."""
        masks, stream = self._stream(numbers, counts)
        plain = blocks ^ stream
        wrong = np.bitwise_or.reduce(self._mac(numbers, counts, plain, associated) ^ masks ^ tags, axis=1)
        return plain, wrong == 0

    def _stream(self, numbers: Ints, counts: Ints) -> tuple[Bytes, Bytes]:
        """What the tags and what the messages are combined with: counter 0, and 1 to `counts`."""
        sizes = counts + 1
        starts = _starts(sizes)
        counters = np.zeros((int(sizes.sum()), BLOCK), np.uint8)
        counters[:, 0] = _FLAGS_COUNTER
        counters[:, 4:12] = _big(np.repeat(numbers, sizes), 8)
        counters[:, 12:] = _big(np.arange(len(counters)) - np.repeat(starts, sizes), 4)
        encrypted = self._encrypted(counters)
        first = np.zeros(len(counters), np.bool_)
        first[starts] = True
        return encrypted[starts], encrypted[~first]

    def _mac(self, numbers: Ints, counts: Ints, blocks: Bytes, associated: Packed) -> Bytes:
        """CBC-MAC over the first block, the associated data and the message, of all cells in step."""
        first = np.zeros((len(numbers), BLOCK), np.uint8)
        first[:, 0] = _FLAGS_MAC
        first[:, 4:12] = _big(numbers, 8)
        first[:, 12:] = _big(counts * BLOCK, 4)
        state = self._encrypted(first)
        state = self._chained(state, associated.counts, associated.blocks)
        return self._chained(state, counts, blocks)

    def _chained(self, state: Bytes, counts: Ints, blocks: Bytes) -> Bytes:
        """Take up each cell's blocks; those with more of them come first, so that the rest drops out at the end."""
        order = np.argsort(-counts, kind="stable")
        starts = _starts(counts)[order]
        alive = np.searchsorted(-counts[order], -np.arange(int(counts.max(initial=0))), side="left")
        running = state[order]
        for step, count in enumerate(alive):
            running[:count] = self._encrypted(running[:count] ^ blocks[starts[:count] + step])
        state[order] = running
        return state

    def _encrypted(self, blocks: Bytes) -> Bytes:
        encrypted = self._aes.update(np.ascontiguousarray(blocks).data.cast("B"))
        return np.frombuffer(bytearray(encrypted), np.uint8).reshape(-1, BLOCK)


class Packed:
    """Byte strings laid out in zero-padded blocks, `ahead` bytes of each being left free in front."""

    def __init__(
        self, data: Bytes, starts: Ints, lengths: Ints, ahead: int, counts: Ints | None = None
    ) -> None:
        """String i is `data[starts[i] : starts[i] + lengths[i]]`; `counts` where they are to have more blocks."""
        self.counts = -(-(lengths + ahead) // BLOCK) if counts is None else counts
        self.first = _starts(self.counts)
        flat = np.zeros(int(self.counts.sum()) * BLOCK, np.uint8)
        ends = _starts(lengths)
        inside = np.arange(int(lengths.sum())) - np.repeat(ends, lengths)
        flat[np.repeat(self.first * BLOCK + ahead, lengths) + inside] = data[
            np.repeat(starts, lengths) + inside
        ]
        self.blocks: Bytes = flat.reshape(-1, BLOCK)


def associated_data(data: Bytes, starts: Ints, lengths: Ints) -> Packed:
    """Associated data as CCM takes it up: length in two bytes, then the bytes. RFC 3610 §2.2."""
    packed = Packed(data, starts, lengths, 2)
    packed.blocks[packed.first, :2] = _big(lengths, 2)
    return packed


def _starts(sizes: Ints) -> Ints:
    return np.cumsum(sizes) - sizes


def _big(values: npt.NDArray[Any], width: int) -> Bytes:
    """Whole numbers as big-endian bytes, one row each."""
    return values.astype(">u8").view(np.uint8).reshape(-1, 8)[:, 8 - width :]
