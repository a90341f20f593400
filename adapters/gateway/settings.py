"""Everything an operator of a gateway may change, and every limit on what strangers send.

From a TOML file, section [gateway]; unknown names and wrong types are refused. Units are in the names.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final, get_type_hints

from exchange.errors import InvalidInputError

_SECTION: Final = "gateway"


@dataclass(frozen=True, slots=True)
class GatewaySettings:
    """One gateway."""

    # Connections at a time, and of one address; others are closed at once.
    connections: int = 10_000
    connections_per_address: int = 10_000
    # A connection that sends no good frame for so long is closed; stations report or keep alive more often.
    idle_seconds: float = 900.0
    # A new connection that sends no good frame for so long is closed.
    first_frame_seconds: float = 60.0
    # Bad frames, noise and unknown stations since the last good frame, before a connection is closed.
    faults: int = 20
    # Bytes of one read; unfinished messages that one connection may hold.
    read_bytes: int = 64 << 10
    held_bytes: int = 512 << 10
    # Answers that a station does not take, before its connection is closed.
    write_bytes: int = 64 << 10
    # Entries that wait to become durable, over all connections and of one; reading stops beyond.
    waiting_entries: int = 50_000
    waiting_entries_per_connection: int = 64
    # What waits is written and synced together: after so many milliseconds at the latest.
    commit_milliseconds: float = 20.0
    # A segment of the spool is closed and becomes a batch after so many seconds or bytes, whichever is first.
    batch_seconds: float = 60.0
    batch_bytes: int = 16 << 20
    # Beyond so many bytes that the hub has not taken, nothing more is taken from stations.
    spool_bytes: int = 20 << 30
    # How many entries are remembered, so that what a station repeats counts once; also over a restart.
    remembered_entries: int = 200_000
    # Segments that are at the hub are kept up to so many bytes, for that.
    done_bytes: int = 256 << 20
    # Waits between attempts while the hub is away: from the first to the last, doubling.
    retry_seconds: float = 1.0
    retry_limit_seconds: float = 60.0
    # For answers under way when the gateway is told to stop, and for one last attempt at the hub.
    drain_seconds: float = 20.0
    # Prometheus text on http://<address>/metrics; empty: none.
    listen_metrics: str = ""
    log_level: str = "INFO"


def load_settings(path: Path | None) -> GatewaySettings:
    """Read a TOML file, or take the defaults; raises InvalidInputError naming the setting."""
    if path is None:
        return GatewaySettings()
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InvalidInputError(f"无法读取 / cannot read {path}: {error}") from error
    given: dict[str, Any] = document.pop(_SECTION, {})
    hints = get_type_hints(GatewaySettings)
    for name in document:
        raise InvalidInputError(f"{path}: 不认识的节 / unknown section [{name}]")
    for name, value in given.items():
        if name not in {each.name for each in fields(GatewaySettings)}:
            raise InvalidInputError(f"{path}: 没有此项 / [{_SECTION}] has no setting {name}")
        if hints[name] is float and type(value) is int:
            given[name] = float(value)
        elif type(value) is not hints[name]:
            raise InvalidInputError(f"{path}: 类型不符 / {name} is not of type {hints[name].__name__}")
    return GatewaySettings(**given)
