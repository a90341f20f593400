"""Every limit on what files, services and stations send to adapters. What a gateway bounds is in `gateway/settings`.

From the TOML file that HECHUAN_ADAPTERS names, section [limit], read once; unknown names and wrong types are refused.
Units are in the names.
"""

from __future__ import annotations

import os
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final, get_type_hints

from exchange.errors import InvalidInputError

VARIABLE: Final = "HECHUAN_ADAPTERS"
_SECTION: Final = "limit"


@dataclass(frozen=True, slots=True)
class Limit:
    """Bounds on sources."""

    # Cells that could not be read are counted all; so many of them are listed.
    unread: int = 1000
    # A mapping, and a list of stations.
    mapping_bytes: int = 256 << 10
    stations_bytes: int = 32 << 20
    # Tables: one line of a CSV; a workbook, as a file and unfolded (it is held whole); rows looked at for the header.
    line_bytes: int = 2 << 20
    workbook_bytes: int = 64 << 20
    workbook_unfolded_bytes: int = 1 << 30
    header_rows: int = 60
    # Files of frames.
    frames_bytes: int = 1 << 30
    # HJ 212: a data segment (the standard says 1,024, stations in the field send more); per connection, messages in
    # parts whose first is kept, and requests without an answer.
    hj212_segment_bytes: int = 4096
    hj212_messages: int = 8
    hj212_requests: int = 4
    # SL 651: parts and bytes of a message, and unfinished messages per connection.
    sl651_parts: int = 256
    sl651_message_bytes: int = 384 << 10
    sl651_messages: int = 4
    # Web services that are read: a page, how long it may take, and pages.
    page_bytes: int = 64 << 20
    page_seconds: float = 60.0
    pages: int = 100_000
    # SensorThings to others: observations looked at for one answer, entities in one page, silence of a connection.
    served_rows: int = 100_000
    served_page: int = 1000
    served_idle_seconds: float = 30.0
    # Evidence, by kind of file.
    picture_bytes: int = 32 << 20
    raster_bytes: int = 256 << 20
    clip_bytes: int = 256 << 20
    paper_bytes: int = 64 << 20


@cache
def limit() -> Limit:
    """What holds in this process; raises InvalidInputError naming the setting."""
    path = os.environ.get(VARIABLE)
    return load_limit(Path(path)) if path else Limit()


def load_limit(path: Path) -> Limit:
    """Read a TOML file; raises InvalidInputError naming the setting."""
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InvalidInputError(f"无法读取 / cannot read {path}: {error}") from error
    given = document.pop(_SECTION, {})
    if document or not isinstance(given, dict):
        raise InvalidInputError(f"{path}: 只有 [limit] 一节 / there is only a section [{_SECTION}]")
    hints = get_type_hints(Limit)
    values: dict[str, Any] = {}
    for name, value in given.items():
        if name not in hints:
            raise InvalidInputError(f"{path}: 没有此项 / [{_SECTION}] has no setting {name}")
        value = float(value) if hints[name] is float and type(value) is int else value
        if type(value) is not hints[name] or value <= 0:
            raise InvalidInputError(
                f"{path}: {name} 须为正数 / [{_SECTION}] {name} is no positive {hints[name].__name__}"
            )
        values[name] = value
    return Limit(**values)
