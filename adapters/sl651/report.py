"""What a body says: serial, times, and numbers with the instant at which they were observed. Pure.

Times are digits as they were sent (YYMMDDHHmm, Beijing). Numbers are BCD, led by FF where negative; what is not
decimal (FF…, AA…) is no number. F4 gives twelve rains of five minutes in 0.1 mm (FF: none), F5 to FC twelve
relative stages in 0.01 m (FFFF: none), the first at the time before them. Source: SL 651-2014, 6.6 and annex C.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from adapters.sl651 import code
from adapters.sl651.layout import cut
from exchange.errors import MalformedError

_SCALES: Final = tuple(10.0**decimals for decimals in range(8))
_WORDS: Final = struct.Struct(">12H")
_CENTURY: Final = "20"
_FORM: Final = "%Y%m%d%H%M"
_STEP_LIMIT: Final = 4096


class Report(NamedTuple):
    """`guides` and `data` aligned, as they stood; encoding them again gives the body."""

    function: int
    serial: bytes
    sent: bytes
    guides: tuple[bytes, ...]
    data: tuple[bytes, ...]

    @property
    def station(self) -> str | None:
        """The address in the body, ten digits; None where it has none."""
        found = self._of(code.ADDRESS)
        return found[:5].hex().upper() if found else None

    @property
    def kind(self) -> int | None:
        """The kind of station (KINDS); None where the body does not say."""
        found = self._of(code.ADDRESS)
        return found[5] if found and len(found) > 5 else None

    @property
    def text(self) -> bytes:
        """What was entered by hand (F2), as it was sent."""
        return self._of(code.TEXT) or b""

    def _of(self, guide: int) -> bytes | None:
        for each, data in zip(self.guides, self.data, strict=True):
            if each[:1] and each[0] == guide:
                return data
        return None

    def numbers(self) -> list[tuple[str, int, float | None]]:
        """(time, element, number) in the order sent; series are spread over their instants."""
        found: list[tuple[str, int, float | None]] = []
        time, step, uniform = "", 0, self.function in (code.UNIFORM, code.PERIOD)
        for guide, data in zip(self.guides, self.data, strict=True):
            first = guide[0] if guide else code.IMAGE
            if first < code.TIME:
                size, scale = guide[1] >> 3, _SCALES[guide[1] & 7]
                if first == code.STEP:
                    step = _minutes(data)
                elif uniform and len(data) != size:
                    found += _repeated(time, step, first, data, size, scale)
                elif first != code.STATE:
                    digits = data.hex()
                    number = int(digits) / scale if digits.isdecimal() else _odd(digits, scale)
                    found.append((time, first, number))
            elif first == code.TIME:
                time = data.hex()
            elif first == code.EXTENDED:
                found.append((time, first << 8 | guide[1], _odd(data.hex(), _SCALES[guide[2] & 7])))
            elif first == code.RAIN_SERIES or first in code.STAGE_SERIES:
                found += _series(time, first, data)
        return found


def decode(function: int, body: bytes) -> Report:
    """The body of a HEX frame, of all parts together; raises MalformedError."""
    guides, data = cut(function, body)
    return Report(function, body[:2], body[2:8], guides, data)


def encode(report: Report) -> bytes:
    """The body that `decode` reads as this report."""
    pieces = [report.serial, report.sent]
    for guide, data in zip(report.guides, report.data, strict=True):
        pieces += (guide, data)
    return b"".join(pieces)


def _odd(digits: str, scale: float) -> float | None:
    """A number that is not plain digits: negative, or none at all."""
    if digits.isdecimal():
        return int(digits) / scale
    return -int(digits[2:]) / scale if digits[:2] == "ff" and digits[2:].isdecimal() else None


def _minutes(data: bytes) -> int:
    """A step DDHHMM in minutes; 0 where it is none."""
    digits = data.hex()
    if len(digits) != 6 or not digits.isdecimal():
        return 0
    return (int(digits[:2]) * 24 + int(digits[2:4])) * 60 + int(digits[4:])


def _repeated(
    time: str, step: int, element: int, data: bytes, size: int, scale: float
) -> Iterator[tuple[str, int, float | None]]:
    if not step or not size:
        raise MalformedError("a report of equal intervals does not say its step")
    pieces = [data[at : at + size].hex() for at in range(0, len(data), size)]
    for moment, digits in zip(moments(time, step, len(pieces)), pieces, strict=True):
        yield moment, element, _odd(digits, scale)


def _series(time: str, element: int, data: bytes) -> Iterator[tuple[str, int, float | None]]:
    rain = element == code.RAIN_SERIES
    none, scale = (0xFF, 10.0) if rain else (0xFFFF, 100.0)
    given = data if rain else _WORDS.unpack(data)
    for moment, number in zip(moments(time, code.SERIES_MINUTES, code.SERIES), given, strict=True):
        yield moment, element, None if number == none else number / scale


def moments(time: str, minutes: int, count: int) -> list[str]:
    """So many instants, so many minutes apart; raises MalformedError where the first is none."""
    try:
        first = datetime.strptime(_CENTURY + time, _FORM)
        return [
            f"{first + timedelta(minutes=minutes * at):{_FORM}}"[2:] for at in range(min(count, _STEP_LIMIT))
        ]
    except (ValueError, OverflowError):
        raise MalformedError(f"{time!r} is no time") from None
