"""How far a database was read: the watermark, and what was seen within the overlap, in a small file of its own.

A row may be committed after later ones: each read therefore begins `overlap` before the watermark, and leaves out what
it took from there before. Rows are known by a digest of all their cells, so a row that changed is taken again.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from exchange.errors import MalformedError


@dataclass(frozen=True, slots=True)
class Mark:
    """The highest value of the watermark's column, as text, and the rows at or after it less the overlap."""

    high: str | None = None
    seen: dict[str, str] = field(default_factory=dict)

    def start(self, overlap: timedelta) -> str | int | float | datetime | None:
        """From where to read on."""
        if self.high is None:
            return None
        value = parse(self.high)
        if isinstance(value, datetime):
            return value - overlap
        return value - overlap.total_seconds() / 60


def parse(text: str) -> datetime | int | float:
    """A watermark from its text: a number, or an instant without or with offset."""
    try:
        return int(text)
    except ValueError:
        pass
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return float(text)


def shown(value: object) -> str:
    """A watermark as text."""
    return value.isoformat() if isinstance(value, datetime) else str(value)


def digest(cells: Sequence[object]) -> str:
    """What a row is known by."""
    text = "\x1f".join("\x00" if cell is None else str(cell) for cell in cells)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def load_mark(path: Path) -> Mark:
    """The mark that was kept; an empty one where there is none. Raises MalformedError."""
    if not path.exists():
        return Mark()
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return Mark(found["high"], dict(found["seen"]))
    except (ValueError, KeyError, TypeError) as error:
        raise MalformedError(f"{path} 不是水位标记文件 / is no watermark file: {error}") from None


def keep_mark(path: Path, mark: Mark) -> None:
    """Keep a mark durably: the file is the old one or the new one, whatever happens."""
    partial = path.with_name(path.name + ".part")
    with partial.open("w", encoding="utf-8") as file:
        json.dump({"high": mark.high, "seen": mark.seen}, file)
        file.flush()
        os.fsync(file.fileno())
    os.replace(partial, path)
