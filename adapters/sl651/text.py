"""The body of an ASCII frame: symbols and values between spaces. Pure.

    serial 4 | time 12 | `ST station kind` `TT time` `SYMBOL value` …

`DRxnn` is a step (x: D days, H hours, N minutes); after it a symbol has as many values as there are. DRP has twelve
times two hexadecimal digits, DRZ1 to DRZ8 twelve times four. Source: SL 651-2014, 6.6 and annex C.
"""

from __future__ import annotations

import re
from typing import Final

from adapters.sl651 import code
from adapters.sl651.report import moments
from exchange.errors import MalformedError

_HEAD: Final = 16
_STEP: Final = re.compile(r"DR([DHN])([0-9]{1,2})")
_MINUTES: Final = {"D": 1440, "H": 60, "N": 1}
_NUMBER: Final = re.compile(r"[+-]?[0-9]{1,12}([.][0-9]{0,6})?")
Number = tuple[str, int, float | None]


def numbers(body: bytes) -> list[Number]:
    """(time, element, number) in the order sent; raises MalformedError. Symbols of no element are left out."""
    try:
        words = body.decode("ascii")[_HEAD:].split()
    except UnicodeDecodeError:
        raise MalformedError("the body of an ASCII frame is not ASCII") from None
    found: list[Number] = []
    time, step, at = "", 0, 0
    while at < len(words):
        word, at = words[at], at + 1
        if word == "ST":
            at += 2
        elif word == "TT" and at < len(words):
            time, at = words[at], at + 1
        elif match := _STEP.fullmatch(word):
            step = int(match[2]) * _MINUTES[match[1]]
        elif word in code.SYMBOLS:
            element, first = code.SYMBOLS[word], at
            while at < len(words) and not _begins(words[at]):
                at += 1
            found += _values(time, step, element, words[first:at])
        elif word == "RGZS":
            break
    return found


def _begins(word: str) -> bool:
    return word in code.SYMBOLS or word in ("ST", "TT", "RGZS") or _STEP.fullmatch(word) is not None


def _values(time: str, step: int, element: int, words: list[str]) -> list[Number]:
    if element == code.RAIN_SERIES:
        return _series(time, element, words, 2, 10.0)
    if element in code.STAGE_SERIES:
        return _series(time, element, words, 4, 100.0)
    times = moments(time, step, len(words)) if len(words) > 1 and step else [time] * len(words)
    return [
        (moment, element, float(word) if _NUMBER.fullmatch(word) else None)
        for moment, word in zip(times, words, strict=False)
    ]


def _series(time: str, element: int, words: list[str], size: int, scale: float) -> list[Number]:
    digits = "".join(words)
    if len(digits) != size * code.SERIES or set(digits) - set("0123456789ABCDEFabcdef"):
        raise MalformedError(f"{code.ELEMENTS[element].symbol} does not have {code.SERIES} values")
    given = [int(digits[at : at + size], 16) for at in range(0, len(digits), size)]
    none = (1 << 4 * size) - 1
    times = moments(time, code.SERIES_MINUTES, code.SERIES)
    return [
        (moment, element, None if each == none else each / scale)
        for moment, each in zip(times, given, strict=True)
    ]
