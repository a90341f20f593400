"""A hub's values as a GIS client reads them, and read back by the adapter."""

from __future__ import annotations

import json
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import pyarrow as pa
import pytest

from adapters.sensorthings.decode import decode
from adapters.sensorthings.server import Service
from tests.hubs import Site

pytestmark = pytest.mark.e2e
VALUES, SECTIONS = "500000/ecology/water-quality", "500000/ecology/monitoring-section"


@pytest.fixture(scope="module")
def root(site: Site) -> Iterator[str]:
    with site.client() as client:
        places = {
            "section_code": ["CQ-A", "CQ-B"],
            "section_name": ["朱沱", "北温泉"],
            "province_code": ["500000"] * 2,
        }
        points = {
            "longitude": [105.85, None],
            "latitude": [29.02, None],
            "coordinate_system": ["CGCS2000", None],
        }
        client.publish("monitoring-section", pa.table(places | points))
        rows = [
            {"section_code": "CQ-A", "sampled_at": datetime(2026, 3, day, tzinfo=UTC), "item_code": item,
             "monitoring_mode": "automatic", "value": day / 10, "unit": "mg/L", "data_flag": "N"}
            for day in range(1, 6)
            for item in ("w21003", "w21011")
        ]  # fmt: skip
        schema = pa.schema([(name, pa.string()) for name in rows[0] if name not in ("sampled_at", "value")])
        schema = schema.append(pa.field("sampled_at", pa.timestamp("us", tz="UTC"))).append(
            pa.field("value", pa.float64())
        )
        client.publish("water-quality", pa.Table.from_pylist(rows, schema))
        with Service(("127.0.0.1", 0), client, VALUES, SECTIONS) as service:
            thread = threading.Thread(target=service.serve_forever, args=(0.01,))
            thread.start()
            yield service.root
            service.shutdown()
            thread.join()


def get(url: str) -> dict[str, Any]:
    with urllib.request.urlopen(url) as response:
        found: dict[str, Any] = json.loads(response.read())
    return found


def test_things_have_places_and_streams(root: str) -> None:
    assert [each["name"] for each in get(root)["value"]][:2] == ["Things", "Locations"]
    things = get(f"{root}/Things?$count=true")
    assert (things["@iot.count"], [each["name"] for each in things["value"]]) == (2, ["朱沱", "北温泉"])
    (place,) = get(f"{root}/Locations")["value"]
    assert place["location"]["coordinates"] == [105.85, 29.02]
    streams = get(things["value"][0]["Datastreams@iot.navigationLink"])["value"]
    assert [each["ObservedProperty"]["name"] for each in streams] == ["氨氮", "总磷"]
    assert get(streams[0]["@iot.selfLink"].replace("|", "%7C")) == streams[0]


def test_observations_are_paged_and_filtered(root: str) -> None:
    here = f"{root}/Datastreams('CQ-A%7Cw21003')/Observations"
    first = get(f"{here}?$top=3")
    assert [each["result"] for each in first["value"]] == [0.1, 0.2, 0.3]
    assert [each["result"] for each in get(first["@iot.nextLink"])["value"]] == [0.4, 0.5]
    asked = quote("phenomenonTime ge 2026-03-02T00:00:00Z and phenomenonTime le 2026-03-04T00:00:00Z")
    newest = get(f"{here}?$filter={asked}&$orderby={quote('phenomenonTime desc')}")
    assert [each["result"] for each in newest["value"]] == [0.4, 0.3, 0.2]
    records = decode(json.dumps(first).encode()).records
    assert [record["result"] for record in records] == ["0.1", "0.2", "0.3"]


@pytest.mark.parametrize(
    ("path", "status"),
    [("/Sensors", 404), ("/Things('X')", 404), ("/Datastreams('CQ-A%7Cx')", 404), ("/Observations", 404),
     ("/Things?$expand=Datastreams", 400), ("/Things?$top=-1", 400), ("/Things?$filter=name%20eq%20'x'", 400)],
)  # fmt: skip
def test_what_is_not_had_is_said(root: str, path: str, status: int) -> None:
    with pytest.raises(urllib.error.HTTPError) as caught:
        get(root + path)
    with caught.value as answer:
        assert answer.code == status
        assert json.loads(answer.read())["code"]


def test_nothing_can_be_written(root: str) -> None:
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(urllib.request.Request(f"{root}/Things", data=b"{}", method="POST"))
    with caught.value as answer:
        assert answer.code == 501
