"""Codes of measured items in both sets: HJ 525-2009 (as HJ 212-2017, annex B, has them) and the older three digits.

Sources: HJ 525-2009, HJ 212-2017 annex B; HJ/T 212-2005 annex B. For metals a second set is in use (`w20119` and on are
totals in HJ 525, `w20138` and on in HJ 212): both lead to the code of the contract. Codes of SL 651 are in its adapter.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import cache
from typing import Final


@dataclass(frozen=True, slots=True)
class Factor:
    """An item: its code in the contracts, the contracts' unit, its older codes, its names."""

    code: str
    unit: str
    older: tuple[str, ...]
    names: tuple[str, ...]

    @property
    def zh(self) -> str:
        """The first name."""
        return self.names[0]


def _factor(code: str, unit: str, older: str, names: str) -> Factor:
    return Factor(code, unit, tuple(older.split()), tuple(names.split("|")))


FACTORS: Final = (
    _factor("w01010", "degC", "", "水温|温度|water temperature|temperature|wt|temp"),
    _factor("w01001", "1", "001", "pH|酸碱度|pH值|ph"),
    _factor("w01009", "mg/L", "", "溶解氧|dissolved oxygen|DO"),
    _factor("w01014", "uS/cm", "", "电导率|conductivity|cond|EC"),
    _factor("w01003", "NTU", "", "浊度|turbidity|turb"),
    _factor("w01019", "mg/L", "", "高锰酸盐指数|CODMn|permanganate index|耗氧量"),
    _factor("w01018", "mg/L", "011", "化学需氧量|COD|CODCr|chemical oxygen demand"),
    _factor("w01017", "mg/L", "", "五日生化需氧量|BOD5|生化需氧量|BOD"),
    _factor("w21003", "mg/L", "060", "氨氮|NH3-N|NH4-N|ammonia nitrogen|NH3N"),
    _factor("w21011", "mg/L", "101", "总磷|TP|total phosphorus"),
    _factor("w21001", "mg/L", "065", "总氮|TN|total nitrogen"),
    _factor("w20138", "mg/L", "w20122", "铜|总铜|Cu|copper"),
    _factor("w20139", "mg/L", "w20123", "锌|总锌|Zn|zinc"),
    _factor("w21017", "mg/L", "", "氟化物|氟|F-|fluoride"),
    _factor("w20140", "mg/L", "w20128", "硒|总硒|Se|selenium"),
    _factor("w20141", "mg/L", "w20119", "砷|总砷|As|arsenic"),
    _factor("w20142", "mg/L", "w20111", "汞|总汞|Hg|mercury"),
    _factor("w20143", "mg/L", "w20115", "镉|总镉|Cd|cadmium"),
    _factor("w20117", "mg/L", "", "六价铬|铬(六价)|铬（六价）|Cr6+|Cr(VI)|chromium (VI)"),
    _factor("w20144", "mg/L", "w20120", "铅|总铅|Pb|lead"),
    _factor("w21016", "mg/L", "", "氰化物|总氰化物|CN-|cyanide"),
    _factor("w23002", "mg/L", "", "挥发酚|挥发性酚|volatile phenols|phenol"),
    _factor("w22001", "mg/L", "", "石油类|petroleum oils|oil"),
    _factor("w19002", "mg/L", "", "阴离子表面活性剂|LAS|anionic surfactants"),
    _factor("w21019", "mg/L", "", "硫化物|sulfide|S2-"),
    _factor("w02003", "1/L", "", "粪大肠菌群|faecal coliforms|fecal coliforms"),
    _factor("w01016", "mg/L", "", "叶绿素a|叶绿素α|叶绿素|chlorophyll a|chl-a|chla"),
)


def _plain(text: str) -> str:
    return re.sub(r"[\s_]+", "", unicodedata.normalize("NFKC", text)).lower()


@cache
def _by_name() -> dict[str, Factor]:
    found: dict[str, Factor] = {}
    for factor in FACTORS:
        for name in (factor.code, *factor.older, *factor.names):
            found.setdefault(_plain(name), factor)
    return found


def factor_of(text: str) -> Factor | None:
    """The item of a code in either set, or of a name; None where it is none of the contract's."""
    return _by_name().get(_plain(text))
