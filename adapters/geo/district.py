"""Which district a point is in, by the boundaries that a mapping names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyogrio
import shapely

from adapters.codes.division import successor
from exchange.errors import MalformedError


class Districts:
    """Boundaries by code. A code that no longer holds is looked up under the one that its place has today."""

    def __init__(self, path: Path, code: str) -> None:
        try:
            meta, _, wkb, values = pyogrio.raw.read(path, columns=[code])
        except (pyogrio.errors.DataSourceError, pyogrio.errors.FieldError, ValueError) as error:
            raise MalformedError(
                f"{path.name}: 行政区边界无法读取 / boundaries do not read: {error}"
            ) from None
        if code not in list(meta["fields"]):
            raise MalformedError(f"{path.name} 没有字段 {code} / has no field {code}")
        codes = [str(value).removesuffix(".0") for value in values[0]]
        self._shapes: dict[str, Any] = dict(
            zip(codes, shapely.make_valid(shapely.from_wkb(wkb)), strict=True)
        )

    def outside(self, codes: list[str | None], points: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
        """Points that are known to be outside the district that they name; False where nobody can tell."""
        found = np.zeros(len(codes), np.bool_)
        named = np.array([code or "" for code in codes])
        for code in np.unique(named):
            shape = self._shape(str(code))
            if shape is not None:
                at = np.flatnonzero(named == code)
                found[at] = ~shapely.covers(shape, points[at]) & ~shapely.is_missing(points[at])
        return found

    def _shape(self, code: str) -> Any:
        if code in self._shapes or not code:
            return self._shapes.get(code)
        now = successor(code)
        if now is not None and now.code in self._shapes:
            return self._shapes[now.code]
        return next(
            (
                shape
                for known, shape in self._shapes.items()
                if (heir := successor(known)) and heir.code == code
            ),
            None,
        )
