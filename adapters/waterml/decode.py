"""Measurement time series as records. Pure: bytes in, records out.

Source: OGC 10-126r4, WaterML 2.0 part 1, time series. No entity, no DTD and nothing outside the document is ever read.
"""

from __future__ import annotations

import io
import xml.parsers.expat
from collections.abc import Iterator, Mapping
from typing import Final
from xml.etree import ElementTree

from exchange.errors import MalformedError

FIELDS: Final = (
    "time",
    "value",
    "unit",
    "property",
    "feature",
    "feature.name",
    "procedure",
    "qualifier",
    "series",
)
_WML: Final = "{http://www.opengis.net/waterml/2.0}"
_OM: Final = "{http://www.opengis.net/om/2.0}"
_GML: Final = "{http://www.opengis.net/gml/3.2}"
_HREF: Final = "{http://www.w3.org/1999/xlink}href"
_TITLE: Final = "{http://www.w3.org/1999/xlink}title"
_NIL: Final = "{http://www.w3.org/2001/XMLSchema-instance}nil"


def decode(data: bytes) -> Iterator[Mapping[str, str | None]]:
    """Records of every point, in the document's order; raises MalformedError."""
    _plain(data)
    try:
        for _, element in ElementTree.iterparse(io.BytesIO(data)):
            if element.tag == f"{_OM}OM_Observation":
                yield from _observation(element)
                element.clear()
    except ElementTree.ParseError as error:
        raise MalformedError(f"不是 XML / not XML: {error}") from None


def _plain(data: bytes) -> None:
    """Refuse documents that declare types or entities."""
    parser = xml.parsers.expat.ParserCreate()

    def refuse(*_: object) -> None:
        raise MalformedError("XML 含 DTD，拒绝 / the document has a DTD")

    parser.StartDoctypeDeclHandler = refuse
    try:
        parser.Parse(data, True)
    except xml.parsers.expat.ExpatError as error:
        raise MalformedError(f"不是 XML / not XML: {error}") from None


def _observation(element: ElementTree.Element) -> Iterator[Mapping[str, str | None]]:
    feature = element.find(f"{_OM}featureOfInterest")
    shared = {
        "property": _reference(element.find(f"{_OM}observedProperty")),
        "procedure": _reference(element.find(f"{_OM}procedure")),
        "feature": _reference(feature) or _feature(feature),
        "feature.name": feature.get(_TITLE) if feature is not None else None,
    }
    for series in element.iter(f"{_WML}MeasurementTimeseries"):
        default = series.find(f"{_WML}defaultPointMetadata/{_WML}DefaultTVPMeasurementMetadata")
        unit, qualifier = _unit(default), _qualifier(default)
        for point in series.iter(f"{_WML}MeasurementTVP"):
            own = point.find(f"{_WML}metadata/{_WML}TVPMeasurementMetadata")
            value = point.find(f"{_WML}value")
            nil = value is None or value.get(_NIL) in ("true", "1")
            yield {
                **shared,
                "time": _text(point.find(f"{_WML}time")),
                "value": None if nil else _text(value),
                "unit": _unit(own) or unit,
                "qualifier": _qualifier(own) or qualifier,
                "series": series.get(f"{_GML}id"),
            }


def _reference(element: ElementTree.Element | None) -> str | None:
    """What a link names: its last part, as `…/property/w21003`."""
    href = element.get(_HREF) if element is not None else None
    return href.rstrip("/#").replace("#", "/").rpartition("/")[2] if href else None


def _feature(element: ElementTree.Element | None) -> str | None:
    found = None if element is None else element.find(f".//{_GML}identifier")
    return _text(found)


def _unit(metadata: ElementTree.Element | None) -> str | None:
    found = None if metadata is None else metadata.find(f"{_WML}uom")
    return None if found is None else found.get("code") or _reference(found)


def _qualifier(metadata: ElementTree.Element | None) -> str | None:
    found = None if metadata is None else metadata.find(f"{_WML}qualifier")
    return None if found is None else found.get(_TITLE) or _reference(found)


def _text(element: ElementTree.Element | None) -> str | None:
    return None if element is None else (element.text or "").strip() or None
