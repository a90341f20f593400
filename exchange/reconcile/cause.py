"""What can stand behind a difference, and what is told of it."""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class Cause(StrEnum):
    """Named in results and in the contract `boundary-comparison`."""

    UNIT = "unit"
    TIME_ZONE = "time_zone"
    PERIOD = "period"
    LAG = "lag"
    SWAP = "swap"
    SECTION = "section"
    STUCK = "stuck"
    FILL = "fill"
    ROUNDING = "rounding"
    DUPLICATE = "duplicate"
    MISSING = "missing"
    TRUE = "true_difference"

    @property
    def fault(self) -> bool:
        """Whether somebody's data have to be mended, rather than the river looked at."""
        return self not in (Cause.MISSING, Cause.TRUE)


TITLES: Final[dict[Cause, tuple[str, str]]] = {
    Cause.UNIT: ("单位换算", "unit factor"),
    Cause.TIME_ZONE: ("八小时时差", "eight-hour shift"),
    Cause.PERIOD: ("时段起止", "start against end of the period"),
    Cause.LAG: ("滞后", "lag"),
    Cause.SWAP: ("项目互换", "swapped items"),
    Cause.SECTION: ("断面编码错误", "wrong section code"),
    Cause.STUCK: ("数值停滞", "stuck sensor"),
    Cause.FILL: ("检出限填充", "detection-limit fill"),
    Cause.ROUNDING: ("修约", "rounding"),
    Cause.DUPLICATE: ("重复推送", "fed twice"),
    Cause.MISSING: ("缺测或未报", "missing or not delivered"),
    Cause.TRUE: ("真实差异", "true difference"),
}


def told(cause: Cause, evidence: float | None, name: str = "") -> str:
    """One line on a cause in Chinese and English; `name` is the item or section that `evidence` numbers."""
    zh, en = said(cause, evidence, name)
    return f"{zh}。 {en}."


def said(cause: Cause, evidence: float | None, name: str = "") -> tuple[str, str]:
    """The same, each language by itself."""
    number = 0.0 if evidence is None else evidence
    zh, en = {
        Cause.UNIT: _unit(number),
        Cause.TIME_ZONE: (
            f"移动 {number:+g} 小时后双方一致",
            f"moved by {number:+g} h both agree",
        ),
        Cause.PERIOD: (
            f"差一个时段（{number:+g} 小时）：一方记时段始，一方记时段末",
            f"one period apart ({number:+g} h): one side names its start, the other its end",
        ),
        Cause.LAG: (f"乙方滞后 {number:+g} 小时", f"the second side follows {number:+g} h later"),
        Cause.SWAP: (f"与 {name} 互换", f"swapped with {name}"),
        Cause.SECTION: (f"数值与 {name} 相符", f"the values are those of {name}"),
        Cause.STUCK: (f"连续 {number:g} 个值不变", f"{number:g} values in a row do not change"),
        Cause.FILL: (f"以 {abs(number):g} 填充", f"{abs(number):g} was filled in"),
        Cause.ROUNDING: (f"一方只报 {number:g} 位小数", f"one side gives {number:g} decimals"),
        Cause.DUPLICATE: ("同一数值重复出现", "the same value came twice"),
        Cause.MISSING: ("另一方没有对应值", "the other side has no value"),
        Cause.TRUE: ("未发现数据差错", "no fault in the data was found"),
    }[cause]
    title_zh, title_en = TITLES[cause]
    return f"{title_zh}：{zh}", f"{title_en}: {en}"


def _unit(factor: float) -> tuple[str, str]:
    shown = {14 / 17: "14/17 (N / NH₃)", 17 / 14: "17/14 (NH₃ / N)"}
    text = next((said for known, said in shown.items() if abs(known - factor) < 1e-3), f"{factor:g}")
    return f"乙方 = 甲方 × {text}", f"second = first × {text}"
