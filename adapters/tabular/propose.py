"""A mapping proposed from a header and the rows below it: names, units, factor codes, forms of time."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import yaml
from pyarrow import types

from adapters.codes.factor import Factor, factor_of
from adapters.mapping.form import DEFAULT_CELLS
from adapters.shape.instant import FORMS, YEARLESS, read_instants
from adapters.shape.sheet import Heading, plain_heading
from adapters.tabular.adapter import TEXT, WORKBOOKS, told_date
from adapters.tabular.encoding import encoding_of
from adapters.tabular.excel import first_rows
from adapters.tabular.header import find_header
from adapters.tabular.text import top_of
from exchange.contract.model import Column, Contract
from exchange.errors import InvalidInputError

# Words that people write for columns of the contracts, beside the contracts' own names.
_WORDS: Final = {
    "section_code": "断面代码 站点编码 测站编码 站码 点位编码",
    "section_name": "断面 断面名称 站点名称 点位名称 测点名称 监测点位 section station site",
    "station_code": "站码 测站编码 站号 STCD",
    "station_name": "站名 测站名称 STNM",
    "sampled_at": "采样时间 监测时间 监测日期 采样日期 时间 日期 time date",
    "observed_at": "时间 观测时间 TM",
    "stage_m": "水位 Z",
    "discharge_m3s": "流量 Q",
    "rainfall_mm": "雨量 降水量 降雨量 P DRP",
    "item_code": "项目 监测项目 因子 污染物",
    "value": "结果 浓度 测定值 检测结果 监测结果",
    "method": "方法 分析方法 检测方法",
    "province_code": "省份 省 province",
    "city_code": "城市 市 地市 city",
    "county_code": "区县 县区 县 行政区划代码 区划代码",
    "river_name": "河流 所在河流 水体 河流名称 river",
    "basin": "流域 所属流域 basin",
    "longitude": "经度 东经 lon lng x",
    "latitude": "纬度 北纬 lat y",
    "stated_class": "水质类别 类别",
    "station_status": "站点情况 运行状态",
    "laboratory": "检测单位 监测单位",
    "sample_id": "样品编号 样品号",
}
_DISTINCT: Final = 12
_NORMAL: Final = {"value": "N"}


@dataclass(frozen=True, slots=True)
class Proposal:
    """The mapping as YAML; headings that nothing was found for; required columns that are left to say.

    `made` are columns whose codes are made of names, for the source has none; `presumed` headings whose unit it does
    not say.
    """

    text: str
    recognised: int
    unknown: tuple[str, ...]
    lacking: tuple[str, ...]
    made: tuple[str, ...] = ()
    presumed: tuple[str, ...] = ()


def propose(path: Path, contract: Contract, sheet: str | None = None) -> Proposal:
    """Look at a file's first rows; raises MalformedError where no header is found."""
    source: dict[str, Any] = {}
    lines: Sequence[Sequence[str]]
    if path.suffix.lower() in TEXT:
        lines = top_of(path, encoding_of(path), None).rows
    elif path.suffix.lower() in WORKBOOKS:
        source["sheet"], lines = first_rows(path, sheet)
    else:
        raise InvalidInputError(f"{path.name}: 须为 {' '.join(sorted(TEXT | WORKBOOKS))} / is none of these")
    header = find_header(lines, None)
    if header.rows > 1:
        source["header"] = {"rows": header.rows}
    body = [list(line) for line in lines[header.at + header.rows :] if any(line)]
    cells = {
        heading: [line[at].strip() for line in body if at < len(line)]
        for at, heading in enumerate(header.headings)
        if heading
    }
    return _Proposer(path, contract, cells, source).proposal()


