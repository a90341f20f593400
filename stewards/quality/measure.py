"""Measures of a batch against what stood before it: numbers without a judgement, which `window` adds.

Everything is DuckDB over Arrow tables; nothing goes over rows in Python.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median
from typing import Any, Final

import duckdb
import pyarrow as pa

from exchange.contract.model import Classification, Contract, Sla
from stewards.options import Tolerance

_UNITS: Final = {"s": 1 / 3600, "m": 1 / 60, "h": 1, "d": 24, "y": 24 * 365.25}
_DECILES: Final = 10
_LEAST_SHARE: Final = 1e-4


@dataclass(frozen=True, slots=True)
class Earlier:
    """One batch before this one: rows that counted, and the time that its rows are about."""

    rows: int
    start: datetime | None
    until: datetime | None


@dataclass(frozen=True, slots=True)
class Looked:
    """What is looked at: the batch's accepted rows, the rows that stood before it, and the batches before it."""

    rows: pa.Table
    stood: pa.Table
    before: Sequence[Earlier]
    landed_at: datetime
    start: datetime | None
    until: datetime | None


def measures_of(contract: Contract, looked: Looked, tolerance: Tolerance) -> dict[str, float]:
    """Measure → value; only those that can be taken: what has no history is not out of the ordinary."""
    found = {**_timeliness(contract, looked), **_volume(looked, tolerance)}
    if not looked.stood.num_rows or not looked.rows.num_rows:
        return found
    with duckdb.connect(":memory:") as connection:
        connection.register("batch", looked.rows)
        connection.register("stood", looked.stood)
        compare = _Comparison(connection, contract, looked)
        found |= compare.keys()
        if looked.rows.num_rows >= tolerance.drift_rows <= looked.stood.num_rows:
            found |= compare.sections() | compare.completeness() | compare.drift(tolerance.drift_rows)
    return found


def unknown_references(contract: Contract, rows: pa.Table, known: dict[str, pa.Array]) -> dict[str, float]:
    """Reference column → how many distinct values nothing stands behind now, in any dataset of the target contract."""
    import pyarrow.compute as pc

    found: dict[str, float] = {}
    for reference in contract.stored.references:
        if reference.column not in rows.column_names or reference.column not in known:
            continue
        values = pc.unique(rows.column(reference.column)).drop_null()
        behind = pc.is_in(values, value_set=known[reference.column].cast(values.type))
        found[f"unknown.{reference.column}"] = float(len(values) - (pc.sum(behind).as_py() or 0))
    return found


def hours_of(promises: Sequence[Sla], name: str) -> float | None:
    """A promise of the contract in hours; None where it makes none."""
    for promise in promises:
        if promise.name == name and isinstance(promise.value, int | float) and promise.unit in _UNITS:
            return float(promise.value) * _UNITS[promise.unit]
    return None


def _timeliness(contract: Contract, looked: Looked) -> dict[str, float]:
    """late: hours from the newest row to landing, over the promised latency. gap: over the promised frequency."""
    found: dict[str, float] = {}
    latency, frequency = hours_of(contract.sla, "latency"), hours_of(contract.sla, "frequency")
    if latency and looked.until:
        found["late"] = _hours(looked.landed_at - looked.until) / latency
    ends = [each.until for each in looked.before if each.until]
    if frequency and looked.start and ends:
        found["gap"] = max(0.0, _hours(looked.start - max(ends)) / frequency)
    return found


def _volume(looked: Looked, tolerance: Tolerance) -> dict[str, float]:
    usual = [each.rows for each in looked.before if each.rows]
    if len(usual) < tolerance.volume_batches:
        return {}
    return {"volume": looked.rows.num_rows / median(usual)}


def _hours(span: timedelta) -> float:
    return span.total_seconds() / 3600


