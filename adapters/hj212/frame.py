"""Frames of HJ 212: bytes → header and fields, and back. Pure.

    ## | length of segment, 4 digits | segment | checksum, 4 hex digits | CR LF
    segment: QN=…;ST=…;CN=…;PW=…;MN=…;Flag=…;[PNUM=…;PNO=…;]CP=&&name=value,name=value;name=value&&

Source: HJ 212-2017, 6.3. HJ/T 212-2005 has the same form, QN and Flag may be absent, and PNO may come before PNUM.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Final, NamedTuple

from adapters.hj212.code import ACKNOWLEDGE, SPLIT
from adapters.hj212.crc import crc
from exchange.errors import MalformedError

START: Final = b"##"
END: Final = b"\r\n"
PREFIX: Final = len(START) + 4
SUFFIX: Final = 4 + len(END)
# What the length of a segment may be by the standard; some stations go beyond.
SEGMENT_BYTES: Final = 1024

_BEGIN: Final = b"CP=&&"
_STOP: Final = b"&&"
_EMPTY: Final = len(_BEGIN + _STOP)
_ALIKE: Final = bytes.maketrans(b",=", b";;")
_NOT_MARKS: Final = bytes(set(range(256)) - set(b",;="))
_DIGITS: Final = 12  # of Flag, PNUM and PNO together


class Message(NamedTuple):
    """What a frame says: `header` (QN, ST, CN, PW, MN, Flag, PNUM, PNO as given) and `data`, all text."""

    header: Mapping[str, str]
    data: Mapping[str, str]

    @property
    def station(self) -> str:
        """MN, the unique identity of the equipment."""
        return self.header.get("MN", "")

    @property
    def command(self) -> str:
        """CN."""
        return self.header.get("CN", "")

    @property
    def flag(self) -> int:
        """Flag as a number; 0 where it is absent, as in 2005."""
        return int(self.header.get("Flag") or "0")

    @property
    def version(self) -> int:
        """0 for 2005, 1 for 2017, 2 for 2025."""
        return self.flag >> 2

    @property
    def wants_answer(self) -> bool:
        """Whether the sender asks for an acknowledgement."""
        return bool(self.flag & ACKNOWLEDGE)

    @property
    def part(self) -> tuple[int, int]:
        """(PNO, PNUM), from 1; (1, 1) where the message was not split."""
        if "PNUM" not in self.header or not (self.flag & SPLIT or "Flag" not in self.header):
            return 1, 1
        return int(self.header.get("PNO") or "1"), int(self.header["PNUM"] or "1")


def unwrap(frame: bytes) -> bytes:
    """The segment of a whole frame; raises MalformedError for a wrong length or checksum, or another form."""
    segment, given = frame[PREFIX:-SUFFIX], frame[-SUFFIX:-2]
    if frame[:PREFIX] != _prefix(len(segment)) or frame[-2:] != END:
        raise MalformedError("not a frame of HJ 212: start, length or end is wrong")
    try:
        right = given.isalnum() and int(given, 16) == crc(segment)
    except ValueError:
        right = False
    if not right:
        raise MalformedError(f"checksum {given!r} is wrong: it should be {crc(segment):04X}")
    return segment


def wrap(segment: bytes) -> bytes:
    """A segment of up to 9,999 bytes as a frame."""
    return b"%s%s%04X\r\n" % (_prefix(len(segment)), segment, crc(segment))


@lru_cache(10_000)
def _prefix(size: int) -> bytes:
    return b"##%04d" % size


def decode(frame: bytes, opened: Callable[[str, bytes], bytes] | None = None) -> Message:
    """A whole frame as a message; raises MalformedError.

    `opened` gives the plain text of what station MN sent between && and && where that is encrypted.
    """
    segment = unwrap(frame)
    if opened is not None and (begin := segment.find(_BEGIN)) >= 0:
        header, _ = _parse(segment[: begin + len(_BEGIN)] + _STOP)
        plain = opened(header.get("MN", ""), segment[begin + len(_BEGIN) : -len(_STOP)])
        segment = segment[: begin + len(_BEGIN)] + plain + _STOP
    return Message(*_parse(segment))


def encode(message: Message) -> bytes:
    """The frame that `decode` reads as this message; fields of one item are kept together as the standard has it."""
    head = "".join(f"{name}={value};" for name, value in message.header.items())
    body, last = "", None
    for name, value in message.data.items():
        item = name.partition("-")[0]
        separator = "" if last is None else "," if item == last else ";"
        body += f"{separator}{name}={value}"
        last = item
    return wrap(f"{head}CP=&&{body}&&".encode("gb18030"))


def _parse(segment: bytes) -> tuple[dict[str, str], dict[str, str]]:
    """Header and data: one pass over the text, whatever stands in it."""
    begin = segment.find(_BEGIN)
    if begin < 0 or segment[-2:] != _STOP or len(segment) < begin + _EMPTY:
        raise MalformedError("CP=&&…&& is missing")
    text = (
        segment.replace(_BEGIN, b"", 1)[:-2]
        if len(segment) > begin + _EMPTY
        else segment[: max(begin - 1, 0)]
    )
    marks = text.translate(None, _NOT_MARKS)
    if marks[::2].strip(b"=") or b"=" in marks[1::2] or not len(marks) & 1:
        raise MalformedError("fields are not name=value between semicolons and commas")
    text = text.translate(_ALIKE)
    try:
        parts = (text.decode("ascii") if text.isascii() else text.decode("gb18030")).split(";")
    except UnicodeDecodeError:
        raise MalformedError("text is neither ASCII nor GB 18030") from None
    middle = 2 * segment.count(b"=", 0, begin)
    header = dict(zip(parts[:middle:2], parts[1:middle:2], strict=False))
    rest = iter(parts[middle:])
    data = dict(zip(rest, rest, strict=False))
    if 2 * (len(header) + len(data)) != len(parts):
        raise MalformedError("a field is there twice")
    numbers = header.get("Flag", "0")
    if "PNUM" in header or "PNO" in header:
        numbers += header.get("PNUM", "0") + header.get("PNO", "0")
    if not numbers.isdecimal() or len(numbers) > _DIGITS:
        raise MalformedError("Flag, PNUM or PNO is not a small number")
    return header, data
