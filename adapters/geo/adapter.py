"""Layers of features as text under a mapping, with the coordinates of a point of each in CGCS2000.

Beside the layer's own fields a mapping may use `@longitude`, `@latitude` (of a point on the feature, in degrees),
`@datum`, `@length_km` and `@area_m2` (on the ellipsoid). The datum is the file's own, or declared in the mapping;
without either a layer is refused, GeoJSON too: RFC 7946 would have it in WGS84, but much of it is not. GCJ-02 and BD-09
are undone only where the mapping declares them: no file says so itself.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyogrio
import pyproj
import shapely

from adapters.codes.crosswalk import load_crosswalk
from adapters.codes.datum import to_cgcs2000
from adapters.geo.district import Districts
from adapters.mapping.document import load_form, shipped
from adapters.mapping.form import Form
from adapters.protocol import Tally, Unread, place_of
from adapters.settings import limit
from adapters.shape.reading import ShapedReading
from adapters.shape.sheet import Lines, Sheet
from exchange.contract.model import Contract
from exchange.errors import InvalidInputError, MalformedError, NotFoundError

SUFFIXES: Final = frozenset({".geojson", ".json", ".shp", ".gpkg", ".zip"})
OWN: Final = ("@longitude", "@latitude", "@datum", "@length_km", "@area_m2")
_CGCS2000: Final = "EPSG:4490"
_BATCH: Final = 8192
_TOP: Final = 64 << 10
_ELLIPSOID: Final = pyproj.Geod(ellps="GRS80")


@dataclass(frozen=True, slots=True)
class GeoAdapter:
    """Reads one layer of a file."""

    contracts: Mapping[str, Contract] | None = None

    @property
    def name(self) -> str:
        """As in the entry point."""
        return "geo"

    def read(self, source: str, mapping: Path) -> ShapedReading:
        """Begin to read; raises InvalidInputError, NotFoundError. MalformedError comes when rows are asked for."""
        contracts = shipped() if self.contracts is None else self.contracts
        form = load_form(mapping, contracts)
        path = Path(source)
        if not path.exists():
            raise NotFoundError(f"没有文件 {source} / no file {source}")
        if path.suffix.lower() not in SUFFIXES:
            raise InvalidInputError(f"{path.name}: 须为 {' '.join(sorted(SUFFIXES))} / is none of these")
        districts = None
        if form.source.boundaries is not None:
            file, code = form.source.boundaries
            districts = Districts(mapping.parent / file, code)
        table = form.source.crosswalk
        codes = load_crosswalk(mapping.parent / table) if table else None

        def sheets(tally: Tally) -> Generator[Sheet, None, None]:
            return _sheets(path, form, districts, tally)

        return ShapedReading(form, contracts, sheets, codes)


def _sheets(
    path: Path, form: Form, districts: Districts | None, tally: Tally
) -> Generator[Sheet, None, None]:
    layer = form.source.layer
    try:
        with pyogrio.raw.open_arrow(
            path, layer=layer, use_pyarrow=True, batch_size=_BATCH, encoding=_encoding(path, form)
        ) as (meta, reader):
            names = tuple(str(name) for name in meta["fields"])
            place = _Place(meta["crs"] if _says_datum(path) else None, form, path.name)
            geometry = meta["geometry_name"] or "wkb_geometry"
            lines = _lines(reader, names, geometry, place, _Watch(form, names, districts, tally))
            yield Sheet(layer or "", (*names, *OWN), (*names, *OWN), lines)
    except (pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError) as error:
        raise MalformedError(f"{path.name}: 无法读取 / does not read: {str(error)[:200]}") from None


def _says_datum(path: Path) -> bool:
    """Whether a file's datum is its own word: GeoJSON has one only in a member `crs`, which stands at the top."""
    if path.suffix.lower() not in (".geojson", ".json"):
        return True
    with path.open("rb") as file:
        return re.search(rb'"crs"\s*:\s*{', file.read(_TOP)) is not None


def _encoding(path: Path, form: Form) -> str | None:
    """A shapefile's text is in what its .cpg says; many from the departments have none, and are GB 18030."""
    if path.suffix.lower() != ".shp":
        return None
    return form.source.encoding or (None if path.with_suffix(".cpg").exists() else "gb18030")