class _Comparison:
    """Batch and window side by side in one database."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, contract: Contract, looked: Looked) -> None:
        self._connection = connection
        self._contract = contract
        self._names = set(looked.rows.column_names) & set(looked.stood.column_names)

    def keys(self) -> dict[str, float]:
        """repeated, changed: shares of rows whose key stood already, with the same values and with others."""
        key = self._contract.primary_key
        others = [name for name in self._plain() if name not in key]
        if not key or not set(key) <= self._names:
            return {}
        same = " AND ".join(f'b."{name}" IS NOT DISTINCT FROM s."{name}"' for name in others) or "true"
        on = " AND ".join(f'b."{name}" = s."{name}"' for name in key)
        repeated, changed, rows = self._one(
            f"SELECT count(*) FILTER (WHERE {same}), count(*) FILTER (WHERE NOT ({same})),"
            f" (SELECT count(*) FROM batch) FROM batch b JOIN stood s ON {on}"
        )
        return {"repeated": repeated / rows, "changed": changed / rows}

    def sections(self) -> dict[str, float]:
        """sections: of those that reported in the window, the share that the batch has."""
        name = self._contract.section_column
        if name is None or name not in self._names:
            return {}
        there, of = self._one(
            f'SELECT count(*) FILTER (WHERE s IN (SELECT "{name}" FROM batch)), count(*)'
            f' FROM (SELECT DISTINCT "{name}" AS s FROM stood WHERE "{name}" IS NOT NULL)'
        )
        return {"sections": there / of} if of else {}

    def completeness(self) -> dict[str, float]:
        """empty.<column>: how much less often it is filled in than in the window, as a share of rows."""
        columns = [c.name for c in self._contract.columns if not c.required and c.name in self._plain()]
        if not columns:
            return {}
        shares = ", ".join(f'avg(("{name}" IS NOT NULL)::INT)' for name in columns)
        before, now = self._one(f"SELECT {shares} FROM stood"), self._one(f"SELECT {shares} FROM batch")
        return {
            f"empty.{name}": max(0.0, (was or 0) - (has or 0))
            for name, was, has in zip(columns, before, now, strict=True)
        }

    def drift(self, least: int) -> dict[str, float]:
        """drift.<column>: the largest population stability index over the groups that the key enumerates.

        In a long table the items of a key, as `item_code`, are measured in different units: each is compared with
        itself. Deciles are those of the window.
        """
        groups = [
            c.name
            for c in self._contract.columns
            if c.name in self._contract.primary_key and self._enumerated(c.name)
        ]
        numbers = [
            c.name for c in self._contract.columns if c.logical_type == "number" and c.name in self._plain()
        ]
        found: dict[str, float] = {}
        for name in numbers:
            value = self._one(_drift(name, groups, least))[0]
            if value is not None:
                found[f"drift.{name}"] = float(value)
        return found

    def _enumerated(self, name: str) -> bool:
        if name in (self._contract.section_column, self._contract.time_column) or name not in self._names:
            return False
        return bool(self._contract.column(name).values)

    def _plain(self) -> list[str]:
        return [
            c.name
            for c in self._contract.columns
            if c.name in self._names and c.classification is not Classification.RESTRICTED
        ]

    def _one(self, sql: str) -> tuple[Any, ...]:
        row = self._connection.execute(sql).fetchone()
        assert row is not None
        return row


def _drift(name: str, groups: Sequence[str], least: int) -> str:
    """Σ (b − s) · ln(b / s) over the window's deciles, the largest of all groups with enough rows on both sides."""
    part = ", ".join(f'"{group}"' for group in groups) or "1"
    finite = f'"{name}" IS NOT NULL AND isfinite("{name}")'
    return f"""
WITH cuts AS (
  SELECT hash({part}) AS g, quantile_disc("{name}", {[i / _DECILES for i in range(1, _DECILES)]}) AS c, count(*) AS n
  FROM stood WHERE {finite} GROUP BY 1
), bins AS (
  SELECT side, g, len(list_filter(c, lambda cut: cut < v)) AS bin, count(*) AS k
  FROM (SELECT 's' AS side, hash({part}) AS g, "{name}" AS v FROM stood WHERE {finite}
        UNION ALL SELECT 'b', hash({part}), "{name}" FROM batch WHERE {finite}) JOIN cuts USING (g)
  WHERE n >= {least} GROUP BY ALL
), shares AS (
  SELECT side, g, bin, k / sum(k) OVER (PARTITION BY side, g) AS p, sum(k) OVER (PARTITION BY side, g) AS total
  FROM bins
), paired AS (
  SELECT g, greatest(coalesce(max(p) FILTER (WHERE side = 'b'), 0), {_LEAST_SHARE}) AS b,
         greatest(coalesce(max(p) FILTER (WHERE side = 's'), 0), {_LEAST_SHARE}) AS s,
         max(total) FILTER (WHERE side = 'b') AS total
  FROM shares GROUP BY g, bin
), summed AS (SELECT g, sum((b - s) * ln(b / s)) AS psi, max(total) AS total FROM paired GROUP BY g)
SELECT max(psi) FROM summed WHERE total >= {least}"""
