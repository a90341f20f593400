"""The duty matrix: which agency answers for a matter on a river, in a county. Rows of `duty-matrix`.

An empty river or county in a row stands for all of them. The row that names more of what is asked counts; two equally
near ones are a fault of the matrix, not a choice for this code.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from exchange.errors import ConflictError, NotFoundError


@dataclass(frozen=True, slots=True)
class Duty:
    """Who leads on a matter, who closes what is handed over (itself a member; empty: the sender), and in what time."""

    code: str
    agency: str
    supervisor: str
    days: int


def route(
    duties: pa.Table,
    matter: str,
    river: str = "",
    county: str = "",
    department: str = "",
    on: date | None = None,
) -> Duty:
    """The leading duty for a matter; `department` narrows it to one department's rows.

    Raises NotFoundError where nobody answers, ConflictError naming the rows where two are equally near.
    """
    leading = duties.filter(pc.and_(pc.equal(duties["matter"], matter), pc.equal(duties["role"], "lead")))
    rows = [row for row in leading.to_pylist() if _fits(row, river, county, department, on)]
    if not rows:
        raise NotFoundError(
            f"职责清单中无人负责 {matter} / nobody leads on {matter} on {river or 'any river'}"
        )
    best = max(map(_nearness, rows))
    nearest = [row for row in rows if _nearness(row) == best]
    if len(nearest) > 1:
        codes = ", ".join(sorted(row["duty_code"] for row in nearest))
        raise ConflictError(f"职责重叠 / duties overlap on {matter}: {codes}")
    [row] = nearest
    return Duty(row["duty_code"], row["agency"], row["supervisor_agency"] or "", row["deadline_days"] or 0)


def overlaps(duties: pa.Table) -> list[tuple[str, ...]]:
    """Codes of leading rows that claim the same matter, river and county at one time."""
    leading = duties.filter(pc.equal(duties["role"], "lead")).to_pylist()
    claims: dict[tuple[Any, ...], list[Mapping[str, Any]]] = {}
    for row in leading:
        claims.setdefault((row["matter"], row["river_name"], row["county_code"]), []).append(row)
    found = []
    for rows in claims.values():
        clash = {row["duty_code"] for row in rows for other in rows if row is not other and _meet(row, other)}
        if clash:
            found.append(tuple(sorted(clash)))
    return sorted(found)


def _fits(row: Mapping[str, Any], river: str, county: str, department: str, on: date | None) -> bool:
    return (
        row["river_name"] in (None, river)
        and row["county_code"] in (None, county)
        and (not department or row["agency"].partition("/")[2] == department)
        and (on is None or _holds(row, on))
    )


def _nearness(row: Mapping[str, Any]) -> int:
    return 2 * (row["river_name"] is not None) + (row["county_code"] is not None)


def _holds(row: Mapping[str, Any], on: date) -> bool:
    return bool(row["valid_from"] <= on and (row["valid_to"] is None or on <= row["valid_to"]))


def _meet(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    ends: Iterable[tuple[date, date | None]] = (
        (one["valid_from"], other["valid_to"]),
        (other["valid_from"], one["valid_to"]),
    )
    return all(end is None or start <= end for start, end in ends)
