"""Features of real formats: the datum given or refused, shifts undone when declared, points in wrong districts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyogrio
import pytest
import shapely
import yaml
from hypothesis import given
from hypothesis import strategies as st

from adapters.codes.datum import to_bd09, to_cgcs2000, to_gcj02
from adapters.geo import adapter
from adapters.protocol import Tally
from exchange.errors import InvalidInputError, MalformedError, NotFoundError
from tests.conftest import SHARED

BOUNDARIES = SHARED / "data" / "admin_boundaries_cq_sc_gz_hb_hn_2020.geojson"
POINTS = {
    "CQ-LP": ("500155", 107.80, 30.67),
    "CQ-DZ": ("511724", 107.21, 30.74),
    "CQ-ODD": ("500155", 106.55, 29.56),
}


def mapping(tmp_path: Path, **source: Any) -> Path:
    columns = {
        "section_code": {"from": "CODE"},
        "section_name": {"from": "NAME"},
        "province_code": {"value": "500000"},
        "county_code": {"from": "COUNTY"},
        "longitude": {"from": "@longitude"},
        "latitude": {"from": "@latitude"},
        "coordinate_system": {"from": "@datum"},
    }
    document = {
        "mapping": 1,
        "title": "断面 / Sections",
        "source": source,
        "tables": [{"contract": "monitoring-section", "columns": columns}],
    }
    path = tmp_path / "sections.yaml"
    path.write_text(yaml.safe_dump(document, allow_unicode=True), encoding="utf-8")
    return path


def write(path: Path, crs: str | None = "EPSG:4490", places: Any = None, **options: Any) -> Path:
    places = places or {code: place[1:] for code, place in POINTS.items()}
    pyogrio.raw.write(
        path,
        geometry=shapely.to_wkb(shapely.points(list(places.values()))),
        field_data=[
            np.array(list(POINTS), object),
            np.array(["梁平", "大竹", "渝中"], object),
            np.array([each[0] for each in POINTS.values()], object),
        ],
        fields=["CODE", "NAME", "COUNTY"],
        geometry_type="Point",
        crs=crs,
        **options,
    )
    return path


def read(path: Path, form: Path) -> tuple[dict[str, dict[str, Any]], Tally]:
    reading = adapter.read(str(path), form)
    rows = [row for piece in reading.pieces() for row in piece.rows.to_pylist()]
    return {row["section_code"]: row for row in rows}, reading.tally


@pytest.mark.parametrize(
    ("name", "options"),
    [("a.gpkg", {}), ("a.shp", {"encoding": "GB18030"}), ("a.shp", {"encoding": "UTF-8"})],
)
def test_formats_with_a_datum_of_their_own(name: str, options: dict[str, str], tmp_path: Path) -> None:
    path = write(tmp_path / name, **options)
    if options.get("encoding") == "GB18030":
        path.with_suffix(".cpg").unlink()  # as many departments send them
    rows, tally = read(path, mapping(tmp_path))
    assert rows["CQ-LP"]["section_name"] == "梁平"
    assert (rows["CQ-LP"]["longitude"], rows["CQ-LP"]["latitude"]) == pytest.approx((107.80, 30.67), abs=1e-9)
    assert rows["CQ-LP"]["coordinate_system"] == "CGCS2000"
    assert tally.counts["moved"] == 0


def test_projected_coordinates_become_degrees(tmp_path: Path) -> None:
    import pyproj

    way = pyproj.Transformer.from_crs("EPSG:4490", "EPSG:4544", always_xy=True)
    places = {code: way.transform(*place[1:]) for code, place in POINTS.items()}
    rows, tally = read(write(tmp_path / "a.gpkg", "EPSG:4544", places), mapping(tmp_path))
    assert (rows["CQ-LP"]["longitude"], rows["CQ-LP"]["latitude"]) == pytest.approx((107.80, 30.67), abs=1e-8)
    assert tally.counts["moved"] == 3


@pytest.mark.filterwarnings("ignore:'crs' was not provided")
@pytest.mark.parametrize("name", ["a.geojson", "a.shp"])
def test_no_datum_is_refused_until_one_is_declared(name: str, tmp_path: Path) -> None:
    path = write(tmp_path / name, crs=None, **({"encoding": "UTF-8"} if name == "a.shp" else {}))
    if name == "a.geojson":
        document = json.loads(path.read_text(encoding="utf-8"))
        document.pop("crs", None)
        path.write_text(json.dumps(document), encoding="utf-8")
    with pytest.raises(InvalidInputError, match=r"source\.datum"):
        read(path, mapping(tmp_path))
    rows, _ = read(path, mapping(tmp_path, datum="CGCS2000"))
    assert rows["CQ-LP"]["longitude"] == 107.80
    rows, tally = read(path, mapping(tmp_path, datum="GCJ-02"))
    assert 0.001 < abs(rows["CQ-LP"]["longitude"] - 107.80) < 0.01
    assert tally.counts["moved"] == 3


@given(st.floats(73.5, 134.5), st.floats(18.5, 53.0))
def test_shifts_are_undone_exactly(longitude: float, latitude: float) -> None:
    x, y = np.array([longitude]), np.array([latitude])
    shifted = to_gcj02(x, y)
    assert np.hypot(shifted[0] - x, shifted[1] - y)[0] > 1e-5
    assert np.allclose(to_cgcs2000(*shifted, "GCJ-02"), (x, y), rtol=0, atol=1e-9)
    assert np.allclose(to_cgcs2000(*to_bd09(*shifted), "BD-09"), (x, y), rtol=0, atol=1e-9)


def test_a_known_point_and_an_unknown_datum() -> None:
    # a point that maps agree on: 116.404 E, 39.915 N is 116.41024, 39.91640 in GCJ-02 and 116.41662, 39.92269 in BD-09
    x, y = to_gcj02(np.array([116.404]), np.array([39.915]))
    assert (x[0], y[0]) == pytest.approx((116.41024, 39.91640), abs=1e-4)
    assert [each[0] for each in to_bd09(x, y)] == pytest.approx((116.41662, 39.92269), abs=1e-4)
    with pytest.raises(InvalidInputError, match="CGCS2000"):
        to_cgcs2000(x, y, "BJ54")


def district(west: float, south: float, east: float, north: float, code: int) -> dict[str, Any]:
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    return {
        "type": "Feature",
        "properties": {"id": code},
        "geometry": {"type": "Polygon", "coordinates": [ring]},
    }


def test_points_outside_their_district_are_reported(tmp_path: Path) -> None:
    squares = [district(107.4, 30.3, 108.1, 31.0, 500228), district(106.9, 30.3, 107.4, 31.0, 511724)]
    (tmp_path / "areas.geojson").write_text(json.dumps({"type": "FeatureCollection", "features": squares}))
    boundaries = {"file": "areas.geojson", "code": "id"}  # 500228 is what 500155 was called
    rows, tally = read(
        write(tmp_path / "a.gpkg"), mapping(tmp_path, district="COUNTY", boundaries=boundaries)
    )
    assert len(rows) == 3
    assert tally.counts["outside"] == 1
    (told,) = tally.unread
    assert told.place == "row 3 · COUNTY"
    assert told.text.startswith("500155 · 106.55000, 29.56000")


@pytest.mark.skipif(not BOUNDARIES.exists(), reason="../shared is absent")
def test_real_boundaries(tmp_path: Path) -> None:
    boundaries = {"file": str(BOUNDARIES), "code": "id"}
    _, tally = read(write(tmp_path / "a.gpkg"), mapping(tmp_path, district="COUNTY", boundaries=boundaries))
    assert tally.counts["outside"] == 1


def test_what_is_no_layer_is_refused(tmp_path: Path) -> None:
    form, bad = mapping(tmp_path, datum="WGS84"), tmp_path / "a.geojson"
    with pytest.raises(NotFoundError):
        read(bad, form)
    bad.write_text("{}")
    with pytest.raises(MalformedError):
        read(bad, form)
    with pytest.raises(InvalidInputError):
        read(form, form)
