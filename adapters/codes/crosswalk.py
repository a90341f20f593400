"""Rivers and sections in two worlds of codes: SL 249 (water) and HJ 932 (environment), tied by a table.

The table is each jurisdiction's own: a CSV with the columns of the contract `crosswalk` as far as they are needed here:
`kind` (river, section), `system`, `code`, `hub_code`. Without a table every code stays as it is.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from exchange.errors import InvalidInputError

_COLUMNS: Final = ("kind", "system", "code", "hub_code")
SYSTEMS: Final = ("SL 249", "HJ 932", "name")


@dataclass(frozen=True, slots=True)
class Crosswalk:
    """The hub's code by kind and by what the source calls the thing."""

    codes: Mapping[tuple[str, str], str] = field(default_factory=dict)

    def code_of(self, kind: str, text: str) -> str | None:
        """The hub's code; the text itself where there is no table, None where the table lacks it."""
        return self.codes.get((kind, text)) if self.codes else text


def load_crosswalk(path: Path) -> Crosswalk:
    """Read a table; raises InvalidInputError (columns, an unknown system, one code for two things)."""
    found: dict[tuple[str, str], str] = {}
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file)
        if not set(_COLUMNS) <= set(reader.fieldnames or ()):
            raise InvalidInputError(f"{path.name}: 须有列 / needs the columns {', '.join(_COLUMNS)}")
        for number, row in enumerate(reader, start=2):
            key = (row["kind"], row["code"])
            if row["system"] not in SYSTEMS:
                raise InvalidInputError(
                    f"{path.name} 第 {number} 行 / row {number}: system {row['system']!r} is none of "
                    f"{', '.join(SYSTEMS)}"
                )
            if found.setdefault(key, row["hub_code"]) != row["hub_code"]:
                raise InvalidInputError(
                    f"{path.name} 第 {number} 行 / row {number}: {row['code']} stands for {found[key]} already"
                )
    return Crosswalk(found)
