"""What can be wrong with bytes on a connection, one word each: names in logs and metrics."""

from __future__ import annotations

from enum import StrEnum


class Fault(StrEnum):
    """Bytes, frames or stations that are not taken; nothing of them is acknowledged."""

    NOISE = "noise"
    LENGTH = "length"
    CHECKSUM = "checksum"
    MALFORMED = "malformed"
    STATION = "unknown-station"
    PASSWORD = "password"
    ORPHAN = "orphan-part"
    PARTS = "too-many-parts"
