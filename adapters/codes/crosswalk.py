"""Rivers and sections in two worlds of codes: SL 249 (water) and HJ 932 (environment), tied by a crosswalk.

The table is what the hub has under `section-crosswalk` or `reach-crosswalk`, as CSV (`hechuan query … -f csv`). Rows
that have ended do not count. Without a table every code stays as it is.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from exchange.errors import InvalidInputError

_KINDS: Final = {"section_code": "section", "reach_code": "reach"}
_OTHER: Final = ("sl249_code", "hj932_code")


@dataclass(frozen=True, slots=True)
class Crosswalk:
    """The hub's code by kind (`section`, `reach`) and by any of the codes that a thing has."""

    codes: Mapping[tuple[str, str], str] = field(default_factory=dict)

    def code_of(self, kind: str, text: str) -> str | None:
        """The hub's code; the text itself where there is no table, None where the table lacks it."""
        return self.codes.get((kind, text)) if self.codes else text


def load_crosswalk(path: Path) -> Crosswalk:
    """Read a table; raises InvalidInputError (columns; one code for two things)."""
    found: dict[tuple[str, str], str] = {}
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file)
        names = list(reader.fieldnames or ())
        own = next((name for name in names if name in _KINDS), None)
        if own is None or not set(_OTHER) & set(names):
            raise InvalidInputError(
                f"{path.name}: 须有列 section_code 或 reach_code，以及 / needs one of these, and of {', '.join(_OTHER)}"
            )
        for number, row in enumerate(reader, start=2):
            if row.get("valid_to"):
                continue
            for code in filter(None, (row[own], *(row.get(name) for name in _OTHER))):
                if found.setdefault((_KINDS[own], code), row[own]) != row[own]:
                    known = found[_KINDS[own], code]
                    raise InvalidInputError(
                        f"{path.name} 第 {number} 行 / row {number}: {code} stands for {known} already"
                    )
    return Crosswalk(found)
