"""The checksum of HJ 212-2017, annex A (and of HJ/T 212-2005): no CRC that a library has.

For each byte the standard takes `crc = (crc >> 8) ^ byte` and then shifts eight times with 0xA001. The low byte is
lost at each step, so the state is eight bits wide; the map that a step applies to it is linear and its eighth
power is the identity. So bytes eight apart are treated alike: a segment is folded with XOR to its last eight
bytes, and each of those is looked up once. The result is the standard's, whatever the length; `tests` hold it to
the loop as it is written.
"""

from __future__ import annotations

from typing import Final

_COLUMNS: Final = 8
_FIRST: Final = 0xFF  # the high byte of the standard's initial 0xFFFF; the low one is lost before it counts
# By the length of the length in bits: where to fold, and what is left.
_FOLDS: Final = [
    [(1 << power, (1 << (1 << power)) - 1) for power in range(top - 1, 5, -1)] for top in range(18)
]


def _step(byte: int) -> int:
    for _ in range(8):
        byte = byte >> 1 ^ 0xA001 if byte & 1 else byte >> 1
    return byte


def _tables() -> list[list[int]]:
    """By distance from the end (0 to 7), what each byte adds to the result."""
    last = [_step(byte) for byte in range(256)]
    states, found = list(range(256)), []
    for _ in range(_COLUMNS):
        found.append([last[state] for state in states])
        states = [last[state] >> 8 for state in states]
    return found


_T0, _T1, _T2, _T3, _T4, _T5, _T6, _T7 = _tables()
_START: Final = tuple(table[_FIRST] for table in (_T0, _T1, _T2, _T3, _T4, _T5, _T6, _T7))


def crc(segment: bytes) -> int:
    """The checksum (16 bits) of a data segment of up to 9,999 bytes; 0xFFFF of none."""
    size = len(segment)
    if not size:
        return 0xFFFF
    word = int.from_bytes(segment)
    for fold, rest in _FOLDS[(size << 3).bit_length()]:
        word = (word >> fold) ^ (word & rest)
    a, b, c, d, e, f, g, h = word.to_bytes(8, "little")
    return _T0[a] ^ _T1[b] ^ _T2[c] ^ _T3[d] ^ _T4[e] ^ _T5[f] ^ _T6[g] ^ _T7[h] ^ _START[size - 1 & 7]
