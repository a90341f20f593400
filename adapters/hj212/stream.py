"""A TCP stream cut into frames: pieces of any size in, whole frames and faults out. Pure; holds at most one frame.

After a fault the search goes on at the next `##`, so that one broken frame costs no other.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from adapters.hj212.crc import crc
from adapters.hj212.frame import END, PREFIX, SEGMENT_BYTES, START, SUFFIX
from adapters.telemetry.fault import Fault

_BLANK: Final = b"\r\n\0 "


class Splitter:
    """One connection's bytes. `segment_bytes` bounds a segment, and with it what is held."""

    def __init__(self, segment_bytes: int = SEGMENT_BYTES) -> None:
        self._limit = segment_bytes
        self._held = b""

    @property
    def held(self) -> int:
        """Bytes that wait for the rest of their frame."""
        return len(self._held)

    def feed(self, data: bytes) -> Iterator[bytes | Fault]:
        """Frames with the right checksum, and what is wrong with other bytes; to be read to the end."""
        text, at = self._held + data, 0
        while (found := text.find(START, at)) >= 0:
            if text[at:found].strip(_BLANK):
                yield Fault.NOISE
            at = found
            digits = text[at + 2 : at + PREFIX]
            if len(digits) < PREFIX - len(START) and (not digits or digits.isdigit()):
                break
            if not digits.isdigit() or int(digits) > self._limit:
                yield Fault.LENGTH
                at += 1
                continue
            end = at + PREFIX + int(digits) + SUFFIX
            if end > len(text):
                break
            if fault := self._wrong(text, at, end):
                yield fault
                at += len(START)
                continue
            yield text[at:end]
            at = end
        else:
            rest = text[at:]
            if rest.strip(_BLANK + b"#"):
                yield Fault.NOISE
            at = len(text) - (rest[-1:] == b"#")
        self._held = text[at:]

    @staticmethod
    def _wrong(text: bytes, at: int, end: int) -> Fault | None:
        if text[end - 2 : end] != END:
            return Fault.LENGTH
        given = text[end - SUFFIX : end - 2]
        segment = text[at + PREFIX : end - SUFFIX]
        right = b"%04X" % crc(segment)
        return None if given.upper() == right else Fault.CHECKSUM
