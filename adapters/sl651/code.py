"""Function codes, kinds of station and elements of SL 651-2014 (annexes A, B and C).

An element: identifier of the HEX form, identifier of the ASCII form, what it is, unit. Identifiers F5 to FC, 28 to 2F,
3C to 43, 58 to 5F, 60 to 67 and 68 to 6F are eight of a kind.
"""

from __future__ import annotations

from typing import Final, NamedTuple

LINK: Final = 0x2F
UNIFORM: Final = 0x31
PERIOD: Final = 0x38
MANUAL: Final = 0x35
PICTURE: Final = 0x36
# Function → (what it is, whether the station waits for an acknowledgement in mode M2 or M3).
FUNCTIONS: Final = {
    0x2F: ("链路维持报 link keep-alive", False),
    0x30: ("测试报 test", True),
    0x31: ("均匀时段水文信息报 equal intervals", True),
    0x32: ("遥测站定时报 timed", True),
    0x33: ("遥测站加报报 extra", True),
    0x34: ("遥测站小时报 hourly", True),
    0x35: ("遥测站人工置数报 entered by hand", True),
    0x36: ("遥测站图片报 picture", True),
    0x37: ("查询实时数据 answer: current data", False),
    0x38: ("查询时段数据 answer: data of a period", False),
    0x39: ("查询人工置数 answer: entered by hand", False),
    0x3A: ("查询指定要素 answer: chosen elements", False),
}
CONFIGURATION: Final = range(0x40, 0x52)
KINDS: Final = {
    0x50: "降水 rain",
    0x48: "河道 river",
    0x4B: "水库（湖泊） reservoir, lake",
    0x5A: "闸坝 gate, dam",
    0x44: "泵站 pumping station",
    0x54: "潮汐 tide",
    0x4D: "墒情 soil moisture",
    0x47: "地下水 groundwater",
    0x51: "水质 water quality",
    0x49: "取水口 intake",
    0x4F: "排水口 outlet",
}

TIME, ADDRESS, TEXT, IMAGE, EXTENDED, STATE, STEP = 0xF0, 0xF1, 0xF2, 0xF3, 0xFF, 0x45, 0x04
RAIN_SERIES: Final = 0xF4
STAGE_SERIES: Final = range(0xF5, 0xFD)
SERIES: Final = 12
SERIES_MINUTES: Final = 5


class Element(NamedTuple):
    """One line of annex C."""

    symbol: str
    name: str
    unit: str


def _eight(first: int, symbol: str, name: str, unit: str) -> dict[int, Element]:
    return {first + at: Element(f"{symbol}{at + 1}", f"{name}{at + 1}", unit) for at in range(8)}


