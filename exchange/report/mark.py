"""How a class of water looks: the assessment rules' colour, and a mark and a numeral that need no colour to be told."""

from __future__ import annotations

from typing import Final

from exchange.report.words import EMPTY, Words
from exchange.river.standard import WORSE, Standard
from exchange.river.verdict import section_wording

MARKS: Final = {1: "●", 2: "●", 3: "◆", 4: "▲", 5: "■", 6: "×"}
_NAMES: Final = (
    EMPTY,
    Words("Ⅰ类", "I"),
    Words("Ⅱ类", "II"),
    Words("Ⅲ类", "III"),
    Words("Ⅳ类", "IV"),
    Words("Ⅴ类", "V"),
    Words("劣Ⅴ类", "worse than V"),
)
NO_DATA: Final = "#b8b8b8"


def class_name(level: int) -> Words:
    """A class as people write it."""
    return _NAMES[level]


def class_colour(level: int, standard: Standard) -> str:
    """#rrggbb; grey where there is no class. Source: 环办〔2011〕22号 §二（一）1, table 3."""
    return section_wording(level, standard).colour if 0 < level <= WORSE else NO_DATA
