"""Cells that should be numbers: the value, and what kind of cell it is, for a whole column at once.

Plain numbers go through Arrow's parser where they lie. What else a column holds (`*`, `--`, `<0.025`, `0.025L`,
`未检出`, `1,200`) is odd: it is looked at once for each different text.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Floats = npt.NDArray[np.float64]
Bytes = npt.NDArray[np.uint8]
Bools = npt.NDArray[np.bool_]
Places = npt.NDArray[np.int64]

_NUMBER: Final = r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?"
_PLAIN: Final = rf"^{_NUMBER}$"
_BELOW: Final = re.compile(rf"^(?:[<≤]\s*(?P<sign>{_NUMBER})|(?P<mark>{_NUMBER})\s*[Ll])$")
_ABOVE: Final = re.compile(rf"^[>≥]\s*(?P<sign>{_NUMBER})$")
_GROUPED: Final = re.compile(r"^[+-]?[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]+)?$")
_NOT_FOUND: Final = frozenset({"未检出", "ND", "nd", "N.D.", "<DL", "低于检出限"})
# Of so many cells one may hold other bytes than digits' and points, and the rest still be taken by those.
_SOME: Final = 8
_FIRST: Final = np.zeros(256, np.bool_)
_FIRST[[*range(0x30, 0x3A), *b"+-."]] = True
_LAST: Final = np.zeros(256, np.bool_)
_LAST[[*range(0x30, 0x3A), *b"."]] = True


class Kind(IntEnum):
    """What a cell is."""

    VALUE = 0
    EMPTY = 1
    NOT_MEASURED = 2
    FAILED = 3
    BELOW = 4
    ABOVE = 5
    UNREAD = 6


_MARKS: Final = {"empty": Kind.EMPTY, "not-measured": Kind.NOT_MEASURED, "failed": Kind.FAILED}


@dataclass(frozen=True, slots=True)
class Numbers:
    """A column read: values (NaN where there is none; the limit where a cell is BELOW or ABOVE), and what is odd.

    `odd` are the places of cells that are no plain number (int64, ascending), `odd_kinds` what they are.
    """

    values: Floats
    odd: Places
    odd_kinds: Bytes

    def are(self, kind: Kind) -> Bools:
        """Which cells are of a kind other than VALUE."""
        found = np.zeros(len(self.values), np.bool_)
        found[self.odd[self.odd_kinds == kind]] = True
        return found


def read_numbers(cells: pa.StringArray, marks: Mapping[str, str]) -> Numbers:
    """Read a column of text; `marks` say what texts without a number mean (`empty`, `not-measured`, `failed`)."""
    plain = _digits_alone(cells)
    values = None if plain is None else _parsed(cells, plain)
    if values is None:
        plain = _looks_plain(cells)
        values = _parsed(cells, plain)
    if values is None:  # something that only looks like a number: a date, 1.2.3
        plain &= pc.match_substring_regex(cells, _PLAIN).fill_null(False).to_numpy(zero_copy_only=False)
        values = _parsed(cells, plain)
    assert plain is not None
    assert values is not None
    odd = np.flatnonzero(~plain)
    if not len(odd):
        return Numbers(values, odd, np.zeros(0, np.uint8))
    some = cells.take(pa.array(odd))
    words = (some.fill_null("") if some.null_count else some).dictionary_encode()
    read = [_read(text, marks) for text in words.dictionary.to_pylist()]
    at = words.indices.to_numpy()
    values[odd] = np.array([value for _, value in read], np.float64)[at]
    return Numbers(values, odd, np.array([kind for kind, _ in read], np.uint8)[at])


def _digits_alone(cells: pa.StringArray) -> Bools | None:
    """Which cells hold digits and points alone; None where so many do not that each has to be looked at."""
    ends, text = _laid_out(cells)
    if text is None or cells.null_count:
        return None
    first = int(ends[0])
    # One comparison tells `.`, `/` and the ten digits from all other bytes; what holds a `/` then does not parse.
    other = np.flatnonzero((text[first : int(ends[-1])] - np.uint8(0x2E)) > np.uint8(0x39 - 0x2E))
    if len(other) > len(cells) // _SOME:
        return None
    found = ends[1:] > ends[:-1]
    found[np.searchsorted(ends, other + first, side="right") - 1] = False
    return found


def _looks_plain(cells: pa.StringArray) -> Bools:
    """Whether the first and last byte are a number's."""
    ends, text = _laid_out(cells)
    if text is None:
        return np.zeros(len(cells), np.bool_)
    start, stop = ends[:-1], ends[1:]
    last = len(text) - 1
    good = _FIRST[text[np.minimum(start, last)]]
    good &= _LAST[text[np.maximum(stop, 1) - 1]]
    good &= stop > start
    if cells.null_count:
        good &= cells.is_valid().to_numpy(zero_copy_only=False)
    return good


def _laid_out(cells: pa.StringArray) -> tuple[npt.NDArray[np.int32], Bytes | None]:
    """Where each cell begins and the last one ends, and the bytes; None where no cell has any."""
    _, offsets, data = cells.buffers()
    if data is None or not len(cells) or not data.size:
        return np.zeros(1, np.int32), None
    return np.frombuffer(offsets, np.int32, len(cells) + 1, cells.offset * 4), np.frombuffer(data, np.uint8)


def _parsed(cells: pa.StringArray, plain: Bools) -> Floats | None:
    """The numbers of the plain cells, NaN elsewhere; None where one of them is no number."""
    _, offsets, data = cells.buffers()
    if data is None:
        return np.full(len(cells), np.nan)
    bits = pa.py_buffer(np.packbits(plain, bitorder="little").tobytes())
    count = len(cells)
    whole = offsets.slice(cells.offset * 4)
    masked = pa.StringArray.from_buffers(count, whole, data, bits, null_count=count - int(plain.sum()))
    try:
        found = masked.cast(pa.float64())
    except pa.ArrowInvalid:
        return None
    values: Floats = found.to_numpy(zero_copy_only=False)
    return values if values.flags.writeable else values.copy()


def _read(text: str, marks: Mapping[str, str]) -> tuple[Kind, float]:
    plain = unicodedata.normalize("NFKC", text).strip()
    mark = marks.get(plain, marks.get(text.strip()))
    if mark is not None:
        return _MARKS[mark], np.nan
    if plain in _NOT_FOUND:
        return Kind.BELOW, np.nan
    if below := _BELOW.match(plain):
        return Kind.BELOW, float(below["sign"] or below["mark"])
    if above := _ABOVE.match(plain):
        return Kind.ABOVE, float(above["sign"])
    if _GROUPED.match(plain):
        return Kind.VALUE, float(plain.replace(",", ""))
    if re.match(_PLAIN, plain):
        return Kind.VALUE, float(plain)
    return Kind.UNREAD, np.nan
