"""The hub's rows as SensorThings entities: a section is a Thing, an item at it a Datastream, a value an Observation.

Source: OGC 18-088, SensorThings API part 1, 1.1. Read through the hub's client: what the agency may not read there is
not here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from adapters.codes.factor import FACTORS
from adapters.settings import limit
from exchange.client import Client, Filter
from exchange.errors import LimitExceededError, NotFoundError

_OBSERVATION: Final = "http://www.opengis.net/def/observationType/OGC-OM/2.0/OM_Measurement"
_FACTORS: Final = {factor.code: factor for factor in FACTORS}
Entity = dict[str, Any]


@dataclass(frozen=True, slots=True)
class View:
    """Entities out of two datasets of one hub; `root` is the address of the service."""

    client: Client
    values: str
    sections: str
    root: str

    def things(self) -> list[Entity]:
        """Every section."""
        return [self._thing(row) for row in self._sections(())]

    def thing(self, code: str) -> Entity:
        """One section; raises NotFoundError."""
        return self._thing(self._section(code))

    def locations(self, code: str | None = None) -> list[Entity]:
        """Points of the sections that have any, in CGCS2000."""
        rows = [self._section(code)] if code else self._sections(())
        return [
            _location(row) for row in rows if row["longitude"] is not None and row["latitude"] is not None
        ]

    def datastreams(self, code: str) -> list[Entity]:
        """The items measured at a section."""
        table = self._query(("item_code", "unit"), [Filter("section_code", "eq", (code,))])
        found = table.group_by(["item_code", "unit"]).aggregate([]).sort_by("item_code")
        return [self._stream(code, row["item_code"], row["unit"]) for row in found.to_pylist()]

    def datastream(self, id: str) -> Entity:
        """One item at one section; raises NotFoundError."""
        code, _, item = id.partition("|")
        for stream in self.datastreams(code):
            if stream["@iot.id"] == f"{code}|{item}":
                return stream
        raise NotFoundError(f"no Datastream {id}")

    def properties(self) -> list[Entity]:
        """The items of the contract."""
        return [_property(factor.code) for factor in FACTORS]

    def observations(
        self, id: str, since: datetime | None, until: datetime | None, newest: bool
    ) -> list[Entity]:
        """Valid values of a Datastream in a span of time; raises NotFoundError."""
        code, _, item = id.partition("|")
        filters = [Filter("section_code", "eq", (code,)), Filter("item_code", "eq", (item,))]
        if since is not None:
            filters.append(Filter("sampled_at", "ge", (_text(since),)))
        if until is not None:
            filters.append(Filter("sampled_at", "le", (_text(until),)))
        columns = ("sampled_at", "value", "unit", "qualifier", "data_flag", "monitoring_mode")
        table = self._query(columns, filters)
        table = table.filter(pc.is_valid(table["value"]))
        table = table.sort_by([("sampled_at", "descending" if newest else "ascending")])
        return [_observation(id, row) for row in table.to_pylist()]

    def _query(self, columns: Sequence[str], filters: Sequence[Filter]) -> pa.Table:
        most = limit().served_rows
        table = self.client.query(self.values, columns=columns, filters=filters, limit=most + 1).table()
        if table.num_rows > most:
            raise LimitExceededError(
                f"more than {most} observations: ask for less by $filter=phenomenonTime ge …"
            )
        return table

    def _sections(self, filters: Sequence[Filter]) -> list[Mapping[str, Any]]:
        found: list[Mapping[str, Any]] = (
            self.client.query(self.sections, filters=filters, limit=limit().served_rows)
            .table()
            .sort_by("section_code")
            .to_pylist()
        )
        return found

    def _section(self, code: str) -> Mapping[str, Any]:
        for row in self._sections([Filter("section_code", "eq", (code,))]):
            return row
        raise NotFoundError(f"no Thing {code}")

    def _thing(self, row: Mapping[str, Any]) -> Entity:
        code = row["section_code"]
        kept = (
            "river_name",
            "basin",
            "province_code",
            "city_code",
            "county_code",
            "target_class",
            "section_type",
        )
        here = f"{self.root}/Things('{code}')"
        return {
            "@iot.id": code,
            "@iot.selfLink": here,
            "name": row["section_name"],
            "description": f"监测断面 {row['section_name']}",
            "properties": {"code": code} | {name: row[name] for name in kept if row.get(name) is not None},
            "Datastreams@iot.navigationLink": f"{here}/Datastreams",
            "Locations@iot.navigationLink": f"{here}/Locations",
        }

    def _stream(self, code: str, item: str, unit: str) -> Entity:
        factor = _FACTORS.get(item)
        here = f"{self.root}/Datastreams('{code}|{item}')"
        return {
            "@iot.id": f"{code}|{item}",
            "@iot.selfLink": here,
            "name": f"{factor.zh if factor else item} @ {code}",
            "description": f"{item} @ {code}",
            "observationType": _OBSERVATION,
            "unitOfMeasurement": {
                "name": unit,
                "symbol": unit,
                "definition": f"http://unitsofmeasure.org/ucum#{unit}",
            },
            "ObservedProperty": _property(item),
            "Thing@iot.navigationLink": f"{self.root}/Things('{code}')",
            "Observations@iot.navigationLink": f"{here}/Observations",
        }


def _location(row: Mapping[str, Any]) -> Entity:
    return {
        "@iot.id": row["section_code"],
        "name": row["section_name"],
        "description": str(row.get("coordinate_system") or "CGCS2000"),
        "encodingType": "application/geo+json",
        "location": {"type": "Point", "coordinates": [row["longitude"], row["latitude"]]},
    }


def _property(item: str) -> Entity:
    factor = _FACTORS.get(item)
    return {
        "@iot.id": item,
        "name": factor.zh if factor else item,
        "definition": f"urn:hj525:{item}",
        "description": factor.names[-1] if factor else item,
        "properties": {"code": item},
    }


def _observation(id: str, row: Mapping[str, Any]) -> Entity:
    at = _text(row["sampled_at"])
    return {
        "@iot.id": f"{id}|{at}|{row['monitoring_mode']}",
        "phenomenonTime": at,
        "resultTime": None,
        "result": row["value"],
        "parameters": {
            name: row[name]
            for name in ("unit", "qualifier", "data_flag", "monitoring_mode")
            if row[name] is not None
        },
    }


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