class _Proposer:
    def __init__(
        self, path: Path, contract: Contract, cells: Mapping[str, list[str]], source: dict[str, Any]
    ) -> None:
        self._path, self._contract, self._cells, self._source = path, contract, cells, source
        self._columns: dict[str, Any] = {}
        self._items: dict[str, Any] = {}
        self._used: set[str] = set()
        self._presumed: list[str] = []

    def proposal(self) -> Proposal:
        long = {"item_code", "value", "unit"} <= {column.name for column in self._contract.columns}
        factors = {heading: factor_of(Heading.parse(heading).name) for heading in self._cells} if long else {}
        wide = {heading: factor for heading, factor in factors.items() if factor is not None}
        for heading, factor in wide.items():
            self._items[heading] = self._item(heading, factor)
            self._used.add(heading)
        for column in self._contract.columns:
            found = self._heading_for(column)
            if found is not None:
                self._used.add(found)
                self._columns[column.name] = self._column(column, found)
        made = self._made()
        self._defaults()
        given = {*self._columns, *(("item_code", "value", "unit") if self._items else ())}
        lacking = [each.name for each in self._contract.columns if each.required and each.name not in given]
        unknown = [heading for heading in self._cells if heading not in self._used]
        text = self._text(made, lacking, unknown)
        return Proposal(
            text, len(self._used), tuple(unknown), tuple(lacking), tuple(made), tuple(self._presumed)
        )

    def _heading_for(self, column: Column) -> str | None:
        names = {column.name, column.title_zh, column.title_en, *_WORDS.get(column.name, "").split()}
        plain = {_plain(name) for name in names}
        for heading in self._cells:
            if heading not in self._used and {_plain(heading), _plain(Heading.parse(heading).name)} & plain:
                return heading
        return None

    def _made(self) -> list[str]:
        """Sections without codes get codes of what names them, the same in every file of the network."""
        name = self._headed("section_name")
        if name is None or "section_code" in self._columns or not self._contract.has_column("section_code"):
            return []
        basin, province = self._headed("basin"), self._headed("province_code")
        rule: dict[str, Any] = {"prefix": "LOCAL", "of": [*filter(None, [basin]), name]}
        self._columns["section_code"] = {"made": rule | ({"province": province} if province else {})}
        self._used |= {name, *filter(None, [basin, province])}
        return ["section_code"]

    def _headed(self, name: str) -> str | None:
        words = set(map(_plain, [name, *_WORDS[name].split()]))
        return next((heading for heading in self._cells if _plain(heading) in words), None)

    def _column(self, column: Column, heading: str) -> dict[str, Any]:
        rule: dict[str, Any] = {"from": heading}
        if types.is_timestamp(column.arrow_type):
            rule |= self._time(heading)
        elif column.name.endswith(("province_code", "city_code", "county_code")):
            rule["codes"] = "division"
        elif column.name == "item_code":
            rule["codes"] = "factor"
        elif column.values:
            rule |= self._words(column, heading)
        return rule

    def _time(self, heading: str) -> dict[str, Any]:
        texts = [text for text in self._cells[heading] if text and text not in DEFAULT_CELLS]
        array = pa.array(texts, pa.string())
        for form in (*FORMS, *YEARLESS):
            read = read_instants(array, form, "+08:00", told_date(self._path.name)[1] or 2000)
            if texts and not read.null_count:
                if "%Y" not in form:
                    self._source["year"] = {"name": True}
                return {"time": form}
        return {}

    def _words(self, column: Column, heading: str) -> dict[str, Any]:
        distinct = list(dict.fromkeys(text for text in self._cells[heading] if text))[:_DISTINCT]
        known = {_plain(str(value.value)): value.value for value in column.values}
        known |= {_plain(value.zh): value.value for value in column.values}
        known |= {_plain(value.zh).removesuffix("类"): value.value for value in column.values}
        if all(text in {str(value.value) for value in column.values} for text in distinct):
            return {}
        return {"words": {text: known.get(_plain(text)) for text in distinct if text not in DEFAULT_CELLS}}

    def _item(self, heading: str, factor: Factor) -> dict[str, Any]:
        if Heading.parse(heading).unit or factor.unit == "1":
            return {"code": factor.code}
        self._presumed.append(heading)
        return {"code": factor.code, "unit": factor.unit}

    def _defaults(self) -> None:
        """What nearly every file of water quality leaves unsaid."""
        if self._contract.ref.name == "water-quality":
            self._columns.setdefault("monitoring_mode", {"value": "automatic"})
            self._columns.setdefault("data_flag", dict(_NORMAL))
        if self._contract.ref.name == "hydrology":
            self._columns.setdefault("quality", {"value": "real-time"})

    def _text(self, made: Sequence[str], lacking: Sequence[str], unknown: Sequence[str]) -> str:
        table: dict[str, Any] = {"contract": self._contract.ref.name, "columns": self._columns}
        if self._items:
            names = {column.name for column in self._contract.columns}
            roles = {"qualifier": "qualifier", "limit": "detection_limit"}
            table["items"] = {"code": "item_code", "value": "value", "unit": "unit"}
            table["items"] |= {role: name for role, name in roles.items() if name in names}
            if self._columns.get("data_flag") == _NORMAL:
                table["items"]["failed"] = {"column": "data_flag", "instead_of": "N", "is": "D"}
            table["items"]["headings"] = self._items
        document: dict[str, Any] = {"mapping": 1, "title": f"{self._path.stem} / {self._path.stem}"}
        if self._source:
            document["source"] = self._source
        document["tables"] = [table]
        lines = [
            *(f"# 由名称生成编码，请核对 codes made of names, check the prefix: {name}" for name in made),
            *(
                f"# 未注明单位，请核对 no unit is given, check it: {plain_heading(name)}"
                for name in self._presumed
            ),
            *(f"# 必填，请补 required, fill it in: {name}" for name in lacking),
            *(f"# 未识别 not recognised: {plain_heading(heading)}" for heading in unknown),
        ]
        body = yaml.safe_dump(document, allow_unicode=True, sort_keys=False, width=110)
        return "\n".join([*lines, body]) if lines else body


def _plain(text: str) -> str:
    return re.sub(r"[\s_]+", "", plain_heading(text)).lower()
