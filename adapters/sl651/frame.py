"""Frames of SL 651: bytes → addresses, function and body, and back. Pure. HEX and ASCII form, up and down.

    HEX    7E7E | centre 1 | station 5 | password 2 | function 1 | direction 4 bit, length 12 | 02 or 16 | body | end
    ASCII  01   | the same in hexadecimal digits                                              | 02 or 16 | body | end

Down, station and centre change places. After 16 (SYN) three bytes of total and number of the part (12 bits each) stand
before the body, and count as length. After `end` comes CRC-16/MODBUS over everything before it, high byte first; in the
ASCII form in four digits. Source: SL 651-2014, 6.2 to 6.5.
"""

from __future__ import annotations

import struct
from typing import Final, NamedTuple

from fastcrc import crc16

from exchange.errors import MalformedError

HEX_START: Final = b"\x7e\x7e"
ASCII_START: Final = b"\x01"
STX, SYN, ETX, ETB, ENQ, EOT, ACK, NAK, ESC = 0x02, 0x16, 0x03, 0x17, 0x05, 0x04, 0x06, 0x15, 0x1B
_UP_ENDS: Final = (ETX, ETB)
_DOWN_ENDS: Final = (ENQ, EOT, ACK, NAK, ESC)
HEX_HEAD: Final = 14
ASCII_HEAD: Final = 24
_HEX: Final = struct.Struct(">2xB5s2sBHB")
_DOWN: Final = struct.Struct(">2x5sB2sBHB")
_DIGITS: Final = frozenset(b"0123456789ABCDEFabcdef")
BODY_BYTES: Final = 0xFFF


class Frame(NamedTuple):
    """`station` in ten, `password` in four hexadecimal digits; `part` is (number, total), (1, 1) of a whole message."""

    centre: int
    station: str
    password: str
    function: int
    body: bytes
    end: int = ETX
    part: tuple[int, int] = (1, 1)
    up: bool = True
    text: bool = False


def length_of(head: bytes) -> int:
    """Bytes of the whole frame that begins so, from HEX_HEAD or ASCII_HEAD bytes; 0 where no frame begins so."""
    if head[:2] == HEX_START:
        size = (head[11] & 0x0F) << 8 | head[12]
        return HEX_HEAD + size + 3 if head[13] in (STX, SYN) and head[11] >> 4 in (0, 8) else 0
    digits = head[1:23]
    if not _DIGITS.issuperset(digits) or head[23] not in (STX, SYN) or head[19] not in b"08":
        return 0
    return ASCII_HEAD + int(head[20:23], 16) + 5


def decode(frame: bytes) -> Frame:
    """A whole frame in either form; raises MalformedError for a wrong length or checksum, or another form."""
    text = frame[:1] == ASCII_START
    head = ASCII_HEAD if text else HEX_HEAD
    if len(frame) < head or length_of(frame[:head]) != len(frame):
        raise MalformedError("not a frame of SL 651: start or length is wrong")
    return _text_frame(frame) if text else _hex_frame(frame)


def _hex_frame(frame: bytes) -> Frame:
    if crc16.modbus(frame[:-2]) != int.from_bytes(frame[-2:]):
        raise MalformedError(f"checksum is wrong: it should be {crc16.modbus(frame[:-2]):04X}")
    if up := frame[11] < 0x80:
        centre, station, password, function, _, start = _HEX.unpack_from(frame)
    else:
        station, centre, password, function, _, start = _DOWN.unpack_from(frame)
    body, part, end = frame[HEX_HEAD:-3], (1, 1), frame[-3]
    if start == SYN:
        part, body = _part(body[:3]), body[3:]
    if end not in (_UP_ENDS if up else _DOWN_ENDS):
        raise MalformedError(f"the body ends with {end:02X}")
    return Frame(centre, station.hex().upper(), password.hex().upper(), function, body, end, part, up, False)


def _text_frame(frame: bytes) -> Frame:
    given = frame[-4:]
    if not _DIGITS.issuperset(given) or crc16.modbus(frame[:-4]) != int(given, 16):
        raise MalformedError(f"checksum is wrong: it should be {crc16.modbus(frame[:-4]):04X}")
    head = frame[1:23].decode("ascii").upper()
    up = head[18] == "0"
    centre, station = (head[:2], head[2:12]) if up else (head[10:12], head[:10])
    body, part, end = frame[ASCII_HEAD:-5], (1, 1), frame[-5]
    if frame[23] == SYN:
        if len(body) < 6 or not _DIGITS.issuperset(body[:6]):
            raise MalformedError("total and number of the part are no digits")
        part, body = _part(bytes.fromhex(body[:6].decode())), body[6:]
    if end not in (_UP_ENDS if up else _DOWN_ENDS):
        raise MalformedError(f"the body ends with {end:02X}")
    return Frame(int(centre, 16), station, head[12:16], int(head[16:18], 16), body, end, part, up, True)


def _part(given: bytes) -> tuple[int, int]:
    numbers = int.from_bytes(given)
    total, number = numbers >> 12, numbers & 0xFFF
    if len(given) != 3 or not 1 <= number <= total:
        raise MalformedError("total and number of the part contradict each other")
    return number, total


def encode(frame: Frame) -> bytes:
    """The bytes that `decode` reads as this frame; raises MalformedError for a body that does not fit."""
    number, total = frame.part
    several = total > 1
    numbers = (total << 12 | number).to_bytes(3) if several else b""
    if frame.text:
        numbers = numbers.hex().upper().encode()
    size = len(numbers) + len(frame.body)
    if size > BODY_BYTES:
        raise MalformedError(f"a body of {size} bytes does not fit into a frame")
    ends = f"{frame.centre:02X}{frame.station}" if frame.up else f"{frame.station}{frame.centre:02X}"
    head = f"{ends}{frame.password}{frame.function:02X}{0 if frame.up else 8}{size:03X}"
    start = ASCII_START + head.encode() if frame.text else HEX_START + bytes.fromhex(head)
    data = start + bytes([SYN if several else STX]) + numbers + frame.body + bytes([frame.end])
    crc = crc16.modbus(data)
    return data + (b"%04X" % crc if frame.text else crc.to_bytes(2))
