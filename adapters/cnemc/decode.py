"""The CSV of the national automatic surface water stations, published every four hours (CNEMC): bytes → rows.

Seventeen columns with Chinese headings; `监测时间` has no year; `--` is a failed measurement, `*` an item that the
station does not measure. Source: 中国环境监测总站, 国家地表水水质自动监测实时数据发布系统.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from exchange.errors import MalformedError

PLACE: Final = ("省份", "流域", "断面名称", "监测时间", "水质类别")
STATUS: Final = "站点情况"
FAILED: Final = "--"
NOT_MEASURED: Final = "*"


@dataclass(frozen=True, slots=True)
class Row:
    """One station at one time, every cell as it stood; `values` in the order of `Sheet.items`."""

    number: int
    province: str
    basin: str
    station: str
    time: str
    stated_class: str
    values: tuple[str, ...]
    status: str


@dataclass(frozen=True, slots=True)
class Sheet:
    """Headings of the measured items, and the rows; rows that repeat an earlier one word for word are counted."""

    items: tuple[str, ...]
    rows: tuple[Row, ...]
    repeated: int


def decode(data: bytes) -> Sheet:
    """Read a whole file, UTF-8 with or without byte order mark; raises MalformedError naming the row."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise MalformedError(f"第 {line} 行不是 UTF-8，请另存为 UTF-8 / line {line} is not UTF-8") from None
    return _sheet(_rows(text))


def _rows(text: str) -> Iterator[tuple[int, tuple[str, ...]]]:
    """Number and cells of each row that is not empty; the header is row 1."""
    number = 0
    try:
        for number, cells in enumerate(csv.reader(io.StringIO(text, newline=""), strict=True), start=1):
            if any(cells):
                yield number, tuple(cell.strip() for cell in cells)
    except csv.Error as error:
        raise MalformedError(f"第 {number + 1} 行无法读取 / row {number + 1}: {error}") from None


def _sheet(lines: Iterator[tuple[int, tuple[str, ...]]]) -> Sheet:
    _, header = next(lines, (1, ()))
    if header[: len(PLACE)] != PLACE or header[-1:] != (STATUS,) or len(header) < len(PLACE) + 2:
        raise MalformedError(
            f"不是四小时水质数据：表头应以 {'、'.join(PLACE)} 开始、以 {STATUS} 结束 / "
            f"not the four-hour station data: the header begins with {', '.join(PLACE)} and ends with {STATUS}"
        )
    seen: set[tuple[str, ...]] = set()
    rows: list[Row] = []
    repeated = 0
    for number, cells in lines:
        if len(cells) != len(header):
            raise MalformedError(
                f"第 {number} 行有 {len(cells)} 个单元格，表头有 {len(header)} 个 / "
                f"row {number} has {len(cells)} cells, the header {len(header)}"
            )
        if cells in seen:
            repeated += 1
            continue
        seen.add(cells)
        province, basin, station, time, stated_class = cells[: len(PLACE)]
        values, status = cells[len(PLACE) : -1], cells[-1]
        rows.append(Row(number, province, basin, station, time, stated_class, values, status))
    return Sheet(header[len(PLACE) : -1], tuple(rows), repeated)
