"""What an adapter is: it reads a source as it is and gives tables under contracts.

Adapters judge nothing. A value that cannot be read becomes NULL, so that the contract check names and quarantines the
row; what an adapter leaves out (repeated rows, empty cells) it says in `notes`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import pyarrow as pa


@dataclass(frozen=True, slots=True)
class Note:
    """Something an adapter left out or took for granted, in both languages."""

    zh: str
    en: str

    def __str__(self) -> str:
        return f"{self.zh} / {self.en}"


@dataclass(frozen=True, slots=True)
class Reading:
    """Tables by contract name, in the order in which they are to be published; `notes` for people."""

    tables: Mapping[str, pa.Table]
    notes: tuple[Note, ...] = ()


class Adapter(Protocol):
    """Reads one kind of source."""

    @property
    def name(self) -> str:
        """As in the entry point."""

    def read(self, source: Path) -> Reading:
        """Read a whole source; raises MalformedError where it is of another kind."""
