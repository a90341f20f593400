"""Codes of HJ 212-2017 that carry meaning here, what HJ/T 212-2005 had in their place, and what is known of 2025.

Sources: HJ 212-2017, tables 2 to 9 and annexes B and C; HJ/T 212-2005, tables 3 and 5. `2025` marks what is known of
HJ 212-2025 at second hand.
"""

from __future__ import annotations

from datetime import timedelta
from enum import IntEnum
from typing import Final


class Version(IntEnum):
    """The upper six bits of Flag (HJ 212-2017, 6.3.3)."""

    V2005 = 0
    V2017 = 1
    V2025 = 2


ACKNOWLEDGE: Final = 0b01
SPLIT: Final = 0b10

HOST: Final = "91"  # ST of the exchange between systems (table 5)
SYSTEMS: Final = {"21": "地表水 surface water", "32": "地表水体环境污染源 water pollution source"}

# CN → (what it is, statistic that counts, length of the period that DataTime begins; None: DataTime is the instant).
DATA: Final = {
    "2011": ("实时数据 real-time data", "Rtd", None),
    "2051": ("分钟数据 data of some minutes", "Avg", timedelta(minutes=10)),
    "2061": ("小时数据 hourly data", "Avg", timedelta(hours=1)),
    "2031": ("日数据 daily data", "Avg", timedelta(days=1)),
}
# Stored and acknowledged as data are; they have no rows under the contracts.
OTHER: Final = {
    "2021": "设备运行状态 state of equipment",
    "2041": "设备运行时间日历史 daily running time of equipment",
    "2081": "数采仪开机时间 start of the data logger",
    "3019": "设备唯一标识 identity of equipment",
    "3020": "现场机信息 information of the field station",
    "3021": "现场机参数 parameters of the field station",
}
SET_TIME: Final = "1012"
TIME_REQUEST: Final = "1013"
REQUEST_ANSWER: Final = "9011"
RESULT: Final = "9012"
NOTICE_ANSWER: Final = "9013"
DATA_ANSWER: Final = "9014"
HEARTBEAT: Final = "9015"  # 2025

# Data flags → those of the contract (HJ 212-2017, table 9); below, the other letters of HJ/T 212-2005, table 5.
FLAGS: Final = {
    **{flag: flag for flag in "NFMSDCTB"},
    "P": "D",  # power failure
}
FLAG_WORDS: Final = {
    "N": "正常 normal",
    "F": "停运 out of operation",
    "M": "维护 maintenance",
    "S": "手工输入 entered by hand",
    "D": "故障 faulty",
    "C": "校准 calibration",
    "T": "超上限 over range",
    "B": "通讯异常 communication failure",
}
# Results of requests (tables 7 and 8).
ANSWERS: Final = {"1": "accepted", "2": "refused", "3": "wrong password", "4": "wrong MN", "5": "wrong ST",
                  "6": "wrong flag", "7": "wrong QN", "8": "wrong CN", "9": "wrong CRC", "100": "unknown"}  # fmt: skip
RESULTS: Final = {"1": "done", "2": "failed for an unknown reason", "3": "wrong command",
                  "4": "communication failure", "5": "busy", "6": "system fault", "100": "no data"}  # fmt: skip

# Units in which annex B has the items that it does not have in the contracts' unit.
UNITS: Final = {
    "w20111": "ug/L",  # mercury
    "w20142": "ug/L",
    "w20115": "ug/L",  # cadmium
    "w20143": "ug/L",
    "w20117": "ug/L",  # chromium (VI)
}
