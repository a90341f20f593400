"""What may let something into a river: registers of outfalls, farms, plants, permits and open problems."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, timezone
from typing import Any, Final

import pyarrow as pa

from exchange.errors import InvalidInputError
from exchange.river.reach import Place

_CHINA: Final = timezone(timedelta(hours=8))
_YEAR_DAYS: Final = 365.0
_TON: Final = 1000.0
AMMONIA, COD, COD_MN, BOD, PHOSPHORUS, NITROGEN = "w21003", "w01018", "w01019", "w01017", "w21011", "w21001"
OXYGEN_EATERS: Final = frozenset({AMMONIA, COD, COD_MN, BOD, PHOSPHORUS, NITROGEN})
# What each kind is known for, where its own register does not say.
SIGNATURES: Final[Mapping[str, frozenset[str]]] = {
    "livestock-farm": OXYGEN_EATERS | {"w02003"},
    "wastewater-plant": OXYGEN_EATERS | {"w02003", "w19002"},
    "outfall:urban-sewage": OXYGEN_EATERS | {"w02003", "w19002"},
    "outfall:agricultural": OXYGEN_EATERS | {"w02003"},
    "problem:dumping": frozenset({COD, COD_MN, AMMONIA}),
    "problem:mining": frozenset({"w01003"}),
    "case:illegal-discharge": OXYGEN_EATERS,
    "case:over-limit": OXYGEN_EATERS,
    "case:outfall": OXYGEN_EATERS,
    "case:solid-waste": frozenset({COD, COD_MN, AMMONIA}),
    "case:sand-mining": frozenset({"w01003"}),
}


@dataclass(frozen=True, slots=True)
class Source:
    """One possible source. `kind` as in SIGNATURES; `daily_kg` of `ammonia`, `cod`, `phosphorus`.

    `noticed`: when its register says that something was found; `remarks`: what else it says, in both languages.
    """

    kind: str
    code: str
    name: str
    place: Place
    substances: frozenset[str]
    daily_kg: Mapping[str, float]
    noticed: datetime | None = None
    remarks: tuple[tuple[str, str], ...] = ()


def read_sources(contract: str, table: pa.Table) -> list[Source]:
    """The sources of one register that may discharge, by the name of its contract.

    Registers: `outfall`, `livestock-farm`, `wastewater-plant`, `discharge-permit`; and of `shoreline-violation` and
    `enforcement-case` what is open. Rows without a reach are left out. Raises InvalidInputError (another contract).
    """
    if contract not in _READERS:
        raise InvalidInputError(
            f"{contract[:60]} 不是污染源名录 / {contract[:60]} is none of {', '.join(_READERS)}"
        )
    read = _READERS[contract]
    return [source for row in table.to_pylist() if row.get("reach_code") for source in read(row)]


def _place(row: Mapping[str, Any]) -> Place:
    return Place(row["reach_code"], row.get("km_to_end") or 0.0)


def _yearly(row: Mapping[str, Any]) -> dict[str, float]:
    """Tonnes a year as kilograms a day."""
    names = {"cod": "cod_limit_ta", "ammonia": "ammonia_limit_ta", "phosphorus": "phosphorus_limit_ta"}
    return {name: row[column] * _TON / _YEAR_DAYS for name, column in names.items() if row.get(column)}


def _daily(row: Mapping[str, Any]) -> dict[str, float]:
    names = {"cod": "cod_kgd", "ammonia": "ammonia_kgd", "phosphorus": "phosphorus_kgd"}
    return {name: row[column] for name, column in names.items() if row.get(column)}


def _outfall(row: Mapping[str, Any]) -> Iterator[Source]:
    if row["status"] in ("kept", "mending"):
        remarks = [("整改尚未完成", "not yet mended")] if row["status"] == "mending" else []
        if row.get("design_m3d") and (row.get("actual_m3d") or 0) > row["design_m3d"]:
            remarks.append(("超设计水量", "more water than it is built for"))
        kind = f"outfall:{row['kind']}"
        names = (kind, row["outfall_code"], row["outfall_name"])
        yield Source(*names, _place(row), frozenset(), _yearly(row), None, tuple(remarks))


def _farm(row: Mapping[str, Any]) -> Iterator[Source]:
    if row["status"] != "closed":
        remarks = [("粪污无处理", "its manure is not treated")] if row.get("treatment") == "none" else []
        if row["status"] == "mending":
            remarks.append(("整改尚未完成", "not yet mended"))
        names = ("livestock-farm", row["farm_code"], row["farm_name"])
        yield Source(*names, _place(row), frozenset(), _daily(row), None, tuple(remarks))


def _plant(row: Mapping[str, Any]) -> Iterator[Source]:
    if row["status"] != "stopped":
        over = (row.get("actual_m3d") or 0) > row["design_m3d"]
        remarks = (("超设计规模运行", "treats more than it is built for"),) if over else ()
        names = ("wastewater-plant", row["plant_code"], row["plant_name"])
        yield Source(*names, _place(row), frozenset(), _daily(row), None, remarks)


def _permit(row: Mapping[str, Any]) -> Iterator[Source]:
    if row["status"] == "valid":
        named = frozenset((row.get("substances") or "").split(",")) - {""}
        names = ("discharge-permit", row["permit_number"], row["holder_name"])
        yield Source(*names, _place(row), named, _yearly(row))


def _problem(row: Mapping[str, Any]) -> Iterator[Source]:
    if row["status"] not in ("closed", "mended"):
        remark = (("岸线问题尚未销号", "an open problem on the shoreline"),)
        code = row["violation_code"]
        names = (f"problem:{row['kind']}", code, row.get("description") or code)
        yield Source(*names, _place(row), frozenset(), {}, _noon(row.get("found_on")), remark)


def _case(row: Mapping[str, Any]) -> Iterator[Source]:
    if row["status"] not in ("closed", "dropped"):
        remark = (("案件尚未办结", "a case that is not closed"),)
        code = row["case_number"]
        names = (f"case:{row['category']}", code, row.get("facts") or code)
        yield Source(*names, _place(row), frozenset(), {}, _noon(row.get("discovered_on")), remark)


def _noon(day: date | None) -> datetime | None:
    return None if day is None else datetime.combine(day, time(12), _CHINA)


_READERS: Final[Mapping[str, Callable[[Mapping[str, Any]], Iterator[Source]]]] = {
    "outfall": _outfall,
    "livestock-farm": _farm,
    "wastewater-plant": _plant,
    "discharge-permit": _permit,
    "shoreline-violation": _problem,
    "enforcement-case": _case,
}
