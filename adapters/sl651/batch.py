"""Many HEX frames at once: those of one length and layout side by side in a matrix, their numbers in columns.

A network's stations send the same few elements over and over, so that this is how almost every report is read. What is
different - parts, the ASCII form, series, equal intervals, negative or missing numbers, a wrong checksum - is left to
`frame` and `report`, one by one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from fastcrc import crc16
from numpy.typing import NDArray

from adapters.sl651 import code
from adapters.sl651.frame import ETX, HEX_HEAD, HEX_START, STX
from adapters.sl651.layout import Layout, layout_of
from exchange.errors import MalformedError

_FEW: Final = 4
_FUNCTION, _DIRECTION, _LENGTH, _BEGIN = 10, 11, 12, 13
_TIME_BYTES: Final = 5
_ADDRESS: Final = bytes([code.ADDRESS, code.ADDRESS])
_BODY: Final = HEX_HEAD + 8
_SINGLE: Final = frozenset(code.FUNCTIONS) - {code.LINK, code.UNIFORM, code.PERIOD, code.MANUAL, code.PICTURE}


class Columns(NamedTuple):
    """Frames of one layout: `frames` are their places among those given.

    `elements` and `times` are as wide as `numbers` (frames × elements); a time is YYMMDDHHmm as a number (Beijing).
    """

    function: int
    frames: list[int]
    elements: tuple[int, ...]
    times: NDArray[np.int64]
    numbers: NDArray[np.float64]


class _Field(NamedTuple):
    first: int
    last: int
    element: int
    scale: float
    time: int


def decode_many(frames: Sequence[bytes]) -> tuple[list[Columns], list[int]]:
    """What can be read side by side; and the places of all other frames, in order."""
    groups: dict[tuple[int, int], list[int]] = {}
    rest: list[int] = []
    for place, frame in enumerate(frames):
        if frame[:2] == HEX_START and len(frame) > _BODY:
            groups.setdefault((len(frame), frame[_FUNCTION]), []).append(place)
        else:
            rest.append(place)
    found: list[Columns] = []
    for (size, function), places in groups.items():
        columns = _columns(frames, places, size, function) if len(places) >= _FEW else None
        read = set(columns.frames) if columns else set()
        if columns:
            found.append(columns)
        if len(read) < len(places):
            rest += [place for place in places if place not in read]
    return found, sorted(rest)


def _columns(frames: Sequence[bytes], places: list[int], size: int, function: int) -> Columns | None:
    if function not in _SINGLE:
        return None
    given = [frames[place] for place in places]
    try:
        layout = layout_of(function, given[0][HEX_HEAD:-3])
    except MalformedError:
        return None
    fields = _fields(layout)
    if fields is None:
        return None
    data = np.frombuffer(b"".join(given), np.uint8).reshape(len(given), size)
    good = _alike(data, given[0], layout, size)
    crc = np.fromiter((crc16.modbus(each[:-2]) for each in given), np.int64, len(given))
    good &= crc == (data[:, -2].astype(np.int64) << 8 | data[:, -1])
    pairs = (data >> 4) * 10 + (data & 15)
    wrong = ((data & 15) > 9) | (data >= 0xA0)
    times, numbers = _empty(len(given), fields), np.empty((len(given), len(fields)))
    for at, field in enumerate(fields):
        numbers[:, at] = _decimal(pairs, field.first, field.last) / field.scale
        times[:, at] = _decimal(pairs, field.time, field.time + _TIME_BYTES)
        good &= ~wrong[:, field.first : field.last].any(axis=1) & ~wrong[:, field.time : field.time + 5].any(
            axis=1
        )
    kept = [place for place, fine in zip(places, good.tolist(), strict=True) if fine]
    return Columns(function, kept, tuple(each.element for each in fields), times[good], numbers[good])


def _empty(rows: int, fields: Sequence[_Field]) -> NDArray[np.int64]:
    return np.empty((rows, len(fields)), np.int64)


def _alike(data: NDArray[np.uint8], first: bytes, layout: Layout, size: int) -> NDArray[np.bool_]:
    """Which frames have the first one's layout, direction up, and the ends of a whole message."""
    places, at = [_DIRECTION, _LENGTH, _BEGIN, size - 3], _BODY
    for guide, width in zip(layout.guides, layout.widths, strict=True):
        places += range(at, at + len(guide))
        at += len(guide) + width
    wanted = np.frombuffer(first, np.uint8)[places].copy()
    wanted[[2, 3]] = STX, ETX
    body = size - HEX_HEAD - 3
    wanted[[0, 1]] = body >> 8, body & 0xFF
    found: NDArray[np.bool_] = (data[:, places] == wanted).all(axis=1)
    return found


def _fields(layout: Layout) -> list[_Field] | None:
    """Where each number stands; None where a layout has what columns do not hold."""
    if layout.guides[:1] != (_ADDRESS,):
        return None
    found, at, time = [], _BODY, 0
    for guide, width in zip(layout.guides, layout.widths, strict=True):
        at += len(guide)
        first = guide[0]
        if first == code.TIME:
            time = at
        elif first not in (code.ADDRESS, code.STATE):
            if first >= code.TIME or first == code.STEP or not width or not time or width > 7:
                return None
            found.append(_Field(at, at + width, first, 10.0 ** (guide[1] & 7), time))
        at += width
    return found or None


def _decimal(pairs: NDArray[np.uint8], first: int, last: int) -> NDArray[np.int64]:
    value = pairs[:, first].astype(np.int64)
    for at in range(first + 1, last):
        value = value * 100 + pairs[:, at]
    return value
