"""Station rows under `monitoring-section` and `water-quality`: one table of places, one of values, an item per row."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any, Final

import pyarrow as pa

from adapters.cnemc.decode import FAILED, NOT_MEASURED, Row, Sheet, decode
from adapters.cnemc.place import PROVINCES
from adapters.protocol import Note, Reading
from exchange.errors import InvalidInputError

_BEIJING: Final = timezone(timedelta(hours=8))
# HJ 525-2009, HJ 212-2017 annex B; the units as headings give them.
_ITEMS: Final = {
    "水温(℃)": ("w01010", "degC"),
    "pH(无量纲)": ("w01001", "1"),
    "溶解氧(mg/L)": ("w01009", "mg/L"),
    "电导率(μS/cm)": ("w01014", "uS/cm"),
    "浊度(NTU)": ("w01003", "NTU"),
    "高锰酸盐指数(mg/L)": ("w01019", "mg/L"),
    "氨氮(mg/L)": ("w21003", "mg/L"),
    "总磷(mg/L)": ("w21011", "mg/L"),
    "总氮(mg/L)": ("w21001", "mg/L"),
    "叶绿素α(mg/L)": ("w01016", "mg/L"),
}
_CLASSES: Final = {
    "Ⅰ": "I",
    "Ⅱ": "II",
    "Ⅲ": "III",
    "Ⅳ": "IV",
    "Ⅴ": "V",
    "劣Ⅴ": "worse-than-V",
}
_STATES: Final = {"正常": "normal", "维护": "maintenance", "不具备运行条件": "not_ready"}
_FLAGS: Final = {"maintenance": "M", "not_ready": "F"}
_YEAR: Final = re.compile(r"(?<![0-9])(20[0-9]{2})-[01][0-9]")


@dataclass(frozen=True, slots=True)
class CnemcAdapter:
    """`year`: of the data, else taken from the file's name; `province`: only its stations, as 500000."""

    year: int | None = None
    province: str | None = None

    @property
    def name(self) -> str:
        """As in the entry point."""
        return "cnemc"

    def of(self, province: str) -> CnemcAdapter:
        """The same for the stations of one province."""
        return replace(self, province=province)

    def read(self, source: Path) -> Reading:
        """Read a file; raises MalformedError (another kind of file) and InvalidInputError (no year)."""
        sheet = decode(source.read_bytes())
        year = self.year or _year_of(source)
        chosen = [
            row for row in sheet.rows if self.province is None or PROVINCES.get(row.province) == self.province
        ]
        tables = {"monitoring-section": _sections(chosen), "water-quality": _values(sheet, chosen, year)}
        return Reading(tables, tuple(_notes(sheet, chosen)))


adapter: Final = CnemcAdapter()


def _year_of(source: Path) -> int:
    found = _YEAR.search(source.name)
    if found is None:
        raise InvalidInputError(
            f"{source.name} 中没有年份，文件内时间也不含年份 / "
            f"neither the name of {source.name} nor the times in it say the year; name it as …_2021-04-01.csv"
        )
    return int(found.group(1))


def section_code(row: Row) -> str:
    """A code for a station: names repeat, so province and basin go into it."""
    mark = hashlib.sha256(f"{row.basin}|{row.station}".encode()).hexdigest()[:8].upper()
    return f"CNEMC-{PROVINCES.get(row.province, '000000')[:2]}-{mark}"


def _sections(rows: Sequence[Row]) -> pa.Table:
    places = {section_code(row): row for row in rows}
    return pa.Table.from_pylist(
        [
            {
                "section_code": code,
                "section_name": row.station,
                "section_type": "national",
                "basin": row.basin,
                "province_code": PROVINCES.get(row.province),
                "is_automatic": True,
            }
            for code, row in places.items()
        ]
    )


def _values(sheet: Sheet, rows: Sequence[Row], year: int) -> pa.Table:
    schema = pa.schema(
        [
            *((name, pa.string()) for name in ("section_code", "item_code", "monitoring_mode", "unit")),
            *((name, pa.string()) for name in ("data_flag", "stated_class", "station_status")),
            ("sampled_at", pa.timestamp("us", tz="UTC")),
            ("value", pa.float64()),
        ]
    )
    return pa.Table.from_pylist([cell for row in rows for cell in _cells(sheet, row, year)], schema)


def _cells(sheet: Sheet, row: Row, year: int) -> Iterator[dict[str, Any]]:
    status = _STATES.get(row.status)
    common = {
        "section_code": section_code(row),
        "sampled_at": _instant(row.time, year),
        "monitoring_mode": "automatic",
        "stated_class": _CLASSES.get(row.stated_class),
        "station_status": status,
    }
    for heading, text in zip(sheet.items, row.values, strict=True):
        if heading in _ITEMS and text not in ("", NOT_MEASURED):
            code, unit = _ITEMS[heading]
            value = _number(text)
            flag = _FLAGS.get(status or "", "N" if text != FAILED else "D")
            yield {**common, "item_code": code, "unit": unit, "value": value, "data_flag": flag}


def _instant(text: str, year: int) -> datetime | None:
    try:
        moment = datetime.strptime(f"{year}-{text}", "%Y-%m-%d %H:%M")
    except ValueError:
        return None
    return moment.replace(tzinfo=_BEIJING).astimezone(UTC)


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _notes(sheet: Sheet, rows: Sequence[Row]) -> Iterator[Note]:
    if sheet.repeated:
        yield Note(
            f"略去 {sheet.repeated} 行完全重复的记录",
            f"{sheet.repeated} rows that repeat another word for word were left out",
        )
    for at, heading in enumerate(sheet.items):
        given = sum(1 for row in rows if row.values[at] not in ("", FAILED, NOT_MEASURED))
        if heading not in _ITEMS and given:
            yield Note(
                f"{heading} 没有确认的项目编码，略去 {given} 个值",
                f"{heading} has no confirmed item code: {given} values were left out",
            )
