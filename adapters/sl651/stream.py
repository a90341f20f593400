"""A TCP stream cut into frames of either form. Pure; holds at most one frame.

After a fault the search goes on at the next byte that may begin a frame.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from adapters.sl651.frame import ASCII_HEAD, HEX_HEAD, HEX_START, Frame, decode, length_of
from adapters.telemetry.fault import Fault
from exchange.errors import MalformedError

_START: Final = re.compile(rb"\x7e\x7e|\x01[0-9A-Fa-f]|\x01\Z|\x7e\Z")


class Splitter:
    """One connection's bytes."""

    def __init__(self) -> None:
        self._held = b""

    @property
    def held(self) -> int:
        """Bytes that wait for the rest of their frame."""
        return len(self._held)

    def feed(self, data: bytes) -> Iterator[tuple[bytes, Frame] | Fault]:
        """Frames with the right checksum, as bytes and read; and what is wrong with other bytes. Read to the end."""
        text, at = self._held + data, 0
        while found := _START.search(text, at):
            if found.start() > at:
                yield Fault.NOISE
            at = found.start()
            head = HEX_HEAD if text[at : at + 2] == HEX_START else ASCII_HEAD
            if len(text) - at < head:
                break
            size = length_of(text[at : at + head])
            if size > len(text) - at:
                break
            try:
                if not size:
                    raise MalformedError("no frame begins so")
                yield text[at : at + size], decode(text[at : at + size])
                at += size
            except MalformedError:
                yield Fault.CHECKSUM if size else Fault.LENGTH
                at += 1
        else:
            if text[at:]:
                yield Fault.NOISE
            at = len(text)
        self._held = text[at:]