class _Place:
    """From a layer's coordinates to CGCS2000."""

    def __init__(self, crs: str | None, form: Form, name: str) -> None:
        self.datum = form.source.datum
        declared = "EPSG:4490" if self.datum == "CGCS2000" else "EPSG:4326"
        if crs is None and self.datum is None:
            raise InvalidInputError(
                f"{name} 没有坐标系，请在映射中写明 source.datum / names no datum: say source.datum in the mapping"
            )
        self._crs = pyproj.CRS.from_user_input(crs or declared)
        self._way = (
            None
            if self._crs.is_geographic
            else pyproj.Transformer.from_crs(
                self._crs, _CGCS2000 if self.datum is None else declared, always_xy=True
            )
        )

    def shapes(self, wkb: pa.Array) -> Any:
        """Geometries in degrees of CGCS2000, longitude first."""
        found = shapely.force_2d(shapely.from_wkb(wkb.to_numpy(zero_copy_only=False)))
        return shapely.transform(found, self._moved, interleaved=False)

    def _moved(self, x: Any, y: Any) -> tuple[Any, Any]:
        if self._way is not None:
            x, y = self._way.transform(x, y)
        return to_cgcs2000(np.asarray(x), np.asarray(y), self.datum or "CGCS2000")

    @property
    def moves(self) -> bool:
        """Whether coordinates change on the way."""
        return self._way is not None or self.datum in ("GCJ-02", "BD-09")


class _Watch:
    """Reports points outside the district that they name."""

    def __init__(self, form: Form, names: tuple[str, ...], districts: Districts | None, tally: Tally) -> None:
        self.tally, self._districts = tally, districts
        self._place = names.index(form.source.district) if form.source.district in names else None
        self._name = form.source.district or ""

    def look(self, arrays: list[pa.Array], points: Any, start: int) -> None:
        """Look at a batch whose first feature is number `start`."""
        if self._districts is None or self._place is None:
            return
        codes = arrays[self._place].to_pylist()
        outside = np.flatnonzero(self._districts.outside(codes, points))
        self.tally.counts["outside"] += len(outside)
        for at in outside[: limit().unread - len(self.tally.unread)]:
            where = f"{codes[at]} · {shapely.get_x(points[at]):.5f}, {shapely.get_y(points[at]):.5f}"
            said = f"{where} · 不在所称行政区内 / not within the district named"
            self.tally.unread.append(Unread(place_of("", start + int(at), self._name), said))


def _lines(
    reader: pa.RecordBatchReader, names: tuple[str, ...], geometry: str, place: _Place, watch: _Watch
) -> Iterator[Lines]:
    line = 0
    for batch in reader:
        arrays = [_text(batch.column(name)) for name in names]
        shapes = place.shapes(batch.column(geometry))
        points = shapely.point_on_surface(shapes)
        watch.look(arrays, points, line + 1)
        if place.moves:
            watch.tally.counts["moved"] += int((~shapely.is_missing(points)).sum())
        arrays += [_number(shapely.get_x(points)), _number(shapely.get_y(points))]
        arrays.append(pa.repeat(pa.scalar("CGCS2000"), batch.num_rows))
        area, length = zip(*(_measure(shape) for shape in shapes), strict=True) if len(shapes) else ((), ())
        arrays += [_number(np.array(length, float)), _number(np.array(area, float))]
        cells = pa.RecordBatch.from_arrays(arrays, names=[f"c{at}" for at in range(len(arrays))])
        yield Lines(cells, pa.array(np.arange(line + 1, line + 1 + batch.num_rows, dtype=np.int64)))
        line += batch.num_rows


def _measure(shape: Any) -> tuple[float, float]:
    """Area in m² and length in km; NaN where a geometry has none."""
    if shape is None or shape.is_empty:
        return np.nan, np.nan
    if shape.geom_type.endswith("Polygon"):
        return abs(_ELLIPSOID.geometry_area_perimeter(shape)[0]), np.nan
    if shape.geom_type.endswith("LineString"):
        return np.nan, _ELLIPSOID.geometry_length(shape) / 1000
    return np.nan, np.nan


def _number(values: Any) -> pa.Array:
    return pa.array(np.round(values, 9), mask=np.isnan(values)).cast(pa.string())


def _text(array: pa.Array) -> pa.Array:
    if pa.types.is_floating(array.type):  # codes come as 500155.0 from tables without integers
        return pa.array(
            [None if value is None else f"{value:.15g}" for value in array.to_pylist()], pa.string()
        )
    return array.cast(pa.string())


adapter: Final = GeoAdapter()
