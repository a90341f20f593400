"""Data frames of SZY 206: bytes → address, kind and numbers, and back. Pure.

    68 | length | 68 | C | [part] | address 5 | AFN | data | CRC-8 | 16
    C: bit 7 up, bit 6 split (then one byte counts the parts down to 1), bits 5-4 count, bits 3-0 kind of data

Of reports (AFN C0) and answers (B0) the data are the numbers of the kind, state 4, and the time: second, minute,
hour, day (BCD) and the delay allowed; there is no month. Numbers are BCD, low byte first; the upper digit F is a
minus. The checksum is CRC-8 with polynomial E5 over everything between the second 68 and itself. Source: SZY
206-2012, 6 and 7; rows of kinds that are not listed in KINDS are kept as bytes.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from exchange.errors import MalformedError

_START, _END = 0x68, 0x16
_ADDRESS: Final = 5
_TAIL: Final = 9
REPORT, ANSWER = 0xC0, 0xB0
_POLYNOMIAL: Final = 0xE5
_MIN: Final = 1 + _ADDRESS + 1


class Kind(NamedTuple):
    """Widths in bytes of the numbers in turn, decimals of each."""

    name: str
    form: tuple[tuple[int, int], ...]


KINDS: Final = {
    1: Kind("雨量 rain, mm", ((3, 1),)),
    2: Kind("水位 stage, m", ((4, 3),)),
    3: Kind("流量、水量 discharge, m3/h, and volume, m3", ((5, 3), (5, 0))),
    4: Kind("流速 velocity, m/s", ((3, 3),)),
    9: Kind("水温 water temperature, degC", ((2, 1),)),
}


def _table() -> bytes:
    found = bytearray()
    for byte in range(256):
        for _ in range(8):
            byte = (byte << 1 ^ _POLYNOMIAL if byte & 0x80 else byte << 1) & 0xFF
        found.append(byte)
    return bytes(found)


_TABLE: Final = _table()


def crc(data: bytes) -> int:
    """CRC-8, polynomial E5, from 0."""
    state = 0
    for byte in data:
        state = _TABLE[state ^ byte]
    return state


class Frame(NamedTuple):
    """`address` in ten hexadecimal digits; `part` counts down to 1, 0 for a whole message; `data` as it stood."""

    control: int
    address: str
    function: int
    data: bytes
    part: int = 0

    @property
    def up(self) -> bool:
        """Whether a station sent it."""
        return bool(self.control & 0x80)

    @property
    def kind(self) -> int:
        """What its numbers are (KINDS)."""
        return self.control & 0x0F

    @property
    def has_numbers(self) -> bool:
        """Whether it is a whole report of a known kind."""
        return self.up and not self.part and self.function in (REPORT, ANSWER) and self.kind in KINDS

    def numbers(self) -> list[float | None]:
        """The numbers of its kind, group after group; raises MalformedError for another length."""
        form = KINDS[self.kind].form if self.kind in KINDS else ()
        data, step = self.data[:-_TAIL], sum(width for width, _ in form)
        if not self.has_numbers or not data or len(data) % step:
            raise MalformedError(f"{len(data)} bytes are no numbers of kind {self.kind}")
        found: list[float | None] = []
        for at in range(0, len(data), step):
            for width, decimals in form:
                found.append(_number(data[at : at + width], decimals))
                at += width
        return found

    def time(self) -> tuple[int, int, int, int]:
        """Day of the month, hour, minute, second, as sent (Beijing); raises MalformedError."""
        digits = self.data[-5:-1].hex()
        if len(digits) != 8 or not digits.isdecimal():
            raise MalformedError("the time is not decimal")
        second, minute, hour, day = (int(digits[at : at + 2]) for at in range(0, 8, 2))
        return day, hour, minute, second


def _number(data: bytes, decimals: int) -> float | None:
    digits = data[::-1].hex()
    sign = -1.0 if digits[0] == "f" else 1.0
    if digits[0] == "f":
        digits = digits[1:]
    return sign * int(digits) / 10**decimals if digits.isdecimal() else None


def length_of(head: bytes) -> int:
    """Bytes of the whole frame that begins with these three; 0 where none does."""
    return head[1] + 5 if head[0] == _START == head[2] and head[1] >= _MIN else 0


def decode(frame: bytes) -> Frame:
    """A whole frame; raises MalformedError for a wrong length or checksum, or another form."""
    if len(frame) < _MIN + 5 or length_of(frame[:3]) != len(frame) or frame[-1] != _END:
        raise MalformedError("not a frame of SZY 206: start, length or end is wrong")
    body = frame[3:-2]
    if crc(body) != frame[-2]:
        raise MalformedError(f"checksum is wrong: it should be {crc(body):02X}")
    control, at, part = body[0], 1, 0
    if control & 0x40:
        part, at = body[1], 2
        if not part:
            raise MalformedError("a part has no number")
    if len(body) < at + _ADDRESS + 1:
        raise MalformedError("the frame is too short for an address")
    address = body[at : at + _ADDRESS].hex().upper()
    return Frame(control, address, body[at + _ADDRESS], body[at + _ADDRESS + 1 :], part)


def encode(frame: Frame) -> bytes:
    """The bytes that `decode` reads as this frame; raises MalformedError for data that do not fit."""
    part = bytes([frame.part]) if frame.control & 0x40 else b""
    body = bytes([frame.control]) + part + bytes.fromhex(frame.address) + bytes([frame.function]) + frame.data
    if len(body) > 0xFF:
        raise MalformedError(f"{len(body)} bytes do not fit into a frame")
    return bytes([_START, len(body), _START]) + body + bytes([crc(body), _END])
