"""One integer per row that both sides would give the same value: section, item, mode and instant.

From the highest bit: 20 bits section, 7 item, 2 mode (0 automatic, 1 manual), 34 seconds since 1970 (until 2514). One
integer is joined in a fraction of the time that four columns of text take, and holds all that they say.
"""

from __future__ import annotations

from typing import Final

import ibis
from ibis.expr.types import IntegerValue, TimestampValue

TIME_BITS: Final = 34
MODE_BITS: Final = 2
ITEM_BITS: Final = 7
MAX_ITEMS: Final = 1 << ITEM_BITS
MAX_SECTIONS: Final = 1 << 20
UNIT_BITS: Final = 4
MAX_UNITS: Final = (1 << UNIT_BITS) - 1
AUTOMATIC: Final = 0
MANUAL: Final = 1
_MICROS: Final = 1_000_000


def of_section(section: IntegerValue) -> IntegerValue:
    """The section's part of the key."""
    return section << (ITEM_BITS + MODE_BITS + TIME_BITS)


def of_item(item: IntegerValue) -> IntegerValue:
    """The item's part of the key."""
    return item << (MODE_BITS + TIME_BITS)


def of_mode(mode: int) -> int:
    """The mode's part of the key."""
    return mode << TIME_BITS


def of_instant(at: TimestampValue) -> IntegerValue:
    """The instant's part of the key: whole seconds, what is less is cut off."""
    return unix_micros(at) // _MICROS


@ibis.udf.scalar.builtin(signature=(("timestamp('UTC')",), "int64"))  # type: ignore[untyped-decorator] # ibis has no types
def unix_micros(at: TimestampValue) -> IntegerValue:
    """Microseconds since 1970. Both engines have it; what ibis offers takes each instant apart as a date first."""
    raise NotImplementedError


def series_of(key: IntegerValue) -> IntegerValue:
    """The key without its instant."""
    return key >> TIME_BITS


def seconds_of(key: IntegerValue) -> IntegerValue:
    """Seconds since 1970, UTC."""
    return key & ((1 << TIME_BITS) - 1)


def mode_of(series: IntegerValue) -> IntegerValue:
    """0 automatic, 1 manual."""
    return series & ((1 << MODE_BITS) - 1)


def item_of(series: IntegerValue) -> IntegerValue:
    """The item's place in the terms."""
    return (series >> MODE_BITS) & (MAX_ITEMS - 1)


def section_of(series: IntegerValue) -> IntegerValue:
    """The section's row in the crosswalk."""
    return series >> (ITEM_BITS + MODE_BITS)


def units_of(item: IntegerValue, left: IntegerValue, right: IntegerValue) -> IntegerValue:
    """An item in one unit on the left and one on the right, as an integer; where a side is missing, MAX_UNITS."""
    return (item << 2 * UNIT_BITS) | (left << UNIT_BITS) | right


def at(series: IntegerValue, item: IntegerValue) -> IntegerValue:
    """The series of another item at the same section, in the same mode."""
    return (section_of(series) << (ITEM_BITS + MODE_BITS)) | (item << MODE_BITS) | mode_of(series)
