"""Where the elements of a HEX body stand. Stations send the same elements again and again, so layouts are kept.

    serial 2 | time 6 | F1F1 station 5, kind 1 | F0F0 time 5 | element: identifier, definition, data | …

A definition has the length in its high five bits and the decimals in its low three. Fixed whatever it says: F4
twelve bytes, F5 to FC twenty-four. Extended identifiers are FF and one byte more. Reports of equal intervals (31,
38) give the definition once and then as many data as there are; text and pictures take the rest. Source: SL
651-2014, 6.6 and annex C.
"""

from __future__ import annotations

import struct
from functools import lru_cache
from typing import Final, NamedTuple

from adapters.sl651 import code
from exchange.errors import MalformedError

_BEGIN: Final = 8
_KEPT: Final = 4096
_FIXED: Final = {code.TIME: 5, code.ADDRESS: 6, code.RAIN_SERIES: code.SERIES,
                 **dict.fromkeys(code.STAGE_SERIES, 2 * code.SERIES)}  # fmt: skip
_REST: Final = (code.TEXT, code.IMAGE)


class Layout(NamedTuple):
    """`form` cuts a body into serial, time, then guide and data in turn; `guides` are what the guides must be.

    `widths` are the bytes of data after each guide.
    """

    form: struct.Struct
    guides: tuple[bytes, ...]
    widths: tuple[int, ...]


_LAYOUTS: dict[tuple[int, int], Layout] = {}


def cut(function: int, body: bytes) -> tuple[tuple[bytes, ...], tuple[bytes, ...]]:
    """Guides (identifier and definition) and their data, aligned; raises MalformedError."""
    key = function, len(body)
    if (known := _LAYOUTS.get(key)) is not None:
        pieces = known.form.unpack(body)
        if pieces[2::2] == known.guides:
            return known.guides, pieces[3::2]
    layout = layout_of(function, body)
    if len(_LAYOUTS) >= _KEPT:
        _LAYOUTS.clear()
    _LAYOUTS[key] = layout
    return layout.guides, layout.form.unpack(body)[3::2]


def layout_of(function: int, body: bytes) -> Layout:
    """Where the elements of a body stand; raises MalformedError."""
    if len(body) < _BEGIN:
        raise MalformedError("the body is too short for serial and time")
    form, guides, widths, at = ["2s6s"], [], [], _BEGIN
    while at < len(body):
        guide, size = _next(function, body, at)
        at += len(guide) + size
        if at > len(body):
            raise MalformedError(f"element {guide.hex().upper()} goes beyond the body")
        form.append(f"{len(guide)}s{size}s")
        guides.append(guide)
        widths.append(size)
    return Layout(_struct("".join(form)), tuple(guides), tuple(widths))


@lru_cache(_KEPT)
def _struct(form: str) -> struct.Struct:
    return struct.Struct(form)


def _next(function: int, body: bytes, at: int) -> tuple[bytes, int]:
    """The guide at a place, and how many bytes of data follow it."""
    rest = len(body) - at - 2
    if rest < 0:
        raise MalformedError("the body ends within an element")
    first, second = body[at], body[at + 1]
    guide = body[at : at + 2]
    if function in code.CONFIGURATION and at > _BEGIN:
        return b"", rest + 2
    if first in (code.TIME, code.ADDRESS, *_REST) and second != first:
        raise MalformedError(f"{first:02X} is not followed by {first:02X}")
    if first in _REST:
        return guide, rest
    if first == code.ADDRESS and function in code.CONFIGURATION:
        return guide, 5
    if first in _FIXED:
        return guide, _FIXED[first]
    if first == code.EXTENDED:
        if rest < 1:
            raise MalformedError("the body ends within an element")
        return body[at : at + 3], body[at + 2] >> 3
    size = second >> 3
    if function in (code.UNIFORM, code.PERIOD) and first != code.STEP and size:
        return guide, rest - rest % size
    return guide, size
