"""SensorThings and WaterML over real HTTP on loopback; what a service must not lead a reader to do."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from adapters.sensorthings import adapter as sensorthings
from adapters.waterml import adapter as waterml
from exchange.errors import HechuanError, InvalidInputError, MalformedError, NotFoundError, UnavailableError

COLUMNS: dict[str, Any] = {
    "section_code": {"from": "thing"},
    "sampled_at": {"from": "phenomenonTime"},
    "item_code": {"from": "observedProperty", "codes": "factor"},
    "monitoring_mode": {"value": "automatic"},
    "value": {"from": "result"},
    "unit": {"from": "unit", "codes": "unit"},
    "data_flag": {"value": "N"},
}
STREAM = {
    "unitOfMeasurement": {"symbol": "毫克/升"},
    "ObservedProperty": {"@iot.id": 7, "properties": {"code": "060"}},
    "Thing": {"@iot.id": 1, "properties": {"code": "CQ-ZHUTUO"}},
}
WATERML = """<wml2:Collection xmlns:wml2="http://www.opengis.net/waterml/2.0" xmlns:om="http://www.opengis.net/om/2.0"
 xmlns:xlink="http://www.w3.org/1999/xlink" xmlns:gml="http://www.opengis.net/gml/3.2"
 xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><wml2:observationMember><om:OM_Observation>
 <om:observedProperty xlink:href="http://example.org/property/w21003"/>
 <om:featureOfInterest xlink:href="http://example.org/section#CQ-ZHUTUO" xlink:title="朱沱"/>
 <om:result><wml2:MeasurementTimeseries gml:id="s1"><wml2:defaultPointMetadata>
 <wml2:DefaultTVPMeasurementMetadata><wml2:uom code="mg/L"/></wml2:DefaultTVPMeasurementMetadata>
 </wml2:defaultPointMetadata>
 <wml2:point><wml2:MeasurementTVP><wml2:time>2026-03-19T09:00:00+08:00</wml2:time><wml2:value>0.42</wml2:value>
 </wml2:MeasurementTVP></wml2:point>
 <wml2:point><wml2:MeasurementTVP><wml2:time>2026-03-19T13:00:00+08:00</wml2:time><wml2:value xsi:nil="true"/>
 <wml2:metadata><wml2:TVPMeasurementMetadata><wml2:uom code="ug/L"/></wml2:TVPMeasurementMetadata></wml2:metadata>
 </wml2:MeasurementTVP></wml2:point></wml2:MeasurementTimeseries></om:result>
 </om:OM_Observation></wml2:observationMember></wml2:Collection>"""


def mapping(tmp_path: Path, columns: dict[str, Any] = COLUMNS) -> Path:
    document = {
        "mapping": 1,
        "title": "服务 / Service",
        "tables": [{"contract": "water-quality", "columns": columns}],
    }
    path = tmp_path / "service.yaml"
    path.write_text(yaml.safe_dump(document, allow_unicode=True), encoding="utf-8")
    return path


@pytest.fixture
def pages() -> Iterator[tuple[str, dict[str, Any]]]:
    """A server's address, and what it answers by path: bytes, or the number of an error."""
    answers: dict[str, Any] = {}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found = answers.get(self.path, 404)
            self.send_response(found if isinstance(found, int) else 200)
            data = b"" if isinstance(found, int) else found
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", answers
        server.shutdown()
        thread.join()


def observation(result: Any, time: str) -> dict[str, Any]:
    return {"@iot.id": time, "result": result, "phenomenonTime": time, "Datastream": STREAM}


def page(*values: Any, after: str | None = None) -> bytes:
    return json.dumps({"value": values} | ({"@iot.nextLink": after} if after else {})).encode()


def rows(source: str, form: Path, adapter: Any = sensorthings) -> list[dict[str, Any]]:
    return [row for piece in adapter.read(source, form).pieces() for row in piece.rows.to_pylist()]


def test_observations_come_page_by_page(pages: tuple[str, dict[str, Any]], tmp_path: Path) -> None:
    root, answers = pages
    answers["/Observations"] = page(
        observation(0.42, "2026-03-19T01:00:00Z"), after=f"{root}/Observations?$skip=1"
    )
    nested = {
        **STREAM,
        "Observations": [{"result": 0.5, "phenomenonTime": "2026-03-19T05:00:00Z/2026-03-19T06:00:00Z"}],
    }
    answers["/Observations?$skip=1"] = page(nested)
    found = rows(f"{root}/Observations", mapping(tmp_path))
    assert [(row["value"], row["item_code"], row["unit"], row["section_code"]) for row in found] == [
        (0.42, "w21003", "mg/L", "CQ-ZHUTUO"),
        (0.5, "w21003", "mg/L", "CQ-ZHUTUO"),
    ]
    assert [row["sampled_at"] for row in found] == [
        datetime(2026, 3, 19, hour, tzinfo=UTC) for hour in (1, 5)
    ]


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (b"<html>", MalformedError),
        (b'{"value": 3}', MalformedError),
        (b'{"value": [{"name": "x"}]}', MalformedError),
        (page(after="/Observations"), MalformedError),
        (page(after="http://192.0.2.1/Observations"), MalformedError),
        (503, UnavailableError),
        (403, InvalidInputError),
    ],
)
def test_a_service_that_answers_wrongly(
    pages: tuple[str, dict[str, Any]], answer: Any, error: type[HechuanError], tmp_path: Path
) -> None:
    root, answers = pages
    answers["/Observations"] = answer
    with pytest.raises(error):
        rows(f"{root}/Observations", mapping(tmp_path))


def test_a_service_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError):
        rows("http://127.0.0.1:1/Observations", mapping(tmp_path))
    with pytest.raises(NotFoundError):
        rows(str(tmp_path / "page.json"), mapping(tmp_path))


def test_time_series_of_waterml(pages: tuple[str, dict[str, Any]], tmp_path: Path) -> None:
    root, answers = pages
    answers["/series"] = WATERML.encode()
    names = {"thing": "feature", "phenomenonTime": "time", "observedProperty": "property", "result": "value"}
    columns = {
        name: rule | ({"from": names.get(rule["from"], rule["from"])} if "from" in rule else {})
        for name, rule in COLUMNS.items()
    }
    found = rows(f"{root}/series", mapping(tmp_path, columns), waterml)
    assert [(row["section_code"], row["item_code"], row["value"], row["unit"]) for row in found] == [
        ("CQ-ZHUTUO", "w21003", 0.42, "mg/L"),
        ("CQ-ZHUTUO", "w21003", None, "ug/L"),
    ]
    assert found[0]["sampled_at"] == datetime(2026, 3, 19, 1, tzinfo=UTC)
    for bad in ('<!DOCTYPE x [<!ENTITY a "b">]><x>&a;</x>', "<x>", WATERML[:-20]):
        answers["/series"] = bad.encode()
        with pytest.raises(MalformedError):
            rows(f"{root}/series", mapping(tmp_path, columns), waterml)
