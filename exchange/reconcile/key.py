"""One integer per row that both sides would give the same value: section, item, mode and instant.

From the highest bit: 20 bits section, 7 item, 2 mode (0 automatic, 1 manual), 34 seconds since 1970 (until 2514). One
integer is joined in a fraction of the time that four columns of text take, and holds all that they say.
"""

from __future__ import annotations

from typing import Final

import ibis
from ibis.expr.types import IntegerValue

TIME_BITS: Final = 34
MODE_BITS: Final = 2
ITEM_BITS: Final = 7
MAX_ITEMS: Final = 1 << ITEM_BITS
MAX_SECTIONS: Final = 1 << 20
AUTOMATIC: Final = 0
MANUAL: Final = 1


def packed(
    section: IntegerValue, item: IntegerValue, mode: IntegerValue, seconds: IntegerValue
) -> IntegerValue:
    """The key."""
    wide = ibis.literal(TIME_BITS, "int32")
    series = (section << (ITEM_BITS + MODE_BITS)) | (item << MODE_BITS) | mode
    return (series << wide) | seconds


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


def at(series: IntegerValue, item: IntegerValue) -> IntegerValue:
    """The series of another item at the same section, in the same mode."""
    return (section_of(series) << (ITEM_BITS + MODE_BITS)) | (item << MODE_BITS) | mode_of(series)
