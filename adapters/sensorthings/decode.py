"""Pages of Observations, or of Datastreams with their Observations, as records. Pure: bytes in, records out.

Source: OGC 18-088, SensorThings API part 1, 1.1: entities, $expand, @iot.nextLink.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from exchange.errors import MalformedError

FIELDS: Final = (
    "result",
    "phenomenonTime",
    "resultTime",
    "observation",
    "datastream",
    "datastream.name",
    "unit",
    "observedProperty",
    "observedProperty.name",
    "thing",
    "thing.name",
    "sensor",
    "longitude",
    "latitude",
)


@dataclass(frozen=True, slots=True)
class Page:
    """Records of one page, and where the next is."""

    records: tuple[Mapping[str, str | None], ...]
    next: str | None


def decode(data: bytes) -> Page:
    """Read one page; raises MalformedError."""
    try:
        body = json.loads(data)
        values = body["value"]
        link = body.get("@iot.nextLink")
        records = tuple(record for value in values for record in _records(value))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise MalformedError(
            f"不是 SensorThings 响应 / is no SensorThings response: {str(error)[:200]}"
        ) from None
    return Page(records, str(link) if link else None)


def _records(value: Mapping[str, Any]) -> Iterator[Mapping[str, str | None]]:
    if "result" in value:
        yield _record(value, value.get("Datastream") or {})
        return
    for observation in value["Observations"]:
        yield _record(observation, value)


def _record(observation: Mapping[str, Any], stream: Mapping[str, Any]) -> Mapping[str, str | None]:
    thing, property_ = stream.get("Thing") or {}, stream.get("ObservedProperty") or {}
    point = _point(observation, thing)
    return {
        "result": _text(observation["result"]),
        "phenomenonTime": _start(observation.get("phenomenonTime")),
        "resultTime": _text(observation.get("resultTime")),
        "observation": _text(observation.get("@iot.id")),
        "datastream": _text(stream.get("@iot.id")),
        "datastream.name": _text(stream.get("name")),
        "unit": _text((stream.get("unitOfMeasurement") or {}).get("symbol")),
        "observedProperty": _text(
            (property_.get("properties") or {}).get("code") or property_.get("@iot.id")
        ),
        "observedProperty.name": _text(property_.get("name")),
        "thing": _text((thing.get("properties") or {}).get("code") or thing.get("@iot.id")),
        "thing.name": _text(thing.get("name")),
        "sensor": _text((stream.get("Sensor") or {}).get("name")),
        "longitude": _text(point[0]) if point else None,
        "latitude": _text(point[1]) if point else None,
    }


def _point(observation: Mapping[str, Any], thing: Mapping[str, Any]) -> list[Any] | None:
    feature = (observation.get("FeatureOfInterest") or {}).get("feature")
    for shape in (feature, *(each.get("location") for each in thing.get("Locations") or ())):
        if isinstance(shape, dict) and shape.get("type") == "Feature":
            shape = shape.get("geometry")
        if isinstance(shape, dict) and shape.get("type") == "Point":
            return list(shape["coordinates"][:2])
    return None


def _start(time: object) -> str | None:
    """The beginning of a period: contracts tell periods by their start."""
    return None if time is None else str(time).partition("/")[0]


def _text(value: object) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False)
