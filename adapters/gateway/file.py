"""A protocol's adapter for files: frames go through the session that a connection has, and become rows as there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from adapters.gateway.dialect import Dialect, Entry
from adapters.gateway.segment import read_segment
from adapters.protocol import Piece, Tally
from adapters.telemetry.fault import Fault
from adapters.telemetry.source import FrameReading, left, no_frames, source_bytes, strange, unlisted
from adapters.telemetry.station import Station, StationMap, load_stations

_STEP: Final = 64 << 10
_SEGMENT: Final = ".entries"


@dataclass(frozen=True, slots=True)
class FileAdapter:
    """Reads files of one protocol's frames."""

    dialect: Dialect

    @property
    def name(self) -> str:
        """As in the entry point."""
        return self.dialect.name

    def read(self, source: str, mapping: Path) -> FrameReading:
        """Begin to read a log of frames or a spool's segment; raises InvalidInputError."""
        stations = load_stations(mapping, self.dialect.name)
        if source.endswith(_SEGMENT):
            return FrameReading(
                b"", lambda _, tally: self._rows(list(read_segment(Path(source))), stations, tally)
            )
        return FrameReading(
            source_bytes(source), lambda data, tally: self._pieces(source, data, stations, tally)
        )

    def _pieces(self, source: str, data: bytes, stations: StationMap, tally: Tally) -> Iterator[Piece]:
        # frames without a month were written when the file was
        now = datetime.fromtimestamp(Path(source).stat().st_mtime, UTC)
        asked = _Asked(stations.stations)
        session = self.dialect.sessions(replace(stations, stations=asked))()
        entries: list[bytes] = []
        faults: Counter[str] = Counter()
        for at in range(0, len(data), _STEP):
            for event in session.feed(data[at : at + _STEP], now):
                if isinstance(event, Fault):
                    faults[event.value] += 1
                elif isinstance(event, Entry):
                    entries.append(event.data)
        if asked.unknown and not entries:
            raise unlisted(source, asked.unknown)
        if not entries:
            raise no_frames(f"{source} ({', '.join(f'{name} {count}' for name, count in faults.items())})")
        if faults:
            said = ", ".join(f"{name} {count}" for name, count in sorted(faults.items()))
            tally.notes.append(left(faults.total(), said))
        if asked.unknown:
            tally.notes.append(strange(asked.unknown))
        yield from self._rows(entries, stations, tally)

    def _rows(self, entries: list[bytes], stations: StationMap, tally: Tally) -> Iterator[Piece]:
        found = self.dialect.rows(entries, stations)
        tally.counts.update(found.counts)
        for contract, rows in found.batches.items():
            if rows.num_rows:
                yield Piece(contract, rows)


class _Asked(Mapping[str, Station]):
    """Stations, and the names of those that were asked for and are not among them."""

    def __init__(self, stations: Mapping[str, Station]) -> None:
        self._stations = stations
        self.unknown: dict[str, None] = {}

    def __getitem__(self, name: str) -> Station:
        if name not in self._stations:
            self.unknown[name] = None
        return self._stations[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._stations)

    def __len__(self) -> int:
        return len(self._stations)
