"""Units as headings give them, and the way from one to another. Conversion by pint; chemistry by stated factors.

`毫克/升`, `mg/l`, `mg·L⁻¹` are one unit. NH₃ and NH₄⁺ against N are not a unit: what a value is given *as*
stands in the mapping (`as: NH3`), and its factor here.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from typing import Any, Final

from exchange.errors import InvalidInputError

# In the notation of the contracts, then in pint's.
_SPELLINGS: Final = {
    "mg/L": "毫克/升 毫克每升 mg/l mg·L-1 mgL-1 g/m3 ppm",
    "ug/L": "微克/升 微克每升 μg/l ug/l μg·L-1 mg/m3 ppb",
    "degC": "℃ °C 摄氏度 度 C",
    "uS/cm": "微西门子/厘米 μS/cm us/cm",
    "mS/cm": "毫西门子/厘米 ms/cm",
    "mS/m": "毫西门子/米 ms/m",
    "NTU": "ntu 散射浊度单位 度NTU FNU",
    "1": "无量纲 - 无 pH单位",
    "1/L": "个/L 个/升 cells/L count/L MPN/L 个每升",
    "m": "米",
    "cm": "厘米",
    "mm": "毫米",
    "km": "公里 千米",
    "m³/s": "m3/s 立方米/秒 立方米每秒 m3·s-1 cms",
    "L/s": "l/s 升/秒",
    "m³/h": "m3/h 立方米/小时",
    "m³/d": "m3/d 立方米/日 吨/日 t/d m3/天",
    "m/s": "米/秒",
    "kg/m³": "kg/m3 千克/立方米 公斤/立方米",
    "10⁶ m³": "百万立方米 10^6m3 10^6 m3 106m3",
    "10⁴ m³": "万立方米 10^4m3 10^4 m3 万m3 104m3",
    "10⁸ m³": "亿立方米 10^8m3 10^8 m3 亿m3",
    "km²": "km2 平方公里 平方千米",
    "m²": "m2 平方米",
    "m³": "m3 立方米 方",
    "L": "l 升",
    "hm²": "公顷 hm2 ha",
    "mu": "亩",
    "t": "吨",
    "kg": "千克 公斤",
    "t/a": "吨/年",
    "CNY": "元 yuan",
    "10⁴ CNY": "万元",
    "%": "％ 百分比",
}
_PINT: Final = {
    "1": "dimensionless",
    "1/L": "1/liter",
    "uS/cm": "microsiemens/centimeter",
    "mS/cm": "millisiemens/centimeter",
    "mS/m": "millisiemens/meter",
    "m³/s": "m**3/s",
    "m³/h": "m**3/hour",
    "m³/d": "m**3/day",
    "kg/m³": "kg/m**3",
    "10⁴ m³": "1e4*m**3",
    "10⁶ m³": "1e6*m**3",
    "10⁸ m³": "1e8*m**3",
    "km²": "km**2",
    "m²": "m**2",
    "m³": "m**3",
    "hm²": "hectare",
    "L": "liter",
    "L/s": "liter/s",
    "t": "metric_ton",
    "t/a": "metric_ton/year",
    "10⁴ CNY": "1e4*CNY",
    "%": "percent",
}
# Atomic weights, IUPAC 2021: what share of the mass is the element that contracts count.
_SHARES: Final = {
    "NH3": 14.007 / 17.031,
    "NH4": 14.007 / 18.039,
    "NO3": 14.007 / 62.004,
    "PO4": 30.974 / 94.970,
}


def _plain(text: str) -> str:
    text = unicodedata.normalize("NFKC", text).replace("⁻", "-").replace("µ", "μ")
    return re.sub(r"\s+", "", text)


@cache
def _known() -> dict[str, str]:
    found = {_plain(unit): unit for unit in _SPELLINGS}
    for unit, words in _SPELLINGS.items():
        for word in (*words.split(" "), unit):
            found.setdefault(_plain(word).lower(), unit)
            found[_plain(word)] = unit
    return found


def unit_of(text: str) -> str | None:
    """The contracts' name of a unit; None where it is none that is known."""
    plain = _plain(text)
    return _known().get(plain) or _known().get(plain.lower())


def factor_between(given: str, wanted: str, stated_as: str | None = None) -> float:
    """What a value is multiplied by on the way from one unit to another, `stated_as` a compound of the element counted.

    Raises InvalidInputError where they measure different things, or a name is unknown.
    """
    if stated_as is not None and stated_as not in _SHARES:
        raise InvalidInputError(
            f"不认识的化合物 {stated_as} / unknown compound {stated_as}; there are {', '.join(_SHARES)}"
        )
    have, want = unit_of(given), unit_of(wanted)
    if have is None or want is None:
        name = given if have is None else wanted
        raise InvalidInputError(f"不认识的单位 {name} / unknown unit {name}")
    share = _SHARES[stated_as] if stated_as else 1.0
    return share if have == want else share * _ratio(have, want)


@cache
def _ratio(have: str, want: str) -> float:
    import pint

    registry = _registry()
    try:
        one: Any = registry.Quantity(_PINT.get(have, have))
        unit: Any = registry.Quantity(_PINT.get(want, want))
        ratio = one.to(unit.units).magnitude / unit.magnitude
    except pint.errors.PintError as error:
        raise InvalidInputError(
            f"{have} 不能换算为 {want} / {have} does not convert to {want}: {error}"
        ) from None
    return float(f"{ratio:.15g}")  # 0.01, not 0.010000000000000002


@cache
def _registry() -> Any:
    import pint

    registry: Any = pint.UnitRegistry()
    for text in ("NTU = [turbidity]", "CNY = [money]", "mu = 2000/3 * m**2"):
        registry.define(text)
    return registry
