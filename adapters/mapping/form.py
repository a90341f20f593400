"""What a mapping file says, as records. See docs/adapters.md for its words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

DEFAULT_CELLS: Final = {
    "": "empty",
    "*": "not-measured",
    "--": "failed",
    "-": "failed",
    "—": "failed",
    "/": "not-measured",
    "未检测": "not-measured",
    "缺测": "failed",
}


@dataclass(frozen=True, slots=True)
class Year:
    """Where the year comes from of times that have none: the file's name, a column with the date, or a number."""

    name: bool = False
    column: str | None = None
    fixed: int | None = None


@dataclass(frozen=True, slots=True)
class Watermark:
    """How far an incremental source was read: a column that only grows, but for rows that are late by the overlap."""

    column: str
    overlap_minutes: float
    start: str | None = None


@dataclass(frozen=True, slots=True)
class Source:
    """How to read the source itself; each adapter takes what concerns it."""

    sheet: str | None = None
    encoding: str | None = None
    delimiter: str | None = None
    header_row: int | None = None
    header_rows: int = 1
    cells: Mapping[str, str] = field(default_factory=lambda: dict(DEFAULT_CELLS))
    year: Year | None = None
    zone: str = "+08:00"
    only: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    crosswalk: str | None = None
    query: str | None = None
    watermark: Watermark | None = None
    layer: str | None = None
    datum: str | None = None
    district: str | None = None
    boundaries: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Made:
    """A code made for what has none: prefix, province, and a digest of what names the thing."""

    prefix: str
    of: tuple[str, ...]
    province: str | None = None


@dataclass(frozen=True, slots=True)
class ColumnRule:
    """One column of a contract: from a heading, a constant, or made; then words, codes, time or unit.

    `part` takes of a cell like `<0.025` the sign, or the limit.
    """

    source: str | None = None
    value: str | None = None
    made: Made | None = None
    words: Mapping[str, str | None] | None = None
    codes: str | None = None
    within: str = ""
    part: str | None = None
    time: str | None = None
    unit: str | None = None
    stated_as: str | None = None


@dataclass(frozen=True, slots=True)
class Item:
    """A heading that is an item: its code (None: left out and counted), and the unit where the heading has none.

    `limit` is the method's detection limit: of `未检出`, and to count what stands exactly at it.
    """

    code: str | None
    unit: str | None = None
    stated_as: str | None = None
    limit: float | None = None


@dataclass(frozen=True, slots=True)
class Failed:
    """What a column says of a failed measurement, where it would say `instead_of`."""

    column: str
    instead_of: str
    instead: str


@dataclass(frozen=True, slots=True)
class Items:
    """Wide to long: a row per item, with the contract's columns for code, value and what goes with it."""

    code: str
    value: str
    headings: Mapping[str, Item]
    unit: str | None = None
    qualifier: str | None = None
    limit: str | None = None
    failed: Failed | None = None


@dataclass(frozen=True, slots=True)
class TableRule:
    """Rows for one contract; with `first_of`, the first row of each key alone."""

    contract: str
    columns: Mapping[str, ColumnRule]
    first_of: tuple[str, ...] = ()
    items: Items | None = None

    def headings(self) -> set[str]:
        """Every heading of the source that the table needs, items apart: a source need not have all items."""
        found: set[str] = set()
        for rule in self.columns.values():
            found |= {rule.source} if rule.source else set()
            if rule.made:
                found |= {*rule.made.of, *([rule.made.province] if rule.made.province else [])}
        return found


@dataclass(frozen=True, slots=True)
class Form:
    """A whole mapping file."""

    title: str
    source: Source
    tables: tuple[TableRule, ...]

    def headings(self) -> set[str]:
        """What a source must have to be of this kind."""
        found = set().union(*(table.headings() for table in self.tables), self.source.only)
        if self.source.year and self.source.year.column:
            found.add(self.source.year.column)
        if self.source.district:
            found.add(self.source.district)
        return found

    def all_headings(self) -> set[str]:
        """With the items."""
        return self.headings().union(*(table.items.headings for table in self.tables if table.items))


def form_of(document: Mapping[str, Any]) -> Form:
    """Records of a document that the schema has found good."""
    return Form(
        document["title"],
        _source(document.get("source", {})),
        tuple(_table(table) for table in document["tables"]),
    )


def _source(given: Mapping[str, Any]) -> Source:
    plain = ("sheet", "encoding", "delimiter", "zone", "crosswalk", "query", "layer", "datum", "district")
    values: dict[str, Any] = {name: given[name] for name in plain if name in given}
    header = given.get("header", {})
    values |= {"header_row": header.get("row"), "header_rows": header.get("rows", 1)}
    values["cells"] = {**DEFAULT_CELLS, **given.get("cells", {})}
    values["only"] = {name: tuple(wanted) for name, wanted in given.get("only", {}).items()}
    if "year" in given:
        values["year"] = Year(**given["year"])
    if "watermark" in given:
        values["watermark"] = Watermark(**given["watermark"])
    if "boundaries" in given:
        values["boundaries"] = (given["boundaries"]["file"], given["boundaries"]["code"])
    return Source(**values)


def _table(given: Mapping[str, Any]) -> TableRule:
    columns = {name: _column(rule) for name, rule in given["columns"].items()}
    items = _items(given["items"]) if "items" in given else None
    return TableRule(given["contract"], columns, tuple(given.get("first_of", ())), items)


def _column(given: Mapping[str, Any]) -> ColumnRule:
    made = given.get("made")
    return ColumnRule(
        source=given.get("from"),
        value=_text(given.get("value")),
        made=Made(made["prefix"], tuple(made["of"]), made.get("province")) if made else None,
        words={key: _text(value) for key, value in given["words"].items()} if "words" in given else None,
        codes=given.get("codes"),
        within=given.get("within", ""),
        part=given.get("part"),
        time=given.get("time"),
        unit=given.get("unit"),
        stated_as=given.get("as"),
    )


def _items(given: Mapping[str, Any]) -> Items:
    failed = given.get("failed")
    return Items(
        given["code"],
        given["value"],
        {
            heading: Item(item.get("code", heading), item.get("unit"), item.get("as"), item.get("limit"))
            for heading, item in given["headings"].items()
        },
        given.get("unit"),
        given.get("qualifier"),
        given.get("limit"),
        Failed(failed["column"], failed["instead_of"], failed["is"]) if failed else None,
    )


def _text(value: object) -> str | None:
    if isinstance(value, bool):
        return "true" if value else "false"
    return None if value is None else str(value)
