"""An XLS workbook (BIFF8, [MS-XLS]) written record by record: no library of the project writes that form."""

from __future__ import annotations

import struct
from collections.abc import Sequence

_GLOBALS, _SHEET = 0x0005, 0x0010
_DATE = 14  # the built-in format of dates


def xls(
    rows: Sequence[Sequence[str | float | None]],
    merged: Sequence[tuple[int, int, int, int]] = (),
    dates: frozenset[int] = frozenset(),
    name: str = "数据",
) -> bytes:
    """One sheet; `merged` are (first row, last row, first column, last column), `dates` the columns of serial dates."""
    fonts = b"".join(
        _record(0x31, struct.pack("<HHHHHBBBB", 200, 0, 0, 400, 0, 0, 0, 0, 0) + _short("Arial"))
        for _ in range(5)
    )
    formats = _record(0x41E, struct.pack("<H", 164) + _long("General"))
    plain, dated = (
        _record(0xE0, struct.pack("<HHHBBBBIiH", 0, form, 0, 0, 0, 0, 0, 0, 0, 0)) for form in (0, _DATE)
    )
    head = (
        _bof(_GLOBALS)
        + _record(0x42, struct.pack("<H", 1200))
        + _record(0x22, b"\0\0")
        + fonts
        + formats
        + plain
        + dated
    )
    sheet = _bof(_SHEET)
    for at, row in enumerate(rows):
        for column, value in enumerate(row):
            where = struct.pack("<HHH", at, column, 1 if column in dates else 0)
            if isinstance(value, str):
                sheet += _record(0x204, where + _long(value))
            elif value is not None:
                sheet += _record(0x203, where + struct.pack("<d", value))
    if merged:
        sheet += _record(
            0xE5, struct.pack("<H", len(merged)) + b"".join(struct.pack("<HHHH", *each) for each in merged)
        )
    sheet += _record(0x0A, b"")
    start = len(head) + 4 + 6 + len(_short(name)) + 4
    table = _record(0x85, struct.pack("<IBB", start, 0, 0) + _short(name))
    return head + table + _record(0x0A, b"") + sheet


def _record(kind: int, data: bytes) -> bytes:
    return struct.pack("<HH", kind, len(data)) + data


def _bof(kind: int) -> bytes:
    return _record(0x809, struct.pack("<HHHHII", 0x600, kind, 0x0DBB, 1996, 0, 6))


def _short(text: str) -> bytes:
    return struct.pack("<BB", len(text), 1) + text.encode("utf-16-le")


def _long(text: str) -> bytes:
    return struct.pack("<HB", len(text), 1) + text.encode("utf-16-le")
