"""How many calls of a kind run at once."""

from __future__ import annotations

from exchange.errors import BusyError


class Slots:
    """At most so many at once; one more is refused as BUSY, not queued."""

    def __init__(self, most: int, what: str) -> None:
        self._free = most
        self._what = what

    def __enter__(self) -> None:
        if not self._free:
            raise BusyError(f"too many {self._what} at once; try again")
        self._free -= 1

    def __exit__(self, *_: object) -> None:
        self._free += 1