ELEMENTS: Final[dict[int, Element]] = {
    0x01: Element("AC", "断面面积", "m2"),
    0x02: Element("AI", "瞬时气温", "degC"),
    0x03: Element("C", "瞬时水温", "degC"),
    0x04: Element("DR", "时间步长", "DDHHMM"),
    0x05: Element("DT", "时段长", "h"),
    0x06: Element("ED", "日蒸发量", "mm"),
    0x07: Element("EJ", "当前蒸发", "mm"),
    0x08: Element("FL", "气压", "hPa"),
    0x09: Element("GH", "闸门开启高度", "m"),
    0x0A: Element("GN", "闸门（组）编号", "1"),
    0x0B: Element("GS", "输水设备类别", "1"),
    0x0C: Element("GT", "闸门开启孔数", "1"),
    0x0D: Element("GTP", "地温", "degC"),
    0x0E: Element("H", "地下水瞬时埋深", "m"),
    0x0F: Element("HW", "波浪高度", "m"),
    **{
        0x10 + at: Element(f"M{depth}", f"{depth} 厘米处土壤含水量", "%")
        for at, depth in enumerate((10, 20, 30, 40, 50, 60, 80, 100))
    },
    0x18: Element("MST", "湿度", "%"),
    0x19: Element("NS", "开机台数", "1"),
    **{
        0x1A + at: Element(f"P{hours}", f"{hours} 小时时段降水量", "mm")
        for at, hours in enumerate((1, 2, 3, 6, 12))
    },
    0x1F: Element("PD", "日降水量", "mm"),
    0x20: Element("PJ", "当前降水量", "mm"),
    **{
        0x21 + at: Element(f"PN{minutes:02}", f"{minutes} 分钟时段降水量", "mm")
        for at, minutes in enumerate((1, 5, 10, 30))
    },
    0x25: Element("PR", "暴雨量", "mm"),
    0x26: Element("PT", "降水量累计值", "mm"),
    0x27: Element("Q", "瞬时流量", "m3/s"),
    **_eight(0x28, "Q", "取（排）水口流量", "m3/s"),
    0x30: Element("QA", "总出库流量", "m3/s"),
    0x31: Element("QZ", "输水设备流量", "m3/s"),
    0x32: Element("SW", "输沙量", "10^4 t"),
    0x33: Element("UC", "风向", "1"),
    0x34: Element("UE", "风力", "1"),
    0x35: Element("US", "风速", "m/s"),
    0x36: Element("VA", "断面平均流速", "m/s"),
    0x37: Element("VJ", "当前瞬时流速", "m/s"),
    0x38: Element("VT", "电源电压", "V"),
    0x39: Element("Z", "瞬时河道水位、潮位", "m"),
    0x3A: Element("ZB", "库（闸、站）下水位", "m"),
    0x3B: Element("ZU", "库（闸、站）上水位", "m"),
    **_eight(0x3C, "Z", "取（排）水口水位", "m"),
    0x44: Element("SQ", "含沙量", "kg/m3"),
    0x45: Element("ZT", "遥测站状态及报警", "bits"),
    0x46: Element("PH", "pH", "1"),
    0x47: Element("DO", "溶解氧", "mg/L"),
    0x48: Element("COND", "电导率", "uS/cm"),
    0x49: Element("TURB", "浊度", "NTU"),
    0x4A: Element("CODMN", "高锰酸盐指数", "mg/L"),
    0x4B: Element("REDOX", "氧化还原电位", "mV"),
    0x4C: Element("NH4N", "氨氮", "mg/L"),
    0x4D: Element("TP", "总磷", "mg/L"),
    0x4E: Element("TN", "总氮", "mg/L"),
    0x4F: Element("TOC", "总有机碳", "mg/L"),
    0x50: Element("CU", "铜", "mg/L"),
    0x51: Element("ZN", "锌", "mg/L"),
    0x52: Element("SE", "硒", "mg/L"),
    0x53: Element("AS", "砷", "mg/L"),
    0x54: Element("THG", "总汞", "mg/L"),
    0x55: Element("CD", "镉", "mg/L"),
    0x56: Element("PB", "铅", "mg/L"),
    0x57: Element("CHLA", "叶绿素a", "mg/L"),
    **_eight(0x58, "WP", "水压", "kPa"),
    **_eight(0x60, "SYL", "水表剩余水量", "m3"),
    **_eight(0x68, "SBL", "水表每小时水量", "m3"),
    0x70: Element("VTA", "交流 A 相电压", "V"),
    0x71: Element("VTB", "交流 B 相电压", "V"),
    0x72: Element("VTC", "交流 C 相电压", "V"),
    0x73: Element("VIA", "交流 A 相电流", "A"),
    0x74: Element("VIB", "交流 B 相电流", "A"),
    0x75: Element("VIC", "交流 C 相电流", "A"),
    RAIN_SERIES: Element("DRP", "一小时内每 5 分钟时段雨量", "mm"),
    **_eight(0xF5, "DRZ", "一小时内每 5 分钟相对水位", "m"),
}
SYMBOLS: Final = {element.symbol: code for code, element in ELEMENTS.items()}
# Rain of a stated interval: element → minutes.
RAIN_MINUTES: Final = {0x1A: 60, 0x1B: 120, 0x1C: 180, 0x1D: 360, 0x1E: 720, 0x1F: 1440, 0x21: 1, 0x22: 5,
                       0x23: 10, 0x24: 30, 0xF4: 5}  # fmt: skip
# Elements of water quality → item of the contracts.
ITEMS: Final = {
    0x03: "w01010", 0x46: "w01001", 0x47: "w01009", 0x48: "w01014", 0x49: "w01003", 0x4A: "w01019",
    0x4C: "w21003", 0x4D: "w21011", 0x4E: "w21001", 0x50: "w20138", 0x51: "w20139", 0x52: "w20140",
    0x53: "w20141", 0x54: "w20142", 0x55: "w20143", 0x56: "w20144", 0x57: "w01016",
}  # fmt: skip
