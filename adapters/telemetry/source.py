"""Files of frames, for `hechuan try` and `hechuan adapt`: the log of a station or a logger.

Text files hold a frame a line, in hexadecimal digits or as it is; other files are the bytes of a connection.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from adapters.protocol import Note, Piece, Tally
from adapters.settings import limit
from exchange.errors import MalformedError

_FEW: Final = 8
_DIGITS: Final = frozenset(b"0123456789abcdefABCDEF")


@dataclass(slots=True)
class FrameReading:
    """A source being read; `read` gives the pieces of its bytes and fills the tally."""

    data: bytes
    read: Callable[[bytes, Tally], Iterator[Piece]]
    tally: Tally = field(default_factory=Tally)

    def pieces(self) -> Iterator[Piece]:
        """All rows; raises MalformedError where no frame is in the source."""
        yield from self.read(self.data, self.tally)


def source_bytes(source: str) -> bytes:
    """The bytes of a file, lines of hexadecimal digits turned into what they say; raises MalformedError."""
    path = Path(source)
    try:
        if path.stat().st_size > limit().frames_bytes:
            raise MalformedError(f"{source}: 文件过大 / larger than {limit().frames_bytes} bytes")
        data = path.read_bytes()
    except OSError as error:
        raise MalformedError(f"无法读取 / cannot read {source}: {error.strerror}") from error
    lines = [line.strip() for line in data.split(b"\n")]
    if all(not line or (len(line) % 2 == 0 and _DIGITS.issuperset(line)) for line in lines) and any(lines):
        return b"".join(bytes.fromhex(line.decode()) for line in lines)
    return data


def no_frames(source: str) -> MalformedError:
    """What is said of a file of another kind."""
    return MalformedError(f"{source} 中没有可读的报文 / there is no readable frame in the source")


def unlisted(source: str, names: Collection[str]) -> MalformedError:
    """What is said of a file whose frames are all of stations that the mapping does not have."""
    return MalformedError(f"{source}: {strange(names)}")


def strange(names: Collection[str]) -> Note:
    """Stations that sent frames and are not in the mapping."""
    few = ", ".join(list(names)[:_FEW]) + (" …" if len(names) > _FEW else "")
    return Note(
        f"映射中没有站点 {few}", f"the mapping does not list {len(names)} stations that sent frames: {few}"
    )


def left(count: int, faults: str) -> Note:
    """Bytes that are no frames."""
    return Note(f"{count} 处不是完整报文：{faults}", f"{count} places are no whole frames: {faults}")
