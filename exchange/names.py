"""Names for people: of the jurisdictions of GB/T 2260-2007, and of departments, so that nobody has to type codes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

PROVINCES: Final[Mapping[str, tuple[str, str]]] = {
    "110000": ("北京", "Beijing"),
    "120000": ("天津", "Tianjin"),
    "130000": ("河北", "Hebei"),
    "140000": ("山西", "Shanxi"),
    "150000": ("内蒙古", "Inner Mongolia"),
    "210000": ("辽宁", "Liaoning"),
    "220000": ("吉林", "Jilin"),
    "230000": ("黑龙江", "Heilongjiang"),
    "310000": ("上海", "Shanghai"),
    "320000": ("江苏", "Jiangsu"),
    "330000": ("浙江", "Zhejiang"),
    "340000": ("安徽", "Anhui"),
    "350000": ("福建", "Fujian"),
    "360000": ("江西", "Jiangxi"),
    "370000": ("山东", "Shandong"),
    "410000": ("河南", "Henan"),
    "420000": ("湖北", "Hubei"),
    "430000": ("湖南", "Hunan"),
    "440000": ("广东", "Guangdong"),
    "450000": ("广西", "Guangxi"),
    "460000": ("海南", "Hainan"),
    "500000": ("重庆", "Chongqing"),
    "510000": ("四川", "Sichuan"),
    "520000": ("贵州", "Guizhou"),
    "530000": ("云南", "Yunnan"),
    "540000": ("西藏", "Xizang"),
    "610000": ("陕西", "Shaanxi"),
    "620000": ("甘肃", "Gansu"),
    "630000": ("青海", "Qinghai"),
    "640000": ("宁夏", "Ningxia"),
    "650000": ("新疆", "Xinjiang"),
    "710000": ("台湾", "Taiwan"),
    "810000": ("香港", "Hong Kong"),
    "820000": ("澳门", "Macao"),
}

DEPARTMENTS: Final[Mapping[str, tuple[str, str]]] = {
    "agriculture": ("农业农村", "Agriculture and rural affairs"),
    "ecology": ("生态环境", "Ecology and environment"),
    "joint-office": ("河长制联合推进办公室", "Joint river chief office"),
    "natural-resources": ("规划和自然资源", "Planning and natural resources"),
    "water": ("水利", "Water resources"),
}
"""Departments that most jurisdictions have, as `ids.AgencyId.name` writes them; any other name is as good."""
